//! Giving a disk to another VM.

use super::drive::{self, Drive};
use super::guard::LockedTask;
use super::vm::Vm;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::Request;
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

#[derive(Debug, Clone)]
struct Handover {
    node: String,
    source: u32,
    slot: String,
    target: u32,
    target_slot: String,
    digest: Option<String>,
    target_digest: Option<String>,
}

/// Moves a disk out of one configuration into another; its volume gets the other VM's name.
pub fn reassign(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let text = |name: &str| params.text(name).map(str::to_owned);
    let slot = params.text_or_empty("disk").to_owned();
    let handover = Handover {
        node: request.node().to_owned(),
        source: request.vmid(),
        target: params.text_or_empty("target-vmid").parse().unwrap_or_default(),
        target_slot: text("target-disk").unwrap_or_else(|| slot.clone()),
        slot,
        digest: text("digest"),
        target_digest: text("target-digest"),
    };
    if handover.source == handover.target {
        return Err(Failure::parameter("target-vmid", "must be different than source VMID to reassign disk"));
    }
    lab.require(&request.who, &format!("/vms/{}", handover.target), &["VM.Config.Disk"])?;
    if params.has("format") {
        return Err(Failure::parameter("format", "cannot be set when reassigning a disk"));
    }
    handover.check(lab)?;
    let Handover { source, target, slot, target_slot, .. } = handover.clone();
    let checked = handover.clone();
    let plan = LockedTask::new(
        "qmmove",
        source,
        lab.usual_task_time(),
        move |lab: &mut Lab, _: &Upid| checked.check(lab).map(drop),
        move |lab: &mut Lab, upid: &Upid| handover.run(lab, upid),
    )
    .about(format!("{source}-{slot}>{target}-{target_slot}"))
    .locking(vec![source, target], Vec::new());
    Ok(lab.start_task(request.node(), &request.who.0, plan.plan()).to_string().into())
}

impl Handover {
    fn check(&self, lab: &Lab) -> Result<(Drive, VolumeId), Failure> {
        let Self { source, target, slot, target_slot, .. } = self;
        let missing = |vmid: &u32| Failure::died(format!("could not find target VM {vmid}"));
        let other = lab.vms.get(target).ok_or_else(|| missing(target))?;
        let vm = lab.vm(&self.node, *source)?;
        vm.require_no_lock()?;
        other.require_no_lock()?;
        if vm.is_template() || other.is_template() {
            return Err(Failure::died("Moving a disk from or to a template is not supported"));
        }
        if other.node != self.node {
            let message = format!(
                "Both VMs need to be on the same node ({}) but target VM is on {}.",
                self.node, other.node
            );
            return Err(Failure::died(message));
        }
        require_same(vm, *source, self.digest.as_deref())?;
        require_same(other, *target, self.target_digest.as_deref())?;
        let drive = vm
            .get(slot)
            .and_then(Drive::parse)
            .ok_or_else(|| Failure::died(format!("Disk '{slot}' for VM '{source}' does not exist")))?;
        if vm.is_running() && !drive::is_unused_key(slot) {
            let message = "Cannot move disk to another VM while the source VM is running - detach first";
            return Err(Failure::died(message));
        }
        if other.config.contains_key(target_slot) {
            let message = format!("Target disk key '{target_slot}' is already in use for VM '{target}'");
            return Err(Failure::died(message));
        }
        if drive.is_cdrom() || !drive.is_disk() {
            return Err(Failure::died("Drive is CD-ROM, cannot be moved"));
        }
        if lab.snapshot_names(vm, &drive.file).next().is_some() {
            return Err(Failure::died(format!("Can't move disk used by a snapshot: '{slot}'")));
        }
        let id = VolumeId::parse(&drive.file)
            .ok_or_else(|| Failure::died(format!("Disk '{slot}' has no associated volume")))?;
        if !lab.has_feature(&id, "rename", None) {
            let message = format!("Storage does not support moving of this disk to another VM: '{id}'");
            return Err(Failure::died(message));
        }
        Ok((drive, id))
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let Self { source, target, slot, target_slot, .. } = self;
        let (mut drive, id) = self.check(lab)?;
        lab.tasks.log(
            upid,
            format!("reassign disk '{slot}' from VM '{source}' as '{target_slot}' to VM '{target}'"),
        );
        let renamed = lab.rename_volume(&self.node, &id, *target)?;
        lab.tasks.log(upid, format!("removing disk '{slot}' from VM '{source}' config"));
        lab.change_vm(*source, |vm| {
            vm.config.remove(slot);
            if let Some(mut order) = vm.get("boot").and_then(super::boot::order) {
                order.retain(|device| device != slot);
                vm.set("boot", super::boot::print(&order));
            }
        });
        drive.file = renamed.to_string();
        if let Some(size) = lab.volume(&self.node, &renamed).map(|volume| volume.size) {
            drive.set_size(size);
        }
        let mut asked = drive.clone();
        asked.options.remove("size");
        lab.tasks.log(upid, format!("update VM {target}: -{target_slot} {asked}"));
        if drive::is_unused_key(target_slot) {
            lab.change_vm(*target, |vm| vm.set(target_slot, renamed.to_string()));
            return Ok(());
        }
        lab.change_vm(*target, |vm| drop(vm.pending.insert(target_slot.clone(), drive.to_string())));
        let mut log = Vec::new();
        if lab.vms.get(target).is_some_and(Vm::is_running) {
            let touched = [target_slot.clone()].into();
            let problems = lab.apply_running(*target, &touched, &mut log);
            if !problems.is_empty() {
                return Err(Failure::parameters(problems));
            }
        } else {
            lab.apply_stopped(*target, &mut log);
        }
        Ok(())
    }
}

fn require_same(vm: &Vm, vmid: u32, digest: Option<&str>) -> Result<(), Failure> {
    match digest {
        Some(digest) if digest != vm.digest() => Err(Failure::died(format!(
            "VM {vmid}: detected modified configuration - file changed by other user? Try again."
        ))),
        _ => Ok(()),
    }
}
