//! Snapshots: taking, listing, describing.

use std::time::Duration;

use serde_json::{Value, json};

use super::drive::Drive;
use super::guard::{LockedTask, lock_file, release};
use super::hibernate::{save_state, state_storage};
use super::vm::{Options, Vm, public};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::content::naming::VolumeId;
use crate::pve::content::volume::Past;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu/{vmid}/snapshot", list),
    route("POST", "/nodes/{node}/qemu/{vmid}/snapshot", take),
    route("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", index),
    route("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", read),
    route("PUT", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", describe),
];

/// Options that stay out of a snapshot.
pub const NOT_KEPT: [&str; 3] = ["lock", "description", "snapstate"];

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let vm = lab.vm(request.node(), request.vmid())?;
    let mut items: Vec<Value> = vm.snapshots.iter().map(|(name, snapshot)| entry(name, snapshot)).collect();
    let mut current = json!({
        "name": "current",
        "description": "You are here!",
        "digest": vm.digest(),
        "running": u8::from(vm.is_running()),
    });
    if let Some(parent) = vm.get("parent") {
        current["parent"] = parent.into();
    }
    items.push(current);
    Ok(items.into())
}

fn entry(name: &str, snapshot: &Options) -> Value {
    let mut item = json!({
        "name": name,
        "snaptime": snapshot.get("snaptime").and_then(|text| text.parse::<i64>().ok()).unwrap_or_default(),
        "vmstate": u8::from(snapshot.contains_key("vmstate")),
        "description": snapshot.get("description").map_or("", String::as_str),
    });
    for key in ["parent", "snapstate"] {
        if let Some(value) = snapshot.get(key) {
            item[key] = value.as_str().into();
        }
    }
    item
}

fn index(_: &mut Lab, _: &Request) -> Answer {
    Ok(vec![json!({"cmd": "rollback"}), json!({"cmd": "config"})].into())
}

/// Unlike the configuration in force, a snapshot is shown with its password, as upstream does.
fn read(lab: &mut Lab, request: &Request) -> Answer {
    let snapshot = find(lab, request)?;
    let mut shown = public(snapshot);
    if let Some(password) = snapshot.get("cipassword") {
        shown.insert("cipassword".to_owned(), password.as_str().into());
    }
    Ok(Reply::from(Value::Object(shown)))
}

fn describe(lab: &mut Lab, request: &Request) -> Answer {
    find(lab, request)?;
    let name = request.params.text_or_empty("snapname").to_owned();
    lab.vm(request.node(), request.vmid())?.require_no_lock()?;
    if let Some(text) = request.params.text("description").map(str::to_owned) {
        lab.change_vm(request.vmid(), |vm| {
            if let Some(snapshot) = vm.snapshots.get_mut(&name) {
                snapshot.insert("description".to_owned(), text);
            }
        });
    }
    Ok(Reply::nothing())
}

fn find<'a>(lab: &'a Lab, request: &Request) -> Result<&'a Options, Failure> {
    let name = request.params.text_or_empty("snapname");
    let vm = lab.vm(request.node(), request.vmid())?;
    vm.snapshots.get(name).ok_or_else(|| Failure::died(format!("snapshot '{name}' does not exist")))
}

#[derive(Debug, Clone)]
struct Taking {
    node: String,
    vmid: u32,
    name: String,
    description: String,
    with_memory: bool,
}

