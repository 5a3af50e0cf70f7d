//! Rules over several arguments of a machine. What is known only after apply breaks none.

use tf_framework::prelude::*;

use super::ip_config;

/// See [`super::Vm`].
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    super::placement::validate(config, out);
    template(config, out);
    super::clone::validate(config, out);
    super::wait_for::validate(config, out);
    slots(config, out);
    chipset(config, out);
    memory(config, out);
    cloud_init(config, out);
    disks(config, out);
    data_disks(config, out);
    super::cpu::validate(config, out);
    super::numa::validate(config, out);
    super::hotplug::validate(config, out);
    super::pci::validate(config, out);
    super::usb::validate(config, out);
    super::virtiofs::validate(config, out);
    super::display::validate(config, out);
    if config.attribute("bios").as_str() == Some("seabios") && config.attribute("efi_disk").is_set() {
        out.error(
            "efi_disk",
            "EFI disk without EFI",
            "The firmware `seabios` has no use for an EFI disk. Set `bios` to `ovmf`, or remove `efi_disk`.",
        );
    }
}

fn template(config: &Value, out: &mut Diagnostics) {
    let says = |name: &str| config.attribute(name).as_bool() == Some(true);
    if says("template") && says("started") {
        out.error(
            "started",
            "Template cannot run",
            "A template never runs. Remove `started`, or set `template` to `false`.",
        );
    }
}

/// A slot takes one device.
fn slots(config: &Value, out: &mut Diagnostics) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (map, what) in [("disks", "a disk"), ("data_disks", "a data disk"), ("cdroms", "a CD drive")] {
        for slot in config.attribute(map).as_entries().into_iter().flatten().map(|(slot, _)| slot) {
            if let Some(other) = taken.insert(slot, what) {
                out.error(Path::from(map).key(slot), "Slot is used twice", used_twice(slot, other, what));
            }
        }
    }
    let path = Path::from("cloud_init.slot");
    if let Some(slot) = config.at(&path).as_str()
        && let Some(other) = taken.get(slot)
    {
        out.error(path, "Slot is used twice", used_twice(slot, other, "the cloud-init drive"));
    }
}

fn used_twice(slot: &str, other: &str, what: &str) -> String {
    format!(
        "The slot {slot:?} has {other} already, so it cannot take {what} too. Choose another slot for one of them."
    )
}

/// With the chipset `q35` a bus of IDE takes one drive only (qemu-server 9.2.6, `QemuServer.pm`).
fn chipset(config: &Value, out: &mut Diagnostics) {
    let machine = config.attribute("machine").as_str().unwrap_or_default();
    if machine != "q35" && !machine.starts_with("pc-q35-") {
        return;
    }
    let message = |slot: &str| {
        format!(
            "The machine type {machine:?} has no slot {slot:?}: of IDE it has `ide0` and `ide2` only. Use one of these, or `sata`."
        )
    };
    for map in ["disks", "cdroms"] {
        for slot in ["ide1", "ide3"] {
            let path = Path::from(map).key(slot);
            if config.attribute(map).as_entries().is_some_and(|entries| entries.contains_key(slot)) {
                out.error(path, "Slot does not exist", message(slot));
            }
        }
    }
    let path = Path::from("cloud_init.slot");
    if let Some(slot @ ("ide1" | "ide3")) = config.at(&path).as_str() {
        out.error(path.clone(), "Slot does not exist", message(slot));
    }
}

fn memory(config: &Value, out: &mut Diagnostics) {
    let number = |path: &str| config.at(&path.into()).as_number().and_then(Number::to_i64);
    if let (Some(least), Some(size)) = (number("memory.minimum_mib"), number("memory.size_mib"))
        && least > size
    {
        out.error(
            "memory.minimum_mib",
            "Minimum exceeds size",
            format!("The least memory, {least} MiB, is more than the size, {size} MiB. Lower `minimum_mib`."),
        );
    }
    if config.at(&"memory.hugepages".into()).is_set()
        && config.at(&"cpu.numa".into()).as_bool() == Some(false)
    {
        out.error(
            "memory.hugepages",
            "Missing NUMA",
            "A machine with huge pages does not start without NUMA. Set `cpu.numa` to `true`, or remove `hugepages`.",
        );
    }
}

fn cloud_init(config: &Value, out: &mut Diagnostics) {
    let cloud_init = config.attribute("cloud_init");
    let at = Path::from("cloud_init");
    let set = |name: &str| cloud_init.attribute(name).is_set();
    if set("password") && set("password_wo") {
        out.error(
            at.then("password_wo"),
            "Conflicting arguments",
            "Only one of `password` and `password_wo` may be set.",
        );
    }
    if set("password_wo") && cloud_init.attribute("password_wo_version").is_null() {
        out.error(
            at.then("password_wo"),
            "Missing argument",
            "A value that is not stored cannot be compared, so `password_wo_version` says when it is another one. Set it \
             to 1, and count up with each new password.",
        );
    }
    super::seed::check::validate(cloud_init, out);
    for (device, ip) in cloud_init.attribute("ip_configs").as_entries().into_iter().flatten() {
        ip_config::validate(&at.then("ip_configs").key(device), ip, out);
    }
}

