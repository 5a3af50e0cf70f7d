//! Reads the recorded prune simulations.

#![expect(clippy::unwrap_used, reason = "a helper that fails is to fail its test")]

use std::collections::BTreeMap;
use std::time::Duration;

use backup_policy::{History, Keep, Timestamp};
use serde::Deserialize;

const RECORDED: &str = include_str!("../../../../acceptance-tests/spec/backup/prune-simulations.jsonl");

/// Backups of two years, and what pruning left of them under each set of keep values.
pub struct Scenario {
    pub tier: u8,
    pub name: String,
    pub retention_days: u64,
    pub rpo_seconds: i64,
    pub max_gap_seconds: i64,
    pub gaps_over_rpo: usize,
    pub backups: Vec<Timestamp>,
    pub simulations: Vec<Simulation>,
}

/// One set of keep values, and the zones of the pruning server in which it came out like this.
#[derive(Deserialize)]
pub struct Simulation {
    keep: BTreeMap<String, u32>,
    pub zones: Vec<String>,
    pub figures: Figures,
}

/// Ages are thousandths of a day, backups are numbered from the first.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Figures(
    usize,
    Option<(usize, usize, i64)>,
    Option<i64>,
    Option<i64>,
    usize,
    i64,
    usize,
    i64,
    Option<i64>,
    bool,
    bool,
    Vec<i64>,
);

#[derive(Deserialize)]
struct Line {
    tier: u8,
    scenario: String,
    retention_days: u64,
    rpo_seconds: i64,
    max_gap_seconds: i64,
    gaps_over_rpo: usize,
    /// The first backup, and the seconds from each to the next.
    first: i64,
    steps: Vec<i64>,
    simulations: Vec<Simulation>,
}

pub fn scenarios() -> Vec<Scenario> {
    RECORDED.lines().map(|line| serde_json::from_str::<Line>(line).unwrap().into()).collect()
}

impl From<Line> for Scenario {
    fn from(line: Line) -> Self {
        let mut at = line.first;
        let later = line.steps.iter().map(|step| {
            at += step;
            at
        });
        let backups = std::iter::once(line.first).chain(later);
        Self {
            tier: line.tier,
            name: line.scenario,
            retention_days: line.retention_days,
            rpo_seconds: line.rpo_seconds,
            max_gap_seconds: line.max_gap_seconds,
            gaps_over_rpo: line.gaps_over_rpo,
            backups: backups.map(|at| Timestamp::from_second(at).unwrap()).collect(),
            simulations: line.simulations,
        }
    }
}

impl Simulation {
    pub fn keep(&self) -> Keep {
        let rule = |name: &str| self.keep.get(name).copied().unwrap_or_default();
        Keep {
            last: rule("last"),
            hourly: rule("hourly"),
            daily: rule("daily"),
            weekly: rule("weekly"),
            monthly: rule("monthly"),
            yearly: rule("yearly"),
        }
    }
}

impl Figures {
    pub fn of(history: &History, backups: &[Timestamp]) -> Self {
        let number = |at: Timestamp| backups.iter().position(|backup| *backup == at).unwrap();
        let index = |at: &Timestamp| i64::try_from(number(*at)).unwrap();
        let kept: Vec<i64> = history.kept.iter().map(index).collect();
        // Long lists were recorded by their ends.
        let kept = match kept.as_slice() {
            [first, .., last] if kept.len() > 14 => vec![*first, -1, *last],
            _ => kept,
        };
        Self(
            history.removed_early,
            history.first_early.map(|early| {
                let age = (early.removed.as_second() - early.backup.as_second()).unsigned_abs();
                (number(early.backup), number(early.removed), thousandths(Duration::from_secs(age)))
            }),
            history.youngest_removed.map(thousandths),
            history.shortest_reach.map(thousandths),
            history.unreachable,
            thousandths(history.worst_extra_loss),
            history.most_kept,
            hundredths(history.oldest_kept),
            history.widest_gap.map(thousandths),
            history.every_backup_lives(),
            history.covers_the_retention(),
            kept,
        )
    }
}

/// Of a day, rounded as the recording was: to three decimals.
fn thousandths(duration: Duration) -> i64 {
    format!("{:.3}", duration.as_secs_f64() / 86_400.0).replace('.', "").parse().unwrap()
}

/// Of a day, for the one figure that was recorded with two decimals.
fn hundredths(duration: Duration) -> i64 {
    format!("{:.2}0", duration.as_secs_f64() / 86_400.0).replace('.', "").parse().unwrap()
}
