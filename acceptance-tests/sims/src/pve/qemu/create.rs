//! Making and destroying VMs.

use super::disks::{self, Owner};
use super::drive;
use super::guard::{LockedTask, failure_text};
use super::network::Network;
use super::permission::Actor;
use super::vm::{Options, Vm};
use super::{boot, normal, power};
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("POST", "/nodes/{node}/qemu", create)];

/// Parameters of the call that are no options.
const OTHERS: [&str; 11] = [
    "node",
    "vmid",
    "pool",
    "start",
    "storage",
    "unique",
    "archive",
    "force",
    "bwlimit",
    "ha-managed",
    "live-restore",
];

/// Version of QEMU that new configurations name as their maker.
pub const QEMU_VERSION: &str = "10.0.13";

struct Creation {
    node: String,
    vmid: u32,
    who: Principal,
    options: Options,
    pool: Option<String>,
    start: bool,
    managed: bool,
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    if request.params.has("archive") {
        let options = super::config::options_of(request, &OTHERS);
        return crate::pve::backup::restore::restore(lab, request, options);
    }
    let options = requested(lab, request)?;
    lab.require_free_id(vmid)
        .map_err(|reason| Failure::died(format!("unable to create VM {vmid} - {reason}")))?;
    let mut vm = Vm::on(&node);
    vm.set("lock", "create");
    lab.vms.insert(vmid, vm);
    lab.mark_fresh(vmid);
    let creation = Creation {
        node: node.clone(),
        vmid,
        who: request.who.clone(),
        options,
        pool: request.params.text("pool").map(str::to_owned),
        start: request.params.is_set("start"),
        managed: request.params.is_set("ha-managed"),
    };
    let plan = LockedTask::new(
        "qmcreate",
        vmid,
        lab.usual_task_time(),
        |_: &mut Lab, _: &Upid| Ok(()),
        move |lab: &mut Lab, upid: &Upid| creation.run(lab, upid),
    )
    .impatient()
    .plan()
    .or(move |lab, _| forget(lab, vmid));
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

/// Removes what a creation that did not get far has left.
fn forget(lab: &mut Lab, vmid: u32) {
    if lab.vms.get(&vmid).is_some_and(|vm| vm.get("lock") == Some("create")) {
        lab.vms.remove(&vmid);
    }
    lab.file_locks.remove(&super::guard::lock_file(vmid));
}

/// The options of the new VM, checked, in the shape in which they are stored.
fn requested(lab: &Lab, request: &Request) -> Result<Options, Failure> {
    let mut options = super::config::options_of(request, &OTHERS);
    normal::check_ssh_keys(&options)?;
    let (who, vmid, pool) = (&request.who, request.vmid(), request.params.text("pool"));
    if let Some(pool) = pool.filter(|pool| !lab.pools.contains_key(*pool)) {
        return Err(Failure::permission(&format!("pool '{pool}' does not exist")));
    }
    let may = lab.allows(who, &format!("/vms/{vmid}"), &["VM.Allocate"])
        || pool.is_some_and(|pool| lab.allows(who, &format!("/pool/{pool}"), &["VM.Allocate"]));
    if !may {
        return Err(Failure::permission(""));
    }
    normal::resolve_cdrom_alias(&mut options)?;
    with_default_storage(&mut options, request.params.text("storage"));
    let actor = Actor { who, vmid, pool };
    lab.require_volumes(&actor, &options)?;
    lab.require_options(&actor, options.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    lab.require_bridges(who, &options)?;
    disks::check(&options)?;
    super::cpu_models::check(lab, &options)?;
    normal::check_hookscript(lab, request.node(), &options)?;
    let prefix = lab.mac_prefix();
    for (key, value) in &mut options {
        if let Some(network) = Network::parse(value).filter(|_| drive::is_indexed(key, "net", 32)) {
            *value = network.with_mac(&prefix).to_string();
        } else {
            *value = normal::stored(key, value);
        }
    }
    Ok(options)
}

/// Drives that name no storage get the call's.
fn with_default_storage(options: &mut Options, storage: Option<&str>) {
    let Some(storage) = storage else { return };
    for (_, value) in options.iter_mut().filter(|(key, _)| drive::is_drive_key(key)) {
        let Some(mut found) = drive::Drive::parse(value) else { continue };
        if matches!(
            found.request(),
            drive::Request::New { storage: None, .. } | drive::Request::CloudInit { storage: None }
        ) {
            found.file = format!("{storage}:{}", found.file);
            *value = found.to_string();
        }
    }
}

impl Creation {
    fn run(self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let mut log = Vec::new();
        let result = self.make(lab, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        if let Err(failure) = result {
            lab.vms.remove(&self.vmid);
            let text = failure_text(&failure);
            return Err(Failure::died(format!("unable to create VM {} - {text}", self.vmid)));
        }
        if let Some(pool) = self.pool.as_ref().and_then(|pool| lab.pools.get_mut(pool)) {
            pool.guests.insert(self.vmid);
        }
        if self.managed {
            lab.tasks.log(upid, "Add as HA resource");
            lab.manage_guest(self.vmid, if self.start { "started" } else { "stopped" });
        } else if self.start {
            lab.tasks.log(upid, "Execute autostart");
            power::start_as(lab, &self.node, self.vmid, &self.who);
        }
        Ok(())
    }

    fn make(&self, lab: &mut Lab, log: &mut Vec<String>) -> Result<(), Failure> {
        let owner = Owner { node: &self.node, vmid: self.vmid, is_template: false };
        let disks = lab.create_disks(owner, &self.options, log)?;
        let mut vm = Vm::on(&self.node);
        vm.config = self.options.clone();
        vm.config.extend(disks);
        let uuid = || uuid::Uuid::new_v4().to_string();
        match vm.get("smbios1").map(str::to_owned) {
            None => vm.set("smbios1", format!("uuid={}", uuid())),
            Some(smbios) if !smbios.contains("uuid=") => {
                vm.set("smbios1", format!("uuid={},{smbios}", uuid()))
            }
            Some(_) => {}
        }
        match vm.get("vmgenid") {
            None => vm.set("vmgenid", uuid()),
            Some("0") => drop(vm.config.remove("vmgenid")),
            Some(_) => {}
        }
        if !vm.config.contains_key("boot") {
            vm.set("boot", boot::print(&boot::default_order(&vm.config)));
        }
        vm.set("meta", format!("creation-qemu={QEMU_VERSION},ctime={}", lab.now()));
        lab.store_vm(self.vmid, vm);
        lab.mark_fresh(self.vmid);
        Ok(())
    }
}

impl Lab {
    /// Frees every volume of the VM's own and, if asked, those that its configuration does not name.
    pub fn free_volumes_of(&mut self, vmid: u32, vm: &Vm, unreferenced: bool, log: &mut Vec<String>) {
        let mut named: Vec<String> = vm.drives().map(|(_, drive)| drive.file).collect();
        named.extend(vm.unused().map(|(_, volume)| volume.to_owned()));
        named.extend(vm.config.get("vmstate").cloned());
        for snapshot in vm.snapshots.values() {
            named.extend(super::vm::drives_of(snapshot).map(|(_, drive)| drive.file));
            named.extend(snapshot.get("vmstate").cloned());
        }
        named.sort();
        named.dedup();
        for volume in named {
            let owned = self.volume_owner(&volume) == Some(vmid);
            let Some(id) = VolumeId::parse(&volume).filter(|_| owned) else { continue };
            if let Err(failure) = self.free(&vm.node, &id) {
                log.push(failure.message.trim_end().to_owned());
            }
        }
        if unreferenced {
            let storages: Vec<String> = self.storages.keys().cloned().collect();
            for storage in storages {
                let left: Vec<VolumeId> = self
                    .volumes_on(&vm.node, &storage)
                    .filter(|(_, volume)| volume.content == "images" && volume.vmid == Some(vmid))
                    .map(|(id, _)| id)
                    .collect();
                for id in left {
                    if let Err(failure) = self.free(&vm.node, &id) {
                        log.push(failure.message.trim_end().to_owned());
                    }
                }
            }
        }
    }
}
