//! When backup jobs run: each on the nodes of its guests, and later on those that were down.

use serde::{Deserialize, Serialize};

use super::run::Run;
use crate::pve::calendar::{self, zone};
use crate::pve::handlers::backup_jobs::FILE;
use crate::pve::permissions::Principal;
use crate::pve::section::Entry;
use crate::pve::state::Lab;

/// What the scheduler remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scheduler {
    /// When a job last ran, was made, or was given another schedule: events count from there.
    seen: std::collections::BTreeMap<String, i64>,
    /// Until when nodes are busy with what the clock has started.
    busy: std::collections::BTreeMap<String, i64>,
    /// Jobs that a node could not start while it was down and will start when it is back, with the node.
    missed: std::collections::BTreeSet<(String, String)>,
}

impl Lab {
    /// Lets the events of a job count from now on.
    pub fn watch_job(&mut self, id: &str) {
        let now = self.now();
        self.scheduler.seen.insert(id.to_owned(), now);
        self.scheduler.missed.retain(|(_, job)| job != id);
    }

    /// Forgets a job.
    pub fn forget_job(&mut self, id: &str) {
        self.scheduler.seen.remove(id);
        self.scheduler.missed.retain(|(_, job)| job != id);
    }

    /// The next job that is due.
    pub fn due_backup(&mut self) -> Option<(i64, String)> {
        let zone = self.zone_of(self.local_node());
        let now = self.now();
        let mut first: Option<(i64, String)> = None;
        for entry in self.file(FILE).entries {
            let event = entry.options.get("schedule").and_then(|text| calendar::parse(text).ok());
            let Some(event) = event.filter(|_| is_enabled(&entry)) else { continue };
            let seen = *self.scheduler.seen.entry(entry.id.clone()).or_insert(now);
            let Some(moment) = event.next(seen, &zone) else { continue };
            if first.as_ref().is_none_or(|(earliest, _)| moment < *earliest) {
                first = Some((moment, entry.id));
            }
        }
        first
    }

    /// Runs a job on every node that it is for; a node that is down misses it.
    pub fn start_backup_job(&mut self, id: &str, moment: i64) {
        self.scheduler.seen.insert(id.to_owned(), moment);
        let Some(entry) = self.file(FILE).get(id).cloned() else { return };
        let nodes: Vec<(String, bool)> =
            self.nodes.iter().map(|(name, node)| (name.clone(), node.offline)).collect();
        for (node, offline) in nodes {
            if entry.options.get("node").is_some_and(|only| *only != node) {
                continue;
            }
            if !offline {
                self.back_up(&node, &entry);
            } else if entry.options.get("repeat-missed").is_some_and(|flag| flag == "1") {
                self.scheduler.missed.insert((node, id.to_owned()));
            }
        }
    }

    /// Starts what nodes missed that are back.
    pub fn start_missed_backups(&mut self) {
        let back: Vec<(String, String)> = self
            .scheduler
            .missed
            .iter()
            .filter(|(node, _)| self.nodes.get(node).is_some_and(|node| !node.offline))
            .cloned()
            .collect();
        for (node, id) in back {
            self.scheduler.missed.remove(&(node.clone(), id.clone()));
            if let Some(entry) = self.file(FILE).get(&id).cloned() {
                self.frozen = Some(self.now());
                self.back_up(&node, &entry);
                self.frozen = None;
            }
        }
    }

    /// One run of a job on one node, once the node has ended what it does.
    fn back_up(&mut self, node: &str, entry: &Entry) {
        let root = Principal("root@pam".to_owned());
        let mut options = entry.options.clone();
        options
            .retain(|key, _| !matches!(key.as_str(), "enabled" | "schedule" | "repeat-missed" | "comment"));
        let Some(run) = Run::on(self, node, &root, options) else { return };
        let due = self.now();
        let begin = self.scheduler.busy.get(node).map_or(due, |until| due.max(*until));
        self.frozen = Some(begin);
        self.play(node, &root, run.plan());
        self.scheduler.busy.insert(node.to_owned(), self.now());
        self.frozen = Some(due);
    }

    /// The zone of a node's clock.
    pub fn zone_of(&self, node: &str) -> jiff::tz::TimeZone {
        zone(self.nodes.get(node).map_or("UTC", |node| node.timezone.as_str()))
    }
}

fn is_enabled(entry: &Entry) -> bool {
    entry.options.get("enabled").is_none_or(|flag| flag != "0")
}
