//! Asking the guest to shut down, and rebooting it that way.

use std::time::Duration;

use super::guard::failure_text;
use super::power::{halt, require_root_for_skiplock, require_running, start_plan};
use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/qemu/{vmid}/status/shutdown", shutdown),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/reboot", reboot),
];

/// How long a guest is waited for, in seconds, unless the call or `startup` says otherwise.
const DEFAULT_TIMEOUT: u64 = 60;

#[derive(Debug, Clone)]
struct Farewell {
    node: String,
    vmid: u32,
    timeout: Duration,
    force: bool,
    skip_lock: bool,
    reboot: bool,
}

fn shutdown(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node(), request.vmid());
    require_root_for_skiplock(request)?;
    let vm = lab.vm_on_node(node, vmid)?;
    let paused = vm.process.as_ref().is_some_and(|process| process.paused);
    let force = request.params.is_set("forceStop");
    if lab.requested_state(vmid).is_some() {
        let plan = lab.ask_manager(vmid, "stopped");
        return Ok(lab.start_task(node, &request.who.0, plan).to_string().into());
    }
    if paused && !force {
        return Err(Failure::died("VM is paused - cannot shutdown"));
    }
    let timeout = if paused { Duration::ZERO } else { timeout(lab, request) };
    begin(
        lab,
        request,
        "qmshutdown",
        Farewell {
            node: node.to_owned(),
            vmid,
            timeout,
            force,
            skip_lock: request.params.is_set("skiplock"),
            reboot: false,
        },
    )
}

fn reboot(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node(), request.vmid());
    require_running(lab, node, vmid)?;
    if lab.vm_on_node(node, vmid)?.process.as_ref().is_some_and(|process| process.paused) {
        return Err(Failure::died("VM is paused - cannot shutdown"));
    }
    let timeout = timeout(lab, request);
    let node = node.to_owned();
    begin(
        lab,
        request,
        "qmreboot",
        Farewell { node, vmid, timeout, force: false, skip_lock: false, reboot: true },
    )
}

fn timeout(lab: &Lab, request: &Request) -> Duration {
    let given = request.params.integer("timeout").and_then(|seconds| u64::try_from(seconds).ok());
    let startup = || {
        let vm = lab.vms.get(&request.vmid())?;
        super::options::property(vm.get("startup")?, "down", "")?.parse::<u64>().ok()
    };
    Duration::from_secs(given.or_else(startup).unwrap_or(DEFAULT_TIMEOUT))
}

fn begin(lab: &mut Lab, request: &Request, kind: &'static str, farewell: Farewell) -> Answer {
    let plan = Plan::new(kind, farewell.vmid.to_string(), Duration::ZERO, move |lab, _| farewell.ask(lab));
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

impl Farewell {
    /// Presses the power button.
    fn ask(self, lab: &mut Lab) -> Progress {
        let vm = match lab.vm_on_node(&self.node, self.vmid) {
            Ok(vm) => vm,
            Err(failure) => return Progress::Failed(failure_text(&failure)),
        };
        if !vm.is_running() {
            return Progress::Done;
        }
        if let Some(failure) = vm.require_no_lock().err().filter(|_| !self.skip_lock) {
            return Progress::Failed(failure_text(&failure));
        }
        let guest_leaves = lab.guest_systems.react && !self.timeout.is_zero();
        if guest_leaves {
            let time = lab.usual_task_time();
            return Progress::Then(time, Box::new(move |lab, _| self.leave(lab)));
        }
        let wait = self.timeout;
        Progress::Then(wait, Box::new(move |lab, upid| self.give_up(lab, upid)))
    }

    /// The guest is gone.
    fn leave(self, lab: &mut Lab) -> Progress {
        if lab.vm_on_node(&self.node, self.vmid).is_err() {
            return Progress::Done;
        }
        halt(lab, self.vmid);
        if self.reboot {
            // The daemon that sees the process end starts the machine in a task of its own, after this one (qemu-server
            // 9.2, `qm cleanup`).
            let start = start_plan(lab, &self.node, self.vmid, false);
            lab.start_task(&self.node, "root@pam", start);
        }
        Progress::Done
    }

    /// The guest did not react.
    fn give_up(self, lab: &mut Lab, upid: &Upid) -> Progress {
        if !self.force {
            return Progress::Failed("VM quit/powerdown failed - got timeout".to_owned());
        }
        lab.tasks.log(upid, "VM still running - terminating now with SIGTERM");
        halt(lab, self.vmid);
        Progress::Done
    }
}
