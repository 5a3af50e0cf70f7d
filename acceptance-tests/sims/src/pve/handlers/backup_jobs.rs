//! `/cluster/backup`: backup jobs.

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::calendar;
use crate::pve::property;
use crate::pve::schema::{Kind, named_format};
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/backup", list),
    route("POST", "/cluster/backup", create),
    route("GET", "/cluster/backup/{id}", read),
    route("PUT", "/cluster/backup/{id}", update),
    route("DELETE", "/cluster/backup/{id}", delete),
    route("GET", "/cluster/jobs/schedule-analyze", analyze),
];

/// The file that holds them.
pub const FILE: &str = "jobs.cfg";
/// Property strings that answers show as objects.
const OBJECTS: [(&str, &str); 3] = [
    ("fleecing", "backup-fleecing"),
    ("performance", "backup-performance"),
    ("prune-backups", "prune-backups"),
];
/// Options that say which guests are meant; one job has one of them.
const SELECTIONS: [&str; 3] = ["all", "pool", "vmid"];
/// What nobody but root sets or clears, and a token of root is nobody (pve-manager, `API2/Backup.pm`).
const ROOTS: [&str; 3] = ["dumpdir", "script", "tmpdir"];
/// What `delete` does not know.
const KEPT: [&str; 5] = ["dow", "enabled", "id", "schedule", "starttime"];

fn shown(entry: &Entry) -> Map<String, Value> {
    let mut shown = entry.shown(rules("POST", "/cluster/backup"));
    for (key, format) in OBJECTS {
        let Some((text, rules)) = entry.options.get(key).zip(named_format(format)) else { continue };
        let values = property::parse(rules, text).unwrap_or_default();
        let values = values.into_iter().map(|(name, text)| {
            let is_flag = rules.get(&name).is_some_and(|rule| rule.kind == Kind::Boolean);
            let value = if is_flag { json!(i32::from(text == "1")) } else { json!(text) };
            (name, value)
        });
        shown.insert(key.to_owned(), Value::Object(values.collect()));
    }
    shown.entry("enabled").or_insert_with(|| 1.into());
    shown.insert("id".to_owned(), entry.id.as_str().into());
    shown.insert("type".to_owned(), "vzdump".into());
    shown
}

