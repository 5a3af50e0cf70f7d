//! Drive entries of a VM configuration: slots, the property string of a disk, and how it is printed back.

use std::collections::BTreeMap;

/// Buses with their number of slots, in the order in which the default boot disk is looked for
/// (upstream: `PVE::QemuServer::Drive`).
const BUSES: [(&str, u32); 4] = [("ide", 4), ("scsi", 31), ("virtio", 16), ("sata", 6)];

/// Highest number of an `unusedN` entry, exclusive.
pub const MAX_UNUSED: u32 = 256;

/// Options of a drive that are booleans; any spelling (`on`, `yes`, `true`) is stored as `1` or `0`.
const BOOLEANS: [&str; 9] = [
    "backup",
    "detect_zeroes",
    "iothread",
    "pre-enrolled-keys",
    "replicate",
    "ro",
    "scsiblock",
    "shared",
    "ssd",
];

/// Old spellings of options.
const ALIASES: [(&str, &str); 5] = [
    ("volume", "file"),
    ("bps_rd_length", "bps_rd_max_length"),
    ("bps_wr_length", "bps_wr_max_length"),
    ("iops_rd_length", "iops_rd_max_length"),
    ("iops_wr_length", "iops_wr_max_length"),
];

/// A parsed drive entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Volume id, `none`, `cdrom`, an absolute path, or a request such as `local:32`.
    pub file: String,
    /// Everything else, by name.
    pub options: BTreeMap<String, String>,
}

/// What a new drive entry asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// `none` or `cdrom`: a drive without a volume.
    Empty,
    /// `STORAGE:cloudinit`.
    CloudInit {
        /// Where it is made, if that is said.
        storage: Option<&'a str>,
    },
    /// `STORAGE:GIB`, perhaps with `import-from`.
    New {
        /// Where it is made, if that is said.
        storage: Option<&'a str>,
        /// Its size as it was written.
        gib: &'a str,
    },
    /// A volume or path that exists.
    Existing,
}

impl Drive {
    /// Reads a drive entry. `None` if it names no file.
    pub fn parse(text: &str) -> Option<Self> {
        let mut file = None;
        let mut options = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                file = Some(part.to_owned());
                continue;
            };
            let key = ALIASES.iter().find(|(old, _)| *old == key).map_or(key, |(_, new)| new);
            if key == "file" {
                file = Some(value.to_owned());
            } else {
                options.insert(key.to_owned(), normal_value(key, value));
            }
        }
        Some(Self { file: file?, options })
    }

    /// Value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// Sets `size=`.
    pub fn set_size(&mut self, bytes: u64) {
        self.options.insert("size".to_owned(), super::size::format_size(bytes));
    }

    /// Whether the slot is an optical drive, cloud-init drives included.
    pub fn is_cdrom(&self) -> bool {
        self.option("media") == Some("cdrom")
    }

    /// Whether the volume is a cloud-init drive that Proxmox VE generates.
    pub fn is_cloudinit(&self) -> bool {
        is_cloudinit_name(&self.file)
    }

    /// Whether the slot holds a disk that belongs to the guest's data: neither optical nor empty.
    pub fn is_disk(&self) -> bool {
        !self.is_cdrom() && !matches!(self.file.as_str(), "none" | "cdrom")
    }

    /// Whether the entry is left out of backups by its own option.
    pub fn is_backed_up(&self) -> bool {
        self.option("backup") != Some("0")
    }

    /// What the entry asks for when it is new in a configuration.
    pub fn request(&self) -> Request<'_> {
        if matches!(self.file.as_str(), "none" | "cdrom") {
            return Request::Empty;
        }
        let (storage, rest) = match self.file.split_once(':') {
            Some((storage, rest)) => (Some(storage), rest),
            None => (None, self.file.as_str()),
        };
        if rest == "cloudinit" {
            Request::CloudInit { storage }
        } else if is_decimal(rest) {
            Request::New { storage, gib: rest }
        } else {
            Request::Existing
        }
    }
}

