//! Calendar events, as schedules of jobs use them: weekdays, a date, a time, and the zone they are meant in.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// How far ahead an event is looked for, in days: a leap day may be eight years away.
const HORIZON: i64 = 3_000;
const YEARS: Range = Range { first: 1970, last: 2100 };
const MONTHS: Range = Range { first: 1, last: 12 };
const DATES: Range = Range { first: 1, last: 31 };
const HOURS: Range = Range { first: 0, last: 23 };
const SIXTY: Range = Range { first: 0, last: 59 };

/// Events that have a name, written out.
const NAMED: [(&str, &str); 10] = [
    ("minutely", "*:*"),
    ("hourly", "*:00"),
    ("daily", "00:00"),
    ("weekly", "mon 00:00"),
    ("monthly", "*-*-1 00:00"),
    ("quarterly", "*-1,4,7,10-1 00:00"),
    ("semiannually", "*-1,7-1 00:00"),
    ("semi-annually", "*-1,7-1 00:00"),
    ("yearly", "*-1-1 00:00"),
    ("annually", "*-1-1 00:00"),
];

#[derive(Clone, Copy)]
struct Range {
    first: i64,
    last: i64,
}

/// Values of one component; empty means every value.
type Values = BTreeSet<i64>;

/// When something happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Days of the week, Monday 0.
    days: Values,
    years: Values,
    months: Values,
    dates: Values,
    hours: Values,
    minutes: Values,
    seconds: Values,
    /// Meant in UTC, whatever the node's zone is.
    utc: bool,
}

/// Where the real parser stops, and what it had hoped for.
struct Stop<'a> {
    rest: &'a str,
    hoped: &'static str,
}

const WEEKDAY: &str = "Context(\"weekday\")";
const SPECIFICATION: &str = "Context(\"date or time specification\")";
const END: &str = "Nom(Eof)";

/// Reads an event; the error is where the real parser stops.
pub fn parse(text: &str) -> Result<Event, String> {
    let (local, utc) = match text.strip_suffix("UTC") {
        Some(local) => (local.trim_end_matches(' '), true),
        None => (text, false),
    };
    let written = NAMED.iter().find(|(name, _)| *name == local).map_or(local, |(_, written)| *written);
    match event(written) {
        Ok(event) => Ok(Event { utc, ..event }),
        Err(Stop { rest, hoped }) => Err(format!(
            "invalid calendar event '{text}' - unable to parse calendar event at '{rest}' - {hoped}\n"
        )),
    }
}

fn event(text: &str) -> Result<Event, Stop<'_>> {
    let mut event = Event { hours: [0].into(), minutes: [0].into(), seconds: [0].into(), ..Event::default() };
    let mut rest = text;
    if text.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        rest = weekdays(text, &mut event.days)?;
        if rest.trim_start_matches(' ').is_empty() {
            return ended(rest, event);
        }
        if !rest.starts_with(' ') {
            return Err(Stop { rest, hoped: END });
        }
    }
    let specification = if event.days.is_empty() { rest } else { rest.trim_start_matches(' ') };
    if let Some(left) = date(specification, &mut event) {
        rest = left;
        if let Some(left) = left.strip_prefix(' ') {
            rest = time(left.trim_start_matches(' '), &mut event).unwrap_or(rest);
        }
        return ended(rest, event);
    }
    match time(specification, &mut event) {
        Some(rest) => ended(rest, event),
        None if event.days.is_empty() => Err(Stop { rest: text, hoped: SPECIFICATION }),
        None => Err(Stop { rest, hoped: END }),
    }
}

fn ended(rest: &str, event: Event) -> Result<Event, Stop<'_>> {
    if rest.is_empty() { Ok(event) } else { Err(Stop { rest, hoped: END }) }
}

/// `sun`, `mon..fri,sun`; what follows is handed back.
fn weekdays<'a>(text: &'a str, days: &mut Values) -> Result<&'a str, Stop<'a>> {
    let mut rest = text;
    loop {
        let (first, after) = weekday(rest)?;
        rest = after;
        days.insert(first);
        if let Some(range) = rest.strip_prefix("..") {
            let (last, after) = weekday(range)?;
            rest = after;
            // The week goes round: `sat..mon` has the Sunday in it.
            days.extend((0..=(last - first).rem_euclid(7)).map(|step| (first + step) % 7));
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(rest),
        }
    }
}

fn weekday(text: &str) -> Result<(i64, &str), Stop<'_>> {
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let name = text[..end].to_ascii_lowercase();
    (0..)
        .zip(WEEKDAYS)
        .find(|(_, day)| name == *day || name == day[..3])
        .map(|(index, _)| (index, &text[end..]))
        .ok_or(Stop { rest: &text[..end], hoped: WEEKDAY })
}

