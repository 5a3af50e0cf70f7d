//! `/nodes/{node}/replication`: how replication jobs went, and their runs by the clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::replication::FILE;
use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::calendar;
use crate::pve::content::naming::VolumeId;
use crate::pve::qemu::drive::Drive;
use crate::pve::section::Entry;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/replication", list),
    route("GET", "/nodes/{node}/replication/{id}", index),
    route("GET", "/nodes/{node}/replication/{id}/status", status),
    route("GET", "/nodes/{node}/replication/{id}/log", log),
    route("POST", "/nodes/{node}/replication/{id}/schedule_now", schedule_now),
];

/// When a job runs unless it says otherwise.
const SCHEDULE: &str = "*/15";
/// Seconds that a run takes.
const DURATION: i64 = 3;
/// Seconds until a job that failed is tried again, by how often it has failed.
const RETRIES: [i64; 2] = [300, 600];
/// And when it has failed more often.
const LATER: i64 = 1800;

/// How a job went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Replication {
    /// Events count from here: the last run, or when the job was first seen.
    seen: i64,
    last_sync: i64,
    last_try: i64,
    fail_count: i64,
    error: Option<String>,
    log: Vec<String>,
}

/// How each job went, by its id.
pub type Replications = BTreeMap<String, Replication>;

impl Lab {
    /// The next job that is due.
    pub fn due_replication(&mut self) -> Option<(i64, String)> {
        let now = self.now();
        let jobs = self.file(FILE).entries;
        self.replications.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        for job in &jobs {
            self.replications
                .entry(job.id.clone())
                .or_insert(Replication { seen: now, ..Replication::default() });
        }
        jobs.iter()
            .filter(|job| self.runs_now(job))
            .filter_map(|job| Some((self.next_sync(job)?, job.id.clone())))
            .min()
    }

    /// A job whose own node is down waits for it.
    fn runs_now(&self, job: &Entry) -> bool {
        let on = job.options.get("disable").is_none_or(|flag| flag != "1");
        let node = self.vms.get(&guest(job)).and_then(|vm| self.nodes.get(&vm.node));
        on && !job.options.contains_key("remove_job") && node.is_some_and(|node| !node.offline)
    }

    fn next_sync(&self, job: &Entry) -> Option<i64> {
        let state = self.replications.get(&job.id)?;
        let failed = usize::try_from(state.fail_count).unwrap_or_default();
        if failed > 0 {
            return Some(state.last_try + RETRIES.get(failed - 1).unwrap_or(&LATER));
        }
        let zone = self.zone_of(self.vms.get(&guest(job)).map_or("", |vm| vm.node.as_str()));
        let event = calendar::parse(job.options.get("schedule").map_or(SCHEDULE, String::as_str)).ok()?;
        event.next(state.seen, &zone)
    }

    /// One run of a job.
    pub fn replicate(&mut self, id: &str) {
        let Some(job) = self.file(FILE).get(id).cloned() else { return };
        let now = self.now();
        let mut lines = vec![format!("start replication job {id}"), format!("guest => VM {}", guest(&job))];
        let result = self.send(&job, &mut lines);
        let state = self.replications.entry(id.to_owned()).or_default();
        (state.seen, state.last_try) = (now, now);
        match result {
            Ok(()) => {
                (state.last_sync, state.fail_count, state.error) = (now, 0, None);
                lines.push("end replication job".to_owned());
            }
            Err(failure) => {
                state.fail_count += 1;
                let reason = failure.message.trim_end().to_owned();
                lines.push(format!("end replication job with error: {reason}"));
                state.error = Some(reason);
            }
        }
        state.log = lines;
    }

