//! Schedules moved apart: the jobs of a node share one lock, and wait for each other.

use std::time::Duration;

use crate::calendar::CalendarEvent;
use crate::error::{Error, Result};

const DAY: u64 = 86_400;

/// The same schedules, each moved within its day by as little as it takes to start `apart` from those
/// before it in the list, later rather than earlier. The first stays, so adding one moves none.
///
/// # Errors
/// [`Error::CannotStagger`] when a day has no room left, or an event no single time of day, or when
/// some end in `UTC` and some do not.
pub fn stagger(events: &[CalendarEvent], apart: Duration) -> Result<Vec<CalendarEvent>> {
    let mut taken: Vec<u64> = Vec::new();
    let mut moved = Vec::new();
    for event in events {
        let refuse =
            || Error::CannotStagger { event: event.to_string(), minutes: apart.as_secs().div_ceil(60) };
        let (hour, minute, second) = event.time_of_day().ok_or_else(refuse)?;
        if event.is_utc() != events[0].is_utc() {
            return Err(refuse());
        }
        let planned = u64::from(hour * 3600 + minute * 60 + second);
        let start = nearest_free(planned, &taken, apart.as_secs()).ok_or_else(refuse)?;
        taken.push(start);
        moved.push(if start == planned { event.clone() } else { at(event, start)? });
    }
    Ok(moved)
}

impl CalendarEvent {
    /// The same schedule, later on the same days.
    ///
    /// # Errors
    /// [`Error::CannotDelay`] when that would be on the next day, or when it has no single time of day.
    pub fn delayed(&self, delay: Duration) -> Result<Self> {
        if delay.is_zero() {
            return Ok(self.clone());
        }
        let refuse = || Error::CannotDelay { event: self.to_string(), minutes: delay.as_secs().div_ceil(60) };
        let (hour, minute, second) = self.time_of_day().ok_or_else(refuse)?;
        let start = u64::from(hour * 3600 + minute * 60 + second).saturating_add(delay.as_secs());
        if start < DAY { at(self, start) } else { Err(refuse()) }
    }
}

fn at(event: &CalendarEvent, start: u64) -> Result<CalendarEvent> {
    let [hour, minute, second] =
        [start / 3600, start / 60 % 60, start % 60].map(|part| u32::try_from(part).unwrap_or_default());
    event.at(hour, minute, second)
}

/// The second of the day nearest to `planned` that is `apart` from all of `taken`, around midnight too.
fn nearest_free(planned: u64, taken: &[u64], apart: u64) -> Option<u64> {
    let free = |start: &u64| {
        *start < DAY
            && taken.iter().all(|other| {
                let distance = start.abs_diff(*other);
                distance.min(DAY - distance) >= apart
            })
    };
    let later = taken.iter().map(|other| other + apart).filter(|start| *start > planned);
    let earlier = taken.iter().filter_map(|other| other.checked_sub(apart)).filter(|start| *start < planned);
    std::iter::once(planned).chain(later).filter(free).min().or_else(|| earlier.filter(free).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staggered(texts: &[&str], minutes: u64) -> Result<Vec<String>> {
        let events: Vec<CalendarEvent> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let moved = stagger(&events, Duration::from_secs(minutes * 60))?;
        Ok(moved.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn schedules_at_the_same_time_follow_each_other() {
        assert_eq!(
            staggered(&["21:00 UTC", "sun 21:00 UTC", "monthly UTC", "*-1/3-1 21:00 UTC"], 45).unwrap(),
            ["21:00 UTC", "sun 21:45 UTC", "monthly UTC", "*-1/3-1 22:30 UTC"]
        );
    }

    #[test]
    fn a_full_evening_moves_the_last_one_before_the_first() {
        assert_eq!(staggered(&["23:00", "23:30"], 90).unwrap(), ["23:00", "*-*-* 21:30"]);
        assert_eq!(staggered(&["00:10", "weekly"], 30).unwrap(), ["00:10", "mon *-*-* 00:40"]);
    }

    #[test]
    fn a_delay_stays_within_the_day() {
        let delayed = |text: &str, minutes: u64| {
            let event: CalendarEvent = text.parse().unwrap();
            event.delayed(Duration::from_secs(minutes * 60)).map(|event| event.to_string())
        };
        assert_eq!(delayed("21:00 UTC", 0).unwrap(), "21:00 UTC");
        assert_eq!(delayed("sun 21:00 UTC", 30).unwrap(), "sun 21:30 UTC");
        assert_eq!(delayed("*/15", 0).unwrap(), "*/15");
        for (text, minutes) in [("21:00", 180), ("*/15", 1)] {
            assert!(matches!(delayed(text, minutes), Err(Error::CannotDelay { .. })), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_moved_is_refused() {
        for texts in [["21:00", "*/15"], ["21:00", "21:00 UTC"]] {
            assert!(matches!(staggered(&texts, 30), Err(Error::CannotStagger { .. })), "{texts:?}");
        }
        assert!(staggered(&["12:00", "12:00"], 13 * 60).is_err());
    }
}
