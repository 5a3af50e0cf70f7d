//! Restoring a container from a backup.

use super::container::{Container, Mount, is_mount_key, stored_network};
use super::create::{given, require_pool};
use crate::pve::answer::{Answer, Failure};
use crate::pve::backup::archive::Archive;
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::Request;
use crate::pve::qemu::guard::failure_text;
use crate::pve::state::{Lab, Options};
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

const GIB: f64 = (1_u64 << 30) as f64;

struct Restore {
    vmid: u32,
    archive: VolumeId,
    /// Options of the call, which replace those of the backup.
    options: Options,
    /// Where the volumes go; to the storages that they were on if nothing is said.
    storage: Option<String>,
    pool: Option<String>,
    unique: bool,
    start: bool,
    /// The container that the backup replaces.
    old: Option<Container>,
}

/// Answers a creation that restores: its template is a backup.
pub fn restore(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid, params) = (request.node().to_owned(), request.vmid(), &request.params);
    let pool = params.text("pool").map(str::to_owned);
    require_pool(lab, request, pool.as_deref())?;
    let text = params.text_or_empty("ostemplate");
    let archive =
        VolumeId::parse(text).ok_or_else(|| Failure::died(format!("unable to parse volume ID '{text}'")))?;
    lab.require_volume(&request.who, Some(vmid), &archive)?;
    let mut options = Options::new();
    given(lab, request, &mut options)?;
    let refused = |reason: &str| Failure::died(format!("unable to restore CT {vmid} - {reason}"));
    let old = lab.containers.get(&vmid).filter(|old| params.is_set("force") && old.node == node).cloned();
    match &old {
        None => lab.require_free_id(vmid).map_err(|reason| refused(&reason))?,
        Some(old) => {
            old.require_no_lock().map_err(|failure| refused(failure.reason()))?;
            if old.is_running() {
                return Err(refused("container is running"));
            }
        }
    }
    let mut locked = old.clone().unwrap_or_else(|| Container { node: node.clone(), ..Container::default() });
    locked.config.insert("lock".to_owned(), "create".to_owned());
    lab.containers.insert(vmid, locked);
    lab.mark_fresh(vmid);
    let restore = Restore {
        vmid,
        archive,
        options,
        storage: params.text("storage").map(str::to_owned),
        pool,
        unique: params.is_set("unique"),
        start: params.is_set("start"),
        old: old.clone(),
    };
    let plan =
        Plan::new("vzrestore", vmid.to_string(), lab.usual_task_time(), move |lab, upid| {
            match restore.run(lab, upid) {
                Ok(()) => Progress::Done,
                Err(failure) => {
                    restore.give_up(lab);
                    let text = failure_text(&failure);
                    Progress::Failed(format!("unable to restore CT {vmid} - {}", text.trim_end()))
                }
            }
        })
        .or(move |lab, _| put_back(lab, vmid, old));
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

/// The old container stays as it was, a new one goes.
fn put_back(lab: &mut Lab, vmid: u32, old: Option<Container>) {
    match old {
        Some(old) => drop(lab.containers.insert(vmid, old)),
        None => drop(lab.containers.remove(&vmid)),
    }
}

impl Restore {
    fn give_up(&self, lab: &mut Lab) {
        put_back(lab, self.vmid, self.old.clone());
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        lab.usable_storage(&upid.node, &self.archive.storage)?;
        let missing = || Failure::died(format!("volume '{}' does not exist", self.archive));
        let archive = lab.archive(&upid.node, &self.archive).cloned().ok_or_else(missing)?;
        let text = format!("recovering backed-up configuration from '{}'", self.archive);
        lab.tasks.log(upid, text);
        let mut made =
            Container { node: upid.node.clone(), config: archive.config.clone(), started_at: None };
        made.config.retain(|key, _| !is_mount_key(key));
        if let Err(failure) = self.bring_volumes(lab, &archive, &mut made, upid) {
            lab.free_volumes(&made);
            return Err(failure);
        }
        if self.unique {
            let prefix = lab.mac_prefix();
            for (_, value) in made.config.iter_mut().filter(|(key, _)| key.starts_with("net")) {
                let parts = value.split(',').filter(|part| !part.starts_with("hwaddr="));
                *value = stored_network(&parts.collect::<Vec<&str>>().join(","), &prefix);
            }
        }
        let others = self.options.iter().filter(|(key, _)| !is_mount_key(key));
        made.config.extend(others.map(|(key, value)| (key.clone(), value.clone())));
        if let Some(old) = &self.old {
            lab.free_volumes(old);
        }
        if let Some(pool) = self.pool.as_ref().and_then(|pool| lab.pools.get_mut(pool)) {
            pool.guests.insert(self.vmid);
        }
        lab.containers.insert(self.vmid, made);
        if self.start {
            lab.start_container(self.vmid);
        }
        Ok(())
    }

    /// A volume for each mount point of the backup, empty for those that were left out of it; directories and devices
    /// of the node are mounted as they were.
    fn bring_volumes(
        &self,
        lab: &mut Lab,
        archive: &Archive,
        made: &mut Container,
        upid: &Upid,
    ) -> Result<(), Failure> {
        let source = Container { config: archive.config.clone(), ..Container::default() };
        for (key, mount) in source.mounts() {
            let text = match self.options.get(key) {
                Some(text) => text.clone(),
                None if mount.is_volume() => self.request(&mount),
                None => mount.to_string(),
            };
            let mut log = Vec::new();
            let stored = lab.make_mount(&upid.node, self.vmid, &text, &mut log)?;
            log.into_iter().for_each(|line| lab.tasks.log(upid, line));
            made.config.insert(key.to_owned(), stored.clone());
            let Some(saved) = archive.disks.get(key) else { continue };
            let id = VolumeId::parse(&Mount::parse(&stored).source);
            if let Some(volume) = id.and_then(|id| lab.volume_mut(&upid.node, &id)) {
                volume.used = saved.used;
                volume.contents = saved.contents.clone();
            }
        }
        lab.tasks.log(upid, format!("restoring '{}' now..", self.archive));
        Ok(())
    }

    /// What asks for a volume of the same size.
    fn request(&self, mount: &Mount) -> String {
        let home = mount.source.split(':').next().unwrap_or_default();
        let storage = self.storage.as_deref().unwrap_or(home);
        let mut wanted = mount.clone();
        wanted.source = format!("{storage}:{}", mount.size() as f64 / GIB);
        wanted.options.remove("size");
        wanted.to_string()
    }
}
