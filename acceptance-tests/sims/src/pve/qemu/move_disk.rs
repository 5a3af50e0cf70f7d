//! Moving disks: to another storage, or to another VM.

use super::clone::Target;
use super::disks::Owner;
use super::drive::{self, Drive};
use super::guard::LockedTask;
use super::vm::Vm;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("POST", "/nodes/{node}/qemu/{vmid}/move_disk", move_disk)];

fn move_disk(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let (storage, target) = (params.text("storage"), params.text("target-vmid"));
    let both = |message: &str| {
        Failure::parameters(
            ["storage", "target-vmid"]
                .map(|name| (name.to_owned(), message.to_owned()))
                .into_iter()
                .collect(),
        )
    };
    match (storage, target) {
        (Some(_), Some(_)) => Err(both("either set 'storage' or 'target-vmid', but not both")),
        (None, None) => Err(both("both 'storage' and 'target-vmid' missing, either needs to be set")),
        (Some(_), None) => copy(lab, request),
        (None, Some(_)) => super::reassign::reassign(lab, request),
    }
}

#[derive(Debug, Clone)]
struct Copying {
    node: String,
    vmid: u32,
    slot: String,
    storage: String,
    format: Option<String>,
    delete: bool,
    digest: Option<String>,
}

fn copy(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let copying = Copying {
        node: request.node().to_owned(),
        vmid: request.vmid(),
        slot: params.text_or_empty("disk").to_owned(),
        storage: params.text_or_empty("storage").to_owned(),
        format: params.text("format").map(str::to_owned),
        delete: params.is_set("delete"),
        digest: params.text("digest").map(str::to_owned),
    };
    let path = format!("/storage/{}", copying.storage);
    lab.vm(&copying.node, copying.vmid)?;
    lab.require(&request.who, &path, &["Datastore.AllocateSpace"])?;
    copying.check(lab)?;
    let time = lab.usual_task_time();
    let checked = copying.clone();
    let vmid = copying.vmid;
    let plan = LockedTask::new(
        "qmmove",
        vmid,
        time,
        move |lab: &mut Lab, _: &Upid| checked.check(lab).map(drop),
        move |lab: &mut Lab, upid: &Upid| copying.run(lab, upid),
    );
    Ok(lab.start_task(request.node(), &request.who.0, plan.plan()).to_string().into())
}

impl Copying {
    fn check(&self, lab: &Lab) -> Result<(Drive, VolumeId), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        vm.require_no_lock()?;
        vm.require_digest(self.digest.as_deref())?;
        let drive = vm
            .get(&self.slot)
            .and_then(Drive::parse)
            .ok_or_else(|| Failure::died(format!("disk '{}' does not exist", self.slot)))?;
        if !drive::is_drive_key(&self.slot) {
            return Err(Failure::died(format!("disk '{}' does not exist", self.slot)));
        }
        let id = VolumeId::parse(&drive.file)
            .ok_or_else(|| Failure::died(format!("disk '{}' has no associated volume", self.slot)))?;
        if drive.is_cdrom() && !drive.is_cloudinit() {
            return Err(Failure::died("you can't move a cdrom"));
        }
        let storage = lab.enabled_storage(&self.node, &self.storage)?;
        if !storage.content().contains("images") {
            return Err(Failure::died(format!(
                "storage '{}' does not support content-type 'images'",
                self.storage
            )));
        }
        let old = lab.parse_volume(&id).map_err(Failure::died)?.format;
        let same = id.storage == self.storage && self.format.as_ref().is_none_or(|format| *format == old);
        if same {
            return Err(Failure::died("you can't move to the same storage with same format"));
        }
        if lab.snapshot_names(vm, &drive.file).next().is_some() && self.delete {
            return Err(Failure::died("you can't move a disk with snapshots and delete the source"));
        }
        Ok((drive, id))
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let (source, id) = self.check(lab)?;
        let mut log = vec![format!(
            "copying volume '{id}' from current storage '{}' to target storage '{}'",
            id.storage, self.storage
        )];
        let result = self.replace(lab, &source, &id, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        result.map_err(|failure| Failure::died(format!("storage migration failed: {}", failure.message)))
    }

    fn replace(
        &self,
        lab: &mut Lab,
        source: &Drive,
        id: &VolumeId,
        log: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let is_template = lab.vm(&self.node, self.vmid)?.is_template();
        let owner = Owner { node: &self.node, vmid: self.vmid, is_template };
        let target = Target { storage: Some(&self.storage), format: self.format.as_deref() };
        let moved = if source.is_cloudinit() {
            let copy = lab.create_cloudinit(owner, &self.storage, self.format.as_deref(), log)?;
            Drive { file: copy.to_string(), ..source.clone() }
        } else {
            lab.copy_volume(owner, &self.slot, source, target, None, log)?
        };
        let (slot, text) = (self.slot.clone(), moved.to_string());
        lab.change_vm(self.vmid, |vm| vm.set(&slot, text));
        if self.delete || source.is_cloudinit() {
            log.push(format!("removing source volume '{id}' after successful copy"));
            if let Err(failure) = lab.free(&self.node, id) {
                log.push(failure.message.trim_end().to_owned());
            }
        } else {
            // Also a volume that another VM owns is kept like that (qemu-server 9, `API2/Qemu.pm`).
            let mut entry = None;
            lab.change_vm(self.vmid, |vm| entry = vm.add_unused(&source.file));
            if let Some(entry) = entry {
                log.push(format!("adding source volume '{id}' as '{entry}' to config"));
            }
        }
        Ok(())
    }
}

impl Lab {
    /// Snapshots of a VM that name a volume.
    pub fn snapshot_names<'a>(&self, vm: &'a Vm, volume: &'a str) -> impl Iterator<Item = &'a str> {
        vm.snapshots
            .iter()
            .filter(move |(_, options)| super::vm::drives_of(options).any(|(_, drive)| drive.file == volume))
            .map(|(name, _)| name.as_str())
    }
}
