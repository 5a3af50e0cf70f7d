//! Calendar events, as far as schedules of jobs use them: weekdays, then hours and minutes.

use std::collections::BTreeSet;

const DAY: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// How far ahead an event is looked for, in minutes.
const HORIZON: i64 = 366 * 24 * 60;

/// When something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Days of the week, Monday 0; empty means every day.
    days: BTreeSet<u32>,
    /// Days of the month; empty means every day.
    dates: BTreeSet<u32>,
    /// Months; empty means every month.
    months: BTreeSet<u32>,
    hours: BTreeSet<u32>,
    minutes: BTreeSet<u32>,
}

/// Reads an event; the error is where the real parser stops.
pub fn parse(text: &str) -> Result<Event, String> {
    let fail = || {
        Err(format!(
            "invalid calendar event '{text}' - unable to parse calendar event at '{text}' - Context(\"weekday\")\n"
        ))
    };
    if let Some(event) = named(text) {
        return Ok(event);
    }
    let mut event = Event {
        days: BTreeSet::new(),
        dates: BTreeSet::new(),
        months: BTreeSet::new(),
        hours: [0].into(),
        minutes: [0].into(),
    };
    // The nodes of the lab keep UTC, so naming it changes nothing.
    let local = text.trim_end().strip_suffix(" UTC").unwrap_or(text);
    for word in local.split_whitespace() {
        let known = if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            weekdays(word).map(|days| event.days = days)
        } else if let Some((hours, minutes)) = time(word) {
            event.hours = hours;
            event.minutes = minutes;
            Some(())
        } else {
            date(word).map(|(months, dates)| {
                event.months = months;
                event.dates = dates;
            })
        };
        if known.is_none() {
            return fail();
        }
    }
    if text.trim().is_empty() { fail() } else { Ok(event) }
}

fn named(text: &str) -> Option<Event> {
    let all: BTreeSet<u32> = (0..60).collect();
    let hours: BTreeSet<u32> = (0..24).collect();
    let event =
        |days: &[u32], dates: &[u32], months: &[u32], hours: BTreeSet<u32>, minutes: BTreeSet<u32>| Event {
            days: days.iter().copied().collect(),
            dates: dates.iter().copied().collect(),
            months: months.iter().copied().collect(),
            hours,
            minutes,
        };
    let midnight = || BTreeSet::from([0]);
    Some(match text {
        "minutely" => event(&[], &[], &[], hours, all),
        "hourly" => event(&[], &[], &[], hours, midnight()),
        "daily" => event(&[], &[], &[], midnight(), midnight()),
        "weekly" => event(&[0], &[], &[], midnight(), midnight()),
        "monthly" => event(&[], &[1], &[], midnight(), midnight()),
        "quarterly" => event(&[], &[1], &[1, 4, 7, 10], midnight(), midnight()),
        "semiannually" | "semi-annually" => event(&[], &[1], &[1, 7], midnight(), midnight()),
        "yearly" | "annually" => event(&[], &[1], &[1], midnight(), midnight()),
        _ => return None,
    })
}

fn weekdays(word: &str) -> Option<BTreeSet<u32>> {
    let index = |name: &str| {
        let short = name.get(..3)?.to_ascii_lowercase();
        WEEKDAYS.iter().position(|day| *day == short).and_then(|index| u32::try_from(index).ok())
    };
    let mut days = BTreeSet::new();
    for part in word.split(',') {
        match part.split_once("..") {
            Some((first, last)) => {
                let (first, last) = (index(first)?, index(last)?);
                days.extend(if first <= last { (first..=last).collect::<Vec<u32>>() } else { return None });
            }
            None => {
                days.insert(index(part)?);
            }
        }
    }
    Some(days)
}

/// `02:30`, `*:0/15`, `8..17:0,30`, or minutes alone: `*/15`, `0,30`.
fn time(word: &str) -> Option<(BTreeSet<u32>, BTreeSet<u32>)> {
    match word.split_once(':') {
        Some((hours, rest)) => {
            let minutes = rest.split(':').next().unwrap_or(rest);
            Some((values(hours, 24)?, values(minutes, 60)?))
        }
        None if word.contains('-') => None,
        None => Some((values("*", 24)?, values(word, 60)?)),
    }
}

