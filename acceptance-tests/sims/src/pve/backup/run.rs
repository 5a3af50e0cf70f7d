//! One run of vzdump on one node: a task that backs up guest after guest.

use std::time::Duration;

use super::archive::{Archive, SavedDisk};
use super::prune::Keep;
use super::selection::{inclusion, means_all};
use crate::pve::answer::{Busy, Failure};
use crate::pve::content::list::space;
use crate::pve::content::naming::{self, VolumeId};
use crate::pve::content::volume::Volume;
use crate::pve::permissions::Principal;
use crate::pve::qemu::drive::is_unused_key;
use crate::pve::qemu::guard::{failure_text, lock_file};
use crate::pve::qemu::size::human_size;
use crate::pve::qemu::vm::Vm;
use crate::pve::state::{Lab, Options, Storage};
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// How long a run waits for another one on its node, unless the call says so.
const LOCK_WAIT_MINUTES: u64 = 180;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Run {
    /// The node.
    pub node: String,
    /// Whose guests are backed up if everything is asked for.
    pub who: Principal,
    /// Options of the call or of the job.
    pub options: Options,
    /// Guests, those that exist nowhere included.
    pub guests: Vec<u32>,
}

impl Run {
    /// The run of these options on a node; none where there is nothing to do.
    pub fn on(lab: &Lab, node: &str, who: &Principal, options: Options) -> Option<Self> {
        let guests = lab.chosen_on(node, &options);
        let silent = guests.is_empty() && !means_all(&options);
        (!silent).then(|| Self { node: node.to_owned(), who: who.clone(), options, guests })
    }

    /// The task.
    pub fn plan(self) -> Plan {
        let id = match self.guests[..] {
            [only] => only.to_string(),
            _ => String::new(),
        };
        let (node, guests) = (self.node.clone(), self.guests.clone());
        Plan::new("vzdump", id, Duration::ZERO, move |lab, upid| self.begin(lab, upid)).or(
            move |lab: &mut Lab, upid: &Upid| {
                if lab.release_node(&node, upid) {
                    guests.iter().for_each(|vmid| lab.unlock_after_backup(*vmid));
                }
            },
        )
    }

    fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn storage(&self) -> &str {
        self.option("storage").unwrap_or("local")
    }

    fn begin(self, lab: &mut Lab, upid: &Upid) -> Progress {
        let lock = node_lock(&self.node);
        if lab.file_locks.contains_key(&lock) {
            let minutes = self.option("lockwait").and_then(|text| text.parse().ok());
            let limit = Duration::from_secs(minutes.unwrap_or(LOCK_WAIT_MINUTES) * 60);
            let again = Box::new(move |lab: &mut Lab, upid: &Upid| self.begin(lab, upid));
            return Progress::Waiting(Busy { path: lock, limit }, again);
        }
        if let Err(failure) = target(lab, &self.node, self.storage()) {
            let reason = failure.message.trim_end();
            return Progress::Failed(format!(
                "could not get storage information for '{}': {reason}",
                self.storage()
            ));
        }
        lab.file_locks.insert(lock, upid.to_string());
        let told: Vec<String> = self.options.iter().map(|(key, value)| format!("--{key} {value}")).collect();
        lab.tasks.log(upid, format!("INFO: starting new backup job: vzdump {}", told.join(" ")));
        self.next(lab, upid, 0, 0)
    }

    /// Goes on with the guest of this index, or ends.
    fn next(self, lab: &mut Lab, upid: &Upid, index: usize, failed: u32) -> Progress {
        let Some(vmid) = self.guests.get(index).copied() else {
            lab.release_node(&self.node, upid);
            if failed > 0 {
                lab.tasks.log(upid, "INFO: Backup job finished with errors");
                return Progress::Failed("job errors".to_owned());
            }
            lab.tasks.log(upid, "INFO: Backup job finished successfully");
            return Progress::Done;
        };
        let all = means_all(&self.options);
        let may = lab.require(&self.who, &format!("/vms/{vmid}"), &["VM.Backup"]);
        if all && may.is_err() {
            return self.next(lab, upid, index + 1, failed);
        }
        let kind = lab.guest_title(vmid).map_or("qemu", |(kind, _)| kind);
        lab.tasks.log(upid, format!("INFO: Starting Backup of VM {vmid} ({kind})"));
        match may.and_then(|()| lab.lock_for_backup(&self.node, vmid)) {
            Ok(()) => {
                let finish = move |lab: &mut Lab, upid: &Upid| {
                    lab.unlock_after_backup(vmid);
                    let result = self.save(lab, upid, vmid);
                    let failed = failed + self.tell(lab, upid, vmid, result);
                    self.next(lab, upid, index + 1, failed)
                };
                Progress::Then(lab.usual_task_time(), Box::new(finish))
            }
            Err(failure) => {
                let failed = failed + self.tell(lab, upid, vmid, Err(failure));
                self.next(lab, upid, index + 1, failed)
            }
        }
    }

