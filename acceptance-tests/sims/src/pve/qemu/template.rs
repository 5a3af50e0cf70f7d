//! Turning VMs into templates.

use super::drive::Drive;
use super::guard::LockedTask;
use super::vm::Vm;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("POST", "/nodes/{node}/qemu/{vmid}/template", convert)];

fn convert(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    let slot = request.params.text("disk").map(str::to_owned);
    check(lab, &node, vmid, slot.as_deref())?;
    let time = lab.usual_task_time();
    let (check_node, work_node, check_slot) = (node.clone(), node.clone(), slot.clone());
    let plan = LockedTask::new(
        "qmtemplate",
        vmid,
        time,
        move |lab: &mut Lab, _: &Upid| check(lab, &check_node, vmid, check_slot.as_deref()),
        move |lab: &mut Lab, _: &Upid| run(lab, &work_node, vmid, slot.as_deref()),
    );
    Ok(lab.start_task(&node, &request.who.0, plan.plan()).to_string().into())
}

fn check(lab: &Lab, node: &str, vmid: u32, slot: Option<&str>) -> Result<(), Failure> {
    let vm = lab.vm(node, vmid)?;
    vm.require_no_lock()?;
    if !vm.snapshots.is_empty() {
        return Err(Failure::died("unable to create template, because VM contains snapshots"));
    }
    if vm.is_template() && slot.is_none() {
        return Err(Failure::died("you can't convert a template to a template"));
    }
    if vm.is_running() {
        return Err(Failure::died("you can't convert a VM to template if VM is running"));
    }
    Ok(())
}

fn run(lab: &mut Lab, node: &str, vmid: u32, slot: Option<&str>) -> Result<(), Failure> {
    let mut vm = lab.vm(node, vmid)?.clone();
    convert_disks(lab, &mut vm, slot)?;
    vm.set("template", "1");
    lab.store_vm(vmid, vm);
    Ok(())
}

/// Makes the VM's own disks bases of linked clones.
fn convert_disks(lab: &mut Lab, vm: &mut Vm, slot: Option<&str>) -> Result<(), Failure> {
    let disks: Vec<(String, Drive)> = vm
        .drives()
        .filter(|(key, drive)| drive.is_disk() && slot.is_none_or(|slot| slot == *key))
        .map(|(key, drive)| (key.to_owned(), drive))
        .collect();
    for (key, mut drive) in disks {
        let Some(id) = VolumeId::parse(&drive.file) else { continue };
        drive.file = lab.make_base(&vm.node, &id)?.to_string();
        vm.set(&key, drive.to_string());
    }
    Ok(())
}
