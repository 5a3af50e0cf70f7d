//! Reading and changing a VM's configuration.

use std::collections::BTreeSet;

use super::guard::failure_text;
use super::update::Change;
use super::{pending, vm};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/qemu/{vmid}/config", read),
    route("GET", "/nodes/{node}/qemu/{vmid}/pending", read_pending),
    route("PUT", "/nodes/{node}/qemu/{vmid}/config", write),
    route("POST", "/nodes/{node}/qemu/{vmid}/config", write_in_background),
    route("PUT", "/nodes/{node}/qemu/{vmid}/unlink", unlink),
];

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let found = lab.vm(request.node(), request.vmid())?;
    if let Some(name) = request.params.text("snapshot") {
        let snapshot = found
            .snapshots
            .get(name)
            .ok_or_else(|| Failure::died(format!("snapshot '{name}' does not exist")))?;
        return Ok(Reply::from(serde_json::Value::Object(found.to_json(snapshot))));
    }
    let options = if request.params.is_set("current") { found.config.clone() } else { found.merged() };
    Ok(Reply::from(serde_json::Value::Object(found.to_json(&options))))
}

fn read_pending(lab: &mut Lab, request: &Request) -> Answer {
    Ok(pending::list(lab.vm(request.node(), request.vmid())?).into())
}

fn write(lab: &mut Lab, request: &Request) -> Answer {
    let change = Change::checked(lab, request)?;
    lab.require_unlocked_file(request.vmid())?;
    change.require_current(lab)?;
    change.apply(lab, &mut Vec::new())?;
    Ok(Reply::nothing())
}

fn write_in_background(lab: &mut Lab, request: &Request) -> Answer {
    let change = Change::checked(lab, request)?;
    let vmid = request.vmid();
    lab.require_unlocked_file(vmid)?;
    change.require_current(lab)?;
    let plan = Plan::new("qmconfig", vmid.to_string(), lab.usual_task_time(), move |lab, upid| {
        let mut log = vec![change.summary()];
        let result = change.apply(lab, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        match result {
            Ok(()) => Progress::Done,
            Err(failure) => Progress::Failed(failure_text(&failure)),
        }
    });
    let upid = lab.start_task(request.node(), &request.who.0, plan);
    Ok(upid.to_string().into())
}

/// Takes disks out of their slots: the same as removing their options.
fn unlink(lab: &mut Lab, request: &Request) -> Answer {
    let slots: BTreeSet<String> = request.params.list("idlist").unwrap_or_default().into_iter().collect();
    let change = Change::removal(lab, request, slots)?;
    lab.require_unlocked_file(request.vmid())?;
    change.require_current(lab)?;
    change.apply(lab, &mut Vec::new())?;
    Ok(Reply::nothing())
}

/// The configuration that a request's parameters describe, with the parameters that are no options left out.
pub fn options_of(request: &Request, others: &[&str]) -> vm::Options {
    request
        .params
        .texts()
        .filter(|(key, _)| !others.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
