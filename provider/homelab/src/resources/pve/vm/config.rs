//! The whole configuration of a machine: from the model to wire keys and back.

use pve_client::{Drive, PropertyString, StorageName, VmConfig};
use tf_framework::prelude::*;

use super::marker::Marker;
use super::model::Vm;
use super::named::{Named, Pair};
use super::writes::{Writes, parsed, property, truth};
use super::{
    agent, cdrom, cloud_init, cpu, disk, display, extras, firmware, hotplug, memory, network, numa, pci,
    serial, slot, startup, usb, virtiofs,
};

/// Name under which the machine type may stand in its property string.
const MACHINE: Option<&str> = Some("type");

/// What a configuration says; settings that are not in it, such as the node, are left for the caller.
pub(super) fn read(named: Named<'_, Vm>, config: &VmConfig, rest: Vm) -> Vm {
    Vm {
        name: named.of(|vm| &vm.name).found(parsed(config, "name")),
        description: description(named.of(|vm| &vm.description), config),
        tags: tags(named.of(|vm| &vm.tags), config),
        template: truth(config, "template").unwrap_or(false).into(),
        start_on_boot: named.of(|vm| &vm.start_on_boot).or(truth(config, "onboot"), false),
        protection: named.of(|vm| &vm.protection).or(truth(config, "protection"), false),
        bios: named.of(|vm| &vm.bios).or(parsed(config, "bios"), "seabios"),
        machine: machine(named.of(|vm| &vm.machine), config),
        os_type: named.of(|vm| &vm.os_type).or(parsed(config, "ostype"), "other"),
        scsi_hardware: named.of(|vm| &vm.scsi_hardware).or(parsed(config, "scsihw"), "lsi"),
        boot_order: boot_order(config).into(),
        hotplug: hotplug::read(named.of(|vm| &vm.hotplug), config),
        startup: startup::read(named.of(|vm| &vm.startup), config),
        hook_script: named.of(|vm| &vm.hook_script).found(parsed(config, "hookscript")),
        state_storage_name: named.of(|vm| &vm.state_storage_name).found(parsed(config, "vmstatestorage")),
        kvm_arguments: named.of(|vm| &vm.kvm_arguments).found(parsed(config, "args")),
        keyboard_layout: named.of(|vm| &vm.keyboard_layout).found(parsed(config, "keyboard")),
        tablet: named.of(|vm| &vm.tablet).or(truth(config, "tablet"), true),
        acpi: named.of(|vm| &vm.acpi).or(truth(config, "acpi"), true),
        kvm: named.of(|vm| &vm.kvm).or(truth(config, "kvm"), true),
        local_time: named.of(|vm| &vm.local_time).found(truth(config, "localtime")),
        cpu: cpu::read(named.of(|vm| &vm.cpu), config),
        memory: memory::read(named.of(|vm| &vm.memory), config),
        agent: agent::read(named.of(|vm| &vm.agent), config),
        disks: disk::read(named.of(|vm| &vm.disks), config),
        cdroms: cdrom::read(named.of(|vm| &vm.cdroms), config),
        networks: network::read(named.of(|vm| &vm.networks), config),
        numa_nodes: numa::read(named.of(|vm| &vm.numa_nodes), config),
        pci_devices: pci::read(named.of(|vm| &vm.pci_devices), config),
        usb_devices: usb::read(named.of(|vm| &vm.usb_devices), config),
        serial_ports: serial::read(named.of(|vm| &vm.serial_ports), config),
        virtiofs: virtiofs::read(named.of(|vm| &vm.virtiofs), config),
        display: display::read(named.of(|vm| &vm.display), config),
        rng: extras::read_rng(named.of(|vm| &vm.rng), config),
        watchdog: extras::read_watchdog(named.of(|vm| &vm.watchdog), config),
        audio: extras::read_audio(named.of(|vm| &vm.audio), config),
        efi_disk: firmware::read_efi(named.of(|vm| &vm.efi_disk), config),
        tpm_state: firmware::read_tpm(named.of(|vm| &vm.tpm_state), config),
        cloud_init: cloud_init::read(named.of(|vm| &vm.cloud_init), config),
        ..rest
    }
}

