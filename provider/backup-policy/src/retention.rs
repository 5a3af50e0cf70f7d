//! How long backups really stay: keep values count backups and periods, not days.

use std::time::Duration;

use jiff::Timestamp;

use crate::calendar::CalendarEvent;
use crate::error::{Error, Result};
use crate::gaps::{Firing, Gaps, Horizon, between};
use crate::keep::Keep;
use crate::survival::{Survival, newest_that_hold};
use crate::zone::Zone;

const DAY: Duration = Duration::from_secs(86_400);

/// More runs than this tell nothing new, and cost time: an hourly schedule is tried for 14 months.
const MOST_RUNS: usize = 10_000;

/// And this many are pruned one by one: five months of an hourly schedule, four years of a daily one.
const MOST_PRUNED: usize = 4_000;

/// Where and how backups are made and pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The zone of the node that makes the backups.
    pub node: Zone,
    /// The zone of the server that prunes: its days, weeks and months count.
    pub pruning: Zone,
    /// How much later than planned a run may start.
    pub late: Duration,
    /// Whether somebody makes backups by hand now and then, which take places of planned ones.
    pub by_hand: bool,
    /// The time tried.
    pub horizon: Horizon,
}

/// The whole days of retention that `keep` holds, however runs are delayed; `None` when nothing is pruned
/// within the horizon.
#[must_use]
pub fn held_days(event: &CalendarEvent, keep: &Keep, setting: &Setting) -> Option<u64> {
    let trials = Trials::of(event, setting).under(keep, setting);
    let youngest = trials.undisturbed.iter().filter_map(|survival| survival.youngest_removed);
    let days = youngest.min()?.as_secs() / DAY.as_secs();
    Some((1..=days).rev().find(|days| trials.hold(in_days(*days))).unwrap_or(0))
}

/// The smallest keep values that hold `retention`: as many newest backups as it takes by themselves, and
/// as many periods, so that backups made by hand do not push planned ones out.
///
/// # Errors
/// [`Error::RetentionOutOfReach`] when the schedule does not repeat within the horizon.
pub fn derive_keep(event: &CalendarEvent, retention: Duration, setting: &Setting) -> Result<Keep> {
    let days = retention.as_secs().div_ceil(DAY.as_secs());
    let out_of_reach = || Error::RetentionOutOfReach { event: event.to_string(), days };
    let Firing::Repeatedly(gaps) = event.firing(setting.horizon, &setting.node) else {
        return Err(out_of_reach());
    };
    let trials = Trials::of(event, setting);
    let alone = trials.undisturbed().map(|backups| newest_that_hold(backups, in_days(days))).max();
    // A history that ends before the retention does cannot tell.
    let Some(fewest) = alone.filter(|_| trials.span() > in_days(days) + DAY) else {
        let most = count(retention + setting.late, gaps.smallest.length()).saturating_add(2);
        return Ok(last(if setting.by_hand { most.saturating_add(most / 4) } else { most }));
    };
    if !setting.by_hand {
        return Ok(paired(fewest, &gaps));
    }
    if paired(fewest, &gaps) == last(fewest) {
        return Ok(last(newest_that_hold(&trials.by_hand, in_days(days)).max(fewest)));
    }
    // What is kept recurs, so twice the retention tells, and some more for the calendar.
    let enough = usize::try_from(fewest).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(500);
    let by_hand = &trials.by_hand[..trials.by_hand.len().min(enough)];
    // More periods than backups, where one made late falls into the period of the next.
    (fewest..=fewest.saturating_add(CLOSE_BY))
        .map(|count| paired(count, &gaps))
        .find(|keep| Survival::run(by_hand, keep, &setting.pruning).covers(in_days(days)))
        .ok_or_else(out_of_reach)
}

/// How many more backups than it takes without disturbance are tried.
const CLOSE_BY: u32 = 8;

fn in_days(days: u64) -> Duration {
    DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))
}

fn last(count: u32) -> Keep {
    Keep { last: count, ..Keep::default() }
}

fn count(span: Duration, gap: Duration) -> u32 {
    u32::try_from(span.as_secs() / gap.as_secs().max(1)).unwrap_or(u32::MAX)
}

/// The newest `count` backups, and as many of the longest periods that hold one planned run at most.
fn paired(count: u32, gaps: &Gaps) -> Keep {
    let keep = last(count);
    // An hour less, for the day on which the clocks are put forward.
    match (gaps.smallest.length().as_secs() + 3600) / 3600 {
        8760.. => Keep { yearly: count, ..keep },
        672.. => Keep { monthly: count, ..keep },
        168.. => Keep { weekly: count, ..keep },
        24.. => Keep { daily: count, ..keep },
        2.. => Keep { hourly: count, ..keep },
        _ => keep,
    }
}

/// The same schedule as it may come out.
struct Trials {
    punctual: Vec<Timestamp>,
    late: Vec<Timestamp>,
    /// With backups made by hand in between.
    by_hand: Vec<Timestamp>,
}

