//! When a calendar event fires next.

use jiff::Timestamp;
use jiff::civil::Date;

use super::CalendarEvent;
use crate::zone::Zone;

/// Seconds since midnight.
pub(crate) type SecondOfDay = u32;

impl CalendarEvent {
    /// The first time after `after` at which it fires on a node in `zone`; `None` when it never does.
    ///
    /// It follows the clock on the wall: a time that the clock is put forward over does not come
    /// that day, and an hour that comes twice counts the first time only.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let zone = &self.effective_zone(zone);
        let start = zone.local(after);
        let mut day = self.day_at_or_after(start.date())?;
        loop {
            let earliest = if day == start.date() { second_of_day(start.time()) } else { 0 };
            let mut runs = self.times_from(earliest).filter_map(|time| instant(day, time, zone));
            if let Some(found) = runs.find(|run| *run > after) {
                return Some(found);
            }
            day = self.day_at_or_after(day.tomorrow().ok()?)?;
        }
    }

    /// Every time it fires after `after`, without end unless the event has one.
    pub fn events(&self, after: Timestamp, zone: &Zone) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after, zone), |last| self.next_after(*last, zone))
    }

    pub(crate) fn effective_zone(&self, zone: &Zone) -> Zone {
        if self.utc { Zone::utc() } else { zone.clone() }
    }

    /// The first day from `date` on that it admits.
    pub(crate) fn day_at_or_after(&self, mut date: Date) -> Option<Date> {
        loop {
            let wanted = u32::try_from(date.year()).unwrap_or(0);
            let year = self.years.iter().filter_map(|years| years.at_or_after(wanted)).min()?;
            if year != wanted {
                date = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
            }
            let first = u32::from(date.day().unsigned_abs());
            let found = self
                .months
                .contains(u32::from(date.month().unsigned_abs()))
                .then(|| self.day_of_month(date, first))
                .flatten();
            if found.is_some() {
                return found;
            }
            date = date.last_of_month().tomorrow().ok()?;
        }
    }

    fn day_of_month(&self, month: Date, first: u32) -> Option<Date> {
        let mut day = self.days.at_or_after(first);
        while let Some(number) = day {
            let date = Date::new(month.year(), month.month(), i8::try_from(number).ok()?).ok()?;
            let weekday = date.weekday().to_monday_zero_offset();
            if self.weekdays.contains(u32::from(weekday.unsigned_abs())) {
                return Some(date);
            }
            day = self.days.at_or_after(number + 1);
        }
        None
    }

    /// The times of an admitted day, as a wall clock shows them, from `earliest` on.
    pub(crate) fn times_from(&self, earliest: SecondOfDay) -> impl Iterator<Item = SecondOfDay> {
        std::iter::successors(self.time_at_or_after(earliest), |last| self.time_at_or_after(last + 1))
    }

    /// The last time of an admitted day.
    pub(crate) fn last_time(&self) -> Option<SecondOfDay> {
        Some(self.hours.last()? * 3600 + self.minutes.last()? * 60 + self.seconds.last()?)
    }

    fn time_at_or_after(&self, earliest: SecondOfDay) -> Option<SecondOfDay> {
        let (hour, minute, second) = (earliest / 3600, earliest / 60 % 60, earliest % 60);
        let in_this_minute = || self.seconds.at_or_after(second);
        let in_this_hour = || {
            if self.minutes.contains(minute)
                && let Some(second) = in_this_minute()
            {
                return Some(minute * 60 + second);
            }
            Some(self.minutes.at_or_after(minute + 1)? * 60 + self.seconds.first()?)
        };
        if self.hours.contains(hour)
            && let Some(rest) = in_this_hour()
        {
            return Some(hour * 3600 + rest);
        }
        Some(self.hours.at_or_after(hour + 1)? * 3600 + self.minutes.first()? * 60 + self.seconds.first()?)
    }
}

/// When the clock in `zone` first shows that time of that day.
pub(crate) fn instant(day: Date, time: SecondOfDay, zone: &Zone) -> Option<Timestamp> {
    let [hour, minute, second] =
        [time / 3600, time / 60 % 60, time % 60].map(|part| i8::try_from(part).unwrap_or_default());
    zone.first_instant(day.at(hour, minute, second, 0))
}

fn second_of_day(time: jiff::civil::Time) -> SecondOfDay {
    [time.hour(), time.minute(), time.second()]
        .into_iter()
        .fold(0, |seconds, part| seconds * 60 + u32::from(part.unsigned_abs()))
}