/// Options that the schema of Proxmox VE does not have for a kind of slot (pve-api of 9.2.11).
fn disks(config: &Value, out: &mut Diagnostics) {
    for (slot, disk) in config.attribute("disks").as_entries().into_iter().flatten() {
        let lacks = |option: &str| match option {
            "ssd" => slot.starts_with("virtio"),
            "io_thread" | "read_only" => !slot.starts_with("virtio") && !slot.starts_with("scsi"),
            _ => false,
        };
        for option in ["ssd", "io_thread", "read_only"] {
            if lacks(option) && disk.attribute(option).is_set() {
                out.error(
                    Path::from("disks").key(slot).then(option),
                    "Unsupported argument",
                    format!(
                        "A disk in the slot {slot:?} has no `{option}`. Remove it, or use a `scsi` slot."
                    ),
                );
            }
        }
        limits(&Path::from("disks").key(slot).then("limits"), disk.attribute("limits"), out);
    }
}

/// QEMU refuses a limit of both directions together with one of a single direction.
fn limits(at: &Path, limits: &Value, out: &mut Diagnostics) {
    for unit in
        ["mib_per_second", "operations_per_second", "burst_mib_per_second", "burst_operations_per_second"]
    {
        let name = |direction: &str| format!("{direction}_{unit}");
        let set = |direction: &str| limits.attribute(&name(direction)).is_set();
        if set("total") && (set("read") || set("write")) {
            out.error(
                at.then(name("total")),
                "Conflicting arguments",
                format!(
                    "Either `{}` limits reads and writes together, or `{}` and `{}` limit each. Remove one or the others.",
                    name("total"),
                    name("read"),
                    name("write")
                ),
            );
        }
    }
}

/// A data disk is in one slot, and a template, which others are cloned from, cannot have one.
fn data_disks(config: &Value, out: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (slot, id) in config.attribute("data_disks").as_entries().into_iter().flatten() {
        let path = Path::from("data_disks").key(slot);
        if let Some(other) = id.as_str().and_then(|id| seen.insert(id, slot)) {
            let detail =
                format!("The data disk in the slot {slot:?} is in {other:?} too. Remove one of them.");
            out.error(path.clone(), "Data disk is used twice", detail);
        }
        if config.attribute("template").as_bool() == Some(true) {
            let detail = "A template has no data disks: its clones would copy or share them. Attach them to the clones.";
            out.error(path, "Template with data disk", detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::pve::vm::Vm;

    #[track_caller]
    fn check(mut json: serde_json::Value, blamed: &[&str]) {
        let object = json.as_object_mut().unwrap();
        if !object.contains_key("nodes") {
            object.insert("node_name".to_owned(), "pve1".into());
        }
        let config = Value::from_json(&json, &Vm::schema().ty()).unwrap();
        let mut out = Diagnostics::new();
        validate(&config, &mut out);
        let found: Vec<String> =
            out.into_vec().into_iter().map(|problem| problem.path.unwrap().to_string()).collect();
        assert_eq!(found, blamed);
    }

    #[test]
    fn rules_over_several_arguments_blame_one() {
        use serde_json::json;
        check(json!({"template": true}), &[]);
        check(json!({"nodes": ["a", "b"]}), &[]);
        check(json!({"nodes": ["a", "b", "a"]}), &["nodes"]);
        check(json!({"nodes": ["a"], "node_name": "a"}), &["nodes"]);
        check(json!({"nodes": null}), &["node_name"]);
        check(json!({"template": true, "started": true}), &["started"]);
        check(json!({"disks": {"ide0": {}}, "cdroms": {"ide0": {}}}), &["cdroms[\"ide0\"]"]);
        check(json!({"cdroms": {"ide2": {}}, "cloud_init": {"slot": "ide2"}}), &["cloud_init.slot"]);
        check(json!({"machine": "q35", "disks": {"ide1": {}}, "cdroms": {"ide2": {}}}), &["disks[\"ide1\"]"]);
        check(json!({"machine": "pc-q35-9.2", "cloud_init": {"slot": "ide3"}}), &["cloud_init.slot"]);
        check(json!({"machine": "pc", "cdroms": {"ide3": {}}}), &[]);
        check(json!({"memory": {"size_mib": 512, "minimum_mib": 1024}}), &["memory.minimum_mib"]);
        check(json!({"bios": "seabios", "efi_disk": {}}), &["efi_disk"]);
        check(
            json!({"cloud_init": {"password": "a", "password_wo": "b"}}),
            &["cloud_init.password_wo", "cloud_init.password_wo"],
        );
        check(
            json!({"cloud_init": {"ip_configs": {"ipconfig0": {"ipv4_gateway": "192.0.2.1"}}}}),
            &["cloud_init.ip_configs[\"ipconfig0\"].ipv4_gateway"],
        );
        check(
            json!({"cloud_init": {"ip_configs": {"ipconfig0": {"ipv6_gateway": "fe80::1", "ipv6_address": "auto"}}}}),
            &["cloud_init.ip_configs[\"ipconfig0\"].ipv6_gateway"],
        );
        check(json!({"disks": {"virtio0": {"ssd": true}}}), &["disks[\"virtio0\"].ssd"]);
        check(json!({"disks": {"sata0": {"io_thread": true}}}), &["disks[\"sata0\"].io_thread"]);
        check(
            json!({"disks": {"scsi0": {"limits": {"total_mib_per_second": 1, "write_mib_per_second": 2}}}}),
            &["disks[\"scsi0\"].limits.total_mib_per_second"],
        );
        check(
            json!({"disks": {"scsi0": {"limits": {"total_mib_per_second": 1, "read_operations_per_second": 2}}}}),
            &[],
        );
    }
}
