//! The rules of a machine's devices of the node, and of its screen.

use serde_json::{Value as Json, json};

use super::{entries_mut, is_set, keys, unset};

/// Mends them. What a device is mapped to is not in the lab, so a machine with one does not run.
pub(super) fn mend(label: &str, config: &mut Json) {
    let copy = &label[1..];
    let mapped = |kind: &str| json!(format!("${{homelab_pve_{kind}_mapping.m{copy}.name}}"));
    let is_express = config["machine"].as_str().is_some_and(|machine| machine.contains("q35"));
    let is_windows = config["os_type"].as_str().is_some_and(|os| os.starts_with('w'));
    for (slot, device) in entries_mut(config, "pci_devices") {
        if !is_express {
            unset(device, "pcie");
        }
        if slot != "hostpci0" {
            unset(device, "primary_gpu");
        }
        device["mapping_name"] = mapped("pci");
    }
    for (_, device) in entries_mut(config, "usb_devices") {
        if device["spice"] == true {
            unset(device, "mapping_name");
        } else {
            device["mapping_name"] = mapped("usb");
        }
    }
    for (_, share) in entries_mut(config, "virtiofs") {
        if is_windows {
            unset(share, "expose_acl");
        }
    }
    let has_devices =
        ["pci_devices", "usb_devices", "virtiofs"].iter().any(|map| !keys(config, map).is_empty());
    if has_devices && config["template"] != true {
        config["started"] = json!(false);
    }
    if is_set(config, "wait_for") {
        config["wait_for"]["agent"] = json!(true);
        config["agent"]["enabled"] = json!(true);
        // An agent that is enabled at the next start only is waited for in vain.
        unset(config, "reboot_when_needed");
        if config["template"] == true || config["started"] == false {
            unset(config, "wait_for");
        }
    }
    screen(config);
}

/// A screen on a serial port needs the port, and has no memory.
fn screen(config: &mut Json) {
    let Some(kind) = config["display"]["type"].as_str().map(str::to_owned) else { return };
    if kind.starts_with("serial") {
        config["serial_ports"][&kind] = json!({});
    }
    if kind.starts_with("serial") || kind == "none" {
        unset(&mut config["display"], "memory_mib");
        unset(&mut config["display"], "clipboard");
    }
}