fn list(lab: &mut Lab, _: &Request) -> Answer {
    let (now, zone) = (lab.now(), lab.zone_of(lab.local_node()));
    let entries = lab.file(FILE).entries;
    let entries = entries.iter().map(|entry| {
        let mut item = shown(entry);
        let event = entry.options.get("schedule").and_then(|text| calendar::parse(text).ok());
        if item["enabled"] == 1
            && let Some(next) = event.and_then(|event| event.next(now, &zone))
        {
            item.insert("next-run".to_owned(), next.into());
        }
        Value::Object(item)
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let file = lab.file(FILE);
    let entry = file.get(id).ok_or_else(|| Failure::parameter("id", format!("No such job '{id}'")))?;
    Ok(Value::Object(shown(entry)).into())
}

/// Parameter errors inside the locked section lose their map.
fn locked(name: &str, message: &str) -> Failure {
    Failure::died(format!("400 Parameter verification failed.\n{name}: {message}\n"))
}

/// Exactly one selection of guests.
fn selection_holds(entry: &Entry) -> Result<(), Failure> {
    let is_given =
        |key: &&str| entry.options.get(*key).is_some_and(|text| !matches!(text.as_str(), "" | "0"));
    let given: Vec<&str> = SELECTIONS.iter().copied().filter(|key| is_given(key)).collect();
    match given[..] {
        [] => Err(locked("vmid", "property is missing")),
        [_] => Ok(()),
        [first, second, ..] => Err(locked(
            if first == "all" { second } else { first },
            &format!("option conflicts with option '{}'", if first == "all" { first } else { second }),
        )),
    }
}

fn refuse_what_is_roots(request: &Request) -> Result<(), Failure> {
    let delete = request.params.list("delete").unwrap_or_default();
    let is_named = |key: &&str| request.params.is_set(key) || delete.iter().any(|name| name == key);
    match ROOTS.into_iter().find(|key| is_named(key)).filter(|_| !request.who.is_root()) {
        Some(key) => Err(Failure::parameter(key, "Only root may set this option.")),
        None => Ok(()),
    }
}

/// The old way to say when: a time and days of the week.
fn schedule(request: &Request) -> Result<Option<String>, Failure> {
    if let Some(schedule) = request.params.text("schedule") {
        return Ok(Some(schedule.to_owned()));
    }
    let Some(time) = request.params.text("starttime") else { return Ok(None) };
    let days = request.params.list("dow").unwrap_or_default().join(",");
    Ok(Some(if days.is_empty() { time.to_owned() } else { format!("{days} {time}") }))
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    refuse_what_is_roots(request)?;
    let schedule = schedule(request)?
        .ok_or_else(|| Failure::parameter("schedule", "neither 'starttime' nor 'schedule' were set"))?;
    let id = request.params.text("id").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    let mut entry = Entry::of(&id, "vzdump", request, "id");
    entry.options.retain(|key, _| !matches!(key.as_str(), "starttime" | "dow"));
    entry.options.insert("schedule".to_owned(), schedule);
    if lab.file(FILE).get(&id).is_some() {
        return Err(Failure::died(format!("Job '{id}' already exists")));
    }
    selection_holds(&entry)?;
    lab.file_mut(FILE).entries.push(entry);
    lab.watch_job(&id);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let Some(mut entry) = lab.file(FILE).get(id).cloned() else {
        return Err(locked("id", &format!("No such job '{id}'")));
    };
    let delete = request.params.list("delete").unwrap_or_default();
    if let Some(name) = delete.iter().find(|name| KEPT.contains(&name.as_str())) {
        return Err(locked("delete", &format!("unknown option '{name}'")));
    }
    refuse_what_is_roots(request)?;
    entry.assign(request, &["id", "starttime", "dow"]);
    if let Some(schedule) = schedule(request)? {
        entry.options.insert("schedule".to_owned(), schedule);
    }
    selection_holds(&entry)?;
    let timing = |entry: &Entry| ["schedule", "enabled"].map(|key| entry.options.get(key).cloned());
    if lab.file(FILE).get(id).is_some_and(|before| timing(before) != timing(&entry)) {
        lab.watch_job(id);
    }
    if let Some(kept) = lab.file_mut(FILE).get_mut(id) {
        *kept = entry;
    }
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    if lab.file_mut(FILE).remove(id) {
        lab.forget_job(id);
        Ok(Reply::nothing())
    } else {
        Err(locked("id", &format!("No such job '{id}'")))
    }
}

impl Lab {
    /// Takes a guest out of every job; a job that is left without guests goes too.
    pub fn drop_from_backup_jobs(&mut self, vmid: u32) {
        let id = vmid.to_string();
        let file = self.file_mut(FILE);
        for entry in &mut file.entries {
            for key in ["vmid", "exclude"] {
                let Some(text) = entry.options.get(key) else { continue };
                let left: Vec<&str> = text.split(',').filter(|other| *other != id).collect();
                let left = left.join(",");
                if left.is_empty() && key == "exclude" {
                    entry.options.remove(key);
                } else {
                    entry.options.insert(key.to_owned(), left);
                }
            }
        }
        file.entries.retain(|entry| entry.options.get("vmid").is_none_or(|text| !text.is_empty()));
    }
}

fn analyze(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let event = calendar::parse(params.text_or_empty("schedule"))
        .map_err(|message| Failure::parameter("schedule", message))?;
    let mut moment = params.integer("starttime").unwrap_or_else(|| lab.now());
    let zone = lab.zone_of(lab.local_node());
    let mut events = Vec::new();
    for _ in 0..params.integer("iterations").unwrap_or(10) {
        let Some(next) = event.next(moment, &zone) else { break };
        events.push(json!({"timestamp": next, "utc": calendar::spelled(next)}));
        moment = next;
    }
    Ok(events.into())
}
