//! How a data disk is named: in the state, by machines that use it, and on the command line.

use std::fmt;
use std::str::FromStr;

use pve_client::{NodeName, VmId};
use sha2::{Digest as _, Sha256};

/// Characters of the random part.
const KEY: usize = 12;

/// The ID of a data disk: its holder, and a random part, because numbers of machines are used again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataDiskId {
    /// The machine that owns it.
    pub holder: VmId,
    /// What tells it from earlier disks of a machine with that number.
    pub key: String,
}

/// A text that names no data disk.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} names no data disk; an ID is such as 901-3f9a0c1b2d4e, and a present disk is named node/vmid/slot"
)]
pub struct NoDataDisk(String);

impl DataDiskId {
    /// The ID of a new disk.
    pub(super) fn new(holder: VmId, nonce: &str) -> Self {
        Self { holder, key: nonce.chars().take(KEY).collect() }
    }

    /// The ID of a disk that is not ours yet: the same whenever it is asked for.
    pub(super) fn of_foreign(holder: VmId, uuid: &str) -> Self {
        let hash = Sha256::digest(uuid.to_ascii_lowercase());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::new(holder, &hex)
    }

    /// The serial number that guests see, unless the disk had one already. Proxmox VE takes 20 characters.
    pub(in crate::resources::pve) fn serial(&self) -> String {
        format!("disk-{}", self.key)
    }
}

impl FromStr for DataDiskId {
    type Err = NoDataDisk;

    fn from_str(text: &str) -> Result<Self, NoDataDisk> {
        let parsed = || {
            let (holder, key) = text.split_once('-')?;
            let valid = key.len() == KEY && key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            valid.then(|| Some(Self { holder: holder.parse().ok()?, key: key.to_owned() }))?
        };
        parsed().ok_or_else(|| NoDataDisk(text.to_owned()))
    }
}

impl fmt::Display for DataDiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.holder, self.key)
    }
}

/// A data disk as `import` takes it: by its ID, or by the machine and slot where a volume is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataDiskReference {
    /// One of ours.
    Id(DataDiskId),
    /// A volume in a slot.
    Slot {
        /// Node of the machine.
        node: NodeName,
        /// The machine.
        vm: VmId,
        /// Its slot.
        slot: String,
    },
    /// The disk of a state that lacks its ID, because the create ended before there was one.
    Unknown,
}

/// What stands for an ID that a state does not have.
const UNKNOWN: &str = "unknown";

impl From<DataDiskId> for DataDiskReference {
    fn from(id: DataDiskId) -> Self {
        Self::Id(id)
    }
}

impl FromStr for DataDiskReference {
    type Err = NoDataDisk;

    fn from_str(text: &str) -> Result<Self, NoDataDisk> {
        let wrong = || NoDataDisk(text.to_owned());
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(UNKNOWN), None, None, None) => Ok(Self::Unknown),
            (Some(id), None, None, None) => Ok(Self::Id(id.parse()?)),
            (Some(node), Some(vm), Some(slot), None) if !slot.is_empty() => Ok(Self::Slot {
                node: node.parse().map_err(|_| wrong())?,
                vm: vm.parse().map_err(|_| wrong())?,
                slot: slot.to_owned(),
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for DataDiskReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Slot { node, vm, slot } => write!(f, "{node}/{vm}/{slot}"),
            Self::Unknown => f.write_str(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_it_reads_and_its_serial_number_fits() {
        let id: DataDiskId = "901-3f9a0c1b2d4e".parse().unwrap();
        assert_eq!(id.to_string(), "901-3f9a0c1b2d4e");
        assert_eq!(id.serial(), "disk-3f9a0c1b2d4e");
        assert!(id.serial().len() <= 20);
        for bad in ["901", "901-", "901-3F9A0C1B2D4E", "99-3f9a0c1b2d4e", "x-3f9a0c1b2d4e", "901-3f9a"] {
            assert!(bad.parse::<DataDiskId>().is_err(), "{bad}");
        }
        let (a, b) = (DataDiskId::of_foreign(id.holder, "AB"), DataDiskId::of_foreign(id.holder, "ab"));
        assert_eq!(a, b);
    }

    #[test]
    fn import_takes_an_id_or_a_slot() {
        for text in ["901-3f9a0c1b2d4e", "pve1/102/scsi1"] {
            assert_eq!(text.parse::<DataDiskReference>().unwrap().to_string(), text);
        }
        for bad in ["pve1/102", "pve1/102/scsi1/x", "pve1/1/scsi1", "pve1/102/"] {
            assert!(bad.parse::<DataDiskReference>().is_err(), "{bad}");
        }
    }
}
