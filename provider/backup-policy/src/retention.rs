//! How long backups really stay: keep values count backups and periods, not days.

use std::time::Duration;

use jiff::Timestamp;

use crate::calendar::CalendarEvent;
use crate::error::{Error, Result};
use crate::gaps::{Firing, Gaps, Horizon};
use crate::history::History;
use crate::keep::Keep;
use crate::zone::Zone;

const DAY: Duration = Duration::from_secs(86_400);

/// More runs than this tell nothing new, and cost time: an hourly schedule is tried for 14 months.
const MOST_RUNS: usize = 10_000;

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
    let trials = Trials::of(event, setting);
    let youngest = trials
        .undisturbed()
        .filter_map(|backups| History::run(backups, keep, &setting.pruning, Duration::ZERO).youngest_removed);
    let mut days = youngest.min()?.as_secs() / DAY.as_secs();
    while days > 0 && !trials.hold(keep, setting, days) {
        days -= 1;
    }
    Some(days)
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
    let fewest = count(retention, gaps.largest.length()).max(1);
    let most = count(retention + setting.late, gaps.smallest.length()).saturating_add(2);
    let planned_only = Setting { by_hand: false, ..setting.clone() };
    (fewest..=most)
        .filter(|last| trials.hold(&Keep { last: *last, ..Keep::default() }, &planned_only, days))
        .map(|count| paired(count, &gaps))
        .find(|keep| trials.hold(keep, setting, days))
        .ok_or_else(out_of_reach)
}

fn count(span: Duration, gap: Duration) -> u32 {
    u32::try_from(span.as_secs() / gap.as_secs().max(1)).unwrap_or(u32::MAX)
}

/// The newest `count` backups, and as many of the longest periods that hold one planned run at most.
fn paired(count: u32, gaps: &Gaps) -> Keep {
    let keep = Keep { last: count, ..Keep::default() };
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

    fn hold(&self, keep: &Keep, setting: &Setting, days: u64) -> bool {
        let retention = DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        let run = |backups: &[Timestamp]| History::run(backups, keep, &setting.pruning, retention);
        self.undisturbed()
            .map(run)
            .all(|history| history.every_backup_lives() && history.covers_the_retention())
            && (!setting.by_hand || run(&self.by_hand).covers_the_retention())
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
    fn weekdays_only_need_fewer_backups_than_days() {
        let event = "mon..fri 21:00 UTC".parse().unwrap();
        let keep = derive_keep(&event, 30 * DAY, &setting("UTC")).unwrap();
        assert_eq!(keep.to_string(), "keep-last=23,keep-daily=23");
        assert!(held_days(&event, &keep, &setting("UTC")) >= Some(30));
    }
}
