//! Calls about the generated cloud-init drive.

use super::cloudinit;
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu/{vmid}/cloudinit", read_pending),
    route("PUT", "/nodes/{node}/qemu/{vmid}/cloudinit", regenerate),
    route("GET", "/nodes/{node}/qemu/{vmid}/cloudinit/dump", dump),
];

fn read_pending(lab: &mut Lab, request: &Request) -> Answer {
    Ok(cloudinit::pending(lab.vm(request.node(), request.vmid())?).into())
}

fn regenerate(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    let vm = lab.vm(request.node(), vmid)?;
    vm.require_no_lock()?;
    if cloudinit::drive(&vm.config).is_none() {
        return Err(Failure::died(format!("VM {vmid} has no cloud-init drive")));
    }
    lab.change_vm(vmid, |vm| vm.cloudinit.clear());
    Ok(Reply::nothing())
}

fn dump(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    let config = &lab.vm(request.node(), vmid)?.config;
    let text = match request.params.text_or_empty("type") {
        "user" => cloudinit::user_data(config, vmid),
        "network" => cloudinit::network_data(config),
        _ => cloudinit::meta_data(config, vmid),
    };
    Ok(text.into())
}
