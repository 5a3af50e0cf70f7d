//! The types of storages: what each needs, takes and holds (pve-storage 9.1.7, `options` and `plugindata` of its plugins).

use super::answer::Failure;
use super::state::Options;

/// One type.
pub struct StorageType {
    /// Options that it cannot be without.
    pub required: &'static [&'static str],
    /// Further options that it takes, besides those that every type takes.
    options: &'static [&'static str],
    /// What it can hold.
    content: &'static [&'static str],
    /// What it holds unless told otherwise.
    pub default_content: &'static str,
    /// Formats of disks that it may be told to make.
    formats: &'static [&'static str],
}

/// What every type takes.
const COMMON: &[&str] = &["nodes", "disable", "content"];
const FILE_CONTENT: &[&str] = &["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"];
const SHARE_CONTENT: &[&str] = &["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import"];
const DISK_CONTENT: &[&str] = &["images", "rootdir"];
const SHARE_FORMATS: &[&str] = &["raw", "qcow2", "vmdk"];

const DIR: StorageType = StorageType {
    required: &["path"],
    options: &[
        "content-dirs",
        "shared",
        "prune-backups",
        "max-protected-backups",
        "format",
        "mkdir",
        "create-base-path",
        "create-subdirs",
        "is_mountpoint",
        "bwlimit",
        "preallocation",
        "snapshot-as-volume-chain",
    ],
    content: FILE_CONTENT,
    default_content: "images,rootdir",
    formats: &["raw", "qcow2", "vmdk", "subvol"],
};
const BTRFS: StorageType = StorageType {
    required: &["path"],
    options: &[
        "shared",
        "prune-backups",
        "max-protected-backups",
        "format",
        "is_mountpoint",
        "nocow",
        "mkdir",
        "create-base-path",
        "create-subdirs",
        "preallocation",
    ],
    content: FILE_CONTENT,
    default_content: "images,rootdir",
    formats: &["raw", "subvol"],
};
const NFS: StorageType = StorageType {
    required: &["server", "export"],
    options: &[
        "path",
        "content-dirs",
        "prune-backups",
        "max-protected-backups",
        "options",
        "format",
        "mkdir",
        "create-base-path",
        "create-subdirs",
        "bwlimit",
        "preallocation",
        "snapshot-as-volume-chain",
    ],
    content: SHARE_CONTENT,
    default_content: "images",
    formats: SHARE_FORMATS,
};
const CIFS: StorageType = StorageType {
    required: &["server", "share"],
    options: &[
        "path",
        "content-dirs",
        "subdir",
        "prune-backups",
        "max-protected-backups",
        "format",
        "username",
        "password",
        "domain",
        "smbversion",
        "mkdir",
        "create-base-path",
        "create-subdirs",
        "bwlimit",
        "preallocation",
        "options",
        "snapshot-as-volume-chain",
    ],
    content: SHARE_CONTENT,
    default_content: "images",
    formats: SHARE_FORMATS,
};
const CEPHFS: StorageType = StorageType {
    required: &[],
    options: &[
        "path",
        "content-dirs",
        "monhost",
        "subdir",
        "options",
        "username",
        "format",
        "mkdir",
        "create-base-path",
        "create-subdirs",
        "fuse",
        "bwlimit",
        "keyring",
        "prune-backups",
        "max-protected-backups",
        "fs-name",
    ],
    content: &["vztmpl", "iso", "backup", "snippets", "import"],
    default_content: "backup",
    formats: &["raw"],
};
const LVM: StorageType = StorageType {
    required: &["vgname"],
    options: &[
        "shared",
        "saferemove",
        "saferemove-stepsize",
        "saferemove_throughput",
        "base",
        "tagged_only",
        "bwlimit",
        "snapshot-as-volume-chain",
    ],
    content: DISK_CONTENT,
    default_content: "images",
    formats: &["raw", "qcow2"],
};
const LVM_THIN: StorageType = StorageType {
    required: &["vgname", "thinpool"],
    options: &["bwlimit"],
    content: DISK_CONTENT,
    default_content: "images,rootdir",
    formats: &["raw"],
};
const ZFS_POOL: StorageType = StorageType {
    required: &["pool"],
    options: &["blocksize", "sparse", "bwlimit", "mountpoint"],
    content: DISK_CONTENT,
    default_content: "images,rootdir",
    formats: &["raw", "subvol"],
};
const ZFS: StorageType = StorageType {
    required: &["pool", "portal", "target", "iscsiprovider"],
    options: &[
        "blocksize",
        "sparse",
        "nowritecache",
        "comstar_hg",
        "comstar_tg",
        "lio_tpg",
        "zfs-base-path",
        "bwlimit",
    ],
    content: &["images"],
    default_content: "images",
    formats: &["raw"],
};
const ISCSI: StorageType = StorageType {
    required: &["portal", "target"],
    options: &["bwlimit"],
    content: &["images", "none"],
    default_content: "images",
    formats: &["raw"],
};
const RBD: StorageType = StorageType {
    required: &[],
    options: &["monhost", "pool", "data-pool", "namespace", "username", "krbd", "keyring", "bwlimit"],
    content: DISK_CONTENT,
    default_content: "images",
    formats: &["raw"],
};
const PBS: StorageType = StorageType {
    required: &["server", "datastore"],
    options: &[
        "namespace",
        "port",
        "username",
        "password",
        "encryption-key",
        "master-pubkey",
        "prune-backups",
        "max-protected-backups",
        "fingerprint",
    ],
    content: &["backup", "none"],
    default_content: "backup",
    formats: &[],
};
const ESXI: StorageType = StorageType {
    required: &["server", "username", "password"],
    options: &["shared", "skip-cert-verification", "port"],
    content: &["import"],
    default_content: "import",
    formats: SHARE_FORMATS,
};

