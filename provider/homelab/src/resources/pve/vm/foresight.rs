//! What a change will cost, told while it can still be avoided.

use pve_client::{VmId, VolumeId};
use tf_framework::prelude::*;

use super::model::Vm;
use super::{cpu, disk, hotplug};

/// Settings that a running machine takes only at its next start (qemu-server 9.2.6, `QemuServer.pm`: what is neither
/// taken at once nor plugged in).
const AT_START: [&str; 28] = [
    "cpu.cores",
    "cpu.plugged_cores",
    "cpu.affinity",
    "cpu.sockets",
    "cpu.type",
    "cpu.flags",
    "cpu.numa",
    "memory.size_mib",
    "memory.hugepages",
    "memory.keep_hugepages",
    "bios",
    "machine",
    "os_type",
    "scsi_hardware",
    "boot_order",
    "agent",
    "efi_disk",
    "tpm_state",
    "cloud_init.slot",
    "kvm_arguments",
    "keyboard_layout",
    "acpi",
    "kvm",
    "local_time",
    "display",
    "rng",
    "watchdog",
    "audio",
];

/// Settings of a disk that a running machine takes only at its next start.
const DISK_AT_START: [&str; 6] = ["discard", "ssd", "io_thread", "cache", "async_io", "read_only"];

/// Devices by slot that a running machine gets, changes and loses only at its next start.
const SLOTS_AT_START: [&str; 5] = ["pci_devices", "serial_ports", "virtiofs", "numa_nodes", "usb_devices"];

/// What a destroy will meet.
pub(super) fn destroy(plan: &mut Plan<'_, Vm>) {
    if plan.prior.as_ref().is_some_and(|prior| prior.protection == Some(true)) {
        plan.error(
            "protection",
            "VM is protected",
            "The machine is protected, so it cannot be deleted. Set `protection = false` and apply, then delete it.",
        );
    }
}

/// What a change of a machine will meet. Says whether the machine is restarted for it.
pub(super) fn change(before: &Value, plan: &mut Plan<'_, Vm>) -> bool {
    shrinking(before, plan);
    removed_disks(before, plan);
    emptied_slots(before, plan);
    new_firmware(before, plan);
    restart(before, plan)
}

fn entries<'a>(vm: &'a Value, map: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    vm.attribute(map).as_entries().into_iter().flatten()
}

/// Where a machine is, for messages.
fn machine(vm: &Value) -> String {
    let id = vm.attribute("vm_id").as_number().map(ToString::to_string).unwrap_or_default();
    format!("VM {id} on node {:?}", super::placement::shown(vm))
}

fn shrinking(before: &Value, plan: &mut Plan<'_, Vm>) {
    let after = plan.planned.clone();
    for (slot, wanted) in entries(&after, "disks") {
        let path = Path::from("disks").key(slot);
        let size =
            |disk: &Value| disk.attribute("size_gib").as_number().and_then(Number::to_i64)?.try_into().ok();
        if let (Some(has), Some(wants)) = (size(before.at(&path)), size(wanted)) {
            let problem = disk::shrinks(slot, has, wants, &machine(before));
            problem.into_iter().for_each(|problem| plan.push(problem));
        }
    }
}

fn removed_disks(before: &Value, plan: &mut Plan<'_, Vm>) {
    let after = plan.planned.clone();
    if after.attribute("disks").is_unknown() {
        return;
    }
    for (slot, disk) in entries(before, "disks") {
        let path = Path::from("disks").key(slot);
        if !after.at(&path).is_null() {
            continue;
        }
        let volume = disk.attribute("volume_id").as_str().unwrap_or_default();
        let (summary, fate) = if let Some(owner) = other_owner(before, volume) {
            ("Disk is detached", format!("Its volume stays: it belongs to VM {owner}."))
        } else if disk.attribute("on_remove").as_str() == Some("delete") {
            (
                "Disk is destroyed",
                "Its volume is destroyed with everything on it, because `on_remove` was `delete`.".to_owned(),
            )
        } else {
            (
                "Disk is detached",
                "Its volume stays as an unused disk of the machine, because `on_remove` was `detach`. It can be attached \
                 again in Proxmox VE, and it goes with the machine."
                    .to_owned(),
            )
        };
        plan.warn(
            "disks",
            summary,
            format!("The disk {slot:?} ({volume}) is taken out of {}. {fate}", machine(before)),
        );
    }
}

/// The owner of a volume that a machine only refers to. Proxmox VE frees what a machine owns, and nothing else.
fn other_owner(vm: &Value, volume: &str) -> Option<VmId> {
    let id = vm.attribute("vm_id").as_number().and_then(Number::to_i64);
    let owner = volume.parse::<VolumeId>().ok()?.owner()?;
    (id != Some(i64::from(owner.number()))).then_some(owner)
}

