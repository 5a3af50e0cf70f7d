//! Property strings (`key=value,…` with a key-less first value), and the two richest of them:
//! drives and network devices.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{InvalidId, VolumeId, ids::invalid};

/// A property string: a key-less value and options. Prints the key-less value first, then the
/// options by name, as Proxmox does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyString {
    /// The value without a key.
    pub default: Option<String>,
    /// The values with one.
    pub options: BTreeMap<String, String>,
}

impl PropertyString {
    /// Reads a text. `default_key` is the name under which the key-less value may be written too.
    pub fn parse(text: &str, default_key: Option<&str>) -> Result<Self, InvalidId> {
        let mut parsed = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let repeated = match part.split_once('=') {
                Some((key, value)) if Some(key) == default_key => {
                    parsed.default.replace(value.to_owned()).is_some()
                }
                Some((key, value)) => parsed.options.insert(key.to_owned(), value.to_owned()).is_some(),
                None => parsed.default.replace(part.to_owned()).is_some(),
            };
            if repeated {
                return Err(invalid(text, "a property string (a key is there twice)"));
            }
        }
        Ok(parsed)
    }

    /// An option.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// An option that is a boolean: `1`, `on`, `yes` or `true`.
    pub fn truth(&self, key: &str) -> Option<bool> {
        self.value(key).map(|text| matches!(text, "1" | "on" | "yes" | "true"))
    }

    /// Sets an option, or removes it.
    pub fn set(&mut self, key: &str, value: Option<impl ToString>) {
        match value {
            Some(value) => self.options.insert(key.to_owned(), value.to_string()),
            None => self.options.remove(key),
        };
    }
}

impl fmt::Display for PropertyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options.iter().map(|(key, value)| format!("{key}={value}"));
        let parts: Vec<String> = self.default.iter().cloned().chain(options).collect();
        f.write_str(&parts.join(","))
    }
}

/// A size in bytes, written as Proxmox writes it: `1049K`, `1536M`, `3G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// A number of gibibytes.
    pub fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The gibibytes, rounded up.
    pub fn gib_rounded_up(self) -> u64 {
        self.0.div_ceil(1 << 30)
    }
}