    /// Says how the backup of a guest ended; answers how many failed.
    fn tell(&self, lab: &mut Lab, upid: &Upid, vmid: u32, result: Result<(), Failure>) -> u32 {
        match result {
            Ok(()) => {
                lab.tasks.log(upid, format!("INFO: Finished Backup of VM {vmid} (00:00:30)"));
                0
            }
            Err(failure) => {
                let reason = failure_text(&failure);
                lab.tasks.log(upid, format!("ERROR: Backup of VM {vmid} failed - {}", reason.trim_end()));
                1
            }
        }
    }

    /// Writes the backup of one guest and prunes its older ones.
    fn save(&self, lab: &mut Lab, upid: &Upid, vmid: u32) -> Result<(), Failure> {
        let storage = target(lab, &self.node, self.storage())?.clone();
        let name = lab.guest_title(vmid).map_or_else(String::new, |(_, name)| name);
        let keep = self.keep(&storage);
        let prunes = self.option("remove") != Some("0");
        if let Some(limit) = keep.limit().filter(|_| !prunes) {
            let there = lab.marked_backups(&self.node, self.storage(), Some(vmid), &keep);
            if there.len() >= limit {
                return Err(Failure::died(format!(
                    "There is a max backup limit of {limit} enforced by the target storage or the vzdump \
                     parameters. Either increase the limit or delete old backups."
                )));
            }
        }
        let compress = self.option("compress").unwrap_or("0");
        let (file, format) = lab.backup_name(&self.node, &storage, vmid, compress);
        let id = VolumeId::new(self.storage(), file);
        let archive = if lab.containers.contains_key(&vmid) {
            lab.read_container(&self.node, vmid, upid)?
        } else {
            lab.read_guest(&self.node, vmid, &id, upid)?
        };
        let path = naming::path(self.storage(), &storage, &id.name).map_err(Failure::died)?;
        lab.tasks.log(upid, format!("INFO: creating vzdump archive '{path}'"));
        let size = archive.size();
        let (total, used) = space(lab, &self.node, self.storage(), &storage);
        if lab.volume(&self.node, &id).is_some() {
            return Err(Failure::died(format!("backup '{path}' exists already")));
        }
        if used + size > total {
            lab.tasks
                .log(upid, "zstd: error 70 : Write error : cannot write block : No space left on device");
            return Err(Failure::died("vma_queue_write: write error - Broken pipe"));
        }
        let volume = Volume {
            content: "backup".to_owned(),
            format,
            size,
            used: size,
            created_at: lab.now(),
            vmid: Some(vmid),
            notes: self.notes(lab, vmid, &name)?,
            protected: self.option("protected") == Some("1"),
            archive: Some(archive),
            ..Volume::default()
        };
        lab.put_volume(&self.node, &id, volume);
        lab.tasks.log(upid, format!("INFO: archive file size: {}", human_size(size)));
        if prunes && !keep.keeps_all() {
            let removed = lab.prune(&self.node, self.storage(), Some(vmid), &keep)?;
            removed.iter().for_each(|id| lab.tasks.log(upid, format!("INFO: removing backup '{id}'")));
            lab.tasks.log(upid, format!("INFO: pruned {} backup(s)", removed.len()));
        }
        Ok(())
    }

    /// What to keep: as the call or job says, else as the storage says, else everything.
    fn keep(&self, storage: &Storage) -> Keep {
        let own = storage.options.get("prune-backups").map(String::as_str);
        Keep::parse(self.option("prune-backups").or(own).unwrap_or("keep-all=1"))
    }

    /// The notes of a backup, from their template.
    fn notes(&self, lab: &Lab, vmid: u32, guest: &str) -> Result<Option<String>, Failure> {
        let Some(template) = self.option("notes-template") else { return Ok(None) };
        let mut notes = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}").unwrap_or((after, ""));
            notes.push_str(&unescaped(before));
            notes.push_str(&match name {
                "cluster" => lab.cluster_name.clone().unwrap_or_else(|| "standalone node".to_owned()),
                "guestname" => guest.to_owned(),
                "node" => self.node.clone(),
                "vmid" => vmid.to_string(),
                unknown => {
                    return Err(Failure::died(format!("unexpected variable name '{unknown}'")));
                }
            });
            rest = behind;
        }
        notes.push_str(&unescaped(rest));
        Ok(Some(notes))
    }
}

