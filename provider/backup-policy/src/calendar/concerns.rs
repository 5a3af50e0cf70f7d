//! What Proxmox accepts without a word, and the author hardly meant.

use std::fmt;

use jiff::Timestamp;

use super::CalendarEvent;
use crate::zone::Zone;

/// Days of each month of a common year.
const MONTH_LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A doubt about a calendar event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concern {
    /// No date from now on matches.
    NeverFires,
    /// Every date that matches comes before the year 2200, and this is the last one.
    Ends {
        /// The last time it fires.
        last: Timestamp,
    },
    /// `21 UTC` and `24:00` name minutes, and so fire every hour.
    HourlyByAccident {
        /// The first minute of each hour at which it fires.
        minute: u32,
    },
    /// Months without that day are left out.
    SkipsShortMonths {
        /// The first day of the month on which it fires.
        day: u32,
    },
    /// Without `UTC` the node's zone rules: the same text means different times on different nodes,
    /// and a change of the clocks moves, drops or delays a run.
    FollowsLocalTime,
}

impl CalendarEvent {
    /// What to ask the author about, seen at `now`.
    #[must_use]
    pub fn concerns(&self, now: Timestamp, zone: &Zone) -> Vec<Concern> {
        let mut concerns = Vec::new();
        match self.next_after(now, zone) {
            // Nothing else matters then.
            None => return vec![Concern::NeverFires],
            Some(next) => concerns.extend(self.end(next, zone).map(|last| Concern::Ends { last })),
        }
        if self.bare_minutes {
            concerns.extend(self.minutes.first().map(|minute| Concern::HourlyByAccident { minute }));
        }
        let day = self.days.first().unwrap_or_default();
        if (1..).zip(MONTH_LENGTHS).any(|(month, length)| self.months.contains(month) && day > length) {
            concerns.push(Concern::SkipsShortMonths { day });
        }
        if !self.utc {
            concerns.push(Concern::FollowsLocalTime);
        }
        concerns
    }

    /// The last time it fires, when the written years say so.
    fn end(&self, next: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let open = self.years.iter().any(|years| years.last + years.step >= super::YEAR_LIMIT);
        if open { None } else { self.last_from(next, zone) }
    }

    fn last_from(&self, next: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let zone = &self.effective_zone(zone);
        let mut day = self.day_at_or_after(zone.local(next).date())?;
        while let Some(later) = day.tomorrow().ok().and_then(|day| self.day_at_or_after(day)) {
            day = later;
        }
        let last = self.last_time().and_then(|time| super::next::instant(day, time, zone));
        Some(last.unwrap_or(next))
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverFires => f.write_str("it never fires"),
            Self::Ends { last } => write!(f, "it fires for the last time at {last}"),
            Self::HourlyByAccident { minute } => {
                write!(f, "it fires every hour at minute {minute}, because no hour is written")
            }
            Self::SkipsShortMonths { day } => write!(f, "it skips the months that have no day {day}"),
            Self::FollowsLocalTime => {
                f.write_str("it follows the node's time zone, because it does not end in UTC")
            }
        }
    }
}
