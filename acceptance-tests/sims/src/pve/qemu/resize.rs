//! Growing disks.

use super::drive::Drive;
use super::guard::LockedTask;
use super::power::require_root_for_skiplock;
use super::size::{format_size, parse_size};
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::{self, VolumeId};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("PUT", "/nodes/{node}/qemu/{vmid}/resize", resize)];

#[derive(Debug, Clone)]
struct Growth {
    node: String,
    vmid: u32,
    who: Principal,
    slot: String,
    size: String,
    digest: Option<String>,
    skip_lock: bool,
}

fn resize(lab: &mut Lab, request: &Request) -> Answer {
    require_root_for_skiplock(request)?;
    let growth = Growth {
        node: request.node().to_owned(),
        vmid: request.vmid(),
        who: request.who.clone(),
        slot: request.params.text_or_empty("disk").to_owned(),
        size: request.params.text_or_empty("size").to_owned(),
        digest: request.params.text("digest").map(str::to_owned),
        skip_lock: request.params.is_set("skiplock"),
    };
    let checked = growth.clone();
    let time = lab.usual_task_time();
    let plan = LockedTask::new(
        "resize",
        growth.vmid,
        time,
        move |lab: &mut Lab, _: &Upid| checked.disk(lab).map(drop),
        move |lab: &mut Lab, upid: &Upid| growth.run(lab, upid),
    );
    Ok(lab.start_task(request.node(), &request.who.0, plan.plan()).to_string().into())
}

impl Growth {
    /// The disk that grows and its volume.
    fn disk(&self, lab: &Lab) -> Result<(Drive, VolumeId), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        vm.require_digest(self.digest.as_deref())?;
        if !self.skip_lock {
            vm.require_no_lock()?;
        }
        let drive = vm
            .get(&self.slot)
            .and_then(Drive::parse)
            .ok_or_else(|| Failure::died(format!("disk '{}' does not exist", self.slot)))?;
        if drive.is_cdrom() {
            return Err(Failure::died("you can't resize a cdrom"));
        }
        let id = VolumeId::parse(&drive.file)
            .ok_or_else(|| Failure::died(format!("disk '{}' has no associated volume", self.slot)))?;
        lab.require(&self.who, &format!("/storage/{}", id.storage), &["Datastore.AllocateSpace"])?;
        Ok((drive, id))
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let (mut drive, id) = self.disk(lab)?;
        let storage = lab.usable_storage(&self.node, &id.storage)?.clone();
        let volume = lab
            .volume(&self.node, &id)
            .cloned()
            .ok_or_else(|| Failure::died(format!("volume '{id}' does not exist")))?;
        let wanted = match self.size.strip_prefix('+') {
            Some(more) => parse_size(more).and_then(|more| volume.size.checked_add(more)),
            None => parse_size(&self.size),
        };
        let wanted = wanted.ok_or_else(|| Failure::died(format!("unable to parse size '{}'", self.size)))?;
        if wanted < volume.size {
            return Err(Failure::died("shrinking disks is not supported"));
        }
        if wanted == volume.size {
            return Ok(());
        }
        let parsed = naming::parse(&storage, &id.name).map_err(Failure::died)?;
        let running = lab.vm(&self.node, self.vmid)?.is_running();
        if naming::is_file_based(&storage) && !running {
            let path = naming::path(&id.storage, &storage, &id.name).map_err(Failure::died)?;
            if parsed.is_base {
                return Err(immutable(lab, upid, &path, &volume.format, wanted));
            }
            lab.tasks.log(upid, "Image resized.");
        } else if !running {
            let path = naming::path(&id.storage, &storage, &id.name).map_err(Failure::died)?;
            lab.tasks.log(upid, format!("  Logical volume {path} successfully resized."));
        }
        let size = naming::allocated_size(&storage, wanted);
        if let Some(volume) = lab.volume_mut(&self.node, &id) {
            volume.size = size;
            volume.disk_size = size;
        }
        drive.options.insert("size".to_owned(), format_size(size));
        let (slot, text) = (self.slot.clone(), drive.to_string());
        lab.change_vm(self.vmid, |vm| vm.set(&slot, text));
        Ok(())
    }
}

/// The base of linked clones is a file that nobody may write.
fn immutable(lab: &mut Lab, upid: &Upid, path: &str, format: &str, size: u64) -> Failure {
    lab.tasks.log(
        upid,
        format!("qemu-img: Could not open '{path}': Could not open '{path}': Operation not permitted"),
    );
    let preallocation = if format == "qcow2" { "'--preallocation=metadata' " } else { "" };
    Failure::died(format!(
        "command '/usr/bin/qemu-img resize {preallocation}-f {format} {path} {size}' failed: exit code 1"
    ))
}
