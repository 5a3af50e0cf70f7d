//! Which changes a running VM takes over at once, and which wait for its next start.

use super::drive::{self, Drive};
use super::network::Network;
use super::startable::has_modern_usb;
use super::vm::Vm;

/// What becomes of a change to a running VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plug {
    /// It is in force.
    Now,
    /// It waits for the next start.
    Later,
    /// It was tried and failed; it stays pending.
    Problem(String),
}

/// What `hotplug` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    network: bool,
    disk: bool,
    usb: bool,
    cpu: bool,
    memory: bool,
}

impl Features {
    /// Reads the option; `1` and nothing at all stand for network, disk and USB.
    pub fn of(hotplug: Option<&str>) -> Self {
        let text = match hotplug.unwrap_or("1") {
            "0" => "",
            "1" => "network,disk,usb",
            other => other,
        };
        let has = |name: &str| text.split([',', ';', ' ']).any(|part| part == name);
        Self {
            network: has("network"),
            disk: has("disk"),
            usb: has("usb"),
            cpu: has("cpu"),
            memory: has("memory"),
        }
    }
}

/// Options of a disk that QEMU cannot change while it has the disk open.
const FIXED_DISK_OPTIONS: [&str; 9] =
    ["aio", "cache", "discard", "iothread", "product", "queues", "ro", "ssd", "vendor"];

/// Removal of an option from a running VM. `guest_reacts`: a system runs in it that lets go of PCI devices.
pub fn remove(vm: &Vm, key: &str, features: Features, guest_reacts: bool) -> Plug {
    if super::options::is_immediate(key) || matches!(key, "cpulimit" | "cpuunits") {
        return Plug::Now;
    }
    if drive::is_indexed(key, "net", 32) {
        return if features.network { unplug_pci(key, guest_reacts) } else { Plug::Later };
    }
    if drive::is_drive_key(key) {
        return if features.disk && is_pluggable_bus(key) {
            unplug_disk(key, guest_reacts)
        } else {
            Plug::Later
        };
    }
    if drive::is_indexed(key, "usb", 14) {
        return later_unless(features.usb && has_modern_usb(&vm.config));
    }
    match key {
        "tablet" => later_unless(features.usb),
        "vcpus" => later_unless(features.cpu),
        "memory" => later_unless(features.memory),
        "balloon" => later_unless(vm.get("balloon") != Some("0")),
        "hotplug" => later_unless(!(features.cpu || features.memory)),
        _ => Plug::Later,
    }
}

/// A new value of an option of a running VM.
pub fn change(vm: &Vm, key: &str, value: &str, features: Features, guest_reacts: bool) -> Plug {
    if matches!(key, "cpulimit" | "cpuunits") {
        return Plug::Now;
    }
    if drive::is_indexed(key, "net", 32) {
        return change_network(vm, key, value, features, guest_reacts);
    }
    if drive::is_drive_key(key) {
        return change_drive(vm, key, value, features, guest_reacts);
    }
    if drive::is_indexed(key, "usb", 14) {
        return later_unless(features.usb && has_modern_usb(&vm.config));
    }
    match key {
        "tablet" => later_unless(features.usb),
        "vcpus" => later_unless(features.cpu),
        "memory" => later_unless(features.memory),
        "balloon" => later_unless((vm.get("balloon") == Some("0")) == (value == "0")),
        "hotplug" => {
            let new = Features::of(Some(value));
            later_unless((new.cpu, new.memory) == (features.cpu, features.memory) && !new.memory && !new.cpu)
        }
        "agent" => later_unless(differs_only_in(vm.get("agent"), value, "fstrim_cloned_disks")),
        _ => Plug::Later,
    }
}

fn change_network(vm: &Vm, key: &str, value: &str, features: Features, guest_reacts: bool) -> Plug {
    let old = vm.get(key).and_then(Network::parse);
    match (old, Network::parse(value)) {
        (Some(old), Some(new)) if old.changes_in_place(&new) => Plug::Now,
        _ if !features.network => Plug::Later,
        (Some(_), _) => unplug_pci(key, guest_reacts),
        (None, _) => Plug::Now,
    }
}

fn change_drive(vm: &Vm, key: &str, value: &str, features: Features, guest_reacts: bool) -> Plug {
    if matches!(key, "efidisk0" | "tpmstate0") {
        return Plug::Later;
    }
    let Some(new) = Drive::parse(value) else { return Plug::Later };
    match vm.get(key).and_then(Drive::parse) {
        Some(old) if old.is_cdrom() != new.is_cdrom() => {
            Plug::Problem("unable to change media type\n".to_owned())
        }
        Some(old) if old.is_cdrom() => Plug::Now,
        Some(old) if old.file == new.file => {
            later_unless(FIXED_DISK_OPTIONS.iter().all(|option| old.option(option) == new.option(option)))
        }
        Some(_) if features.disk && is_pluggable_bus(key) => unplug_disk(key, guest_reacts),
        None => later_unless(features.disk && is_pluggable_bus(key)),
        Some(_) => Plug::Later,
    }
}

