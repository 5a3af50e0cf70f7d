//! Which backups pruning removes, and the calls that show and do it.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::pve::answer::{Answer, Failure};
use crate::pve::calendar::local;
use crate::pve::content::naming::VolumeId;
use crate::pve::handlers::{Request, Route, route};
use crate::pve::property;
use crate::pve::schema::named_format;
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/storage/{storage}/prunebackups", preview),
    route("DELETE", "/nodes/{node}/storage/{storage}/prunebackups", prune),
];

/// How many backups to keep, by the rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    last: usize,
    /// Hours, days, weeks, months, years.
    periods: [usize; 5],
    all: bool,
}

/// What pruning does with a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
    /// It stays, because somebody protected it.
    Protected,
}

impl Keep {
    /// Reads a `prune-backups` property string.
    pub fn parse(text: &str) -> Self {
        let values =
            named_format("prune-backups").map(|rules| property::parse(rules, text).unwrap_or_default());
        let values = values.unwrap_or_default();
        let number = |key: &str| values.get(key).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            last: number("keep-last"),
            periods: ["keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"].map(number),
            all: values.get("keep-all").is_some_and(|flag| flag == "1"),
        }
    }

    /// Whether it removes nothing, ever.
    pub fn keeps_all(&self) -> bool {
        self.all || (self.last == 0 && self.periods.iter().all(|count| *count == 0))
    }

    /// How many backups can be there at most; none if that has no end.
    pub fn limit(&self) -> Option<usize> {
        (!self.keeps_all()).then(|| self.last + self.periods.iter().sum::<usize>())
    }

    /// Marks the backups of one guest, given the newest first, with whether they are protected.
    pub fn marks(&self, newest_first: &[(i64, bool)], zone: &TimeZone) -> Vec<Mark> {
        let mut decided: Vec<Option<Mark>> =
            newest_first.iter().map(|(_, protected)| protected.then_some(Mark::Protected)).collect();
        if !self.keeps_all() {
            self.pass(&mut decided, self.last, newest_first, |moment| moment.to_string());
            for (count, period) in self.periods.iter().zip(0..) {
                self.pass(&mut decided, *count, newest_first, |moment| name(period, moment, zone));
            }
        }
        let rest = if self.keeps_all() { Mark::Keep } else { Mark::Remove };
        decided.into_iter().map(|mark| mark.unwrap_or(rest)).collect()
    }

    /// One rule: the newest backup of each of `count` periods that no rule before has kept one of.
    fn pass(
        &self,
        decided: &mut [Option<Mark>],
        count: usize,
        backups: &[(i64, bool)],
        period: impl Fn(i64) -> String,
    ) {
        let kept: BTreeSet<String> = decided
            .iter()
            .zip(backups)
            .filter(|(mark, _)| **mark == Some(Mark::Keep))
            .map(|(_, (moment, _))| period(*moment))
            .collect();
        let mut taken = BTreeSet::new();
        for (mark, (moment, _)) in decided.iter_mut().zip(backups) {
            let name = period(*moment);
            if mark.is_some() || kept.contains(&name) {
                continue;
            }
            if taken.contains(&name) {
                *mark = Some(Mark::Remove);
            } else if taken.len() < count {
                taken.insert(name);
                *mark = Some(Mark::Keep);
            } else {
                return;
            }
        }
    }
}

/// The hour (0), day, ISO week, month or year (4) of a moment, as a node's clock shows it.
fn name(period: usize, moment: i64, zone: &TimeZone) -> String {
    let clock = local(moment, zone);
    let week = clock.date().iso_week_date();
    match period {
        0 => clock.strftime("%Y/%m/%d/%H").to_string(),
        1 => clock.strftime("%Y/%m/%d").to_string(),
        2 => format!("{}/{}", week.year(), week.week()),
        3 => clock.strftime("%Y/%m").to_string(),
        _ => clock.strftime("%Y").to_string(),
    }
}

