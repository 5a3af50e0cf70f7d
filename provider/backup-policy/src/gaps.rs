//! How far apart the runs of a schedule are.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::calendar::{CalendarEvent, SecondOfDay, instant};
use crate::zone::Zone;

/// The time looked at: four years hold every length of month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Runs after this count.
    pub from: Timestamp,
    /// The first run after this is the last that counts; rarer schedules get a second run all the same.
    pub until: Timestamp,
}

impl Horizon {
    /// The four years after `from`.
    #[must_use]
    pub fn four_years(from: Timestamp) -> Self {
        const FOUR_YEARS: Duration = Duration::from_secs(1461 * 86_400);
        Self { from, until: from.checked_add(FOUR_YEARS).unwrap_or(Timestamp::MAX) }
    }

    /// Long enough for pruning to settle with a retention of that length.
    #[must_use]
    pub fn for_retention(from: Timestamp, retention: Duration) -> Self {
        let four_years = Self::four_years(from);
        let until = four_years.until.checked_add(retention.saturating_mul(2)).unwrap_or(Timestamp::MAX);
        Self { until, ..four_years }
    }
}

/// Two runs with none between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The earlier run.
    pub from: Timestamp,
    /// The later run.
    pub to: Timestamp,
}

impl Gap {
    /// The time between the two.
    #[must_use]
    pub fn length(&self) -> Duration {
        between(self.from, self.to)
    }
}

/// The extremes among the gaps of a schedule; of equal ones the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gaps {
    /// The longest.
    pub largest: Gap,
    /// The shortest.
    pub smallest: Gap,
}

/// How a schedule runs within a horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firing {
    /// Not at all.
    Never,
    /// Once, and never again.
    Once(Timestamp),
    /// Again and again.
    Repeatedly(Gaps),
}

impl CalendarEvent {
    /// The gaps between its runs on a node in `zone`.
    #[must_use]
    pub fn firing(&self, horizon: Horizon, zone: &Zone) -> Firing {
        let Some(first) = self.next_after(horizon.from, zone) else { return Firing::Never };
        let zone = &self.effective_zone(zone);
        let mut walk = Walk { last: first, gaps: None };
        let day = Day::of(self);
        let mut date = Some(zone.local(first).date());
        while let Some(today) = date.filter(|_| walk.last <= horizon.until || walk.gaps.is_none()) {
            day.walk(self, today, zone, &mut walk);
            date = today.tomorrow().ok().and_then(|tomorrow| self.day_at_or_after(tomorrow));
        }
        walk.gaps.map_or(Firing::Once(first), Firing::Repeatedly)
    }
}

/// The last run seen, and the extremes so far.
struct Walk {
    last: Timestamp,
    gaps: Option<Gaps>,
}

impl Walk {
    fn step(&mut self, to: Timestamp) {
        if to > self.last {
            self.note(Gap { from: self.last, to });
            self.last = to;
        }
    }

    fn note(&mut self, gap: Gap) {
        let gaps = self.gaps.get_or_insert(Gaps { largest: gap, smallest: gap });
        if gap.length() > gaps.largest.length() {
            gaps.largest = gap;
        }
        if gap.length() < gaps.smallest.length() {
            gaps.smallest = gap;
        }
    }
}

/// The times of one day. They are the same each day, so an ordinary day needs a look at its first and
/// last run only, even when it has one run a second.
struct Day {
    first: SecondOfDay,
    last: SecondOfDay,
    /// The wall-clock times on both sides of the longest and the shortest gap within the day.
    extremes: Vec<(SecondOfDay, SecondOfDay)>,
}

impl Day {
    fn of(event: &CalendarEvent) -> Self {
        let times: Vec<SecondOfDay> = event.times_from(0).collect();
        let pairs = || times.windows(2).map(|pair| (pair[0], pair[1]));
        let longest = pairs().rev().max_by_key(|(from, to)| to - from);
        let shortest = pairs().min_by_key(|(from, to)| to - from);
        Self {
            first: times.first().copied().unwrap_or_default(),
            last: times.last().copied().unwrap_or_default(),
            extremes: longest.into_iter().chain(shortest).collect(),
        }
    }

    fn walk(&self, event: &CalendarEvent, date: Date, zone: &Zone, walk: &mut Walk) {
        let at = |time| instant(date, time, zone);
        let started = at(self.first).filter(|first| *first >= walk.last);
        match (started, at(self.last)) {
            (Some(first), Some(last)) if ordinary(date, zone) => {
                walk.step(first);
                for (from, to) in &self.extremes {
                    if let (Some(from), Some(to)) = (at(*from), at(*to)) {
                        walk.note(Gap { from, to });
                    }
                }
                walk.last = last;
            }
            _ => event.times_from(0).filter_map(at).for_each(|run| walk.step(run)),
        }
    }
}

/// Whether the clocks stay as they are on that day.
fn ordinary(date: Date, zone: &Zone) -> bool {
    let offset = |date: Date| instant(date, 0, zone).map(|midnight| zone.offset_seconds(midnight));
    let tomorrow = date.tomorrow().ok().and_then(offset);
    tomorrow.is_some() && offset(date) == tomorrow
}

/// The time from one moment to a later one; none when it is not later.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(from.duration_until(to)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firing(event: &str, zone: &str) -> Firing {
        let horizon = Horizon::four_years("2026-11-24T00:00:00Z".parse().unwrap());
        event.parse::<CalendarEvent>().unwrap().firing(horizon, &Zone::named(zone).unwrap())
    }

    fn largest(event: &str, zone: &str) -> (u64, String) {
        let Firing::Repeatedly(gaps) = firing(event, zone) else { panic!("{event} repeats") };
        (gaps.largest.length().as_secs() / 3600, gaps.largest.from.to_string())
    }

    #[test]
    fn the_largest_gap_is_the_one_of_the_calendar() {
        for (event, days) in [
            ("21:00 UTC", 1),
            ("sun 21:00 UTC", 7),
            ("*-*-1 21:00 UTC", 31),
            ("*-1,4,7,10-1 21:00 UTC", 92),
            ("*-*-1,15 21:00 UTC", 17),
            ("*-1/2-1 21:00 UTC", 62),
            ("*-2-29 21:00 UTC", 1461),
        ] {
            assert_eq!(largest(event, "Europe/Berlin").0, days * 24, "{event}");
        }
        assert_eq!(largest("9,21:00 UTC", "UTC").0, 12);
    }

    #[test]
    fn a_change_of_the_clocks_opens_a_gap_in_local_time() {
        assert_eq!(largest("02:30", "Europe/Berlin"), (47, "2027-03-27T01:30:00Z".to_owned()));
        assert_eq!(largest("21:00", "Europe/Berlin"), (25, "2027-10-30T19:00:00Z".to_owned()));
        assert_eq!(largest("minutely", "Europe/Berlin"), (1, "2027-10-31T00:59:00Z".to_owned()));
    }

    #[test]
    fn a_schedule_that_ends_does_not_repeat() {
        assert_eq!(firing("2020-01-01 00:00 UTC", "UTC"), Firing::Never);
        assert_eq!(firing("*-2-30 00:00 UTC", "UTC"), Firing::Never);
        let once = "2028-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(firing("2028-01-01 00:00 UTC", "UTC"), Firing::Once(once));
    }
}