/// `*-*-1`, `*-1`, `2027-01-01`: a year, if given, then month and day.
fn date<'a>(text: &'a str, event: &mut Event) -> Option<&'a str> {
    let whole = || {
        let (years, rest) = values(text, YEARS)?;
        let (months, rest) = values(rest.strip_prefix('-')?, MONTHS)?;
        let (dates, rest) = values(rest.strip_prefix('-')?, DATES)?;
        Some((years, months, dates, rest))
    };
    let short = || {
        let (months, rest) = values(text, MONTHS)?;
        let (dates, rest) = values(rest.strip_prefix('-')?, DATES)?;
        Some((Values::new(), months, dates, rest))
    };
    let (years, months, dates, rest) = whole().or_else(short)?;
    (event.years, event.months, event.dates) = (years, months, dates);
    Some(rest)
}

/// `02:30`, `*:0/15`, `8..17:0,30:15`; or minutes alone, with seconds perhaps: `*/15`, `21`, `24:00`.
fn time<'a>(text: &'a str, event: &mut Event) -> Option<&'a str> {
    let with_hours = || {
        let (hours, rest) = values(text, HOURS)?;
        let (minutes, rest) = values(rest.strip_prefix(':')?, SIXTY)?;
        Some((hours, minutes, rest))
    };
    let without = || values(text, SIXTY).map(|(minutes, rest)| (Values::new(), minutes, rest));
    let (hours, minutes, mut rest) = with_hours().or_else(without)?;
    let mut seconds = [0].into();
    if let Some(after) = rest.strip_prefix(':') {
        (seconds, rest) = values(after, SIXTY)?;
    }
    (event.hours, event.minutes, event.seconds) = (hours, minutes, seconds);
    Some(rest)
}

/// `*`, `1,4`, `8..17`, `0/15`, `*/15`; the values and what follows.
fn values(text: &str, range: Range) -> Option<(Values, &str)> {
    let mut found = Values::new();
    let mut rest = text;
    let mut every = false;
    loop {
        let (first, after) = match rest.strip_prefix('*') {
            Some(after) => (None, after),
            None => number(rest, range).map(|(first, after)| (Some(first), after))?,
        };
        let (last, after) = match after.strip_prefix("..").filter(|_| first.is_some()) {
            Some(after) => number(after, range).map(|(last, after)| (Some(last), after))?,
            None => (None, after),
        };
        let (step, after) = match after.strip_prefix('/') {
            Some(after) => number(after, Range { first: 1, last: range.last })
                .map(|(step, after)| (usize::try_from(step).ok(), after))?,
            None => (None, after),
        };
        rest = after;
        match (first, last, step) {
            (None, _, None) => every = true,
            (Some(only), None, None) => drop(found.insert(only)),
            _ => {
                let from = first.unwrap_or(range.first);
                found.extend((from..=last.unwrap_or(range.last)).step_by(step.unwrap_or(1)));
            }
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((if every { Values::new() } else { found }, rest)),
        }
    }
}

fn number(text: &str, range: Range) -> Option<(i64, &str)> {
    let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    let value = text[..end].parse().ok()?;
    (range.first..=range.last).contains(&value).then_some((value, &text[end..]))
}

fn holds(set: &Values, value: i64) -> bool {
    set.is_empty() || set.contains(&value)
}

fn each(set: &Values, range: Range) -> Vec<i64> {
    (range.first..=range.last).filter(|value| holds(set, *value)).collect()
}

