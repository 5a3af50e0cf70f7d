//! What can be done with a VM, and its monitor.

use serde_json::{Value, json};

use super::power::require_running;
use super::vm::drives_of;
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu/{vmid}/feature", read),
    route("POST", "/nodes/{node}/qemu/{vmid}/monitor", monitor),
    route("PUT", "/nodes/{node}/qemu/{vmid}/sendkey", send_key),
];

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let (feature, snapshot) = (request.params.text_or_empty("feature"), request.params.text("snapname"));
    let vm = lab.vm(request.node(), request.vmid())?;
    let options = match snapshot {
        Some(name) => vm
            .snapshots
            .get(name)
            .ok_or_else(|| Failure::died(format!("snapshot '{name}' does not exist")))?,
        None => &vm.config,
    };
    let disks: Vec<VolumeId> = drives_of(options)
        .filter(|(_, drive)| drive.is_disk())
        .filter_map(|(_, drive)| VolumeId::parse(&drive.file))
        .collect();
    let has = disks.iter().all(|id| lab.has_feature(id, feature, snapshot));
    let shared = disks
        .iter()
        .all(|id| lab.storages.get(&id.storage).is_some_and(crate::pve::state::Storage::is_shared));
    let nodes: Vec<&str> = if shared && !disks.is_empty() {
        lab.nodes.keys().map(String::as_str).collect()
    } else {
        vec![request.node()]
    };
    Ok(json!({"hasFeature": u8::from(has), "nodes": nodes}).into())
}

/// The monitor itself tells that there is no process.
fn monitor(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    if !lab.vm(request.node(), vmid)?.is_running() {
        return Ok(format!("ERROR: VM {vmid} not running\n").into());
    }
    let words = request.params.text_or_empty("command");
    let text = match words {
        "info version" => format!("{}\n", super::create::QEMU_VERSION),
        "info status" => "VM status: running\n".to_owned(),
        other => format!("unknown command: '{other}'\n"),
    };
    Ok(Reply::from(Value::from(text)))
}

fn send_key(lab: &mut Lab, request: &Request) -> Answer {
    require_running(lab, request.node(), request.vmid())?;
    Ok(Reply::nothing())
}