/// A backup with what pruning would do with it.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The backup.
    pub id: VolumeId,
    /// Its guest.
    pub vmid: u32,
    /// When it was made.
    pub made_at: i64,
    /// What happens to it.
    pub mark: Mark,
}

impl Lab {
    /// The backups on a storage, of one guest or of all, with what these rules would do, the newest first.
    pub fn marked_backups(&self, node: &str, storage: &str, vmid: Option<u32>, keep: &Keep) -> Vec<Marked> {
        let mut found: Vec<(VolumeId, u32, i64, bool)> = self
            .volumes_on(node, storage)
            .filter(|(_, volume)| volume.content == "backup")
            .filter_map(|(id, volume)| Some((id, volume.vmid?, volume.created_at, volume.protected)))
            .filter(|(_, guest, ..)| vmid.is_none_or(|vmid| vmid == *guest))
            .collect();
        found.sort_by_key(|(_, guest, made_at, _)| (*guest, std::cmp::Reverse(*made_at)));
        let zone = self.zone_of(node);
        found
            .chunk_by(|left, right| left.1 == right.1)
            .flat_map(|group| {
                let ages: Vec<(i64, bool)> = group.iter().map(|(_, _, at, kept)| (*at, *kept)).collect();
                let marks = keep.marks(&ages, &zone);
                group.iter().zip(marks).map(|((id, vmid, made_at, _), mark)| Marked {
                    id: id.clone(),
                    vmid: *vmid,
                    made_at: *made_at,
                    mark,
                })
            })
            .collect()
    }

    /// Removes what these rules do not keep; answers what went.
    pub fn prune(
        &mut self,
        node: &str,
        storage: &str,
        vmid: Option<u32>,
        keep: &Keep,
    ) -> Result<Vec<VolumeId>, Failure> {
        let doomed: Vec<VolumeId> = self
            .marked_backups(node, storage, vmid, keep)
            .into_iter()
            .filter(|marked| marked.mark == Mark::Remove)
            .map(|marked| marked.id)
            .collect();
        doomed.iter().try_for_each(|id| self.free(node, id))?;
        Ok(doomed)
    }
}

/// The rules of the call, or else those of the storage.
fn rules(lab: &Lab, request: &Request) -> Result<Keep, Failure> {
    let id = request.params.text_or_empty("storage");
    let storage = lab.usable_storage(request.node(), id)?;
    let own = storage.options.get("prune-backups").map(String::as_str);
    request
        .params
        .text("prune-backups")
        .or(own)
        .map(Keep::parse)
        .ok_or_else(|| Failure::died(format!("no prune-backups options configured for storage '{id}'")))
}

fn wanted(request: &Request) -> Option<u32> {
    request.params.text("vmid").and_then(|text| text.parse().ok())
}

fn preview(lab: &mut Lab, request: &Request) -> Answer {
    let keep = rules(lab, request)?;
    let marked =
        lab.marked_backups(request.node(), request.params.text_or_empty("storage"), wanted(request), &keep);
    let kind = request.params.text("type");
    let shown = marked.into_iter().filter(|_| kind.is_none_or(|kind| kind == "qemu")).map(|marked| {
        let mark = match marked.mark {
            Mark::Keep => "keep",
            Mark::Remove => "remove",
            Mark::Protected => "protected",
        };
        json!({
            "volid": marked.id.to_string(), "vmid": marked.vmid, "ctime": marked.made_at, "type": "qemu",
            "mark": mark,
        })
    });
    Ok(shown.collect::<Vec<Value>>().into())
}