/// `\n` is a new line and `\\` a backslash.
fn unescaped(text: &str) -> String {
    let halves: Vec<String> = text.split("\\\\").map(|part| part.replace("\\n", "\n")).collect();
    halves.join("\\")
}

/// The lock file that lets one run at a time work on a node.
fn node_lock(node: &str) -> String {
    format!("/var/run/vzdump.lock@{node}")
}

/// The storage, if a node can write backups to it now.
fn target<'a>(lab: &'a Lab, node: &str, id: &str) -> Result<&'a Storage, Failure> {
    let storage = lab.usable_storage(node, id)?;
    if storage.kind == "pbs" || storage.content().contains("backup") {
        return Ok(storage);
    }
    Err(Failure::died(format!("can't use storage '{id}' for backups - wrong content type")))
}

impl Lab {
    fn release_node(&mut self, node: &str, upid: &Upid) -> bool {
        let lock = node_lock(node);
        let held = self.file_locks.get(&lock) == Some(&upid.to_string());
        if held {
            self.file_locks.remove(&lock);
        }
        held
    }

    fn lock_for_backup(&mut self, node: &str, vmid: u32) -> Result<(), Failure> {
        if let Some(container) = self.containers.get_mut(&vmid).filter(|container| container.node == node) {
            container.require_no_lock()?;
            container.config.insert("lock".to_owned(), "backup".to_owned());
            return Ok(());
        }
        let vm = self.vm(node, vmid).map_err(|_| Failure::died(format!("unable to find VM '{vmid}'")))?;
        vm.require_no_lock()?;
        let path = lock_file(vmid);
        if self.file_locks.contains_key(&path) {
            return Err(Failure::died(format!("can't lock file '{path}' - got timeout")));
        }
        self.change_vm(vmid, |vm| vm.set("lock", "backup"));
        Ok(())
    }

    fn unlock_after_backup(&mut self, vmid: u32) {
        if let Some(container) =
            self.containers.get_mut(&vmid).filter(|found| found.get("lock") == Some("backup"))
        {
            container.config.remove("lock");
        }
        self.change_vm(vmid, |vm| {
            if vm.get("lock") == Some("backup") {
                vm.config.remove("lock");
            }
        });
    }

    /// Reads the configuration and the disks of a guest; a disk that another guest writes meanwhile comes out torn.
    fn read_guest(
        &mut self,
        node: &str,
        vmid: u32,
        backup: &VolumeId,
        upid: &Upid,
    ) -> Result<Archive, Failure> {
        let vm = &self.vm(node, vmid)?.clone();
        let mut config = vm.config.clone();
        config.retain(|key, _| !is_unused_key(key) && !matches!(key.as_str(), "lock" | "parent" | "vmstate"));
        let mut archive = Archive { config, ..Archive::default() };
        for (slot, drive) in vm.drives() {
            let Some((wanted, reason)) = inclusion(vm, slot, &drive) else { continue };
            if !wanted {
                self.tasks.log(upid, format!("INFO: exclude disk '{slot}' '{}' ({reason})", drive.file));
                continue;
            }
            self.tasks.log(upid, format!("INFO: include disk '{slot}' '{}'", drive.file));
            let id = VolumeId::parse(&drive.file)
                .ok_or_else(|| Failure::died(format!("unable to parse volume ID '{}'", drive.file)))?;
            self.usable_storage(node, &id.storage)?;
            let missing = || Failure::died(format!("volume '{id}' does not exist"));
            let volume = self.volume(node, &id).ok_or_else(missing)?;
            let mut saved = SavedDisk {
                volume: drive.file.clone(),
                size: volume.size,
                used: volume.used,
                format: volume.format.clone(),
                contents: volume.contents.clone(),
            };
            if let Some(writer) = self.other_writer(node, vmid, &drive.file) {
                saved.contents = format!("torn: written by VM {writer} while it was read");
                self.torn_backups.insert(format!("{backup}: {} is written by VM {writer}", drive.file));
            }
            archive.disks.insert(slot.to_owned(), saved);
        }
        Ok(archive)
    }

    /// A running guest other than this one that has the volume on a bus.
    fn other_writer(&self, node: &str, vmid: u32, volume: &str) -> Option<u32> {
        let shared = self.storages.get(volume.split(':').next()?).is_some_and(Storage::is_shared);
        let writes = |other: &Vm| {
            other.is_running()
                && (shared || other.node == node)
                && other.drives().any(|(_, drive)| drive.is_disk() && drive.file == volume)
        };
        self.vms.iter().find(|(other, vm)| **other != vmid && writes(vm)).map(|(other, _)| *other)
    }
}
