//! `/cluster/replication`: replication jobs.

use serde_json::Value;

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::release::Release;
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/replication", list),
    route("POST", "/cluster/replication", create),
    route("GET", "/cluster/replication/{id}", read),
    route("PUT", "/cluster/replication/{id}", update),
    route("DELETE", "/cluster/replication/{id}", delete),
];

/// The file that holds them.
pub const FILE: &str = "replication.cfg";
/// Rounds of the usual task time until the guest's node removes a job.
const REACTION: u32 = 4;

fn shown(lab: &Lab, entry: &Entry) -> Value {
    let mut shown = entry.shown(rules("POST", "/cluster/replication"));
    let (guest, number) = entry.id.split_once('-').unwrap_or_default();
    shown.insert("id".to_owned(), entry.id.as_str().into());
    shown.insert("type".to_owned(), entry.kind.as_str().into());
    shown.insert("guest".to_owned(), guest.parse::<u32>().unwrap_or_default().into());
    shown.insert("jobnum".to_owned(), number.into());
    shown.insert("digest".to_owned(), lab.file(FILE).digest().into());
    Value::Object(shown)
}

/// The guest that a job is about.
fn path_of(id: &str) -> String {
    format!("/vms/{}", id.split('-').next().unwrap_or_default())
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let mut entries = lab.file(FILE).entries;
    entries.retain(|entry| lab.allows(&request.who, &path_of(&entry.id), &["VM.Audit"]));
    Ok(entries.iter().map(|entry| shown(lab, entry)).collect::<Vec<Value>>().into())
}

fn missing(id: &str) -> Failure {
    Failure::died(format!("no such replication job '{id}'"))
}

/// What changes say instead.
fn no_such_job(id: &str) -> Failure {
    Failure::died(format!("no such job '{id}'"))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let file = lab.file(FILE);
    let entry = file.get(id).ok_or_else(|| missing(id))?;
    lab.require(&request.who, &path_of(id), &["VM.Audit"])?;
    Ok(shown(lab, entry).into())
}

/// What a change of a job needs: a privilege of its own on the guest, which 8.4 does not have yet.
fn permit(lab: &Lab, request: &Request) -> Result<(), Failure> {
    let guest = path_of(request.params.text_or_empty("id"));
    match lab.release {
        Release::V8_4 => lab.require(&request.who, "/storage", &["Datastore.Allocate"]),
        Release::V9_2 => lab.require(&request.who, &guest, &["VM.Replicate"]),
    }
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    permit(lab, request)?;
    let params = &request.params;
    let target = params.text_or_empty("target");
    let id = params.text_or_empty("id");
    let vmid = id.split('-').next().and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    let node = lab.node_of_guest(vmid).map(str::to_owned);
    let node = node.ok_or_else(|| Failure::died(format!("Guest '{vmid}' does not exist.")))?;
    // A node on its own has no members that could be targets.
    if lab.cluster_name.is_none() || !lab.nodes.contains_key(target) {
        return Err(Failure::died(format!("Target '{target}' does not exist.")));
    }
    if let Some(source) = params.text("source").filter(|source| *source != node) {
        let message = format!("Source '{source}' does not match current node of guest '{vmid}' ({node})");
        return Err(Failure::died(message));
    }
    if node == target {
        return Err(Failure::died("Source and target must not be identical"));
    }
    let mut entry = Entry::of(id, params.text_or_empty("type"), request, "id");
    entry.options.entry("source".to_owned()).or_insert(node);
    if lab.file(FILE).get(id).is_some() {
        return Err(Failure::died(format!("replication job '{id}' already exists")));
    }
    lab.file_mut(FILE).entries.push(entry);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    permit(lab, request)?;
    let id = request.params.text_or_empty("id");
    let file = lab.file_mut(FILE);
    file.check_digest(request)?;
    file.get_mut(id).ok_or_else(|| no_such_job(id))?.assign(request, &["id"]);
    Ok(Reply::nothing())
}

/// The job is only marked; its node removes it at its next round, unless told to forget it at once.
fn delete(lab: &mut Lab, request: &Request) -> Answer {
    permit(lab, request)?;
    let id = request.params.text_or_empty("id").to_owned();
    let file = lab.file_mut(FILE);
    let Some(entry) = file.get_mut(&id) else { return Err(no_such_job(&id)) };
    if request.params.is_set("force") {
        file.remove(&id);
        return Ok(Reply::nothing());
    }
    let how = if request.params.is_set("keep") { "local" } else { "full" };
    entry.options.insert("remove_job".to_owned(), how.to_owned());
    let after = lab.usual_task_time() * REACTION;
    lab.later(after, move |lab| {
        lab.file_mut(FILE).remove(&id);
    });
    Ok(Reply::nothing())
}

impl Lab {
    /// Takes a guest's replication jobs away.
    pub fn drop_from_replication(&mut self, vmid: u32) {
        let prefix = format!("{vmid}-");
        self.file_mut(FILE).entries.retain(|entry| !entry.id.starts_with(&prefix));
    }
}
