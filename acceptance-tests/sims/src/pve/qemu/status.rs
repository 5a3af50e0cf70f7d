//! What a VM is doing: lists, current status, index.

use serde_json::{Map, Value, json};

use super::boot;
use super::options::{agent_enabled, memory_mib, property};
use super::vm::Vm;
use crate::pve::answer::Answer;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::release::Release;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu", list),
    route("GET", "/nodes/{node}/qemu/{vmid}", index),
    route("GET", "/nodes/{node}/qemu/{vmid}/status", status_index),
    route("GET", "/nodes/{node}/qemu/{vmid}/status/current", current),
];

/// Parts of a VM, in the order of the service.
const PARTS: [&str; 20] = [
    "config",
    "cloudinit",
    "pending",
    "status",
    "unlink",
    "vncproxy",
    "termproxy",
    "migrate",
    "resize",
    "move",
    "rrd",
    "rrddata",
    "monitor",
    "agent",
    "snapshot",
    "spiceproxy",
    "sendkey",
    "firewall",
    "mtunnel",
    "remote_migrate",
];

const STATUS_PARTS: [&str; 7] = ["current", "start", "stop", "reset", "shutdown", "suspend", "reboot"];

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let full = request.params.is_set("full");
    let visible = |vmid: u32| lab.allows(&request.who, &format!("/vms/{vmid}"), &["VM.Audit"]);
    let items: Vec<Value> = lab
        .vms
        .iter()
        .filter(|(vmid, vm)| vm.node == request.node() && visible(**vmid))
        .map(|(vmid, vm)| {
            let mut item = basics(lab, *vmid, vm);
            if full {
                item.insert("qmpstatus".to_owned(), qmp_status(vm).into());
            }
            Value::Object(item)
        })
        .collect();
    Ok(items.into())
}

fn index(lab: &mut Lab, request: &Request) -> Answer {
    lab.vm(request.node(), request.vmid())?;
    Ok(PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<_>>().into())
}

fn status_index(lab: &mut Lab, request: &Request) -> Answer {
    lab.vm(request.node(), request.vmid())?;
    Ok(STATUS_PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<_>>().into())
}

fn current(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    let vm = lab.vm(request.node(), vmid)?;
    let mut status = basics(lab, vmid, vm);
    status.insert("qmpstatus".to_owned(), qmp_status(vm).into());
    status.insert("ha".to_owned(), lab.ha_of(vmid));
    if let Some(vga) = vm.get("vga") {
        let kind = property(vga, "type", "type").unwrap_or("std");
        if kind.starts_with("virtio") || kind.starts_with("qxl") {
            status.insert("spice".to_owned(), 1.into());
        }
        status
            .insert("clipboard".to_owned(), property(vga, "clipboard", "").map_or(Value::Null, Value::from));
    }
    if agent_enabled(vm.get("agent")) {
        status.insert("agent".to_owned(), 1.into());
    }
    Ok(crate::pve::answer::Reply::from(Value::Object(status)))
}

fn qmp_status(vm: &Vm) -> &'static str {
    match &vm.process {
        None => "stopped",
        Some(process) if process.paused => "paused",
        Some(_) => "running",
    }
}

/// Number of virtual CPUs, as far as the node has as many.
pub fn cpus(lab: &Lab, vm: &Vm) -> u64 {
    let host = lab.nodes.get(&vm.node).map_or(u64::MAX, |node| u64::from(node.processors));
    let number = |key: &str| vm.get(key).and_then(|text| text.parse::<u64>().ok());
    let all = number("sockets").unwrap_or(1) * number("cores").unwrap_or(1);
    number("vcpus").unwrap_or(all).min(all).min(host)
}

/// Bytes of memory.
pub fn memory(vm: &Vm) -> u64 {
    memory_mib(vm.get("memory")) << 20
}

/// Bytes of the disk that the VM boots from; 0 without one.
pub fn boot_disk_size(vm: &Vm) -> u64 {
    let size = |drive: &super::drive::Drive| super::size::parse_size(drive.option("size")?);
    boot::boot_disks(&vm.config).first().and_then(size).unwrap_or(0)
}

/// Seconds since the start.
pub fn uptime(lab: &Lab, vm: &Vm) -> i64 {
    vm.process.as_ref().map_or(0, |process| (lab.now() - process.started_at).max(0))
}

/// What lists and the current status have in common.
fn basics(lab: &Lab, vmid: u32, vm: &Vm) -> Map<String, Value> {
    let running = vm.is_running();
    let mut status = Map::new();
    let mut put = |key: &str, value: Value| drop(status.insert(key.to_owned(), value));
    put("vmid", vmid.into());
    put("name", vm.display_name(vmid).into());
    put("status", if running { "running" } else { "stopped" }.into());
    put("cpus", cpus(lab, vm).into());
    put("maxmem", memory(vm).into());
    put("maxdisk", boot_disk_size(vm).into());
    put("uptime", uptime(lab, vm).into());
    for key in ["cpu", "disk", "mem", "netin", "netout"] {
        put(key, 0.into());
    }
    // Release 9 counts the host's share of the memory and leaves disk traffic to the monitor.
    let (new, old): (&[&str], &[&str]) = (&["memhost"], &["diskread", "diskwrite"]);
    let by_release = if lab.release >= Release::V9_2 { new } else { old };
    by_release.iter().for_each(|key| put(key, 0.into()));
    for key in ["tags", "lock"] {
        if let Some(value) = vm.get(key) {
            put(key, value.into());
        }
    }
    if vm.is_template() {
        put("template", 1.into());
    }
    if (0..4).any(|number| vm.config.contains_key(&format!("serial{number}"))) {
        put("serial", 1.into());
    }
    if let Some(process) = &vm.process {
        put("pid", process.pid.into());
        if lab.release >= Release::V9_2 {
            for resource in ["cpu", "io", "memory"] {
                for share in ["some", "full"] {
                    put(&format!("pressure{resource}{share}"), 0.into());
                }
            }
        }
        // The service reads these counters from the host's devices.
        if !process.hotplugged.is_empty() {
            let taps = process.hotplugged.iter().map(|key| {
                let tap = format!("tap{vmid}i{}", key.trim_start_matches("net"));
                (tap, json!({"netin": 0, "netout": 0}))
            });
            put("nics", Value::Object(taps.collect()));
        }
    }
    status
}