fn take(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let taking = Taking {
        node: request.node().to_owned(),
        vmid: request.vmid(),
        name: params.text_or_empty("snapname").to_owned(),
        description: params.text_or_empty("description").trim_end_matches('\n').to_owned(),
        with_memory: params.is_set("vmstate"),
    };
    if matches!(taking.name.as_str(), "current" | "pending") {
        let reason = format!("unable to use snapshot name '{}' (reserved name)", taking.name);
        return Err(Failure::died(reason));
    }
    let vmid = taking.vmid;
    let checked = taking.clone();
    let plan = LockedTask::new(
        "qmsnapshot",
        vmid,
        lab.usual_task_time(),
        move |lab: &mut Lab, _: &Upid| {
            checked.check(lab)?;
            lab.change_vm(checked.vmid, |vm| vm.set("lock", "snapshot"));
            Ok(())
        },
        move |lab: &mut Lab, upid: &Upid| taking.run(lab, upid),
    )
    .impatient()
    .plan()
    .or(move |lab, upid| unlock(lab, upid, vmid));
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

/// Undoes the lock of a snapshot task that was stopped.
pub fn unlock(lab: &mut Lab, upid: &Upid, vmid: u32) {
    if lab.file_locks.get(&lock_file(vmid)) == Some(&upid.to_string()) {
        release(lab, upid, &[vmid], &[]);
        lab.change_vm(vmid, |vm| drop(vm.config.remove("lock")));
    }
}

impl Taking {
    fn check(&self, lab: &Lab) -> Result<(), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        if vm.is_template() {
            return Err(Failure::died("you can't take a snapshot if it's a template"));
        }
        vm.require_no_lock()?;
        if vm.snapshots.contains_key(&self.name) {
            return Err(Failure::died(format!("snapshot name '{}' already used", self.name)));
        }
        let feasible = |drive: &Drive| {
            VolumeId::parse(&drive.file).is_some_and(|id| lab.has_feature(&id, "snapshot", None))
        };
        if vm.drives().any(|(_, drive)| drive.is_disk() && !feasible(&drive)) {
            return Err(Failure::died("snapshot feature is not available"));
        }
        Ok(())
    }

    fn run(&self, lab: &mut Lab, upid: &Upid) -> Result<(), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?.clone();
        let mut snapshot = vm.config.clone();
        snapshot.retain(|key, _| !NOT_KEPT.contains(&key.as_str()) && !super::drive::is_unused_key(key));
        snapshot.insert("snaptime".to_owned(), lab.now().to_string());
        if !self.description.is_empty() {
            snapshot.insert("description".to_owned(), self.description.clone());
        }
        if self.with_memory && vm.is_running() {
            let storage = state_storage(lab, &self.node, self.vmid)?;
            let state = save_state(lab, &self.node, self.vmid, &storage, &self.name, upid)?;
            snapshot.insert("vmstate".to_owned(), state);
            snapshot.insert("runningmachine".to_owned(), "pc-i440fx-10.0+pve1".to_owned());
        }
        for (key, drive) in vm.drives().filter(|(_, drive)| drive.is_disk()) {
            lab.tasks.log(upid, format!("snapshotting 'drive-{key}' ({})", drive.file));
            let volume = VolumeId::parse(&drive.file).and_then(|id| lab.volume_mut(&self.node, &id));
            if let Some(volume) = volume {
                let past = Past { size: volume.size, contents: volume.contents.clone() };
                volume.snapshots.insert(self.name.clone(), past);
            }
        }
        lab.change_vm(self.vmid, |vm| {
            vm.config.remove("lock");
            vm.set("parent", self.name.clone());
            vm.snapshots.insert(self.name.clone(), snapshot);
        });
        Ok(())
    }
}

/// A task about one snapshot of a VM.
#[derive(Debug, Clone)]
pub struct Named {
    /// Node of the VM.
    pub node: String,
    /// The VM.
    pub vmid: u32,
    /// The snapshot.
    pub name: String,
}

impl Named {
    /// What a call names.
    pub fn of(request: &Request) -> Self {
        let name = request.params.text_or_empty("snapname").to_owned();
        Self { node: request.node().to_owned(), vmid: request.vmid(), name }
    }

    /// The VM and the snapshot, if both are there and the VM is not locked.
    pub fn find<'a>(&self, lab: &'a Lab) -> Result<(&'a Vm, &'a Options), Failure> {
        let vm = lab.vm(&self.node, self.vmid)?;
        vm.require_no_lock()?;
        let missing = || Failure::died(format!("snapshot '{}' does not exist", self.name));
        Ok((vm, vm.snapshots.get(&self.name).ok_or_else(missing)?))
    }

    /// Starts a task that locks the VM with `lock` while it works.
    pub fn start(
        self,
        lab: &mut Lab,
        request: &Request,
        kind: &'static str,
        lock: &'static str,
        check: fn(&Self, &Lab) -> Result<(), Failure>,
        work: impl FnOnce(&Self, &mut Lab, &Upid) -> Result<(), Failure> + Send + 'static,
    ) -> Answer {
        let vmid = self.vmid;
        let checked = self.clone();
        let time: Duration = lab.usual_task_time();
        let plan = LockedTask::new(
            kind,
            vmid,
            time,
            move |lab: &mut Lab, _: &Upid| {
                check(&checked, lab)?;
                lab.change_vm(checked.vmid, |vm| vm.set("lock", lock));
                Ok(())
            },
            move |lab: &mut Lab, upid: &Upid| {
                lab.change_vm(self.vmid, |vm| drop(vm.config.remove("lock")));
                work(&self, lab, upid)
            },
        )
        .impatient()
        .plan()
        .or(move |lab, upid| unlock(lab, upid, vmid));
        Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
    }
}