impl Event {
    /// The first moment after `after`, in seconds since 1970; times without a zone are those of `zone`.
    pub fn next(&self, after: i64, zone: &TimeZone) -> Option<i64> {
        let zone = if self.utc { &TimeZone::UTC } else { zone };
        let now = local(after, zone);
        let mut date = now.date();
        for _ in 0..HORIZON {
            if self.is_on(date)
                && let Some(found) = self.on(date, after, now, zone)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        holds(&self.days, i64::from(date.weekday().to_monday_zero_offset()))
            && holds(&self.years, i64::from(date.year()))
            && holds(&self.months, i64::from(date.month()))
            && holds(&self.dates, i64::from(date.day()))
    }

    /// The first event of a day after a moment, which is `now` on the clock of the zone.
    fn on(&self, date: Date, after: i64, now: DateTime, zone: &TimeZone) -> Option<i64> {
        let (minutes, seconds) = (each(&self.minutes, SIXTY), each(&self.seconds, SIXTY));
        for hour in each(&self.hours, HOURS) {
            // Clocks jump by an hour or two, never by four.
            if date == now.date() && hour + 4 < i64::from(now.hour()) {
                continue;
            }
            for (minute, second) in minutes.iter().flat_map(|minute| seconds.iter().map(move |s| (minute, s)))
            {
                let [hour, minute, second] =
                    [hour, *minute, *second].map(|part| i8::try_from(part).unwrap_or_default());
                let found = zone.to_ambiguous_zoned_datetime(date.at(hour, minute, second, 0));
                // A time that the clock jumps over does not happen that day.
                if matches!(found.offset(), AmbiguousOffset::Gap { .. }) {
                    continue;
                }
                let moment = found.compatible().ok()?.timestamp().as_second();
                if moment > after {
                    return Some(moment);
                }
            }
        }
        None
    }
}

/// What the clock of a zone shows at a moment.
pub fn local(moment: i64, zone: &TimeZone) -> DateTime {
    zone.to_datetime(Timestamp::from_second(moment).unwrap_or_default())
}

/// A zone by its name; UTC if nobody knows it.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// `Thu Jan  1 02:30:00 2026`.
pub fn spelled(moment: i64) -> String {
    local(moment, &TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const RECORDED: &str = include_str!("../../../spec/backup/calendar-events.jsonl");

    #[test]
    fn recorded_events_come_out_as_the_server_computed_them() {
        let next = |text: &str, after: i64| parse(text).unwrap().next(after, &TimeZone::UTC).unwrap();
        let first = next("mon..fri 02:30", 1_767_225_600);
        assert_eq!((first, spelled(first)), (1_767_234_600, "Thu Jan  1 02:30:00 2026".to_owned()));
        assert_eq!(next("mon..fri 02:30", 1_767_321_000), 1_767_580_200);
        assert_eq!(next("sun 01:00", 1_795_406_842), 1_795_914_000);
        assert_eq!(next("daily", 1_795_406_842), 1_795_478_400);
    }

    #[test]
    fn every_event_of_the_library_is_read_refused_and_computed_alike() {
        let mut lines = RECORDED.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let head = lines.next().unwrap();
        let bases: Vec<i64> = head["bases"].as_array().unwrap().iter().map(|b| b.as_i64().unwrap()).collect();
        let zones: Vec<TimeZone> =
            head["zones"].as_array().unwrap().iter().map(|name| zone(name.as_str().unwrap())).collect();
        let mut wrong = Vec::new();
        for fact in lines {
            let text = fact["event"].as_str().unwrap();
            let Some(steps) = fact["steps"].as_array() else {
                if parse(text).is_ok() {
                    wrong.push(format!("{text:?} is taken"));
                }
                continue;
            };
            let Ok(event) = parse(text) else {
                wrong.push(format!("{text:?} is refused"));
                continue;
            };
            for (index, zone) in zones.iter().enumerate() {
                let rows = steps.get(index).unwrap_or(&steps[0]);
                for (base, row) in bases.iter().zip(rows.as_array().unwrap()) {
                    let mut moment = *base;
                    let expected: Vec<i64> =
                        row.as_array().unwrap().iter().map(|s| s.as_i64().unwrap()).collect();
                    let mut found = Vec::new();
                    while found.len() < 5
                        && let Some(next) = event.next(moment, zone)
                    {
                        found.push(next - moment);
                        moment = next;
                    }
                    if found != expected {
                        wrong.push(format!(
                            "{text:?} after {base}, zone {index}: {found:?}, not {expected:?}"
                        ));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn what_is_no_event_is_refused_in_upstreams_words() {
        let refused = |text: &str, at: &str, hoped: &str| {
            let words = format!(
                "invalid calendar event '{text}' - unable to parse calendar event at '{at}' - {hoped}\n"
            );
            assert_eq!(parse(text).unwrap_err(), words);
        };
        refused("whenever", "whenever", WEEKDAY);
        refused("daily 21:00", "daily", WEEKDAY);
        refused("0 21 * * *", " 21 * * *", END);
        refused("21:00 Europe/Berlin", " Europe/Berlin", END);
        refused("sun-wed 21:00", "-wed 21:00", END);
        refused("*-*-32 21:00", "-32 21:00", END);
        refused("*-13-1 21:00", "-1 21:00", END);
        refused("*-*-1 21:00 UTC ", " UTC ", END);
        refused("21:60", "21:60", SPECIFICATION);
        refused("   ", "   ", SPECIFICATION);
        refused(" 21:00 UTC", " 21:00", SPECIFICATION);
    }
}
