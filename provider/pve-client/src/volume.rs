//! Volume ids: `storage:path`.

use std::{fmt, str::FromStr};

use crate::{InvalidId, StorageName, ids::invalid};

/// The id of a volume, such as `local:iso/debian.iso` or `local-lvm:vm-100-disk-0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeId {
    storage: StorageName,
    path: String,
}

impl VolumeId {
    /// The storage.
    pub fn storage(&self) -> &StorageName {
        &self.storage
    }

    /// All that follows the storage.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The content kind named in the path, such as `iso` or `import`; disks have none.
    pub fn content(&self) -> Option<&str> {
        let (first, _) = self.path.split_once('/')?;
        matches!(first, "iso" | "vztmpl" | "import" | "snippets" | "backup" | "rootdir").then_some(first)
    }

    /// The guest whose number the volume's name carries.
    pub fn owner(&self) -> Option<crate::VmId> {
        let name = self.file_name();
        let rest =
            ["vm-", "base-", "subvol-", "basevol-"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
        rest.split('-').next()?.parse().ok()
    }
}

impl FromStr for VolumeId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || invalid(text, "a volume id (storage:path)");
        let (storage, path) = text.split_once(':').ok_or_else(wrong)?;
        if path.is_empty() || path.contains(',') || path.starts_with('/') {
            return Err(wrong());
        }
        Ok(Self { storage: storage.parse().map_err(|_| wrong())?, path: path.to_owned() })
    }
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.storage, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_tells_its_owner_and_its_content() {
        let linked: VolumeId = "local:110/base-110-disk-0.qcow2/113/vm-113-disk-0.qcow2".parse().unwrap();
        assert_eq!((linked.owner().unwrap().number(), linked.content()), (113, None));
        let iso: VolumeId = "local:iso/a.iso".parse().unwrap();
        assert_eq!((iso.owner(), iso.content(), iso.file_name()), (None, Some("iso"), "a.iso"));
        for bad in ["none", "local:", "/dev/sda", "a,b:c", "local:/x"] {
            assert!(bad.parse::<VolumeId>().is_err(), "{bad}");
        }
    }
}
