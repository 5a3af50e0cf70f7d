//! Making and deleting single volumes.

use std::time::Duration;

use super::alloc::NewImage;
use super::list::requested_volume;
use super::naming::{self, VolumeId};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::qemu::guard::outcome;
use crate::pve::qemu::size::parse_size;
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/storage/{storage}/content", create),
    route("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", delete),
];

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let (node, storage) = (request.node(), params.text_or_empty("storage"));
    let name = params.text_or_empty("filename");
    let of_name =
        name.rsplit_once('.').map(|(_, end)| end).filter(|end| ["raw", "qcow2", "vmdk"].contains(end));
    let format = match (of_name, params.text("format")) {
        (Some(named), Some(given)) if named != given => {
            return Err(Failure::parameter(
                "format",
                format!("different storage formats ({given} != {named})"),
            ));
        }
        (Some(named), _) => named,
        (None, given) => given.unwrap_or("raw"),
    };
    let config = lab.usable_storage(node, storage)?;
    let vmid = request.vmid();
    if !naming::is_file_based(config) && !name.starts_with(&format!("vm-{vmid}-")) {
        return Err(Failure::died(format!("illegal name '{name}' - should be 'vm-{vmid}-*'")));
    }
    // Without a unit, the size is in KiB.
    let text = params.text_or_empty("size");
    let size = text.parse::<u64>().ok().and_then(|kib| kib.checked_mul(1024)).or_else(|| parse_size(text));
    let size = size.ok_or_else(|| Failure::parameter("size", "value does not match the regex pattern"))?;
    let stem = of_name.and_then(|end| name.strip_suffix(end)).map_or(name, |stem| stem.trim_end_matches('.'));
    let image = NewImage { node, storage, vmid, format, size, stem: Some(stem), is_base: false };
    let id = lab.allocate(&image, &mut Vec::new())?;
    Ok(id.to_string().into())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let id = requested_volume(request)?;
    let node = request.node().to_owned();
    let parsed = lab.parse_volume(&id).map_err(Failure::died)?;
    let path = format!("/storage/{}", id.storage);
    match parsed.vmid.filter(|_| parsed.content == "backup") {
        Some(owner) => {
            lab.require(&request.who, &path, &["Datastore.AllocateSpace"])?;
            lab.require(&request.who, &format!("/vms/{owner}"), &["VM.Backup"])?;
        }
        None => lab.require(&request.who, &path, &["Datastore.Allocate"])?,
    }
    lab.usable_storage(&node, &id.storage)?;
    if lab.volume(&node, &id).is_some_and(|volume| volume.protected) {
        return Err(Failure::died(format!(
            "can't remove protected volume '{id}' from storage '{}'",
            id.storage
        )));
    }
    let about = parsed.vmid.map_or_else(|| id.storage.clone(), |vmid| format!("{vmid}@{}", id.storage));
    let who = request.who.0.clone();
    if request.params.integer("delay").is_some_and(|seconds| seconds > 0) {
        // The caller waits for the task, which is done before the delay is over.
        let mut log = Vec::new();
        let result = remove(lab, &node, &id, &mut log);
        let failed = result.as_ref().err().map(|failure| failure.message.clone());
        let plan = Plan::new("imgdel", about, Duration::ZERO, move |lab, upid| {
            log.into_iter().for_each(|line| lab.tasks.log(upid, line));
            failed.map_or(Progress::Done, Progress::Failed)
        });
        lab.start_task(&node, &who, plan);
        return result.map(|()| Reply::nothing());
    }
    let work_node = node.clone();
    let plan = Plan::new("imgdel", about, Duration::ZERO, move |lab: &mut Lab, upid: &Upid| {
        let mut log = Vec::new();
        let result = remove(lab, &work_node, &id, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        outcome(result)
    });
    Ok(lab.start_task(&node, &who, plan).to_string().into())
}

/// Deletes a volume, whoever uses it. A file that is gone already is only worth a line.
fn remove(lab: &mut Lab, node: &str, id: &VolumeId, log: &mut Vec<String>) -> Result<(), Failure> {
    match lab.free(node, id) {
        Err(failure) if failure.message.ends_with("does not exist\n") => {
            log.push(failure.message.trim_end().to_owned());
        }
        other => other?,
    }
    log.push(format!("Removed volume '{id}'"));
    Ok(())
}
