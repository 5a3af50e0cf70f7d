//! Boot order: its default for a new VM, its upkeep when devices come and go.

use super::drive::{self, Drive};
use super::vm::Options;

/// Devices of an `order=` list. `None` if the value has no such list.
pub fn order(boot: &str) -> Option<Vec<String>> {
    let list = boot.split(',').find_map(|part| part.trim().strip_prefix("order="))?;
    Some(list.split([';', ' ']).filter(|device| !device.is_empty()).map(str::to_owned).collect())
}

/// Writes an order; an empty one is a single blank.
pub fn print(devices: &[String]) -> String {
    if devices.is_empty() { " ".to_owned() } else { format!("order={}", devices.join(";")) }
}

/// The order that a new VM gets: its first disk, its first optical drive, its first network device.
pub fn default_order(config: &Options) -> Vec<String> {
    let first = |cdrom: bool| {
        drive::bus_keys().find(|key| {
            config.get(key).and_then(|text| Drive::parse(text)).is_some_and(|found| found.is_cdrom() == cdrom)
        })
    };
    let network = (0..32).map(|number| format!("net{number}")).find(|key| config.contains_key(key));
    [first(false), first(true), network].into_iter().flatten().collect()
}

/// Disks that the VM boots from, in order. Without a `boot` option, the default order counts.
pub fn boot_disks(config: &Options) -> Vec<Drive> {
    let devices = match config.get("boot") {
        Some(boot) if boot.trim().is_empty() => Vec::new(),
        Some(boot) => order(boot).unwrap_or_else(|| legacy(config)),
        None => default_order(config),
    };
    devices
        .iter()
        .filter(|device| drive::is_bus_key(device))
        .filter_map(|device| Drive::parse(config.get(device)?))
        .filter(|found| !found.is_cdrom())
        .collect()
}

fn legacy(config: &Options) -> Vec<String> {
    config.get("bootdisk").cloned().map_or_else(|| default_order(config), |disk| vec![disk])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[(&str, &str)]) -> Options {
        options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_new_vm_boots_from_its_first_disk_then_cd_then_network() {
        for (options, boot) in [
            (&[][..], " "),
            (&[("net0", "virtio"), ("scsi0", "a:1")], "order=scsi0;net0"),
            (
                &[
                    ("scsi0", "a:1"),
                    ("ide2", "a:iso/x.iso,media=cdrom"),
                    ("net0", "virtio"),
                    ("efidisk0", "a:1"),
                ],
                "order=scsi0;ide2;net0",
            ),
            (&[("scsi1", "a:1"), ("virtio0", "a:1"), ("net3", "virtio")], "order=scsi1;net3"),
        ] {
            assert_eq!(print(&default_order(&config(options))), boot);
        }
    }

    #[test]
    fn orders_are_read_and_written() {
        assert_eq!(order("order=sata0;net0"), Some(vec!["sata0".to_owned(), "net0".to_owned()]));
        assert_eq!(order(" "), None);
        assert_eq!(order("cdn"), None);
    }

    #[test]
    fn the_boot_disk_is_the_first_disk_of_the_order() {
        let with = |boot: Option<&str>| {
            let mut config = config(&[("scsi0", "a:1/x,size=1G"), ("virtio6", "a:1/y,size=2G")]);
            if let Some(boot) = boot {
                config.insert("boot".to_owned(), boot.to_owned());
            }
            boot_disks(&config).first().map(|drive| drive.file.clone())
        };
        assert_eq!(with(Some("order=net0")), None);
        assert_eq!(with(Some(" ")), None);
        assert_eq!(with(Some("order=net0;virtio6;scsi0")).as_deref(), Some("a:1/y"));
        assert_eq!(with(None).as_deref(), Some("a:1/x"));
    }
}