/// The type of this name.
pub fn storage_type(name: &str) -> &'static StorageType {
    match name {
        "btrfs" => &BTRFS,
        "nfs" => &NFS,
        "cifs" => &CIFS,
        "cephfs" => &CEPHFS,
        "lvm" => &LVM,
        "lvmthin" => &LVM_THIN,
        "zfspool" => &ZFS_POOL,
        "zfs" => &ZFS,
        "iscsi" | "iscsidirect" => &ISCSI,
        "rbd" => &RBD,
        "pbs" => &PBS,
        "esxi" => &ESXI,
        _ => &DIR,
    }
}

impl StorageType {
    /// Refuses an option that belongs to other types.
    pub fn check<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let known =
            |name: &str| [COMMON, self.required, self.options].iter().any(|list| list.contains(&name));
        match names.into_iter().find(|name| !known(name)) {
            Some(name) => Err(Failure::died(format!("unexpected property '{name}'"))),
            None => Ok(()),
        }
    }

    /// Drops content and formats that it does not have, about which upstream only warns.
    pub fn trim(&self, options: &mut Options) -> Result<(), Failure> {
        if let Some(content) = options.get_mut("content") {
            let kept: Vec<&str> = content.split(',').filter(|word| self.content.contains(word)).collect();
            if kept.contains(&"none") && kept.len() > 1 {
                return Err(Failure::died("unable to combine 'none' with other content types"));
            }
            if kept.is_empty() && !self.content.contains(&"none") {
                return Err(Failure::died("storage does not support content type 'none'"));
            }
            *content = kept.join(",");
        }
        options.retain(|name, value| name != "format" || self.formats.contains(&value.as_str()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_another_type_is_unexpected() {
        assert!(storage_type("dir").check(["path", "bwlimit", "nodes"]).is_ok());
        let refused = storage_type("pbs").check(["server", "bwlimit"]).unwrap_err();
        assert!(format!("{refused:?}").contains("unexpected property 'bwlimit'"), "{refused:?}");
    }

    #[test]
    fn content_that_a_type_cannot_hold_is_dropped() {
        let trimmed = |kind: &str, content: &str| {
            let mut options: Options = [("content".to_owned(), content.to_owned())].into();
            storage_type(kind).trim(&mut options).map(|()| options["content"].clone())
        };
        assert_eq!(trimmed("lvmthin", "images,iso").unwrap(), "images");
        assert!(trimmed("lvmthin", "iso").is_err() && trimmed("dir", "iso,none").is_err());
    }
}
