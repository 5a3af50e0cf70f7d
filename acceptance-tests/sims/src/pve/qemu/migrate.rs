//! Moving VMs to other nodes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::drive::Drive;
use super::guard::{LockedTask, lock_file, release};
use super::passthrough::mapping_of;
use super::vm::Vm;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu/{vmid}/migrate", preview),
    route("POST", "/nodes/{node}/qemu/{vmid}/migrate", migrate),
];

/// A volume of the VM that other nodes do not see.
struct LocalVolume {
    key: String,
    drive: Drive,
    id: VolumeId,
}

fn local_volumes(lab: &Lab, vm: &Vm) -> Vec<LocalVolume> {
    let unused = vm.unused().filter_map(|(key, volume)| Some((key.to_owned(), Drive::parse(volume)?)));
    vm.drives()
        .map(|(key, drive)| (key.to_owned(), drive))
        .chain(unused)
        .filter_map(|(key, drive)| {
            let id = VolumeId::parse(&drive.file)?;
            (!lab.storages.get(&id.storage)?.is_shared()).then_some(LocalVolume { key, drive, id })
        })
        .collect()
}

fn preview(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node(), request.vmid());
    let vm = lab.vm(node, vmid)?;
    let local = local_volumes(lab, vm);
    let mut allowed = Vec::new();
    let mut refused = serde_json::Map::new();
    for other in lab.nodes.keys().filter(|other| *other != node) {
        let missing = missing_storages(lab, vm, other);
        if missing.is_empty() {
            allowed.push(other.as_str());
        } else {
            refused.insert(other.clone(), json!({"unavailable_storages": missing}));
        }
    }
    let disks: Vec<Value> = local.iter().map(|volume| preview_of(lab, node, volume)).collect();
    let mut answer = json!({
        "running": u8::from(vm.is_running()),
        "local_disks": disks,
        "local_resources": local_resources(vm),
        "mapped-resources": [],
        "mapped-resource-info": {},
        "has-dbus-vmstate": 1,
        "not_allowed_nodes": refused,
    });
    if !vm.is_running() {
        answer["allowed_nodes"] = json!(allowed);
    }
    Ok(answer.into())
}

fn preview_of(lab: &Lab, node: &str, volume: &LocalVolume) -> Value {
    let unused = super::drive::is_unused_key(&volume.key);
    let mut item = json!({
        "volid": volume.id.to_string(),
        "drivename": volume.key,
        "cdrom": u8::from(volume.drive.is_cdrom()),
        "is_attached": u8::from(!unused),
        "is_cloudinit": u8::from(volume.drive.is_cloudinit()),
        "is_tpmstate": u8::from(volume.key == "tpmstate0"),
        "is_unused": u8::from(unused),
        "is_vmstate": 0,
        "replicate": u8::from(volume.drive.option("replicate") != Some("0")),
        "shared": 0,
    });
    if volume.drive.option("size").is_some()
        && let Some(found) = lab.volume(node, &volume.id)
    {
        item["size"] = found.size.into();
    }
    item
}

fn missing_storages(lab: &Lab, vm: &Vm, node: &str) -> Vec<String> {
    let used: BTreeSet<String> = super::vm::drives_of(&vm.config)
        .filter_map(|(_, drive)| VolumeId::parse(&drive.file))
        .map(|id| id.storage)
        .collect();
    used.into_iter().filter(|storage| lab.enabled_storage(node, storage).is_err()).collect()
}

/// Devices of the host that do not move.
fn local_resources(vm: &Vm) -> Vec<&str> {
    let tied = |key: &str, value: &str| {
        (key.starts_with("hostpci") || key.starts_with("usb") && !value.contains("spice"))
            && !value.contains("mapping=")
            || key.starts_with("parallel")
            || (key.starts_with("serial") && value != "socket")
    };
    vm.config.iter().filter(|(key, value)| tied(key, value)).map(|(key, _)| key.as_str()).collect()
}

#[derive(Debug, Clone)]
struct Migration {
    node: String,
    vmid: u32,
    target: String,
    online: bool,
    with_local_disks: bool,
    /// Storages by the one that they take the place of; `None` is for all others.
    storages: BTreeMap<Option<String>, String>,
    force: bool,
}

