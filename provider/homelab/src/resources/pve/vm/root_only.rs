//! What of a machine nobody but root changes.

use tf_framework::prelude::*;

use super::model::Vm;
use crate::cx::Cx;
use crate::resources::pve::root;

/// Devices by slot, with the argument that names a device of the node itself (qemu-server 9.2, `API2/Qemu.pm`).
const DEVICES: [(&str, &str); 3] =
    [("pci_devices", "host_address"), ("usb_devices", "host_device"), ("serial_ports", "host_device")];

/// Single settings, with what each does.
const SETTINGS: [(&str, &str); 5] = [
    ("memory.hugepages", "takes memory of the node away from all others"),
    ("memory.keep_hugepages", "takes memory of the node away from all others"),
    ("cpu.affinity", "takes processors of the node"),
    ("hook_script", "runs a program on the node, as its `root`"),
    ("kvm_arguments", "gives a program of the node any argument"),
];

/// Adds an error for everything that a plan changes and the login may not.
pub(super) fn plan(cx: &Cx, before: Option<&Value>, plan: &mut Plan<'_, Vm>) {
    let found = changed(before.unwrap_or(&Value::Null), plan.planned);
    root::refuse_others(cx, found, plan);
}

/// The slots of a machine with devices of the node itself.
pub(super) fn devices_of(vm: &Value) -> Vec<String> {
    let devices = DEVICES.into_iter().flat_map(|(map, raw)| {
        let slots = vm.attribute(map).as_entries().into_iter().flatten();
        slots.filter(move |(_, device)| device.attribute(raw).is_set()).map(|(slot, _)| slot.clone())
    });
    devices.collect()
}

/// What is root's alone and changes: where, and what it is.
fn changed(before: &Value, after: &Value) -> Vec<(Path, String)> {
    let mut found = Vec::new();
    for (map, raw) in DEVICES {
        let slots: BTreeSet<&String> = [before, after]
            .into_iter()
            .filter_map(|vm| vm.attribute(map).as_entries())
            .flat_map(BTreeMap::keys)
            .collect();
        for slot in slots {
            let path = Path::from(map).key(slot);
            let (old, new) = (before.at(&path), after.at(&path));
            let is_raw = old.attribute(raw).is_set() || new.attribute(raw).is_set();
            if !is_raw || old == new {
                continue;
            }
            let mapped = if map == "serial_ports" {
                ""
            } else {
                " A mapping of the device needs no root: see `mapping_name`."
            };
            let what = format!("The device {slot:?} is named by its place on the node.{mapped}");
            // What is gone is blamed on what was around it.
            found.push((if new.is_null() { Path::from(map) } else { path.then(raw) }, what));
        }
    }
    for (setting, does) in SETTINGS {
        let path = Path::from(setting);
        let (old, new) = (before.at(&path), after.at(&path));
        if old != new && (old.is_set() || new.is_set()) {
            let around = setting.split_once('.').map_or(setting, |(around, _)| around);
            let blamed = if new.is_null() { around.into() } else { path };
            found.push((blamed, format!("The setting `{setting}` {does}.")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: serde_json::Value, after: serde_json::Value, blamed: &[&str]) {
        let vm = |json: &serde_json::Value| Value::from_json(json, &Vm::schema().ty()).unwrap();
        let found: Vec<String> =
            changed(&vm(&before), &vm(&after)).into_iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(found, blamed);
    }

    #[test]
    fn only_what_is_roots_alone_and_changes_is_named() {
        let raw = json!({"pci_devices": {"hostpci0": {"host_address": "01:00.0"}}});
        check(json!({}), raw.clone(), &["pci_devices[\"hostpci0\"].host_address"]);
        check(raw.clone(), raw.clone(), &[]);
        check(raw.clone(), json!({}), &["pci_devices"]);
        check(
            raw,
            json!({"pci_devices": {"hostpci0": {"mapping_name": "gpu"}}}),
            &["pci_devices[\"hostpci0\"].host_address"],
        );
        check(
            json!({}),
            json!({"usb_devices": {"usb0": {"spice": true}, "usb1": {"host_device": "1-2"}, "usb2": {"mapping_name": "a"}},
                   "serial_ports": {"serial0": {}, "serial1": {"host_device": "/dev/ttyS0"}},
                   "memory": {"hugepages": "2"}}),
            &[
                "usb_devices[\"usb1\"].host_device",
                "serial_ports[\"serial1\"].host_device",
                "memory.hugepages",
            ],
        );
        check(json!({"memory": {"hugepages": "2"}}), json!({"memory": {}}), &["memory"]);
        check(
            json!({"hook_script": "a:snippets/b"}),
            json!({"cpu": {"affinity": "0"}}),
            &["cpu.affinity", "hook_script"],
        );
    }
}
