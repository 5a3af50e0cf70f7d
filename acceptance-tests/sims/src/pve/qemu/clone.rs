//! Cloning VMs and templates.

use super::disks::Owner;
use super::drive::{self, Drive};
use super::guard::{LockedTask, lock_file};
use super::network::Network;
use super::vm::{Options, Vm, drives_of};
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::alloc::progress;
use crate::pve::content::naming::{self, VolumeId};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("POST", "/nodes/{node}/qemu/{vmid}/clone", clone)];

#[derive(Debug, Clone)]
struct Cloning {
    node: String,
    source: u32,
    newid: u32,
    name: Option<String>,
    description: Option<String>,
    pool: Option<String>,
    snapshot: Option<String>,
    storage: Option<String>,
    format: Option<String>,
    target: Option<String>,
    full: Option<bool>,
    running: bool,
}

fn clone(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let text = |name: &str| params.text(name).map(str::to_owned);
    let (node, source) = (request.node().to_owned(), request.vmid());
    let newid = params.text_or_empty("newid").parse().unwrap_or_default();
    let running = lab.vm_on_node(&node, source)?.is_running();
    let cloning = Cloning {
        source,
        newid,
        name: text("name"),
        description: text("description"),
        pool: text("pool"),
        snapshot: text("snapname"),
        storage: text("storage"),
        format: text("format"),
        target: text("target").filter(|target| *target != node && target != "localhost"),
        full: params.flag("full"),
        running,
        node: node.clone(),
    };
    let options = cloning.check(lab)?;
    cloning.require_permissions(lab, request, &options)?;
    let time = lab.usual_task_time();
    let (exclusive, shared) =
        if running { (vec![source, newid], vec![]) } else { (vec![newid], vec![source]) };
    let checked = cloning.clone();
    let held = exclusive.clone();
    let plan = LockedTask::new(
        "qmclone",
        source,
        time,
        move |lab: &mut Lab, _: &Upid| {
            checked.check(lab)?;
            let mut vm = Vm::on(&checked.node);
            vm.set("lock", "clone");
            lab.vms.insert(checked.newid, vm);
            Ok(())
        },
        move |lab: &mut Lab, upid: &Upid| cloning.run(lab, upid),
    )
    .impatient()
    .locking(exclusive, shared)
    .plan()
    .or(move |lab, upid| abandon(lab, upid, newid, source, &held));
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

/// Removes the half-made clone of a task that was stopped.
fn abandon(lab: &mut Lab, upid: &Upid, newid: u32, source: u32, held: &[u32]) {
    let shared: &[u32] = if held.contains(&source) { &[] } else { &[source] };
    let begun = lab.file_locks.get(&lock_file(newid)) == Some(&upid.to_string());
    super::guard::release(lab, upid, held, shared);
    if begun && lab.vms.get(&newid).is_some_and(|vm| vm.get("lock") == Some("clone")) {
        lab.vms.remove(&newid);
    }
}

impl Cloning {
    /// Looks whether the clone can be made; answers the options that it is made from.
    fn check(&self, lab: &Lab) -> Result<Options, Failure> {
        if let Some(pool) = self.pool.as_ref().filter(|pool| !lab.pools.contains_key(*pool)) {
            return Err(Failure::permission(&format!("pool '{pool}' does not exist")));
        }
        if let Some(target) = self.target.as_ref().filter(|target| !lab.nodes.contains_key(*target)) {
            return Err(Failure::died(format!("no such cluster node '{target}'")));
        }
        if let Some(storage) = &self.storage {
            lab.enabled_storage(&self.node, storage)?;
            if let Some(target) = &self.target
                && !lab.enabled_storage(target, storage)?.is_shared()
            {
                return Err(Failure::died(format!("can't clone to non-shared storage '{storage}'")));
            }
        }
        let vm = lab.vm_on_node(&self.node, self.source)?;
        vm.require_no_lock()?;
        if vm.is_running() != self.running {
            return Err(Failure::died("unexpected state change"));
        }
        let options = match &self.snapshot {
            Some(name) => vm
                .snapshots
                .get(name)
                .ok_or_else(|| Failure::died(format!("snapshot '{name}' does not exist")))?,
            None => &vm.config,
        };
        let full = self.is_full(vm);
        for (name, given) in [("storage", &self.storage), ("format", &self.format)] {
            if given.is_some() && !full {
                return Err(Failure::died(format!("parameter '{name}' not allowed for linked clones")));
            }
        }
        self.check_shared(lab, options)?;
        if lab.containers.contains_key(&self.newid) {
            lab.require_free_id(self.newid).map_err(Failure::died)?;
        }
        if lab.vms.contains_key(&self.newid) {
            return Err(Failure::died(format!(
                "unable to create VM {}: config file already exists",
                self.newid
            )));
        }
        self.check_features(lab, options, full)?;
        Ok(options.clone())
    }

    fn is_full(&self, vm: &Vm) -> bool {
        self.full.unwrap_or(!vm.is_template())
    }

    fn check_shared(&self, lab: &Lab, options: &Options) -> Result<(), Failure> {
        let Some(target) = &self.target else { return Ok(()) };
        let local = drives_of(options).any(|(_, drive)| {
            let storage = VolumeId::parse(&drive.file).and_then(|id| lab.storages.get(&id.storage));
            storage.is_some_and(|storage| !storage.is_shared())
        });
        if local {
            return Err(Failure::died(format!("can't clone VM to node '{target}' (VM uses local storage)")));
        }
        Ok(())
    }

    fn check_features(&self, lab: &Lab, options: &Options, full: bool) -> Result<(), Failure> {
        for (key, drive) in drives_of(options) {
            if full && self.running && self.snapshot.is_none() && key == "tpmstate0" {
                return Err(Failure::died("cannot clone TPM state while VM is running"));
            }
            if full || !drive.is_disk() {
                continue;
            }
            let feasible = VolumeId::parse(&drive.file)
                .is_some_and(|id| lab.has_feature(&id, "clone", self.snapshot.as_deref()));
            if !feasible {
                let message = format!("Linked clone feature is not supported for '{}' ({key})", drive.file);
                return Err(Failure::died(message));
            }
        }
        Ok(())
    }

    fn require_permissions(&self, lab: &Lab, request: &Request, options: &Options) -> Result<(), Failure> {
        for (_, drive) in drives_of(options) {
            let Some(id) = VolumeId::parse(&drive.file) else { continue };
            let storage = match &self.storage {
                Some(storage) if drive.is_disk() || drive.is_cloudinit() => storage.clone(),
                _ => id.storage,
            };
            let path = format!("/storage/{storage}");
            if drive.is_disk() || drive.is_cloudinit() {
                lab.require(&request.who, &path, &["Datastore.AllocateSpace"])?;
            } else {
                lab.require_any(&request.who, &path, &["Datastore.Audit", "Datastore.AllocateSpace"])?;
            }
        }
        lab.require_bridges(&request.who, options)
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let mut log = vec![format!("creating a clone of VM {} with ID {}", self.source, self.newid)];
        let mut made = Vec::new();
        let result = self.make(lab, &mut made, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        match result {
            Ok(vm) => {
                lab.store_vm(self.newid, vm);
                lab.mark_fresh(self.newid);
                if let Some(firewall) = lab.guest_firewalls.get(&self.source).cloned() {
                    lab.guest_firewalls.insert(self.newid, firewall);
                }
                if let Some(pool) = self.pool.as_ref().and_then(|pool| lab.pools.get_mut(pool)) {
                    pool.guests.insert(self.newid);
                }
                Ok(())
            }
            Err(failure) => {
                lab.vms.remove(&self.newid);
                for id in made {
                    // The first failure is the one to tell.
                    let _ = lab.free(&self.node, &id);
                }
                Err(Failure::died(format!("clone failed: {}", failure.message)))
            }
        }
    }

    fn make(&self, lab: &mut Lab, made: &mut Vec<VolumeId>, log: &mut Vec<String>) -> Result<Vm, Failure> {
        let source = lab.vm_on_node(&self.node, self.source)?.clone();
        let options = match &self.snapshot {
            Some(name) => source.snapshots.get(name).cloned().unwrap_or_default(),
            None => source.config.clone(),
        };
        let mut vm = Vm::on(self.target.as_ref().unwrap_or(&self.node));
        vm.config = self.fresh_options(lab, &options);
        let copied = drives_of(&options).filter(|(_, drive)| drive.is_disk() || drive.is_cloudinit());
        for (key, drive) in copied {
            let copy = if drive.is_cloudinit() {
                self.copy_cloudinit(lab, key, &drive, log)?
            } else if self.is_full(&source) {
                self.copy_disk(lab, key, &drive, log)?
            } else {
                self.link_disk(lab, key, &drive, log)?
            };
            made.extend(VolumeId::parse(&copy.file));
            vm.set(key, copy.to_string());
        }
        Ok(vm)
    }

    /// The options of the clone, with an identity of its own.
    fn fresh_options(&self, lab: &Lab, options: &Options) -> Options {
        const NOT_COPIED: [&str; 9] = [
            "parent",
            "snaptime",
            "snapstate",
            "vmstate",
            "lock",
            "template",
            "runningmachine",
            "runningcpu",
            "running-nets-host-mtu",
        ];
        let mut fresh = Options::new();
        for (key, value) in options {
            if NOT_COPIED.contains(&key.as_str()) || drive::is_unused_key(key) {
                continue;
            }
            let value = match Network::parse(value).filter(|_| drive::is_indexed(key, "net", 32)) {
                Some(network) => Network { mac: Some(lab.new_mac()), ..network }.to_string(),
                None => value.clone(),
            };
            fresh.insert(key.clone(), value);
        }
        let uuid = || uuid::Uuid::new_v4().to_string();
        let others =
            options.get("smbios1").map_or("", String::as_str).split(',').filter(|part| !part.is_empty());
        let others: Vec<&str> = others.filter(|part| !part.starts_with("uuid=")).collect();
        let smbios = std::iter::once(format!("uuid={}", uuid())).chain(others.into_iter().map(str::to_owned));
        fresh.insert("smbios1".to_owned(), smbios.collect::<Vec<_>>().join(","));
        if fresh.contains_key("vmgenid") {
            fresh.insert("vmgenid".to_owned(), uuid());
        }
        let name = self.name.clone().unwrap_or_else(|| {
            let source = options.get("name").cloned().unwrap_or_else(|| self.source.to_string());
            format!("Copy-of-VM-{source}")
        });
        fresh.insert("name".to_owned(), name);
        if let Some(description) = self.description.as_ref().filter(|text| !text.is_empty()) {
            fresh.insert("description".to_owned(), description.trim_end_matches('\n').to_owned());
        }
        fresh
    }

    fn owner(&self) -> Owner<'_> {
        Owner { node: &self.node, vmid: self.newid, is_template: false }
    }

    fn copy_cloudinit(
        &self,
        lab: &mut Lab,
        key: &str,
        source: &Drive,
        log: &mut Vec<String>,
    ) -> Result<Drive, Failure> {
        log.push(format!("create full clone of drive {key} ({})", source.file));
        let id = VolumeId::parse(&source.file).ok_or_else(|| Failure::died("unable to parse volume ID"))?;
        let old = lab.parse_volume(&id).map_err(Failure::died)?.format;
        let storage = self.storage.clone().unwrap_or(id.storage);
        let wanted = self.format.clone().unwrap_or(old);
        let format = Some(wanted).filter(|format| {
            lab.storages.get(&storage).is_some_and(|storage| naming::takes_format(storage, format))
        });
        let copy = lab.create_cloudinit(self.owner(), &storage, format.as_deref(), log)?;
        log.push(format!("allocated target volume '{copy}'"));
        let mut drive = Drive { file: copy.to_string(), ..source.clone() };
        drive.set_size(super::disks::CLOUDINIT_SIZE);
        Ok(drive)
    }

    fn copy_disk(
        &self,
        lab: &mut Lab,
        key: &str,
        source: &Drive,
        log: &mut Vec<String>,
    ) -> Result<Drive, Failure> {
        let target = Target { storage: self.storage.as_deref(), format: self.format.as_deref() };
        let size_at = self.snapshot.as_deref();
        lab.copy_volume(self.owner(), key, source, target, size_at, log)
    }

    fn link_disk(
        &self,
        lab: &mut Lab,
        key: &str,
        source: &Drive,
        log: &mut Vec<String>,
    ) -> Result<Drive, Failure> {
        let id = VolumeId::parse(&source.file).ok_or_else(|| Failure::died("unable to parse volume ID"))?;
        log.push(format!("create linked clone of drive {key} ({id})"));
        let clone = lab.link_volume(&self.node, &id, self.newid, log)?;
        Ok(Drive { file: clone.to_string(), ..source.clone() })
    }
}

/// Where a copy goes; what is not said stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// Storage of the copy.
    pub storage: Option<&'a str>,
    /// Format of the copy.
    pub format: Option<&'a str>,
}

