//! How long backups live when every backup is followed by pruning, told for every retention at once.

use std::time::Duration;

use jiff::Timestamp;

use crate::gaps::between;
use crate::keep::{Dated, Keep, Kept};
use crate::zone::Zone;

/// What [`crate::History`] tells of one retention, for any: a plan asks about many, and cannot wait.
#[derive(Debug)]
pub(crate) struct Survival {
    /// The smallest age at which a backup was pruned.
    pub youngest_removed: Option<Duration>,
    /// After each prune that left a taken backup without a kept one at or before it: how long the history
    /// was, and the age of the youngest such backup.
    unreachable: Vec<(Duration, Duration)>,
}

impl Survival {
    /// Takes `backups` in order, pruning with `keep` on a server in `zone` right after each.
    pub fn run(backups: &[Timestamp], keep: &Keep, zone: &Zone) -> Self {
        let mut survival = Self { youngest_removed: None, unreachable: Vec::new() };
        let mut kept = Kept::default();
        let mut before_oldest = 0;
        for now in backups {
            let youngest = &mut survival.youngest_removed;
            kept.add(Dated::new(*now, zone), keep, |backup| {
                let age = between(backup.at, *now);
                *youngest = Some(youngest.map_or(age, |youngest| youngest.min(age)));
            });
            let Some(oldest) = kept.iter().next() else { continue };
            while backups.get(before_oldest).is_some_and(|backup| *backup < oldest.at) {
                before_oldest += 1;
            }
            if before_oldest > 0 {
                let span = between(backups[0], *now);
                survival.unreachable.push((span, between(backups[before_oldest - 1], *now)));
            }
        }
        survival
    }

    /// Whether no backup was pruned before its time.
    pub fn every_backup_lives(&self, retention: Duration) -> bool {
        self.youngest_removed.is_none_or(|youngest| youngest >= retention)
    }

    /// Whether every backup taken inside the retention always had a kept one at or before it.
    pub fn covers(&self, retention: Duration) -> bool {
        self.unreachable.iter().all(|(span, age)| *span < retention || *age > retention)
    }
}

/// How many newest backups it takes that each lives for the retention and the retention stays covered.
pub(crate) fn newest_that_hold(backups: &[Timestamp], retention: Duration) -> u32 {
    let mut oldest = 0;
    let counts = backups.iter().enumerate().map(|(index, now)| {
        while between(backups[oldest], *now) > retention {
            oldest += 1;
        }
        index + 1 - oldest
    });
    u32::try_from(counts.max().unwrap_or_default()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::History;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Backups with gaps from nothing to three days, and now and then of weeks.
    fn backups() -> impl Strategy<Value = Vec<Timestamp>> {
        let gap = prop_oneof![8 => 0u32..260_000, 1 => 0u32..3_000_000];
        proptest::collection::vec(gap, 1..60).prop_map(|gaps| {
            let mut at = 1_790_000_000;
            let step = |gap: u32| {
                at += i64::from(gap);
                Timestamp::from_second(at).unwrap()
            };
            gaps.into_iter().map(step).collect()
        })
    }

    fn keeps() -> impl Strategy<Value = Keep> {
        let count = || prop_oneof![2 => Just(0u32), 3 => 1u32..12];
        (count(), count(), count(), count(), count(), 0u32..2).prop_map(
            |(last, hourly, daily, weekly, monthly, yearly)| Keep {
                last,
                hourly,
                daily,
                weekly,
                monthly,
                yearly,
            },
        )
    }

    proptest! {
        #[test]
        fn it_says_what_the_whole_history_says(
            backups in backups(), keep in keeps(), days in 0u32..60,
            zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "Antarctica/Troll"]),
        ) {
            let (zone, retention) = (Zone::named(zone).unwrap(), DAY * days);
            let history = History::run(&backups, &keep, &zone, retention);
            let survival = Survival::run(&backups, &keep, &zone);
            prop_assert_eq!(survival.youngest_removed, history.youngest_removed);
            prop_assert_eq!(survival.every_backup_lives(retention), history.every_backup_lives());
            prop_assert_eq!(survival.covers(retention), history.covers_the_retention());
        }

        #[test]
        fn the_newest_that_hold_are_the_fewest(backups in backups(), days in 1u32..60) {
            let retention = DAY * days;
            let holds = |last| {
                let survival = Survival::run(&backups, &Keep { last, ..Keep::default() }, &Zone::utc());
                survival.every_backup_lives(retention) && survival.covers(retention)
            };
            let last = newest_that_hold(&backups, retention);
            prop_assert!(holds(last), "{}", last);
            // One less may do where the end of the list is all that the last one is for.
            let (first, end) = (backups[0], backups[backups.len() - 1]);
            let settled = backups.windows(usize::try_from(last).unwrap()).any(|window| {
                between(window[0], window[window.len() - 1]) < retention && between(first, window[0]) >= retention
            });
            prop_assert!(last == 1 || !settled || !holds(last - 1), "{} {}", last, end);
        }
    }
}