impl std::fmt::Display for Drive {
    /// The file first, then the options in the order of their names.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        self.options.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

/// Whether `key` is a slot that holds a volume: a bus slot, the EFI disk or the TPM state.
pub fn is_drive_key(key: &str) -> bool {
    is_bus_key(key) || key == "efidisk0" || key == "tpmstate0"
}

/// Whether `key` is a slot on a bus (`ide`, `sata`, `scsi`, `virtio`).
pub fn is_bus_key(key: &str) -> bool {
    BUSES.iter().any(|(bus, slots)| is_indexed(key, bus, *slots))
}

/// Whether `key` is `unusedN`.
pub fn is_unused_key(key: &str) -> bool {
    is_indexed(key, "unused", MAX_UNUSED)
}

/// Bus slots in the order in which a boot device is looked for.
pub fn bus_keys() -> impl Iterator<Item = String> {
    BUSES.iter().flat_map(|(bus, slots)| (0..*slots).map(move |slot| format!("{bus}{slot}")))
}

/// Whether `key` is `prefix` followed by a number below `count`, without leading zeroes.
pub fn is_indexed(key: &str, prefix: &str, count: u32) -> bool {
    key.strip_prefix(prefix).is_some_and(|digits| {
        digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'))
            && digits.parse::<u32>().is_ok_and(|number| number < count)
    })
}

/// Whether a volume is named as a generated cloud-init drive (`vm-100-cloudinit.qcow2`).
pub fn is_cloudinit_name(volume: &str) -> bool {
    let name = volume.rsplit(['/', ':']).next().unwrap_or(volume);
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    stem.strip_prefix("vm-")
        .and_then(|rest| rest.strip_suffix("-cloudinit"))
        .is_some_and(|vmid| !vmid.is_empty() && vmid.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn normal_value(key: &str, value: &str) -> String {
    if BOOLEANS.contains(&key)
        && let Some(truth) = super::options::parse_boolean(value)
    {
        return if truth { "1" } else { "0" }.to_owned();
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reprint(text: &str) -> String {
        Drive::parse(text).unwrap().to_string()
    }

    #[test]
    fn a_drive_is_printed_with_its_file_first_and_options_sorted() {
        for (sent, stored) in [
            (
                "file=ds2:103/vm-103-disk-0.qcow2,aio=native,cache=none,mbps_rd=10,iops_wr_max=100,ro=1,wwn=0x5000c500a0b1c2d3",
                "ds2:103/vm-103-disk-0.qcow2,aio=native,cache=none,iops_wr_max=100,mbps_rd=10,ro=1,wwn=0x5000c500a0b1c2d3",
            ),
            ("local:1,serial=pgdata01,backup=1,discard=on", "local:1,backup=1,discard=on,serial=pgdata01"),
            ("volume=local:1,iothread=on,ssd=yes", "local:1,iothread=1,ssd=1"),
            ("none,media=cdrom", "none,media=cdrom"),
        ] {
            assert_eq!(reprint(sent), stored);
        }
        assert_eq!(Drive::parse("media=cdrom"), None);
    }

    #[test]
    fn the_grammar_of_new_drives_is_told_apart() {
        let request = |text: &str| format!("{:?}", Drive::parse(text).unwrap().request());
        assert_eq!(request("ds2:0.25"), r#"New { storage: Some("ds2"), gib: "0.25" }"#);
        assert_eq!(request("32"), r#"New { storage: None, gib: "32" }"#);
        assert_eq!(request("ds2:cloudinit"), r#"CloudInit { storage: Some("ds2") }"#);
        assert_eq!(request("none,media=cdrom"), "Empty");
        for existing in ["ds2:1G", "ds2:abc", "ds2:100/vm-100-disk-0.qcow2", "local:iso/a.iso"] {
            assert_eq!(request(existing), "Existing", "{existing}");
        }
    }

    #[test]
    fn slots_end_where_the_bus_ends() {
        for key in ["ide3", "scsi30", "virtio15", "sata5", "efidisk0", "tpmstate0"] {
            assert!(is_drive_key(key), "{key}");
        }
        for key in ["ide4", "scsi31", "virtio16", "sata6", "efidisk1", "scsi01", "scsi", "scsihw", "net0"] {
            assert!(!is_drive_key(key), "{key}");
        }
        assert!(is_unused_key("unused255") && !is_unused_key("unused256"));
        assert_eq!(bus_keys().next().as_deref(), Some("ide0"));
    }

    #[test]
    fn cloud_init_volumes_are_recognised_by_name() {
        assert!(is_cloudinit_name("ds2:100/vm-100-cloudinit.qcow2"));
        assert!(is_cloudinit_name("local-lvm:vm-100-cloudinit"));
        assert!(!is_cloudinit_name("ds2:100/vm-100-disk-0.qcow2"));
        assert!(!is_cloudinit_name("ds2:iso/vm-x-cloudinit.iso"));
    }
}
