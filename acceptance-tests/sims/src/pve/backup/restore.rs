//! Restoring a VM from a backup.

use super::archive::Archive;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::alloc::NewImage;
use crate::pve::content::naming::{self, VolumeId};
use crate::pve::handlers::Request;
use crate::pve::permissions::Principal;
use crate::pve::qemu::drive::{Drive, is_drive_key, is_indexed};
use crate::pve::qemu::guard::{LockedTask, failure_text};
use crate::pve::qemu::network::Network;
use crate::pve::qemu::power;
use crate::pve::qemu::vm::{Options, Vm};
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

struct Restore {
    node: String,
    vmid: u32,
    who: Principal,
    archive: VolumeId,
    /// Options of the call, which replace those of the backup.
    options: Options,
    storage: Option<String>,
    pool: Option<String>,
    unique: bool,
    start: bool,
}

/// Answers a creation that names an archive.
pub fn restore(lab: &mut Lab, request: &Request, options: Options) -> Answer {
    let (node, vmid, params) = (request.node().to_owned(), request.vmid(), &request.params);
    let text = params.text_or_empty("archive");
    let archive =
        VolumeId::parse(text).ok_or_else(|| Failure::died(format!("unable to parse volume ID '{text}'")))?;
    let force = params.is_set("force");
    require(lab, request, &archive, force)?;
    let refused = |reason: &str| Failure::died(format!("unable to restore VM {vmid} - {reason}"));
    match lab.vms.get(&vmid) {
        Some(vm) if !force => {
            return Err(refused(&format!("VM {vmid} already exists on node '{}'", vm.node)));
        }
        Some(vm) if vm.node != node => {
            return Err(refused(&format!("VM {vmid} already exists on node '{}'", vm.node)));
        }
        Some(vm) => {
            vm.require_no_lock().map_err(|failure| refused(failure.reason()))?;
            vm.require_unprotected(&format!("unable to restore VM {vmid}"))?;
            if vm.is_running() {
                return Err(refused("vm is running"));
            }
        }
        None => {
            lab.require_free_id(vmid).map_err(|reason| refused(&reason))?;
            lab.vms.insert(vmid, Vm::on(&node));
            lab.mark_fresh(vmid);
        }
    }
    lab.change_vm(vmid, |vm| vm.set("lock", "create"));
    let restore = Restore {
        node: node.clone(),
        vmid,
        who: request.who.clone(),
        archive,
        options,
        storage: params.text("storage").map(str::to_owned),
        pool: params.text("pool").map(str::to_owned),
        unique: params.is_set("unique"),
        start: params.is_set("start"),
    };
    let plan = LockedTask::new(
        "qmrestore",
        vmid,
        lab.usual_task_time(),
        |_: &mut Lab, _: &Upid| Ok(()),
        move |lab: &mut Lab, upid: &Upid| restore.run(lab, upid),
    )
    .impatient()
    .plan();
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

fn require(lab: &Lab, request: &Request, archive: &VolumeId, force: bool) -> Result<(), Failure> {
    let (who, vmid, pool) = (&request.who, request.vmid(), request.params.text("pool"));
    let path = format!("/vms/{vmid}");
    let may = lab.allows(who, &path, &["VM.Allocate"])
        || pool.is_some_and(|pool| lab.allows(who, &format!("/pool/{pool}"), &["VM.Allocate"]))
        || (force && lab.vms.contains_key(&vmid) && lab.allows(who, &path, &["VM.Backup"]));
    if !may {
        return Err(Failure::permission(""));
    }
    lab.require_volume(who, Some(vmid), archive)?;
    match request.params.text("storage") {
        Some(storage) => lab.require(who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"]),
        None => Ok(()),
    }
}

impl Restore {
    fn run(self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let mut log = Vec::new();
        let result = self.make(lab, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        if let Err(failure) = result {
            // An old configuration stays as it was, a new one goes.
            let empty = lab.vms.get(&self.vmid).is_some_and(|vm| vm.config.keys().all(|key| key == "lock"));
            if empty {
                lab.vms.remove(&self.vmid);
            } else {
                lab.change_vm(self.vmid, |vm| drop(vm.config.remove("lock")));
            }
            let text = failure_text(&failure);
            return Err(Failure::died(format!("unable to restore VM {} - {text}", self.vmid)));
        }
        if let Some(pool) = self.pool.as_ref().and_then(|pool| lab.pools.get_mut(pool)) {
            pool.guests.insert(self.vmid);
        }
        if self.start {
            lab.tasks.log(upid, "Execute autostart");
            power::start_as(lab, &self.node, self.vmid, &self.who);
        }
        Ok(())
    }

    fn make(&self, lab: &mut Lab, log: &mut Vec<String>) -> Result<(), Failure> {
        let missing = || Failure::died(format!("volume '{}' does not exist", self.archive));
        lab.usable_storage(&self.node, &self.archive.storage)?;
        let archive = lab.archive(&self.node, &self.archive).cloned().ok_or_else(missing)?;
        let old = lab.vm(&self.node, self.vmid)?.clone();
        let made = self.bring_disks(lab, &archive, log)?;
        let mut vm = Vm::on(&self.node);
        vm.config = self.config(lab, &archive, &made);
        self.clear(lab, &old, &archive, &mut vm);
        lab.store_vm(self.vmid, vm);
        lab.mark_fresh(self.vmid);
        Ok(())
    }

    /// Makes a volume for each disk of the backup; what was made is freed again if one fails.
    fn bring_disks(
        &self,
        lab: &mut Lab,
        archive: &Archive,
        log: &mut Vec<String>,
    ) -> Result<Vec<(String, VolumeId)>, Failure> {
        let mut made: Vec<(String, VolumeId)> = Vec::new();
        for slot in archive.disks.keys() {
            match self.bring_disk(lab, archive, slot, log) {
                Ok(id) => made.push((slot.clone(), id)),
                Err(failure) => {
                    for (_, id) in made {
                        // The first failure is the one to tell.
                        let _ = lab.free(&self.node, &id);
                    }
                    return Err(failure);
                }
            }
        }
        Ok(made)
    }

    fn bring_disk(
        &self,
        lab: &mut Lab,
        archive: &Archive,
        slot: &str,
        log: &mut Vec<String>,
    ) -> Result<VolumeId, Failure> {
        let Some(disk) = archive.disks.get(slot) else { return Err(Failure::died("no such disk")) };
        let home = disk.volume.split(':').next().unwrap_or_default();
        let storage = self.storage.as_deref().unwrap_or(home);
        let config = lab.usable_storage(&self.node, storage)?;
        if !config.content().contains("images") {
            return Err(Failure::died(format!("storage '{storage}' does not support vm images")));
        }
        let format = if naming::takes_format(config, &disk.format) {
            disk.format.as_str()
        } else {
            naming::default_format(config)
        };
        let image = NewImage {
            node: &self.node,
            storage,
            vmid: self.vmid,
            format,
            size: disk.size,
            stem: None,
            is_base: false,
        };
        let id = lab.allocate(&image, log)?;
        log.push(format!("new volume ID is '{id}'"));
        if let Some(volume) = lab.volume_mut(&self.node, &id) {
            volume.used = disk.used;
            volume.contents = disk.contents.clone();
        }
        log.push(format!("map 'drive-{slot}' to '{id}' (write zeros = 0)"));
        Ok(id)
    }

    /// The configuration of the backup with the new volumes. A disk that was left out of the backup is only a comment.
    fn config(&self, lab: &Lab, archive: &Archive, made: &[(String, VolumeId)]) -> Options {
        let mut config = archive.config.clone();
        let drives: Vec<(String, Drive)> = archive
            .config
            .iter()
            .filter(|(key, _)| is_drive_key(key))
            .filter_map(|(key, text)| Some((key.clone(), Drive::parse(text)?)))
            .collect();
        for (slot, mut drive) in drives {
            if let Some((_, id)) = made.iter().find(|(made, _)| *made == slot) {
                drive.file = id.to_string();
                if let Some(volume) = lab.volume(&self.node, id) {
                    drive.set_size(volume.size);
                }
                config.insert(slot, drive.to_string());
            } else if drive.is_disk() {
                let line = format!("{slot}: {drive}");
                config.remove(&slot);
                let description = config.entry("description".to_owned()).or_default();
                let gap = if description.is_empty() { "" } else { "\n" };
                description.push_str(&format!("{gap}{line}"));
            }
        }
        if config.contains_key("vmgenid") {
            config.insert("vmgenid".to_owned(), uuid::Uuid::new_v4().to_string());
        }
        if self.unique {
            let prefix = lab.mac_prefix();
            for (_, value) in config.iter_mut().filter(|(key, _)| is_indexed(key, "net", 32)) {
                let Some(network) = Network::parse(value) else { continue };
                *value = Network { mac: None, ..network }.with_mac(&prefix).to_string();
            }
            config.insert("smbios1".to_owned(), format!("uuid={}", uuid::Uuid::new_v4()));
        }
        config.remove("template");
        config.extend(self.options.clone());
        config
    }

    /// Frees the volumes of the VM that the backup replaces; its other own volumes become unused.
    fn clear(&self, lab: &mut Lab, old: &Vm, archive: &Archive, vm: &mut Vm) {
        for (slot, drive) in old.drives().filter(|(_, drive)| drive.is_disk() || drive.is_cloudinit()) {
            let Some(id) = VolumeId::parse(&drive.file) else { continue };
            let owned = lab.volume_owner(&drive.file) == Some(self.vmid);
            let still_used = vm.drives().any(|(_, kept)| kept.file == drive.file);
            if !owned || still_used {
                continue;
            }
            if archive.disks.contains_key(slot) {
                // A volume that cannot be freed is left, as upstream leaves it.
                let _ = lab.free(&self.node, &id);
            } else {
                vm.add_unused(&drive.file);
            }
        }
        old.unused().for_each(|(_, volume)| drop(vm.add_unused(volume)));
    }
}