fn migrate(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let migration = Migration {
        node: request.node().to_owned(),
        vmid: request.vmid(),
        target: params.text_or_empty("target").to_owned(),
        online: params.is_set("online"),
        with_local_disks: params.is_set("with-local-disks"),
        storages: pairs(params.text_or_empty("targetstorage")),
        force: params.is_set("force"),
    };
    if migration.target == migration.node {
        return Err(Failure::parameter("target", "target is local node."));
    }
    match lab.nodes.get(&migration.target) {
        None => return Err(Failure::died(format!("no such cluster node '{}'", migration.target))),
        Some(node) if node.offline => {
            return Err(Failure::died(format!("target node '{}' is offline", migration.target)));
        }
        Some(_) => {}
    }
    if migration.force && !request.who.is_root() {
        return Err(Failure::parameter("force", "Only root may use this option."));
    }
    let vm = lab.vm(&migration.node, migration.vmid)?;
    vm.require_no_lock()?;
    if vm.is_running() && !migration.online {
        return Err(Failure::died("can't migrate running VM without --online"));
    }
    for storage in migration.storages.values() {
        lab.enabled_storage(&migration.target, storage)?;
        lab.require(&request.who, &format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
    }
    if lab.requested_state(migration.vmid).is_some() {
        let plan = ask_manager(lab, migration);
        return Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into());
    }
    let plan = task(lab, migration);
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

/// `old:new,…`, or one storage for all; `1` keeps each.
fn pairs(text: &str) -> BTreeMap<Option<String>, String> {
    let pair = |part: &str| match part.trim().split_once(':') {
        Some((old, new)) => (Some(old.to_owned()), new.to_owned()),
        None => (None, part.trim().to_owned()),
    };
    text.split(',').filter(|part| !matches!(part.trim(), "" | "1")).map(pair).collect()
}

/// The task that only passes the wish on: the manager of high availability moves the VM a little later, running if it
/// runs, and without copies of local disks.
fn ask_manager(lab: &Lab, migration: Migration) -> Plan {
    let after = lab.usual_task_time();
    Plan::new("hamigrate", migration.vmid.to_string(), after, move |lab, upid| {
        let Migration { vmid, target, .. } = &migration;
        lab.tasks.log(upid, format!("Requesting HA migration for VM {vmid} to node {target}"));
        lab.later(after, move |lab| {
            let Some(migration) = Migration::by_manager(lab, migration.vmid, &migration.target) else {
                return;
            };
            let node = migration.node.clone();
            let plan = task(lab, migration);
            lab.start_task(&node, "root@pam", plan);
        });
        Progress::Done
    })
}

/// What the manager of high availability starts of its own accord, if it can work.
pub fn plan_by_manager(lab: &Lab, vmid: u32, target: &str) -> Option<Plan> {
    let migration = Migration::by_manager(lab, vmid, target)?;
    let can_move = lab.vms.get(&vmid)?.require_no_lock().is_ok() && migration.check(lab).is_ok();
    can_move.then(|| task(lab, migration))
}

fn task(lab: &Lab, migration: Migration) -> Plan {
    let vmid = migration.vmid;
    let checked = migration.clone();
    LockedTask::new(
        "qmigrate",
        vmid,
        lab.usual_task_time(),
        move |lab: &mut Lab, upid: &Upid| checked.begin(lab, upid),
        move |lab: &mut Lab, upid: &Upid| migration.run(lab, upid),
    )
    .plan()
    .or(move |lab, upid| {
        if lab.file_locks.get(&lock_file(vmid)) == Some(&upid.to_string()) {
            release(lab, upid, &[vmid], &[]);
            lab.change_vm(vmid, |vm| drop(vm.config.remove("lock")));
        }
    })
}

impl Migration {
    /// The VM as it is, running if it runs, to another node.
    fn by_manager(lab: &Lab, vmid: u32, target: &str) -> Option<Self> {
        let vm = lab.vms.get(&vmid)?;
        Some(Self {
            node: vm.node.clone(),
            vmid,
            target: target.to_owned(),
            online: vm.is_running(),
            with_local_disks: false,
            storages: BTreeMap::new(),
            force: false,
        })
    }

    fn begin(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        lab.vm(&self.node, self.vmid)?.require_no_lock()?;
        lab.tasks.log(upid, format!("starting migration of VM {} to node '{}'", self.vmid, self.target));
        if let Err(failure) = self.check(lab) {
            lab.tasks
                .log(upid, format!("ERROR: migration aborted (duration 00:00:00): {}", failure.reason()));
            return Err(Failure::died("migration aborted"));
        }
        lab.change_vm(self.vmid, |vm| vm.set("lock", "migrate"));
        Ok(())
    }

    fn check(&self, lab: &Lab) -> Result<(), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        let resources = local_resources(vm);
        if !resources.is_empty() && !self.force {
            return Err(Failure::died(format!("VM uses local resources: {}", resources.join(", "))));
        }
        self.check_mapped(lab, vm)?;
        for (_, drive) in vm.drives() {
            if let Some(id) = VolumeId::parse(&drive.file) {
                let storage = self.storage_for(&id, lab);
                lab.usable_storage(&self.target, &storage)?;
            }
        }
        for volume in local_volumes(lab, vm) {
            if volume.drive.is_cdrom() && !volume.drive.is_cloudinit() {
                return Err(Failure::died(format!("can't migrate local cdrom '{}'", volume.id)));
            }
            if volume.drive.is_cloudinit() {
                continue;
            }
            if lab.volume_owner(&volume.id.to_string()) != Some(self.vmid) {
                return Err(Failure::died(format!(
                    "can't migrate local disk '{}': owned by other VM",
                    volume.id
                )));
            }
            if vm.is_running() && !self.with_local_disks {
                let message = format!(
                    "can't live migrate attached local disks without with-local-disks option: {}",
                    volume.id
                );
                return Err(Failure::died(message));
            }
        }
        Ok(())
    }

    /// Mapped devices need a counterpart on the other node, and few of them move while the VM runs.
    fn check_mapped(&self, lab: &Lab, vm: &Vm) -> Result<(), Failure> {
        let stays = |key: &str, value: &str| {
            mapping_of(key, value)
                .is_some_and(|(kind, mapping)| kind != "pci" || !lab.moves_live(kind, mapping))
        };
        let stuck: Vec<&str> =
            vm.config.iter().filter(|(key, value)| stays(key, value)).map(|(key, _)| key.as_str()).collect();
        if vm.is_running() && !stuck.is_empty() {
            let list = stuck.join(", ");
            return Err(Failure::died(format!("can't migrate running VM which uses mapped devices: {list}")));
        }
        lab.require_mappings_on(vm, &self.target)
    }

    fn storage_for(&self, id: &VolumeId, lab: &Lab) -> String {
        let shared = lab.storages.get(&id.storage).is_some_and(crate::pve::state::Storage::is_shared);
        let successor = self.storages.get(&Some(id.storage.clone())).or_else(|| self.storages.get(&None));
        successor.filter(|_| !shared).unwrap_or(&id.storage).clone()
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        lab.change_vm(self.vmid, |vm| drop(vm.config.remove("lock")));
        self.check(lab)?;
        let mut vm = lab.vm(&self.node, self.vmid)?.clone();
        for volume in local_volumes(lab, &vm) {
            let moved = self.carry(lab, &volume)?;
            lab.tasks.log(upid, format!("volume '{}' is '{moved}' on the target", volume.id));
            if super::drive::is_unused_key(&volume.key) {
                vm.set(&volume.key, moved.to_string());
            } else {
                vm.set(&volume.key, Drive { file: moved.to_string(), ..volume.drive }.to_string());
            }
        }
        vm.node = self.target.clone();
        if let Some(process) = &mut vm.process {
            process.pid = upid.pid + 1;
        }
        lab.store_vm(self.vmid, vm);
        lab.tasks.log(upid, "migration finished successfully (duration 00:00:01)");
        Ok(())
    }

    /// Brings a local volume to the target node; answers its id there.
    fn carry(&self, lab: &mut Lab, volume: &LocalVolume) -> Result<VolumeId, Failure> {
        let found = lab
            .take_volume(&self.node, &volume.id)
            .ok_or_else(|| Failure::died(format!("volume '{}' does not exist", volume.id)))?;
        let storage = self.storage_for(&volume.id, lab);
        let mut id = VolumeId::new(&storage, volume.id.name.clone());
        let renamed = storage != volume.id.storage || lab.volume(&self.target, &id).is_some();
        if renamed && !volume.drive.is_cloudinit() {
            let stem = lab.free_disk_stem(&self.target, &storage, self.vmid, "vm");
            let config = lab.usable_storage(&self.target, &storage)?;
            id.name = crate::pve::content::naming::image(config, self.vmid, &stem, &found.format);
        }
        lab.put_volume(&self.target, &id, found);
        Ok(id)
    }
}
