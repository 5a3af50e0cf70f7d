//! `/nodes/{node}/hardware` and `/nodes/{node}/capabilities`: what a node has, and what its QEMU can play.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Request, Route, index, route};
use crate::pve::answer::Answer;
use crate::pve::qemu::passthrough::mapped;
use crate::pve::section::rules;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/hardware/pci", pci),
    route("GET", "/nodes/{node}/hardware/pci/{pci-id-or-mapping}", index::below),
    route("GET", "/nodes/{node}/hardware/pci/{pci-id-or-mapping}/mdev", no_mdev),
    route("GET", "/nodes/{node}/hardware/usb", usb),
    route("GET", "/cluster/qemu/cpu-flags", cpu_flags),
    route("GET", "/nodes/{node}/capabilities/qemu/cpu", cpu_models),
    route("GET", "/nodes/{node}/capabilities/qemu/cpu-flags", cpu_flags),
    route("GET", "/nodes/{node}/capabilities/qemu/machines", machines),
    route("GET", "/nodes/{node}/capabilities/qemu/migration", migration),
];

/// Machine versions of QEMU 10.0, and what Proxmox VE changed in its own revisions.
const VERSIONS: [(&str, Option<&str>); 10] = [
    ("10.0+pve1", Some("Set host_mtu vNIC option even with default value for migration compat.")),
    ("10.0", None),
    ("9.2+pve1", Some("Disables S3/S4 power states by default.")),
    ("9.2", None),
    ("9.1", None),
    ("9.0", None),
    ("8.2", None),
    ("8.1", None),
    ("8.0", None),
    ("7.2", None),
];

/// Flags that a VM's processor may be given or denied.
const CPU_FLAGS: [&str; 14] = [
    "nested-virt",
    "md-clear",
    "pcid",
    "spec-ctrl",
    "ssbd",
    "ibpb",
    "virt-ssbd",
    "amd-ssbd",
    "amd-no-ssb",
    "pdpe1gb",
    "hv-tlbflush",
    "hv-evmcs",
    "aes",
    "x2apic",
];

/// A node of a lab with hardware has what mappings say that it has.
fn pci(lab: &mut Lab, request: &Request) -> Answer {
    if !lab.has_mapped_hardware {
        return Ok(json!([]).into());
    }
    let mut devices: BTreeMap<String, Value> = BTreeMap::new();
    for mapping in lab.file("mapping/pci.cfg").entries {
        for entry in lab.on_node("pci", &mapping.id, request.node()) {
            let text = |name: &str| mapped(&entry, name).unwrap_or_default();
            let (vendor, device) = text("id").split_once(':').unwrap_or_default();
            for address in text("path").split(';').filter(|address| !address.is_empty()) {
                let mut item = json!({
                    "id": address, "class": "0x000000", "vendor": format!("0x{vendor}"),
                    "device": format!("0x{device}"),
                    "iommugroup": text("iommugroup").parse::<i64>().unwrap_or(-1),
                });
                if let Some((vendor, device)) = text("subsystem-id").split_once(':') {
                    item["subsystem_vendor"] = json!(format!("0x{vendor}"));
                    item["subsystem_device"] = json!(format!("0x{device}"));
                }
                devices.insert(address.to_owned(), item);
            }
        }
    }
    Ok(devices.into_values().collect::<Vec<Value>>().into())
}

/// No device of the lab can be shared.
fn no_mdev(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

/// Every node has the same processor.
fn cpu_flags(lab: &mut Lab, _: &Request) -> Answer {
    let nodes: Vec<&String> = lab.nodes.keys().collect();
    let flags = CPU_FLAGS.map(|name| json!({"name": name, "description": name, "supported-on": nodes}));
    Ok(flags.to_vec().into())
}

fn usb(lab: &mut Lab, request: &Request) -> Answer {
    if !lab.has_mapped_hardware {
        return Ok(json!([]).into());
    }
    let mut devices = Vec::new();
    for mapping in lab.file("mapping/usb.cfg").entries {
        for entry in lab.on_node("usb", &mapping.id, request.node()) {
            let (vendor, product) =
                mapped(&entry, "id").and_then(|id| id.split_once(':')).unwrap_or_default();
            let number = devices.len() + 2;
            devices.push(json!({
                "busnum": 1, "devnum": number, "port": number, "level": 1, "class": 0, "speed": "480",
                "vendid": vendor, "prodid": product,
                "usbpath": mapped(&entry, "path").unwrap_or_default().trim_start_matches("1-"),
            }));
        }
    }
    Ok(devices.into())
}

fn vendor(model: &str) -> &'static str {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    if begins(&["EPYC", "Opteron", "athlon", "phenom"]) {
        "AuthenticAMD"
    } else if begins(&["host", "max", "kvm", "qemu", "x86-64"]) {
        "default"
    } else {
        "GenuineIntel"
    }
}

/// Models that no other model of the schema lists (qemu-server 9.2, `CPUConfig.pm`).
const OWN_MODELS: [&str; 4] = ["x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4"];

/// The built-in models, those for other processors included.
pub fn built_in_models() -> impl Iterator<Item = &'static str> {
    let rule = rules("POST", "/cluster/qemu/custom-cpu-models").get("reported-model");
    let reported = rule.map_or(&[][..], |rule| rule.choices.as_slice());
    reported.iter().map(String::as_str).chain(OWN_MODELS)
}

fn is_arm(model: &str) -> bool {
    ["a64fx", "cortex-", "neoverse-"].iter().any(|prefix| model.starts_with(prefix))
}

/// Built-in models, then those of the cluster that one may see.
fn cpu_models(lab: &mut Lab, request: &Request) -> Answer {
    let built_in = built_in_models().filter(|model| !is_arm(model));
    let built_in = built_in.map(|name| json!({"name": name, "vendor": vendor(name), "custom": 0}));
    let mut models: Vec<Value> = built_in.collect();
    if lab.allows(&request.who, "/nodes", &["Sys.Audit"]) {
        models.extend(lab.cpu_models.iter().map(|(name, options)| {
            let reported = options.get("reported-model").map_or("kvm64", String::as_str);
            let name = format!("custom-{}", name.trim_start_matches("custom-"));
            json!({"name": name, "vendor": vendor(reported), "custom": 1})
        }));
    }
    Ok(models.into())
}

fn machines(_: &mut Lab, _: &Request) -> Answer {
    let mut machines = Vec::new();
    for (version, changes) in VERSIONS {
        for kind in ["i440fx", "q35"] {
            let mut item = json!({"id": format!("pc-{kind}-{version}"), "type": kind, "version": version});
            if let Some(changes) = changes {
                item["changes"] = json!(changes);
            }
            machines.push(item);
        }
    }
    Ok(machines.into())
}

fn migration(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!({"has-dbus-vmstate": 1}).into())
}
