//! Reads calendar events, and refuses exactly what Proxmox refuses.
//!
//! Its reader backtracks: a list ends before the first item that is out of range, and what is left
//! over is tried as the next field. That is why `24:00` is minute 24 of every hour.

use super::set::{Part, Set};
use super::{CalendarEvent, YEAR_LIMIT};
use crate::error::{Error, Result};

/// A field that was read, and the text after it.
type Read<'a, T> = Option<(T, &'a str)>;

struct Date {
    years: Option<Vec<Part>>,
    months: Vec<Part>,
    days: Vec<Part>,
}

struct Time {
    hours: Option<Vec<Part>>,
    minutes: Vec<Part>,
    seconds: Option<Vec<Part>>,
}

pub(super) fn event(text: &str) -> Result<CalendarEvent> {
    let (body, utc) = match text.strip_suffix("UTC") {
        Some(body) => (body.trim_end_matches(BLANK), true),
        None => (text, false),
    };
    let unreadable =
        |rest: &str, expected| Error::Unreadable { event: text.to_owned(), rest: rest.to_owned(), expected };
    let body = keyword(body).unwrap_or(body);
    let mut rest = body;
    let mut found = CalendarEvent {
        text: text.to_owned(),
        day_text: String::new(),
        weekdays: Set::range(0, 6),
        years: vec![Part { first: 0, last: YEAR_LIMIT - 1, step: 1 }],
        months: Set::range(1, 12),
        days: Set::range(1, 31),
        hours: Set::range(0, 0),
        minutes: Set::range(0, 0),
        seconds: Set::range(0, 0),
        utc,
        bare_minutes: false,
    };
    let mut has_day = false;
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (weekdays, after) = weekdays(rest).ok_or_else(|| unreadable(rest, "no such word or weekday"))?;
        found.weekdays = weekdays;
        has_day = true;
        rest = after.trim_start_matches(BLANK);
    }
    if let Some((date, after)) = date(rest) {
        if let Some(years) = date.years {
            found.years = years;
        }
        found.months = Set::of(&date.months);
        found.days = Set::of(&date.days);
        has_day = true;
        rest = after.trim_start_matches(BLANK);
    }
    found.day_text = body[..body.len() - rest.len()].trim_end_matches(BLANK).to_owned();
    if let Some((time, after)) = time(rest) {
        found.bare_minutes =
            time.hours.is_none() && time.minutes.iter().all(|minute| minute.first == minute.last);
        found.hours = time.hours.map_or(Set::range(0, 23), |hours| Set::of(&hours));
        found.minutes = Set::of(&time.minutes);
        found.seconds = time.seconds.map_or(Set::range(0, 0), |seconds| Set::of(&seconds));
        rest = after;
    } else if !has_day {
        return Err(unreadable(rest, "a date or a time of day belongs here"));
    }
    if rest.is_empty() { Ok(found) } else { Err(unreadable(rest, "nothing may follow")) }
}

const BLANK: [char; 2] = [' ', '\t'];

/// What a word stands for. Words stand alone: `daily 21:00` is refused.
fn keyword(word: &str) -> Option<&'static str> {
    Some(match word {
        "minutely" => "*:*:00",
        "hourly" => "*:00:00",
        "daily" => "*-*-* 00:00:00",
        "weekly" => "mon *-*-* 00:00:00",
        "monthly" => "*-*-01 00:00:00",
        "quarterly" => "*-01,04,07,10-01 00:00:00",
        "semiannually" | "semi-annually" => "*-01,07-01 00:00:00",
        "yearly" | "annually" => "*-01-01 00:00:00",
        _ => return None,
    })
}

fn weekdays(text: &str) -> Read<'_, Set> {
    let (mut set, mut rest) = weekday_range(text)?;
    while let Some((more, after)) = rest.strip_prefix(',').and_then(weekday_range) {
        set = set.union(more);
        rest = after;
    }
    Some((set, rest))
}

fn weekday_range(text: &str) -> Read<'_, Set> {
    let (first, rest) = weekday(text)?;
    let Some((last, after)) = rest.strip_prefix("..").and_then(weekday) else {
        return Some((Set::range(first, first), rest));
    };
    // `fri..mon` goes over the end of the week.
    let set =
        if first <= last { Set::range(first, last) } else { Set::range(first, 6).union(Set::range(0, last)) };
    Some((set, after))
}

fn weekday(text: &str) -> Read<'_, u32> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let word = word.to_ascii_lowercase();
    let number = (0u32..).zip(NAMES).find(|(_, name)| word == *name || word == name[..3])?.0;
    Some((number, rest))
}

fn date(text: &str) -> Read<'_, Date> {
    let after_dash = |text, first, limit| list(str::strip_prefix(text, '-')?, first, limit);
    let with_year = || {
        let (years, rest) = list(text, 0, YEAR_LIMIT)?;
        let (months, rest) = after_dash(rest, 1, 13)?;
        let (days, rest) = after_dash(rest, 1, 32)?;
        Some((Date { years: Some(years), months, days }, rest))
    };
    let without_year = || {
        let (months, rest) = list(text, 1, 13)?;
        let (days, rest) = after_dash(rest, 1, 32)?;
        Some((Date { years: None, months, days }, rest))
    };
    with_year().or_else(without_year)
}

fn time(text: &str) -> Read<'_, Time> {
    let hours = list(text, 0, 24).and_then(|(hours, rest)| Some((hours, rest.strip_prefix(':')?)));
    let (hours, rest) = match hours {
        Some((hours, rest)) => (Some(hours), rest),
        None => (None, text),
    };
    let (minutes, rest) = list(rest, 0, 60)?;
    match rest.strip_prefix(':').and_then(|rest| list(rest, 0, 60)) {
        Some((seconds, rest)) => Some((Time { hours, minutes, seconds: Some(seconds) }, rest)),
        None => Some((Time { hours, minutes, seconds: None }, rest)),
    }
}

/// `*`, `*/step`, or items joined by commas. `first` is where `*` begins; numbers are below `limit`.
fn list(text: &str, first: u32, limit: u32) -> Read<'_, Vec<Part>> {
    if let Some(rest) = text.strip_prefix('*') {
        let every = Part { first, last: limit - 1, step: 1 };
        let Some(after) = rest.strip_prefix('/') else { return Some((vec![every], rest)) };
        return Some(match number(after, limit)? {
            (0, _) => (vec![every], rest),
            (step, after) => (vec![Part { step, ..every }], after),
        });
    }
    let (item, mut rest) = part(text, limit)?;
    let mut items = vec![item];
    while let Some((item, after)) = rest.strip_prefix(',').and_then(|text| part(text, limit)) {
        items.push(item);
        rest = after;
    }
    Some((items, rest))
}

fn part(text: &str, limit: u32) -> Read<'_, Part> {
    let (first, mut rest) = number(text, limit)?;
    let mut last = None;
    if let Some((end, after)) = rest.strip_prefix("..").and_then(|text| number(text, limit)) {
        if first > end {
            return None;
        }
        last = Some(end);
        rest = after;
    }
    let Some(after) = rest.strip_prefix('/') else {
        return Some((Part { first, last: last.unwrap_or(first), step: 1 }, rest));
    };
    let (step, after) = number(after, limit)?;
    // A step of zero never leaves the first value.
    let last = if step == 0 { first } else { last.unwrap_or(limit - 1) };
    Some((Part { first, last, step: step.max(1) }, after))
}

fn number(text: &str, limit: u32) -> Read<'_, u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let value = digits.parse().ok().filter(|value| *value < limit)?;
    Some((value, rest))
}