/// Proxmox VE takes no drive out of a protected machine.
fn emptied_slots(before: &Value, plan: &mut Plan<'_, Vm>) {
    let after = plan.planned.clone();
    if [before, &after].iter().any(|vm| vm.attribute("protection").as_bool() != Some(true)) {
        return;
    }
    for (path, drive) in dropped_drives(before, &after) {
        plan.error(
            path,
            "VM is protected",
            format!(
                "The {drive} is to be taken out of {}, which is protected and stays so, and Proxmox VE takes no drive out \
                 of a protected machine. Keep the drive, or set `protection = false` for this change.",
                machine(before)
            ),
        );
    }
}

/// The drives whose slot is empty afterwards, with the argument that is to blame.
fn dropped_drives(before: &Value, after: &Value) -> Vec<(Path, String)> {
    let slot_of = |vm: &Value| vm.attribute("cloud_init").attribute("slot").clone();
    let slot_after = slot_of(after);
    let is_taken = |slot: &str| {
        let taken = |map: &str| {
            let map = after.attribute(map);
            map.is_unknown() || map.as_entries().is_some_and(|entries| entries.contains_key(slot))
        };
        taken("disks") || taken("cdroms") || slot_after.is_unknown() || slot_after.as_str() == Some(slot)
    };
    let mut dropped = Vec::new();
    for (map, what) in [("disks", "disk"), ("cdroms", "CD drive")] {
        let gone = entries(before, map).filter(|(slot, _)| !is_taken(slot));
        dropped.extend(gone.map(|(slot, _)| (Path::from(map), format!("{what} {slot:?}"))));
    }
    for (name, what) in [("efi_disk", "EFI disk"), ("tpm_state", "state of the TPM")] {
        if before.attribute(name).is_set() && after.attribute(name).is_null() {
            dropped.push((name.into(), what.to_owned()));
        }
    }
    if let Some(slot) = slot_of(before).as_str().filter(|slot| !is_taken(slot)) {
        let path = Path::from("cloud_init");
        let path = if after.attribute("cloud_init").is_null() { path } else { path.then("slot") };
        dropped.push((path, format!("drive {slot:?} with the data for cloud-init")));
    }
    dropped
}

fn new_firmware(before: &Value, plan: &mut Plan<'_, Vm>) {
    let after = plan.planned.clone();
    for (name, identity, lost) in [
        ("efi_disk", &["type", "pre_enrolled_keys"][..], "its boot entries and keys are not in the new one"),
        ("tpm_state", &["version"][..], "the guest cannot reach what it sealed with the old one"),
    ] {
        let (old, new) = (before.attribute(name), after.attribute(name));
        if !old.is_set() || !new.is_set() {
            continue;
        }
        for setting in identity.iter().filter(|setting| old.attribute(setting) != new.attribute(setting)) {
            plan.warn(
                Path::from(name).then(*setting),
                "Firmware state is made anew",
                format!(
                    "A change of `{setting}` gives {} a new `{name}`: {lost}. The old volume stays as an unused disk.",
                    machine(before)
                ),
            );
        }
    }
}

/// What of drives comes and goes only with a start.
fn drives_at_start(before: &Value, after: &Value) -> Vec<Path> {
    let mut waiting = Vec::new();
    for (slot, _) in entries(after, "disks") {
        let disk = Path::from("disks").key(slot);
        if before.at(&disk).is_set() {
            waiting.extend(DISK_AT_START.iter().map(|name| disk.then(*name)));
        }
    }
    let unplugs = hotplug::has(before, "disk");
    let is_hot = |slot: &str| unplugs && (slot.starts_with("scsi") || slot.starts_with("virtio"));
    for map in ["disks", "cdroms", "data_disks"] {
        if after.attribute(map).is_unknown() {
            continue;
        }
        let slots: BTreeSet<&String> =
            entries(before, map).chain(entries(after, map)).map(|(slot, _)| slot).collect();
        let paths = slots.into_iter().filter(|slot| !is_hot(slot)).map(|slot| Path::from(map).key(slot));
        // A data disk is another one if its ID is; a disk or a drive that stays is changed in its slot.
        let changes =
            |path: &Path| map == "data_disks" || before.at(path).is_set() != after.at(path).is_set();
        waiting.extend(paths.filter(changes));
    }
    for (map, other) in [("disks", "cdroms"), ("cdroms", "disks")] {
        // A slot that gets the other kind of drive.
        let hot = entries(after, map).filter(|(slot, _)| slot.starts_with("scsi"));
        let swapped = hot.filter(|(slot, _)| before.at(&Path::from(other).key(*slot)).is_set());
        waiting.extend(swapped.map(|(slot, _)| Path::from(map).key(slot)));
    }
    waiting.sort();
    waiting.dedup();
    waiting
}