impl FromStr for Size {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || invalid(text, "a size (a number with K, M, G or T)");
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'K') => (&text[..text.len() - 1], 10),
            Some(b'M') => (&text[..text.len() - 1], 20),
            Some(b'G') => (&text[..text.len() - 1], 30),
            Some(b'T') => (&text[..text.len() - 1], 40),
            _ => (text, 0),
        };
        let scale = 1u64 << shift;
        if let Ok(whole) = digits.parse::<u64>() {
            return whole.checked_mul(scale).map(Self).ok_or_else(wrong);
        }
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        if number.is_finite() && number >= 0.0 {
            Ok(Self((number * scale as f64) as u64))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
        match units.iter().find(|(shift, _)| self.0 >= 1 << shift && self.0.trailing_zeros() >= *shift) {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A drive of a machine, such as the value of `scsi0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// The volume id, `none`, `cdrom`, or in a request `STORE:SIZE`.
    pub file: String,
    /// All other options by wire name.
    pub options: PropertyString,
}

impl Drive {
    /// A drive of an existing volume or another `file`.
    pub fn new(file: impl ToString) -> Self {
        Self { file: file.to_string(), options: PropertyString::default() }
    }

    /// A request for a new, empty disk.
    pub fn allocate(storage: &crate::StorageName, size_gib: u64) -> Self {
        Self::new(format!("{storage}:{size_gib}"))
    }

    /// A request for a disk with the content of another volume. The size has to be 0.
    pub fn import(storage: &crate::StorageName, from: &str) -> Self {
        Self::new(format!("{storage}:0")).with("import-from", from)
    }

    /// Sets an option.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.options.set(key, Some(value));
        self
    }

    /// The volume, if `file` names one.
    pub fn volume(&self) -> Option<VolumeId> {
        self.file.parse().ok()
    }

    /// The size.
    pub fn size(&self) -> Option<Size> {
        self.options.value("size")?.parse().ok()
    }

    /// Whether it is a CD drive.
    pub fn is_cdrom(&self) -> bool {
        self.options.value("media") == Some("cdrom")
    }

    /// Whether it is the drive with the cloud-init data.
    pub fn is_cloud_init(&self) -> bool {
        self.volume().is_some_and(|v| v.file_name().contains("cloudinit"))
    }
}

impl FromStr for Drive {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut options = PropertyString::parse(text, Some("file"))?;
        let file = options.default.take().ok_or_else(|| invalid(text, "a drive (it names no volume)"))?;
        Ok(Self { file, options })
    }
}

impl fmt::Display for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.options.options.is_empty() { "" } else { "," };
        write!(f, "{}{separator}{}", self.file, self.options)
    }
}

/// A network device of a machine, such as the value of `net0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// Such as `virtio`.
    pub model: String,
    /// The hardware address. A change without one gets a new one.
    pub mac: Option<String>,
    /// All other options by wire name.
    pub options: PropertyString,
}

impl Net {
    /// A device on a bridge.
    pub fn new(model: &str, bridge: Option<&str>) -> Self {
        let mut options = PropertyString::default();
        options.set("bridge", bridge);
        Self { model: model.to_owned(), mac: None, options }
    }

    /// The bridge.
    pub fn bridge(&self) -> Option<&str> {
        self.options.value("bridge")
    }

    /// The VLAN.
    pub fn tag(&self) -> Option<u16> {
        self.options.value("tag")?.parse().ok()
    }
}

const MODELS: [&str; 14] = [
    "virtio",
    "e1000",
    "e1000e",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "vmxnet3",
];

impl FromStr for Net {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut options = PropertyString::parse(text, Some("model"))?;
        let mut mac = options.options.remove("macaddr");
        let mut model = options.default.take();
        if model.is_none() {
            let short = MODELS.iter().find(|model| options.options.contains_key(**model));
            if let Some(short) = short {
                mac = options.options.remove(*short);
                model = Some((*short).to_owned());
            }
        }
        let model = model.ok_or_else(|| invalid(text, "a network device (it names no model)"))?;
        Ok(Self { model, mac, options })
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model)?;
        if let Some(mac) = &self.mac {
            write!(f, "={mac}")?;
        }
        let separator = if self.options.options.is_empty() { "" } else { "," };
        write!(f, "{separator}{}", self.options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_string_prints_sorted_after_its_key_less_value() {
        let parsed = PropertyString::parse("type=host,1,fstrim_cloned_disks=1", Some("enabled")).unwrap();
        assert_eq!(parsed.to_string(), "1,fstrim_cloned_disks=1,type=host");
        assert_eq!(
            PropertyString::parse("enabled=1", Some("enabled")).unwrap().default.as_deref(),
            Some("1")
        );
        assert!(PropertyString::parse("a=1,a=2", None).is_err());
    }

    #[test]
    fn drives_read_and_print() {
        let drive: Drive = "local:100/vm-100-disk-0.qcow2,iothread=1,size=3G,discard=on".parse().unwrap();
        assert_eq!(drive.size(), Some(Size::gib(3)));
        assert_eq!(drive.volume().unwrap().owner().unwrap().number(), 100);
        assert_eq!(drive.to_string(), "local:100/vm-100-disk-0.qcow2,discard=on,iothread=1,size=3G");
        assert!("none,media=cdrom".parse::<Drive>().unwrap().is_cdrom());
        assert!("local:100/vm-100-cloudinit.qcow2,media=cdrom".parse::<Drive>().unwrap().is_cloud_init());
        assert_eq!(
            Drive::import(&"local".parse().unwrap(), "local:import/a.qcow2").to_string(),
            "local:0,import-from=local:import/a.qcow2"
        );
        assert!("size=3G".parse::<Drive>().is_err());
    }

    #[test]
    fn network_devices_read_in_both_spellings() {
        let short: Net = "virtio=bc:24:11:00:00:01,bridge=vmbr0,tag=5".parse().unwrap();
        let long: Net = "model=virtio,macaddr=bc:24:11:00:00:01,tag=5,bridge=vmbr0".parse().unwrap();
        assert_eq!(short, long);
        assert_eq!(short.to_string(), "virtio=bc:24:11:00:00:01,bridge=vmbr0,tag=5");
        assert_eq!((short.bridge(), short.tag()), (Some("vmbr0"), Some(5)));
        assert_eq!("virtio,bridge=vmbr0".parse::<Net>().unwrap().to_string(), "virtio,bridge=vmbr0");
        assert!("bridge=vmbr0".parse::<Net>().is_err());
    }

    #[test]
    fn sizes_print_in_the_largest_whole_unit() {
        for text in ["1049K", "1536M", "3G", "2T", "528K"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("1024M".parse::<Size>().unwrap().to_string(), "1G");
        assert_eq!("1.5G".parse::<Size>().unwrap().to_string(), "1536M");
        assert!("1X".parse::<Size>().is_err());
    }
}
