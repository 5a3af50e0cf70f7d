//! Going back to a snapshot, and removing one.

use super::power::{halt, start_as};
use super::snapshot::{NOT_KEPT, Named};
use super::vm::{Options, drives_of};
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback", rollback),
    route("DELETE", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", remove),
];

/// Entries of a snapshot that describe it and are no options of the VM.
const OF_SNAPSHOT: [&str; 5] = ["snaptime", "description", "vmstate", "runningmachine", "snapstate"];

fn rollback(lab: &mut Lab, request: &Request) -> Answer {
    let start = request.params.is_set("start").then(|| request.who.clone());
    let check = |named: &Named, lab: &Lab| {
        let (vm, _) = named.find(lab)?;
        if vm.is_template() {
            return Err(Failure::died("you can't rollback if vm is a template"));
        }
        Ok(())
    };
    Named::of(request).start(lab, request, "qmrollback", "rollback", check, move |named, lab, _| {
        restore(lab, named, start.as_ref())
    })
}

fn restore(lab: &mut Lab, named: &Named, start: Option<&Principal>) -> Result<(), Failure> {
    let (vm, snapshot) = named.find(lab)?;
    let (mut vm, snapshot) = (vm.clone(), snapshot.clone());
    let lost: Vec<String> = vm
        .drives()
        .filter(|(_, drive)| drive.is_disk() && !drives_of(&snapshot).any(|(_, old)| old.file == drive.file))
        .map(|(_, drive)| drive.file)
        .collect();
    let kept: Options = vm
        .config
        .iter()
        .filter(|(key, _)| super::drive::is_unused_key(key) || NOT_KEPT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let with_memory = snapshot.contains_key("vmstate");
    vm.config = snapshot;
    vm.config.retain(|key, _| !OF_SNAPSHOT.contains(&key.as_str()));
    vm.config.extend(kept);
    vm.set("parent", named.name.clone());
    if vm.config.contains_key("vmgenid") {
        vm.set("vmgenid", uuid::Uuid::new_v4().to_string());
    }
    vm.pending.clear();
    vm.pending_delete.clear();
    for volume in lost {
        if lab.volume_owner(&volume) == Some(named.vmid) {
            vm.add_unused(&volume);
        }
    }
    let volumes: Vec<VolumeId> = vm.drives().filter_map(|(_, drive)| VolumeId::parse(&drive.file)).collect();
    for id in volumes {
        if let Some(volume) = lab.volume_mut(&named.node, &id)
            && let Some(past) = volume.snapshots.get(&named.name).cloned()
        {
            (volume.size, volume.contents) = (past.size, past.contents);
        }
    }
    halt(lab, named.vmid);
    lab.store_vm(named.vmid, vm);
    lab.change_vm(named.vmid, |vm| vm.process = None);
    let root = Principal("root@pam".to_owned());
    if with_memory || start.is_some() {
        start_as(lab, &named.node, named.vmid, start.unwrap_or(&root));
    }
    Ok(())
}

fn remove(lab: &mut Lab, request: &Request) -> Answer {
    let check = |named: &Named, lab: &Lab| named.find(lab).map(drop);
    Named::of(request).start(lab, request, "qmdelsnapshot", "snapshot-delete", check, |named, lab, upid| {
        let (_, snapshot) = named.find(lab)?;
        let snapshot = snapshot.clone();
        if let Some(id) = snapshot.get("vmstate").and_then(|state| VolumeId::parse(state))
            && let Err(failure) = lab.free(&named.node, &id)
        {
            lab.tasks.log(upid, failure.message.trim_end());
        }
        for (_, drive) in drives_of(&snapshot) {
            let volume = VolumeId::parse(&drive.file).and_then(|id| lab.volume_mut(&named.node, &id));
            if let Some(volume) = volume {
                volume.snapshots.remove(&named.name);
            }
        }
        let parent = snapshot.get("parent").cloned();
        lab.change_vm(named.vmid, |vm| {
            vm.snapshots.remove(&named.name);
            let children = vm.snapshots.values_mut().chain(std::iter::once(&mut vm.config));
            for options in children.filter(|options| options.get("parent") == Some(&named.name)) {
                match &parent {
                    Some(parent) => drop(options.insert("parent".to_owned(), parent.clone())),
                    None => drop(options.remove("parent")),
                }
            }
        });
        Ok(())
    })
}