/// `*-1`, `*-*-15`, `2027-01-01`: months and days.
fn date(word: &str) -> Option<(BTreeSet<u32>, BTreeSet<u32>)> {
    let parts: Vec<&str> = word.split('-').collect();
    let (month, day) = match parts[..] {
        [month, day] | [_, month, day] => (month, day),
        _ => return None,
    };
    let all = |text: &str, limit| if text == "*" { Some(BTreeSet::new()) } else { values(text, limit) };
    Some((all(month, 13)?, all(day, 32)?))
}

fn values(text: &str, limit: u32) -> Option<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let stepped = part.contains('/');
        let (first, last) = match range.split_once("..") {
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None if range == "*" => (0, limit - 1),
            None => {
                let first: u32 = range.parse().ok()?;
                (first, if stepped { limit - 1 } else { first })
            }
        };
        if last >= limit {
            return None;
        }
        found.extend((first..=last).step_by(step));
    }
    Some(found)
}

impl Event {
    /// The first moment after `after`, in seconds since 1970, UTC.
    pub fn next(&self, after: i64) -> Option<i64> {
        let start = after.div_euclid(60) + 1;
        let mut minute = start;
        while minute < start + HORIZON {
            let day = minute.div_euclid(24 * 60);
            if !self.is_on(day) {
                minute = (day + 1) * 24 * 60;
                continue;
            }
            let of_day = u32::try_from(minute.rem_euclid(24 * 60)).unwrap_or_default();
            if self.hours.contains(&(of_day / 60)) && self.minutes.contains(&(of_day % 60)) {
                return Some(minute * 60);
            }
            minute += 1;
        }
        None
    }

    fn is_on(&self, day: i64) -> bool {
        // The first of January 1970 was a Thursday.
        let weekday = u32::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        let (_, month, date) = civil(day);
        let holds = |set: &BTreeSet<u32>, value: u32| set.is_empty() || set.contains(&value);
        holds(&self.days, weekday) && holds(&self.months, month) && holds(&self.dates, date)
    }
}

/// Year, month and day of a day since 1970, by the proleptic Gregorian calendar.
fn civil(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or_default(), u32::try_from(date).unwrap_or_default())
}

/// `Thu Jan  1 02:30:00 2026`.
pub fn spelled(moment: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let day = moment.div_euclid(DAY);
    let of_day = moment.rem_euclid(DAY);
    let (year, month, date) = civil(day);
    let weekday = DAYS[usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default()];
    let month = MONTHS[usize::try_from(month).unwrap_or(1) - 1];
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{weekday} {month} {date:2} {hours:02}:{minutes:02}:{seconds:02} {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_events_come_out_as_the_server_computed_them() {
        let event = parse("mon..fri 02:30").unwrap();
        let first = event.next(1_767_225_600).unwrap();
        assert_eq!((first, spelled(first)), (1_767_234_600, "Thu Jan  1 02:30:00 2026".to_owned()));
        let second = event.next(first).unwrap();
        let third = event.next(second).unwrap();
        assert_eq!((second, third), (1_767_321_000, 1_767_580_200));
        assert_eq!(parse("sun 01:00").unwrap().next(1_795_406_842), Some(1_795_914_000));
        assert_eq!(parse("daily").unwrap().next(1_795_406_842), Some(1_795_478_400));
        assert_eq!(parse("01:00 UTC"), parse("01:00"));
    }

    #[test]
    fn what_is_no_event_is_refused_in_upstreams_words() {
        assert_eq!(
            parse("whenever").unwrap_err(),
            "invalid calendar event 'whenever' - unable to parse calendar event at 'whenever' - Context(\"weekday\")\n"
        );
        assert!(parse("*/15").is_ok() && parse("8..17:0/30").is_ok() && parse("monthly").is_ok());
        assert!(parse("25:00").is_err());
    }
}