fn later_unless(now: bool) -> Plug {
    if now { Plug::Now } else { Plug::Later }
}

fn is_pluggable_bus(key: &str) -> bool {
    key.starts_with("scsi") || key.starts_with("virtio")
}

/// A SCSI disk goes away without the guest; a virtio disk is a PCI device.
fn unplug_disk(key: &str, guest_reacts: bool) -> Plug {
    if key.starts_with("virtio") { unplug_pci(key, guest_reacts) } else { Plug::Now }
}

fn unplug_pci(key: &str, guest_reacts: bool) -> Plug {
    if guest_reacts {
        return Plug::Now;
    }
    Plug::Problem(format!("error on hot-unplugging device '{key}' - still busy in guest?\n"))
}

fn differs_only_in(old: Option<&str>, new: &str, option: &str) -> bool {
    let rest = |text: &str| -> Vec<String> {
        let mut parts: Vec<String> = text
            .split(',')
            .filter(|part| part.split('=').next() != Some(option))
            .map(|part| part.strip_prefix("enabled=").unwrap_or(part).to_owned())
            .collect();
        parts.sort();
        parts
    };
    old.is_some_and(|old| rest(old) == rest(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm() -> Vm {
        let mut vm = Vm::on("pve1");
        for (key, value) in [
            ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0"),
            ("scsi0", "local:100/vm-100-disk-0.raw,size=1G"),
            ("virtio0", "local:100/vm-100-disk-1.raw,size=1G"),
            ("ide2", "local:iso/a.iso,media=cdrom,size=64K"),
            ("agent", "1"),
        ] {
            vm.set(key, value);
        }
        vm
    }

    #[test]
    fn what_a_running_vm_takes_over_depends_on_the_option() {
        let features = Features::of(None);
        for (key, value, plug) in [
            ("memory", "1024", Plug::Later),
            ("cores", "4", Plug::Later),
            ("cpu", "max", Plug::Later),
            ("cpulimit", "2", Plug::Now),
            ("net1", "virtio=BC:24:11:00:00:02,bridge=vmbr0", Plug::Now),
            ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr1", Plug::Now),
            ("scsi1", "local:100/vm-100-disk-2.raw,size=1G", Plug::Now),
            ("sata1", "local:100/vm-100-disk-2.raw,size=1G", Plug::Later),
            ("scsi0", "local:100/vm-100-disk-0.raw,backup=0,size=1G", Plug::Now),
            ("scsi0", "local:100/vm-100-disk-0.raw,discard=on,size=1G", Plug::Later),
            ("ide2", "none,media=cdrom", Plug::Now),
            ("agent", "1,fstrim_cloned_disks=1", Plug::Now),
            ("agent", "0", Plug::Later),
            ("tablet", "0", Plug::Now),
            ("usb0", "spice", Plug::Later),
            ("hostpci0", "mapping=gpu", Plug::Later),
            ("vga", "virtio", Plug::Later),
        ] {
            assert_eq!(change(&vm(), key, value, features, true), plug, "{key}={value}");
        }
    }

    #[test]
    fn usb_devices_are_plugged_into_guests_of_today() {
        let mut vm = vm();
        vm.set("ostype", "l26");
        assert_eq!(change(&vm, "usb0", "spice", Features::of(None), true), Plug::Now);
        assert_eq!(change(&vm, "usb0", "spice", Features::of(Some("disk")), true), Plug::Later);
        assert_eq!(remove(&vm, "usb0", Features::of(None), true), Plug::Now);
    }

    #[test]
    fn removal_needs_a_guest_for_pci_devices_only() {
        let features = Features::of(None);
        let busy = |key: &str| {
            Plug::Problem(format!("error on hot-unplugging device '{key}' - still busy in guest?\n"))
        };
        for (key, without, with) in [
            ("scsi0", Plug::Now, Plug::Now),
            ("virtio0", busy("virtio0"), Plug::Now),
            ("net0", busy("net0"), Plug::Now),
            ("ide2", Plug::Later, Plug::Later),
            ("agent", Plug::Later, Plug::Later),
            ("name", Plug::Now, Plug::Now),
        ] {
            assert_eq!(remove(&vm(), key, features, false), without, "{key}");
            assert_eq!(remove(&vm(), key, features, true), with, "{key}");
        }
    }

    #[test]
    fn switching_hotplug_off_defers_devices() {
        let features = Features::of(Some("0"));
        assert_eq!(remove(&vm(), "net0", features, true), Plug::Later);
        assert_eq!(remove(&vm(), "scsi0", features, true), Plug::Later);
        let net = "virtio=BC:24:11:00:00:01,bridge=vmbr1";
        assert_eq!(
            change(&vm(), "net0", net, features, true),
            Plug::Now,
            "a bridge changes without a replug"
        );
    }
}