impl Trials {
    fn of(event: &CalendarEvent, setting: &Setting) -> Self {
        let Horizon { from, until } = setting.horizon;
        let runs = event.events(from, &setting.node).take_while(|run| *run <= until).take(MOST_RUNS);
        let punctual: Vec<Timestamp> = runs.collect();
        let delayed = |run: Timestamp, delay: Duration| run.checked_add(delay).unwrap_or(run);
        // Late when its number has an odd count of ones: no distance between two runs escapes, as it
        // would if every second run were late.
        let late = (0u32..).zip(&punctual).map(|(number, run)| {
            delayed(*run, if number.count_ones() % 2 == 1 { setting.late } else { Duration::ZERO })
        });
        let mut late: Vec<Timestamp> = late.collect();
        late.sort();
        let by_hand = punctual.windows(2).enumerate().flat_map(|(number, pair)| {
            let extra = (number % 4 == 3).then(|| {
                let half = (pair[1].as_second() - pair[0].as_second()).unsigned_abs() / 2;
                delayed(pair[0], Duration::from_secs(half.min(DAY.as_secs() / 2)))
            });
            std::iter::once(pair[0]).chain(extra)
        });
        Self { by_hand: by_hand.collect(), punctual, late }
    }

    /// Those in which every backup is to live its time. One made by hand may replace its neighbour.
    fn undisturbed(&self) -> impl Iterator<Item = &[Timestamp]> {
        [self.punctual.as_slice(), &self.late].into_iter()
    }

    /// From the first run to the last.
    fn span(&self) -> Duration {
        match (self.punctual.first(), self.punctual.last()) {
            (Some(first), Some(last)) => between(*first, *last),
            _ => Duration::ZERO,
        }
    }

    fn under(&self, keep: &Keep, setting: &Setting) -> Outcome {
        let run = |backups: &[Timestamp]| {
            Survival::run(&backups[..backups.len().min(MOST_PRUNED)], keep, &setting.pruning)
        };
        Outcome {
            undisturbed: self.undisturbed().map(run).collect(),
            by_hand: setting.by_hand.then(|| run(&self.by_hand)),
        }
    }
}

/// What comes of the trials under some keep values.
struct Outcome {
    undisturbed: Vec<Survival>,
    by_hand: Option<Survival>,
}

impl Outcome {
    fn hold(&self, retention: Duration) -> bool {
        self.undisturbed
            .iter()
            .all(|survival| survival.every_backup_lives(retention) && survival.covers(retention))
            && self.by_hand.as_ref().is_none_or(|survival| survival.covers(retention))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(pruning: &str) -> Setting {
        Setting {
            node: Zone::utc(),
            pruning: Zone::named(pruning).unwrap(),
            late: Duration::from_secs(3 * 3600),
            by_hand: false,
            horizon: Horizon::four_years("2026-01-01T00:00:00Z".parse().unwrap()),
        }
    }

    fn held(event: &str, keep: Keep, pruning: &str) -> Option<u64> {
        held_days(&event.parse().unwrap(), &keep, &setting(pruning))
    }

    #[test]
    fn dividing_the_retention_by_the_interval_is_one_short() {
        let last = |last| Keep { last, ..Keep::default() };
        assert_eq!(held("21:00 UTC", last(30), "UTC"), Some(29));
        assert_eq!(held("sun 21:00 UTC", last(12), "UTC"), Some(83));
        assert_eq!(held("*-*-1 21:00 UTC", last(3), "UTC"), Some(88));
    }

    #[test]
    fn backups_made_by_hand_push_planned_ones_out_unless_days_count_too() {
        let held = |keep| {
            let by_hand = Setting { by_hand: true, ..setting("UTC") };
            held_days(&"21:00 UTC".parse().unwrap(), &keep, &by_hand).unwrap()
        };
        let last = Keep { last: 31, ..Keep::default() };
        assert!(held(last) < 25, "{}", held(last));
        assert!(held(Keep { daily: 31, ..last }) >= 30);
    }

    #[test]
    fn days_of_another_zone_than_utc_lose_late_backups() {
        let daily = Keep { daily: 32, ..Keep::default() };
        assert_eq!(held("21:00 UTC", daily, "Europe/Berlin"), Some(0));
        let both = Keep { last: 32, ..daily };
        assert!(held("21:00 UTC", both, "Europe/Berlin") >= Some(31));
    }

    #[test]
    fn keeping_more_than_was_made_prunes_nothing() {
        assert_eq!(held("*-1-1 21:00 UTC", Keep { yearly: 9, ..Keep::default() }, "UTC"), None);
    }

    #[test]
    fn a_schedule_that_ends_holds_nothing() {
        let ended = "2020-01-01 UTC".parse().unwrap();
        assert!(derive_keep(&ended, DAY, &setting("UTC")).is_err());
    }

    #[test]
    fn frequent_backups_are_held_too_with_more_made_by_hand() {
        let by_hand = Setting { by_hand: true, ..setting("Europe/Berlin") };
        for (event, days, wanted) in [
            ("hourly UTC", 30, "keep-last=722,keep-hourly=722"),
            ("*:0/15 UTC", 7, "keep-last=841"),
            ("minutely UTC", 30, "keep-last=54227"),
        ] {
            let keep = derive_keep(&event.parse().unwrap(), in_days(days), &by_hand).unwrap();
            assert_eq!(keep.to_string(), wanted, "{event}");
        }
    }

    #[test]
    fn weekdays_only_need_fewer_backups_than_days() {
        let event = "mon..fri 21:00 UTC".parse().unwrap();
        let keep = derive_keep(&event, 30 * DAY, &setting("UTC")).unwrap();
        assert_eq!(keep.to_string(), "keep-last=23,keep-daily=23");
        assert!(held_days(&event, &keep, &setting("UTC")) >= Some(30));
    }
}
