//! What a running machine can be given and deprived of.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::Named;
use super::usb;
use super::writes::Writes;

/// Wire key.
const KEY: &str = "hotplug";

/// What can be plugged (pve-common 9.2, `JSONSchema.pm`).
pub(super) const FEATURES: [&str; 6] = ["cloudinit", "cpu", "disk", "memory", "network", "usb"];

/// What a machine takes that says nothing.
const DEFAULT: [&str; 3] = ["disk", "network", "usb"];

fn default() -> BTreeSet<String> {
    DEFAULT.map(str::to_owned).into()
}

fn parse(text: &str) -> BTreeSet<String> {
    match text {
        "0" => BTreeSet::new(),
        "1" => default(),
        words => words.split([',', ';', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
    }
}

fn print(features: &BTreeSet<String>) -> String {
    if features.is_empty() { "0".to_owned() } else { features.iter().cloned().collect::<Vec<_>>().join(",") }
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, BTreeSet<String>>, config: &VmConfig) -> Option<BTreeSet<String>> {
    named.or(config.value(KEY).map(parse), default())
}

/// Writes what changes.
pub(super) fn write(wish: Edit<&BTreeSet<String>>, out: &mut Writes<'_>) {
    match wish {
        Edit::Set(wanted) if out.current().value(KEY).map(parse).as_ref() == Some(wanted) => {}
        wish => out.text(KEY, wish.map(print)),
    }
}

/// Memory is plugged into NUMA nodes, and into those that Proxmox VE makes.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    if !has(config, "memory") {
        return;
    }
    if config.at(&"cpu.numa".into()).as_bool() == Some(false) {
        out.error(
            "hotplug",
            "Missing NUMA",
            "Memory can be plugged only into a machine with NUMA. Set `cpu.numa` to `true`, or take out `memory`.",
        );
    }
    if config.attribute("numa_nodes").as_entries().is_some_and(|nodes| !nodes.is_empty()) {
        out.error(
            "hotplug",
            "Conflicting arguments",
            "Memory cannot be plugged into a machine with NUMA nodes of its own. Take out `memory`, or remove `numa_nodes`.",
        );
    }
}

/// Whether a machine, as a plan or a state has it, takes something while it runs. The default holds if nothing is said.
pub(super) fn has(vm: &Value, feature: &str) -> bool {
    let named = vm.attribute(KEY);
    match named.as_elements() {
        Some(features) => features.iter().any(|found| found.as_str() == Some(feature)),
        None => named.is_null() && DEFAULT.contains(&feature),
    }
}

/// Whether a machine, as its configuration has it, gives disks while it runs.
pub(super) fn gives_disks(config: &VmConfig) -> bool {
    config.value(KEY).map_or_else(default, parse).contains("disk")
}

/// Whether a running machine takes USB devices. Without a word about the guest nobody knows, and it may.
pub(super) fn takes_usb(vm: &Value) -> bool {
    has(vm, "usb") && vm.attribute("os_type").as_str().is_none_or(|os| usb::MODERN.contains(&os))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_forms_are_sets_too() {
        assert_eq!(parse("0"), BTreeSet::new());
        assert_eq!(parse("1"), default());
        assert_eq!(parse("usb,network;disk"), default());
        assert_eq!(print(&BTreeSet::new()), "0");
        assert_eq!(print(&default()), "disk,network,usb");
    }

    #[test]
    fn disks_leave_a_running_machine_by_default() {
        let config = |values: &[(&str, &str)]| {
            let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            VmConfig { values: values.collect(), digest: None }
        };
        assert!(gives_disks(&config(&[])));
        assert!(gives_disks(&config(&[("hotplug", "usb,disk")])));
        assert!(!gives_disks(&config(&[("hotplug", "usb,network")])));
        assert!(!gives_disks(&config(&[("hotplug", "0")])));
    }

    #[test]
    fn only_guests_of_today_take_usb_devices_while_they_run() {
        let vm = |json: serde_json::Value| {
            Value::from_json(&json, &<super::super::Vm as SchemaModel>::schema().ty()).unwrap()
        };
        assert!(takes_usb(&vm(serde_json::json!({"os_type": "l26"}))));
        assert!(!takes_usb(&vm(serde_json::json!({"os_type": "other"}))));
        assert!(!takes_usb(&vm(serde_json::json!({"os_type": "l26", "hotplug": ["disk"]}))));
    }
}