    /// Copies the disks of a guest to the target of a job, as they are now.
    fn send(&mut self, job: &Entry, lines: &mut Vec<String>) -> Result<(), Failure> {
        let vmid = guest(job);
        let vm = self.vms.get(&vmid).cloned();
        let vm = vm.ok_or_else(|| Failure::died(format!("no such guest '{vmid}'")))?;
        let target = job.options.get("target").map_or("", String::as_str);
        if self.nodes.get(target).is_none_or(|node| node.offline) {
            return Err(Failure::died(format!("command 'ssh root@{target}' failed: exit code 255")));
        }
        let wanted = |drive: &Drive| drive.is_disk() && drive.option("replicate") != Some("0");
        let drives: Vec<Drive> = vm.drives().map(|(_, drive)| drive).filter(wanted).collect();
        for drive in drives {
            let Some(id) = VolumeId::parse(&drive.file) else { continue };
            let storage = self.usable_storage(&vm.node, &id.storage)?;
            if storage.is_shared() {
                continue;
            }
            if storage.kind != "zfspool" {
                return Err(Failure::died(format!("missing replicate feature on volume '{id}'")));
            }
            self.usable_storage(target, &id.storage)?;
            let missing = || Failure::died(format!("volume '{id}' does not exist"));
            let copy = self.volume(&vm.node, &id).cloned().ok_or_else(missing)?;
            lines.push(format!("send volume '{id}'"));
            self.put_volume(target, &id, copy);
        }
        Ok(())
    }

    fn shown(&self, job: &Entry) -> Value {
        let state = self.replications.get(&job.id).cloned().unwrap_or_default();
        let source = self.vms.get(&guest(job)).map(|vm| vm.node.clone());
        let mut shown = json!({
            "id": job.id, "type": job.kind, "guest": guest(job), "jobnum": job.id.split('-').nth(1),
            "target": job.options.get("target"), "source": source, "vmtype": "qemu",
            "schedule": job.options.get("schedule").map_or(SCHEDULE, String::as_str),
            "last_sync": state.last_sync, "last_try": state.last_try, "fail_count": state.fail_count,
            "duration": if state.last_try > 0 { DURATION } else { 0 },
        });
        if let Some(next) = self.next_sync(job).filter(|_| self.runs_now(job)) {
            shown["next_sync"] = next.into();
        }
        if let Some(error) = state.error {
            shown["error"] = error.into();
        }
        shown
    }
}

fn guest(job: &Entry) -> u32 {
    job.id.split('-').next().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Jobs of the guests on a node that the caller may see.
fn jobs(lab: &mut Lab, request: &Request) -> Vec<Entry> {
    // Whoever looks sees jobs that the clock has not come by yet.
    lab.due_replication();
    let here = |job: &Entry| lab.vms.get(&guest(job)).is_some_and(|vm| vm.node == request.node());
    let seen = |job: &Entry| lab.allows(&request.who, &format!("/vms/{}", guest(job)), &["VM.Audit"]);
    lab.file(FILE).entries.into_iter().filter(|job| here(job) && seen(job)).collect()
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let wanted = request.params.text("guest").and_then(|text| text.parse::<u32>().ok());
    let found = jobs(lab, request).into_iter().filter(|job| wanted.is_none_or(|vmid| vmid == guest(job)));
    let found: Vec<Entry> = found.collect();
    Ok(found.iter().map(|job| lab.shown(job)).collect::<Vec<Value>>().into())
}

fn find(lab: &mut Lab, request: &Request) -> Result<Entry, Failure> {
    let id = request.params.text_or_empty("id");
    let found = jobs(lab, request).into_iter().find(|job| job.id == id);
    found.ok_or_else(|| Failure::died(format!("no such replication job '{id}'")))
}

fn index(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([{"name": "schedule_now"}, {"name": "log"}, {"name": "status"}]).into())
}

fn status(lab: &mut Lab, request: &Request) -> Answer {
    let job = find(lab, request)?;
    Ok(lab.shown(&job).into())
}

fn log(lab: &mut Lab, request: &Request) -> Answer {
    let job = find(lab, request)?;
    let lines = lab.replications.get(&job.id).map(|state| state.log.clone()).unwrap_or_default();
    let numbered = lines.iter().enumerate().map(|(index, line)| json!({"n": index + 1, "t": line}));
    let total = lines.len();
    Ok(Reply::from(numbered.collect::<Vec<Value>>()).beside("total", total))
}

fn schedule_now(lab: &mut Lab, request: &Request) -> Answer {
    let job = find(lab, request)?;
    lab.replicate(&job.id);
    Ok(Reply::nothing())
}