impl Lab {
    /// Copies the volume of a drive; answers the drive with the copy in it.
    pub fn copy_volume(
        &mut self,
        owner: Owner<'_>,
        key: &str,
        source: &Drive,
        target: Target<'_>,
        snapshot: Option<&str>,
        log: &mut Vec<String>,
    ) -> Result<Drive, Failure> {
        log.push(format!("create full clone of drive {key} ({})", source.file));
        let id = VolumeId::parse(&source.file).ok_or_else(|| Failure::died("unable to parse volume ID"))?;
        self.usable_storage(owner.node, &id.storage)?;
        let volume = self
            .volume(owner.node, &id)
            .cloned()
            .ok_or_else(|| Failure::died(format!("volume '{id}' does not exist")))?;
        let past = snapshot.and_then(|name| volume.snapshots.get(name));
        let (size, contents) = match past {
            Some(past) => (past.size, past.contents.clone()),
            None => (volume.size, volume.contents.clone()),
        };
        let storage = target.storage.unwrap_or(&id.storage);
        let config = self.usable_storage(owner.node, storage)?;
        let wanted = target.format.unwrap_or(&volume.format);
        let format =
            if naming::takes_format(config, wanted) { wanted } else { naming::default_format(config) };
        let format = format.to_owned();
        let copy = self.allocate_for(owner, storage, &format, size, log)?;
        log.push(format!("allocated target volume '{copy}'"));
        log.extend(progress(size, &volume.format));
        let mut drive = Drive { file: copy.to_string(), ..source.clone() };
        if let Some(made) = self.volume_mut(owner.node, &copy) {
            made.used = volume.used;
            made.contents = contents;
            drive.set_size(made.size);
        }
        Ok(drive)
    }
}
