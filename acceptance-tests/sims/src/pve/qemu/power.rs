//! Starting, stopping and pausing VMs.

use std::time::Duration;

use super::guard::LockedTask;
use super::vm::{Process, Vm};
use super::{cloudinit, drive};
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;
use crate::pve::tasks::Plan;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/qemu/{vmid}/status/start", start),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/stop", stop),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/reset", reset),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/suspend", suspend),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/resume", resume),
];

fn start(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    require_root_for_skiplock(request)?;
    let managed = lab.requested_state(vmid).is_some();
    let plan = if managed {
        lab.ask_manager(vmid, "started")
    } else {
        start_plan(lab, request.node(), vmid, request.params.is_set("skiplock"))
    };
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

fn stop(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    require_root_for_skiplock(request)?;
    let managed = lab.requested_state(vmid).is_some();
    let plan = if managed {
        lab.ask_manager(vmid, "stopped")
    } else {
        stop_plan(lab, request.node(), vmid, request.params.is_set("skiplock"))
    };
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

fn reset(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    require_root_for_skiplock(request)?;
    require_running(lab, &node, vmid)?;
    short_task(lab, request, "qmreset", |_| {})
}

fn suspend(lab: &mut Lab, request: &Request) -> Answer {
    require_root_for_skiplock(request)?;
    require_running(lab, request.node(), request.vmid())?;
    if request.params.is_set("todisk") {
        return super::hibernate::suspend_to_disk(lab, request);
    }
    short_task(lab, request, "qmpause", |process| process.paused = true)
}

fn resume(lab: &mut Lab, request: &Request) -> Answer {
    require_root_for_skiplock(request)?;
    let vm = lab.vm_on_node(request.node(), request.vmid())?;
    if vm.get("lock") == Some("suspended") && !vm.is_running() {
        let plan = start_plan(lab, request.node(), request.vmid(), true);
        let plan = Plan { kind: "qmresume", ..plan };
        return Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into());
    }
    require_running(lab, request.node(), request.vmid())?;
    short_task(lab, request, "qmresume", |process| process.paused = false)
}

/// A task that changes a running process at once.
fn short_task(lab: &mut Lab, request: &Request, kind: &'static str, change: fn(&mut Process)) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    let skip_lock = request.params.is_set("skiplock");
    let check_node = node.clone();
    let plan = LockedTask::new(
        kind,
        vmid,
        Duration::ZERO,
        move |lab: &mut Lab, _: &Upid| {
            let vm = lab.vm(&check_node, vmid)?;
            if skip_lock { Ok(()) } else { vm.require_no_lock() }
        },
        move |lab: &mut Lab, _: &Upid| {
            lab.change_vm(vmid, |vm| vm.process.iter_mut().for_each(change));
            Ok(())
        },
    )
    .plan();
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

/// Starts a VM in a task of its own, as a call of `who` would; what it follows has taken the time already.
pub fn start_as(lab: &mut Lab, node: &str, vmid: u32, who: &Principal) {
    let plan = start_task(node, vmid, false, Duration::ZERO);
    lab.start_task(node, &who.0, plan);
}

/// The task that starts a VM.
pub fn start_plan(lab: &Lab, node: &str, vmid: u32, skip_lock: bool) -> Plan {
    start_task(node, vmid, skip_lock, lab.usual_task_time())
}

fn start_task(node: &str, vmid: u32, skip_lock: bool, time: Duration) -> Plan {
    let check_node = node.to_owned();
    let work_node = node.to_owned();
    LockedTask::new(
        "qmstart",
        vmid,
        time,
        move |lab: &mut Lab, _: &Upid| require_ready(lab, &check_node, vmid, skip_lock),
        move |lab: &mut Lab, upid: &Upid| run_start(lab, &work_node, vmid, upid),
    )
    .plan()
}

fn require_ready(lab: &Lab, node: &str, vmid: u32, skip_lock: bool) -> Result<(), Failure> {
    let vm = lab.vm(node, vmid)?;
    if vm.is_template() {
        return Err(Failure::died("you can't start a vm if it's a template"));
    }
    if !skip_lock && vm.get("lock") != Some("suspended") {
        vm.require_no_lock()?;
    }
    if vm.is_running() {
        return Err(Failure::died(format!("VM {vmid} already running")));
    }
    require_volumes(lab, node, vm)
}

fn require_volumes(lab: &Lab, node: &str, vm: &Vm) -> Result<(), Failure> {
    for (_, drive) in super::vm::drives_of(&vm.merged()) {
        let Some(id) = VolumeId::parse(&drive.file) else { continue };
        lab.usable_storage(node, &id.storage)?;
        if lab.volume(node, &id).is_none() {
            return Err(Failure::died(format!("volume '{id}' does not exist")));
        }
    }
    Ok(())
}

fn run_start(lab: &mut Lab, node: &str, vmid: u32, upid: &Upid) -> Result<(), Failure> {
    let mut log = Vec::new();
    lab.apply_stopped(vmid, &mut log);
    let vm = lab.vm(node, vmid)?.clone();
    let with_cloudinit = cloudinit::drive(&vm.config).is_some();
    if with_cloudinit {
        log.push("generating cloud-init ISO".to_owned());
    }
    log.into_iter().for_each(|line| lab.tasks.log(upid, line));
    if with_cloudinit {
        require_snippets(lab, node, &vm)?;
    }
    lab.require_startable(node, &vm.config)?;
    let pci = lab.take_pci(node, vmid, &vm.config)?;
    if let Some(bridge) = missing_bridge(lab, node, &vm) {
        lab.tasks.log(upid, format!("bridge '{bridge}' does not exist"));
        return Err(Failure::died("start failed: QEMU exited with code 1"));
    }
    let saved = vm.get("vmstate").map(str::to_owned).filter(|_| vm.get("lock") == Some("suspended"));
    if let Some(id) = saved.as_deref().and_then(VolumeId::parse) {
        lab.free(node, &id)?;
    }
    let process = Process { pid: upid.pid + 1, started_at: lab.now(), pci, ..Process::default() };
    lab.change_vm(vmid, |vm| {
        if saved.is_some() {
            ["lock", "vmstate", "runningmachine", "runningcpu"]
                .iter()
                .for_each(|key| drop(vm.config.remove(*key)));
        }
        vm.process = Some(process);
    });
    Ok(())
}

/// The files that `cicustom` names are read when the drive is written.
fn require_snippets(lab: &Lab, node: &str, vm: &Vm) -> Result<(), Failure> {
    for part in vm.get("cicustom").unwrap_or_default().split(',') {
        let Some(id) = part.split_once('=').and_then(|(_, volume)| VolumeId::parse(volume)) else { continue };
        let path = lab.volume_path(&id).map_err(Failure::died)?;
        if lab.volume(node, &id).is_none() {
            return Err(Failure::died(format!("can't open '{path}' - No such file or directory")));
        }
    }
    Ok(())
}

/// A bridge that a network device is to be plugged into but the node does not have.
fn missing_bridge(lab: &Lab, node: &str, vm: &Vm) -> Option<String> {
    let found = lab.nodes.get(node)?;
    vm.config
        .iter()
        .filter(|(key, _)| drive::is_indexed(key, "net", 32))
        .filter_map(|(_, value)| super::network::Network::parse(value)?.bridge().map(str::to_owned))
        .find(|bridge| {
            bridge.starts_with("vmbr")
                && !found.bridges.contains(bridge)
                && !found.interfaces.contains_key(bridge)
        })
}

/// The task that stops a VM at once.
pub fn stop_plan(lab: &Lab, node: &str, vmid: u32, skip_lock: bool) -> Plan {
    let running = lab.vm(node, vmid).is_ok_and(Vm::is_running);
    let node = node.to_owned();
    LockedTask::new(
        "qmstop",
        vmid,
        if running { lab.usual_task_time() } else { Duration::ZERO },
        move |lab: &mut Lab, _: &Upid| {
            let vm = lab.vm_on_node(&node, vmid)?;
            if vm.is_running() && !skip_lock { vm.require_no_lock() } else { Ok(()) }
        },
        move |lab: &mut Lab, _: &Upid| {
            halt(lab, vmid);
            Ok(())
        },
    )
    .plan()
}

/// Ends the process of a VM; what was pending is in force then.
pub fn halt(lab: &mut Lab, vmid: u32) {
    let was_running = lab.vms.get(&vmid).is_some_and(Vm::is_running);
    lab.change_vm(vmid, |vm| vm.process = None);
    if was_running {
        lab.apply_stopped(vmid, &mut Vec::new());
    }
}

/// Refuses unless the VM runs on this node.
pub fn require_running(lab: &Lab, node: &str, vmid: u32) -> Result<(), Failure> {
    if lab.vm_on_node(node, vmid)?.is_running() {
        return Ok(());
    }
    Err(Failure::died(format!("VM {vmid} not running")))
}

/// `skiplock` is for root.
pub fn require_root_for_skiplock(request: &Request) -> Result<(), Failure> {
    if request.params.is_set("skiplock") && !request.who.is_root() {
        return Err(Failure::parameter("skiplock", "Only root may use this option."));
    }
    Ok(())
}
