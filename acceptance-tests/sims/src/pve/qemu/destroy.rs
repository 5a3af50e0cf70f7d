//! Destroying VMs.

use std::time::Duration;

use super::guard::LockedTask;
use super::vm::Vm;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("DELETE", "/nodes/{node}/qemu/{vmid}", destroy)];

fn destroy(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    let params = &request.params;
    let (purge, sweep) = (params.is_set("purge"), params.is_set("destroy-unreferenced-disks"));
    let skip_lock = params.is_set("skiplock");
    if skip_lock && !request.who.is_root() {
        return Err(Failure::parameter("skiplock", "Only root may use this option."));
    }
    check(lab, &node, vmid, purge)?;
    let vm = lab.vm(&node, vmid)?;
    // Freeing images and leaving other configurations takes a while; without that, only a file is removed.
    let takes_time = lab.is_managed(vmid) || vm.drives().next().is_some() || vm.unused().next().is_some();
    let time = if takes_time { lab.usual_task_time() } else { Duration::ZERO };
    let check_node = node.clone();
    let work_node = node.clone();
    let plan = LockedTask::new(
        "qmdestroy",
        vmid,
        time,
        move |lab: &mut Lab, _: &Upid| {
            check(lab, &check_node, vmid, purge)?;
            if skip_lock { Ok(()) } else { lab.vm(&check_node, vmid)?.require_no_lock() }
        },
        move |lab: &mut Lab, upid: &Upid| run(lab, upid, &work_node, vmid, purge, sweep),
    )
    .plan();
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

fn check(lab: &Lab, node: &str, vmid: u32, purge: bool) -> Result<(), Failure> {
    let vm = lab.vm(node, vmid)?;
    vm.require_unprotected(&format!("can't remove VM {vmid}"))?;
    if !purge && lab.is_managed(vmid) {
        return Err(Failure::died(format!(
            "unable to remove VM {vmid} - used in HA resources and purge parameter not set."
        )));
    }
    if vm.is_running() {
        return Err(Failure::died(format!("VM {vmid} is running - destroy failed")));
    }
    Ok(())
}

fn run(lab: &mut Lab, upid: &Upid, node: &str, vmid: u32, purge: bool, sweep: bool) -> Result<(), Failure> {
    let vm = lab.vm(node, vmid)?.clone();
    if vm.is_template() {
        require_no_clones(lab, &vm)?;
    }
    let mut log = Vec::new();
    lab.free_volumes_of(vmid, &vm, sweep, &mut log);
    lab.vms.remove(&vmid);
    lab.guest_firewalls.remove(&vmid);
    lab.access.acl.retain(|entry| entry.path != format!("/vms/{vmid}"));
    for pool in lab.pools.values_mut() {
        pool.guests.remove(&vmid);
    }
    if purge {
        log.push(format!("purging VM {vmid} from related configurations.."));
        if lab.purge_guest(vmid) {
            log.push(format!("NOTE: removed VM {vmid} from HA resource configuration."));
        }
    }
    log.into_iter().for_each(|line| lab.tasks.log(upid, line));
    Ok(())
}

fn require_no_clones(lab: &Lab, vm: &Vm) -> Result<(), Failure> {
    let named = vm.drives().filter(|(_, drive)| drive.is_disk()).map(|(_, drive)| drive.file);
    for volume in named.chain(vm.unused().map(|(_, volume)| volume.to_owned())) {
        let Some(id) = VolumeId::parse(&volume) else { continue };
        if !lab.linked_clones(&vm.node, &id).is_empty() {
            return Err(Failure::died(format!("base volume '{volume}' is still in use by linked cloned")));
        }
    }
    Ok(())
}