fn prune(lab: &mut Lab, request: &Request) -> Answer {
    let (node, id) = (request.node().to_owned(), request.params.text_or_empty("storage").to_owned());
    let vmid = wanted(request);
    match vmid {
        Some(vmid) => {
            lab.require(&request.who, &format!("/storage/{id}"), &["Datastore.AllocateSpace"])?;
            lab.require(&request.who, &format!("/vms/{vmid}"), &["VM.Backup"])?;
        }
        None => lab.require(&request.who, &format!("/storage/{id}"), &["Datastore.Allocate"])?,
    }
    let keep = rules(lab, request)?;
    let about = vmid.map_or_else(|| id.clone(), |vmid| format!("{vmid}@{id}"));
    let work_node = node.clone();
    let plan = Plan::new("prunebackups", about, lab.usual_task_time(), move |lab, upid| {
        match lab.prune(&work_node, &id, vmid, &keep) {
            Ok(removed) => {
                removed.iter().for_each(|id| lab.tasks.log(upid, format!("removing backup '{id}'")));
                Progress::Done
            }
            Err(failure) => Progress::Failed(failure.message),
        }
    });
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::pve::calendar::zone;

    const RECORDED: &str = include_str!("../../../../spec/backup/prune-simulations.jsonl");

    #[test]
    fn rules_count_periods_and_protected_backups_stay_beside_them() {
        let day = |number: i64| 1_767_225_600 + number * 86_400;
        let backups: Vec<(i64, bool)> = (0..6).rev().map(|number| (day(number), number == 1)).collect();
        let marks = Keep::parse("keep-last=1,keep-daily=2").marks(&backups, &TimeZone::UTC);
        use Mark::{Keep as K, Protected as P, Remove as R};
        assert_eq!(marks, [K, K, K, R, P, R], "the newest, two more days, and what is protected");
        assert!(Keep::parse("keep-all=1").keeps_all() && Keep::parse("").keeps_all());
        assert_eq!(Keep::parse("keep-last=3,keep-weekly=2").limit(), Some(5));
    }

    /// Scenarios with daily backups are left to the provider's own test: they take a minute here.
    const MOST: usize = 150;

    #[test]
    fn pruning_after_every_backup_leaves_what_the_server_left() {
        let mut compared = 0;
        for line in RECORDED.lines() {
            let scenario: Value = serde_json::from_str(line).unwrap();
            let steps = scenario["steps"].as_array().unwrap();
            if steps.len() > MOST {
                continue;
            }
            for simulation in scenario["simulations"].as_array().unwrap() {
                let keep: Vec<String> = simulation["keep"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(rule, count)| format!("keep-{rule}={count}"))
                    .collect();
                let zone = zone(simulation["zones"][0].as_str().unwrap());
                let first = scenario["first"].as_i64().unwrap();
                let (most, kept) = simulate(first, steps, &Keep::parse(&keep.join(",")), &zone);
                let told = format!("tier {} {} {keep:?}", scenario["tier"], scenario["scenario"]);
                assert_eq!(simulation["figures"][6], most, "{told}");
                assert_eq!(simulation["figures"][11], Value::from(kept), "{told}");
                compared += 1;
            }
        }
        assert!(compared > 100, "{compared}");
    }

    /// The most backups that were there after pruning, and the numbers of those that are there at the end.
    fn simulate(first: i64, steps: &[Value], keep: &Keep, zone: &TimeZone) -> (usize, Vec<i64>) {
        let (mut at, mut most) = (first, 0);
        let mut there: Vec<(i64, i64)> = vec![(0, at)];
        for (number, step) in (1..).zip(steps) {
            at += step.as_i64().unwrap();
            there.insert(0, (number, at));
            let ages: Vec<(i64, bool)> = there.iter().map(|(_, at)| (*at, false)).collect();
            let mut marks = keep.marks(&ages, zone).into_iter();
            there.retain(|_| marks.next() == Some(Mark::Keep));
            most = most.max(there.len());
        }
        let mut kept: Vec<i64> = there.iter().rev().map(|(number, _)| *number).collect();
        if kept.len() > 14 {
            kept = vec![kept[0], -1, kept[kept.len() - 1]];
        }
        (most, kept)
    }
}
