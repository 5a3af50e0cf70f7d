//! Destroying containers.

use super::container::Container;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::qemu::guard::outcome;
use crate::pve::state::Lab;
use crate::pve::tasks::Plan;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("DELETE", "/nodes/{node}/lxc/{vmid}", destroy)];

fn destroy(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    let (purge, force) = (request.params.is_set("purge"), request.params.is_set("force"));
    check(lab, &node, vmid, force)?;
    let plan = Plan::new("vzdestroy", vmid.to_string(), lab.usual_task_time(), move |lab, upid| {
        outcome(check(lab, &node, vmid, force).map(|()| run(lab, upid, vmid, purge)))
    });
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

fn check(lab: &Lab, node: &str, vmid: u32, force: bool) -> Result<(), Failure> {
    let container = lab.container(node, vmid)?;
    container.require_no_lock()?;
    if container.get("protection") == Some("1") {
        return Err(Failure::died(format!("can't remove CT {vmid} - protection mode enabled")));
    }
    if container.is_running() && !force {
        return Err(Failure::died(format!("unable to destroy CT {vmid} - container is running")));
    }
    Ok(())
}

fn run(lab: &mut Lab, upid: &Upid, vmid: u32, purge: bool) {
    if let Some(container) = lab.containers.remove(&vmid) {
        lab.free_volumes(&container);
    }
    lab.guest_firewalls.remove(&vmid);
    lab.access.acl.retain(|entry| entry.path != format!("/vms/{vmid}"));
    for pool in lab.pools.values_mut() {
        pool.guests.remove(&vmid);
    }
    if purge {
        lab.tasks.log(upid, format!("purging CT {vmid} from related configurations.."));
        lab.drop_from_backup_jobs(vmid);
    }
}

impl Lab {
    /// Frees the volumes of a container; one that is gone already is passed over.
    pub fn free_volumes(&mut self, container: &Container) {
        for id in container.volumes().iter().filter_map(|text| VolumeId::parse(text)) {
            // The container goes away whatever its storages answer.
            let _ = self.free(&container.node, &id);
        }
    }
}
