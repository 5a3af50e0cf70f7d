//! Starting and stopping containers.

use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/lxc/{vmid}/status/start", start),
    route("POST", "/nodes/{node}/lxc/{vmid}/status/stop", stop),
    route("POST", "/nodes/{node}/lxc/{vmid}/status/shutdown", shutdown),
    route("POST", "/nodes/{node}/lxc/{vmid}/status/reboot", reboot),
];

fn start(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    let container = lab.container(request.node(), vmid)?;
    if container.is_running() {
        return Err(Failure::died(format!("CT {vmid} already running")));
    }
    container.require_no_lock()?;
    task(lab, request, "vzstart", move |lab| lab.start_container(vmid))
}

fn stop(lab: &mut Lab, request: &Request) -> Answer {
    end(lab, request, "vzstop")
}

fn shutdown(lab: &mut Lab, request: &Request) -> Answer {
    end(lab, request, "vzshutdown")
}

fn reboot(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = running(lab, request)?;
    task(lab, request, "vzreboot", move |lab| lab.start_container(vmid))
}

/// Id of the container, if it runs.
fn running(lab: &Lab, request: &Request) -> Result<u32, Failure> {
    let vmid = request.vmid();
    if lab.container(request.node(), vmid)?.is_running() {
        return Ok(vmid);
    }
    Err(Failure::died(format!("CT {vmid} not running")))
}

fn end(lab: &mut Lab, request: &Request, kind: &'static str) -> Answer {
    let vmid = running(lab, request)?;
    task(lab, request, kind, move |lab| {
        if let Some(container) = lab.containers.get_mut(&vmid) {
            container.started_at = None;
        }
    })
}

fn task(
    lab: &mut Lab,
    request: &Request,
    kind: &'static str,
    work: impl FnOnce(&mut Lab) + Send + 'static,
) -> Answer {
    let plan = Plan::new(kind, request.vmid().to_string(), lab.usual_task_time(), move |lab, _| {
        work(lab);
        Progress::Done
    });
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

impl Lab {
    /// Lets a container run.
    pub fn start_container(&mut self, vmid: u32) {
        let now = self.now();
        if let Some(container) = self.containers.get_mut(&vmid) {
            container.started_at = Some(now);
        }
    }
}
