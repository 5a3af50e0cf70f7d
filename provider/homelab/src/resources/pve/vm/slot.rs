//! The names of device slots, such as `scsi0` or `net1`.

use tf_framework::{Validator, Value};

/// Buses that take disks, and how many slots each has (qemu-server 9.2.6, `Drive.pm`).
const DISKS: [(&str, u32); 4] = [("ide", 4), ("sata", 6), ("scsi", 31), ("virtio", 16)];

/// Devices of the node, and others of which a machine may have several (pve-api of 9.2.11).
const PCI: [(&str, u32); 1] = [("hostpci", 16)];
const USB: [(&str, u32); 1] = [("usb", 14)];
const SERIAL: [(&str, u32); 1] = [("serial", 4)];
const VIRTIOFS: [(&str, u32); 1] = [("virtiofs", 10)];
const NUMA: [(&str, u32); 1] = [("numa", 8)];

/// Buses whose disks can be plugged in and out while the machine runs.
const DATA_DISKS: [(&str, u32); 2] = [("scsi", 31), ("virtio", 16)];

/// Buses that take CD drives: virtio has none.
const CDROMS: [(&str, u32); 3] = [("ide", 4), ("sata", 6), ("scsi", 31)];

/// Network devices and their cloud-init settings.
const NETWORKS: [(&str, u32); 1] = [("net", 32)];
const IP_CONFIGS: [(&str, u32); 1] = [("ipconfig", 32)];

fn is_one_of(kinds: &[(&str, u32)], text: &str) -> bool {
    kinds.iter().any(|(prefix, count)| {
        let Some(digits) = text.strip_prefix(prefix) else { return false };
        // "scsi01" is not a name, though it is a number.
        let plain =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        plain && digits.parse::<u32>().is_ok_and(|number| number < *count)
    })
}

/// Whether a wire key is a slot that takes a disk.
pub(in crate::resources::pve) fn is_disk(key: &str) -> bool {
    is_one_of(&DISKS, key)
}

/// Whether a wire key is a slot that takes a CD drive.
pub(super) fn is_cdrom(key: &str) -> bool {
    is_one_of(&CDROMS, key)
}

/// Whether a wire key is a network device.
pub(super) fn is_network(key: &str) -> bool {
    is_one_of(&NETWORKS, key)
}

/// Whether a wire key is the cloud-init setting of a network device.
pub(super) fn is_ip_config(key: &str) -> bool {
    is_one_of(&IP_CONFIGS, key)
}

/// Whether a wire key is a PCI device of the node.
pub(super) fn is_pci(key: &str) -> bool {
    is_one_of(&PCI, key)
}

/// Whether a wire key is a USB device.
pub(super) fn is_usb(key: &str) -> bool {
    is_one_of(&USB, key)
}

/// Whether a wire key is a serial port.
pub(super) fn is_serial(key: &str) -> bool {
    is_one_of(&SERIAL, key)
}

/// Whether a wire key is a directory of the node.
pub(super) fn is_virtiofs(key: &str) -> bool {
    is_one_of(&VIRTIOFS, key)
}

/// Whether a wire key is a NUMA node.
pub(super) fn is_numa(key: &str) -> bool {
    is_one_of(&NUMA, key)
}

/// The attribute with the devices of a kind, other than disks, CD drives and cloud-init settings.
pub(super) fn attribute(key: &str) -> Option<&'static str> {
    let attributes: [(&[(&str, u32)], &str); 6] = [
        (&NETWORKS, "networks"),
        (&PCI, "pci_devices"),
        (&USB, "usb_devices"),
        (&SERIAL, "serial_ports"),
        (&VIRTIOFS, "virtiofs"),
        (&NUMA, "numa_nodes"),
    ];
    attributes.into_iter().find(|(kind, _)| is_one_of(kind, key)).map(|(_, attribute)| attribute)
}

/// Whether a wire key is a volume of the firmware.
pub(super) fn is_firmware(key: &str) -> bool {
    matches!(key, "efidisk0" | "tpmstate0")
}

/// A rule for the keys of a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots(&'static [(&'static str, u32)]);

/// Keys are slots for disks.
pub(super) const DISK_SLOTS: Slots = Slots(&DISKS);
/// Keys are slots for disks that can be plugged in and out while the machine runs.
pub(super) const DATA_DISK_SLOTS: Slots = Slots(&DATA_DISKS);
/// Keys are slots for CD drives.
pub(super) const CDROM_SLOTS: Slots = Slots(&CDROMS);
/// Keys are network devices.
pub(super) const NETWORK_SLOTS: Slots = Slots(&NETWORKS);
/// Keys are PCI devices of the node.
pub(super) const PCI_SLOTS: Slots = Slots(&PCI);
/// Keys are USB devices.
pub(super) const USB_SLOTS: Slots = Slots(&USB);
/// Keys are serial ports.
pub(super) const SERIAL_SLOTS: Slots = Slots(&SERIAL);
/// Keys are directories of the node.
pub(super) const VIRTIOFS_SLOTS: Slots = Slots(&VIRTIOFS);
/// Keys are NUMA nodes.
pub(super) const NUMA_SLOTS: Slots = Slots(&NUMA);
/// Keys are cloud-init settings of network devices.
pub(super) const IP_CONFIG_SLOTS: Slots = Slots(&IP_CONFIGS);

impl Slots {
    fn list(self) -> String {
        let ranges = self.0.iter().map(|(prefix, count)| format!("`{prefix}0` to `{prefix}{}`", count - 1));
        ranges.collect::<Vec<_>>().join(", ")
    }
}

impl Validator for Slots {
    fn check(&self, value: &Value) -> Option<String> {
        let wrong = match value {
            Value::Map(entries) => entries.keys().find(|key| !is_one_of(self.0, key))?,
            Value::String(slot) => Some(slot).filter(|slot| !is_one_of(self.0, slot))?,
            _ => return None,
        };
        Some(format!("There is no slot {wrong:?} here. The slots are {}.", self.list()))
    }

    fn describe(&self) -> String {
        format!("Slots: {}.", self.list())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_end_where_proxmox_ends_them() {
        for good in ["scsi0", "scsi30", "virtio15", "sata5", "ide3"] {
            assert!(is_disk(good), "{good}");
        }
        for bad in
            ["scsi31", "virtio16", "sata6", "ide4", "scsi01", "scsi", "scsihw", "net0", "efidisk0", "scsi-1"]
        {
            assert!(!is_disk(bad), "{bad}");
        }
        assert!(is_network("net31") && !is_network("net32"));
        assert!(!is_cdrom("virtio0"));
    }

    #[test]
    fn a_wrong_key_is_named_with_the_right_ones() {
        let map = Value::Map([("scsi31".to_owned(), Value::Null)].into());
        let said = DISK_SLOTS.check(&map).unwrap();
        assert!(said.contains("\"scsi31\"") && said.contains("`scsi0` to `scsi30`"), "{said}");
        assert_eq!(DISK_SLOTS.check(&Value::Map([("scsi30".to_owned(), Value::Null)].into())), None);
    }
}