/// What waits for the next start, if the machine runs.
fn restart(before: &Value, plan: &mut Plan<'_, Vm>) -> bool {
    let after = plan.planned.clone();
    let runs = |vm: &Value| vm.attribute("started").as_bool() == Some(true);
    if !runs(before) || !runs(&after) || after.attribute("template").as_bool() == Some(true) {
        return false;
    }
    let reboots = after.attribute("reboot_when_needed").as_bool() != Some(false);
    let mut waiting: Vec<Path> = AT_START.iter().map(|name| Path::from(*name)).collect();
    if hotplug::has(before, "memory") {
        waiting.retain(|path| path.to_string() != "memory.size_mib");
    }
    if hotplug::has(before, "cpu") {
        waiting.retain(|path| path.to_string() != "cpu.plugged_cores");
    }
    if !hotplug::has(before, "usb") {
        waiting.push("tablet".into());
    }
    // Processors and memory are plugged into what the machine was started with.
    if ["cpu", "memory"].iter().any(|feature| hotplug::has(before, feature) != hotplug::has(&after, feature))
    {
        waiting.push("hotplug".into());
    }
    waiting.extend(drives_at_start(before, &after));
    let mut restarts = false;
    for map in SLOTS_AT_START.into_iter().filter(|map| *map != "usb_devices" || !hotplug::takes_usb(before)) {
        let slots: BTreeSet<&String> =
            entries(before, map).chain(entries(&after, map)).map(|(slot, _)| slot).collect();
        waiting.extend(slots.into_iter().map(|slot| Path::from(map).key(slot)));
    }
    for path in waiting {
        let (old, new) = (before.at(&path), after.at(&path));
        if same_settings(old, new) || path == Path::from("cpu").then("type") && cpu::same_type(old, new) {
            continue;
        }
        if !reboots && let Some(why) = needs_stop(&path, before, &after) {
            plan.error(blame(&path, new), "VM has to be stopped", why);
            continue;
        }
        restarts |= reboots;
        let what = if reboots {
            "The machine is restarted during the apply, because `reboot_when_needed` is `true`."
        } else {
            "The change waits until somebody restarts the machine, because `reboot_when_needed` is `false`."
        };
        plan.warn(
            blame(&path, new),
            "Restart is needed",
            format!("{} runs, and {} {what}", machine(before), waits(&path, new)),
        );
    }
    restarts
}

/// Why a change cannot even wait for the next start of a machine, if so.
fn needs_stop(path: &Path, before: &Value, after: &Value) -> Option<String> {
    let (old, new) = (before.at(path), after.at(path));
    let swaps = |map: &str, other: &str| {
        let mut slots = entries(after, map).map(|(slot, _)| slot);
        slots.any(|slot| {
            *path == Path::from(map).key(slot) && before.at(&Path::from(other).key(slot)).is_set()
        })
    };
    let storage = |tpm: &Value| tpm.attribute("storage_name").as_str().map(str::to_owned);
    let why = match path.to_string().as_str() {
        text if text.starts_with("data_disks[") && old.is_set() => {
            "and has no `disk` in its `hotplug`, so it lets go of this data disk only when it stops, and nothing else may have \
             the volume until then"
        }
        "cloud_init.slot" if old.is_set() && new.is_set() => {
            "and a drive for cloud-init changes its slot only when it is off"
        }
        "tpm_state" if storage(old).zip(storage(new)).is_some_and(|(old, new)| old != new) => {
            "and the state of a TPM changes its storage only when it is off"
        }
        _ if swaps("disks", "cdroms") || swaps("cdroms", "disks") => {
            "and a disk takes the place of a CD drive, or the other way round, only when it is off"
        }
        _ => return None,
    };
    Some(format!(
        "{} runs, {why} (`{path}`). It is not to be restarted, because `reboot_when_needed` is `false`. Set that to `true` or \
         `started` to `false` for this change.",
        machine(before)
    ))
}

/// What a running machine does not do with a setting.
fn waits(path: &Path, new: &Value) -> String {
    if new.is_null() && path.to_string().ends_with(']') {
        format!("lets go of `{path}` only when it stops.")
    } else {
        format!("takes a new `{path}` only when it starts.")
    }
}

/// Whether two values are the same, apart from what is known only after apply.
pub(super) fn same_settings(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (_, Value::Unknown) => true,
        (Value::Object(old), Value::Object(new)) => {
            new.iter().all(|(name, new)| same_settings(old.get(name).unwrap_or(&Value::Null), new))
        }
        (Value::Map(old), Value::Map(new)) => {
            old.keys().eq(new.keys())
                && old.values().zip(new.values()).all(|(old, new)| same_settings(old, new))
        }
        (old, new) => old == new,
    }
}

/// A path that is in the configuration: a setting that is gone is blamed on what was around it.
fn blame(path: &Path, new: &Value) -> Path {
    let mut path = path.clone();
    if new.is_null() && path.0.len() > 1 {
        path.0.truncate(1);
    }
    path
}