/// The mark that a configuration carries.
pub(super) fn marker(config: &VmConfig) -> Option<Marker> {
    Marker::split(config.value("description")?).1
}

fn description(named: Named<'_, String>, config: &VmConfig) -> Option<String> {
    let found = config.value("description").and_then(|text| Marker::split(text).0);
    // Proxmox VE drops the line ends at the end.
    let same = |stated: &&String| stated.trim_end() == found.as_deref().unwrap_or_default().trim_end();
    match named.stated().filter(same) {
        Some(stated) => Some(stated.clone()),
        None => named.found(found),
    }
}

/// The tags, as the state spells them: Proxmox VE makes them lower case.
fn tags(named: Named<'_, BTreeSet<String>>, config: &VmConfig) -> Option<BTreeSet<String>> {
    let spelling = |tag: String| {
        let stated = named.stated().into_iter().flatten().find(|stated| stated.eq_ignore_ascii_case(&tag));
        stated.cloned().unwrap_or(tag)
    };
    named.or(wire_tags(config).map(|tags| tags.into_iter().map(spelling).collect()), [])
}

fn wire_tags(config: &VmConfig) -> Option<BTreeSet<String>> {
    let words = config.value("tags")?.split([';', ',', ' ']);
    Some(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn machine(named: Named<'_, String>, config: &VmConfig) -> Option<String> {
    let found = property(config, "machine", MACHINE).default;
    match (named.stated(), &found) {
        (Some(stated), Some(found)) if same_machine(stated, found) => Some(stated.clone()),
        _ => named.or(found, "pc"),
    }
}

/// Whether the type found is the one stated. At creation Proxmox VE pins the version for a guest that runs Windows.
pub(super) fn same_machine(stated: &str, found: &str) -> bool {
    let pinned = |prefix: &str| found.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('-'));
    stated == found || stated == "q35" && pinned("pc-q35") || stated == "pc" && pinned("pc-i440fx")
}

/// The slots to boot from. Old configurations name kinds of devices instead, which the model cannot express.
fn boot_order(config: &VmConfig) -> Option<Vec<String>> {
    let boot = PropertyString::parse(config.value("boot")?, Some("legacy")).ok()?;
    let order = boot.value("order").unwrap_or_default().split(';');
    Some(order.filter(|slot| !slot.is_empty()).map(str::to_owned).collect())
}

/// The changes that make a configuration what is wanted. At creation nothing was named before.
pub(super) fn write<'a>(vm: Pair<'_, Vm>, marker: &Marker, current: &'a VmConfig) -> Writes<'a> {
    let mut out = Writes::against(current);
    out.text("name", vm.wish(|vm| &vm.name));
    write_description(vm, marker, &mut out);
    write_tags(vm.wish(|vm| &vm.tags), &mut out);
    out.flag("onboot", vm.flag(|vm| &vm.start_on_boot));
    out.flag("protection", vm.flag(|vm| &vm.protection));
    out.text("bios", vm.wish(|vm| &vm.bios));
    write_machine(vm.wish(|vm| &vm.machine), &mut out);
    out.text("ostype", vm.wish(|vm| &vm.os_type));
    out.text("scsihw", vm.wish(|vm| &vm.scsi_hardware));
    hotplug::write(vm.wish(|vm| &vm.hotplug), &mut out);
    startup::write(vm.of(|vm| &vm.startup), &mut out);
    out.text("hookscript", vm.wish(|vm| &vm.hook_script));
    out.text("vmstatestorage", vm.wish(|vm| &vm.state_storage_name));
    out.text("args", vm.wish(|vm| &vm.kvm_arguments));
    out.text("keyboard", vm.wish(|vm| &vm.keyboard_layout));
    out.flag("tablet", vm.flag(|vm| &vm.tablet));
    out.flag("acpi", vm.flag(|vm| &vm.acpi));
    out.flag("kvm", vm.flag(|vm| &vm.kvm));
    out.flag("localtime", vm.flag(|vm| &vm.local_time));
    cpu::write(vm.of(|vm| &vm.cpu), &mut out);
    memory::write(vm.of(|vm| &vm.memory), &mut out);
    agent::write(vm.of(|vm| &vm.agent), &mut out);
    disk::write(vm.of(|vm| &vm.disks), &mut out);
    cdrom::write(vm.of(|vm| &vm.cdroms), &mut out);
    network::write(vm.of(|vm| &vm.networks), &mut out);
    numa::write(vm.of(|vm| &vm.numa_nodes), &mut out);
    pci::write(vm.of(|vm| &vm.pci_devices), &mut out);
    usb::write(vm.of(|vm| &vm.usb_devices), &mut out);
    serial::write(vm.of(|vm| &vm.serial_ports), &mut out);
    virtiofs::write(vm.of(|vm| &vm.virtiofs), &mut out);
    display::write(vm.of(|vm| &vm.display), &mut out);
    extras::write_rng(vm.of(|vm| &vm.rng), &mut out);
    extras::write_watchdog(vm.of(|vm| &vm.watchdog), &mut out);
    extras::write_audio(vm.of(|vm| &vm.audio), &mut out);
    firmware::write_efi(vm.of(|vm| &vm.efi_disk), &mut out);
    firmware::write_tpm(vm.of(|vm| &vm.tpm_state), &mut out);
    cloud_init::write(vm.of(|vm| &vm.cloud_init), first_storage(vm.want, current), &mut out);
    write_boot(vm.want, &mut out);
    out
}

fn write_description(vm: Pair<'_, Vm>, marker: &Marker, out: &mut Writes<'_>) {
    let present = out.current().value("description").map(Marker::split).and_then(|(text, _)| text);
    let text = match vm.wish(|vm| &vm.description) {
        Edit::Keep => present,
        Edit::Set(text) => Some(text.clone()),
        Edit::Clear => None,
    };
    out.put("description", marker.on(text.as_deref()));
}

fn write_tags(wish: Edit<&BTreeSet<String>>, out: &mut Writes<'_>) {
    let lower =
        |tags: &BTreeSet<String>| tags.iter().map(|tag| tag.to_ascii_lowercase()).collect::<BTreeSet<_>>();
    match wish {
        Edit::Keep => {}
        Edit::Clear => out.remove("tags"),
        // An empty list would be stored as a blank.
        Edit::Set(tags) if tags.is_empty() => out.remove("tags"),
        Edit::Set(tags) if wire_tags(out.current()).is_some_and(|found| lower(&found) == lower(tags)) => {}
        Edit::Set(tags) => out.force("tags", tags.iter().cloned().collect::<Vec<_>>().join(";")),
    }
}

fn write_machine(wish: Edit<&String>, out: &mut Writes<'_>) {
    out.property("machine", MACHINE, |property| match wish {
        Edit::Keep => {}
        Edit::Set(wanted) if property.default.as_deref().is_some_and(|found| same_machine(wanted, found)) => {
        }
        Edit::Set(wanted) => property.default = Some(wanted.clone()),
        Edit::Clear => property.default = None,
    });
}

fn write_boot(want: Option<&Vm>, out: &mut Writes<'_>) {
    let Some(order) = want.and_then(|vm| vm.boot_order.known()) else { return };
    if boot_order(out.current()).unwrap_or_default() != *order {
        out.force("boot", format!("order={}", order.join(";")));
    }
}

/// The storage of the machine's first disk, wanted or present.
fn first_storage(want: Option<&Vm>, current: &VmConfig) -> Option<StorageName> {
    let wanted = want.and_then(|vm| vm.disks.as_ref()).into_iter().flatten();
    let wanted = wanted.filter_map(|(_, disk)| disk.storage_name.known().cloned()).next();
    let present = current.values.iter().filter(|(key, _)| slot::is_disk(key)).find_map(|(_, value)| {
        let drive: Drive = value.parse().ok()?;
        (!drive.is_cdrom()).then(|| drive.volume().map(|volume| volume.storage().clone()))?
    });
    wanted.or(present)
}

#[cfg(test)]
mod tests;
