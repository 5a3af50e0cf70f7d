//! Suspending a VM to disk.

use super::guard::LockedTask;
use super::options;
use crate::pve::answer::{Answer, Failure};
use crate::pve::content::alloc::NewImage;
use crate::pve::handlers::Request;
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

/// Machine that saved states name.
const MACHINE: &str = "pc-i440fx-10.0+pve1";

/// Writes the memory of a VM to a volume and ends its process; the next start reads it back.
pub fn suspend_to_disk(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid) = (request.node().to_owned(), request.vmid());
    let storage = match request.params.text("statestorage") {
        Some(storage) => storage.to_owned(),
        None => state_storage(lab, &node, vmid)?,
    };
    lab.enabled_storage(&node, &storage)?;
    let check_node = node.clone();
    let work_node = node.clone();
    let plan = LockedTask::new(
        "qmsuspend",
        vmid,
        lab.usual_task_time(),
        move |lab: &mut Lab, _: &Upid| {
            lab.vm(&check_node, vmid)?.require_no_lock()?;
            lab.change_vm(vmid, |vm| vm.set("lock", "suspending"));
            Ok(())
        },
        move |lab: &mut Lab, upid: &Upid| {
            let state = save_state(lab, &work_node, vmid, &storage, "suspend", upid)?;
            lab.change_vm(vmid, |vm| {
                vm.process = None;
                vm.set("lock", "suspended");
                vm.set("vmstate", state);
                vm.set("runningmachine", MACHINE);
            });
            Ok(())
        },
    )
    .plan()
    .or(move |lab, _| {
        lab.file_locks.remove(&super::guard::lock_file(vmid));
        lab.change_vm(vmid, |vm| vm.config.retain(|key, value| key != "lock" || value != "suspending"));
    });
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

/// Makes the volume of a saved memory and answers its id.
pub fn save_state(
    lab: &mut Lab,
    node: &str,
    vmid: u32,
    storage: &str,
    name: &str,
    upid: &Upid,
) -> Result<String, Failure> {
    let memory = options::memory_mib(lab.vm(node, vmid)?.get("memory"));
    let stem = format!("vm-{vmid}-state-{name}");
    let image = NewImage {
        node,
        storage,
        vmid,
        format: "raw",
        // Upstream: twice the memory and 500 MiB for the device states.
        size: (memory * 2 + 500) << 20,
        stem: Some(&stem),
        is_base: false,
    };
    let mut log = Vec::new();
    let id = lab.allocate(&image, &mut log)?;
    log.push("saving VM state and RAM using storage '".to_owned() + storage + "'");
    log.into_iter().for_each(|line| lab.tasks.log(upid, line));
    Ok(id.to_string())
}

/// The storage that saved states go to: the VM's own choice, that of its first disk, or `local`.
pub fn state_storage(lab: &Lab, node: &str, vmid: u32) -> Result<String, Failure> {
    let vm = lab.vm(node, vmid)?;
    if let Some(storage) = vm.get("vmstatestorage") {
        return Ok(storage.to_owned());
    }
    let of_disk = vm
        .drives()
        .find(|(_, drive)| drive.is_disk())
        .and_then(|(_, drive)| drive.file.split_once(':').map(|(storage, _)| storage.to_owned()));
    Ok(of_disk.unwrap_or_else(|| "local".to_owned()))
}
