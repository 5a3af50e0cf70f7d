//! Points in time as users write them: RFC 3339.

use std::fmt;
use std::str::FromStr;

/// A second, counted from 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    /// From seconds since 1970.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(self) -> i64 {
        self.0
    }
}

/// A text is not RFC 3339.
#[derive(Debug, thiserror::Error)]
#[error("it has to be a date and time with its zone, such as 2027-01-31T00:00:00Z")]
pub(crate) struct InvalidTimestamp;

/// Days since 1970 of a date of the Gregorian calendar. Years are counted from March, so that the leap day is last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The reverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (of_era * 365 + of_era / 4 - of_era / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (of_era, month + 3) } else { (of_era + 1, month - 9) };
    (era * 400 + year, month, day)
}

/// A number of exactly `count` digits at the start of a text.
fn digits(text: &mut &str, count: usize) -> Option<i64> {
    let (number, rest) = text.split_at_checked(count)?;
    *text = rest;
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
}

fn skip(text: &mut &str, marks: &[char]) -> Option<()> {
    *text = text.strip_prefix(marks)?;
    Some(())
}

fn parse(mut text: &str) -> Option<i64> {
    let rest = &mut text;
    let year = digits(rest, 4)?;
    skip(rest, &['-'])?;
    let month = digits(rest, 2)?;
    skip(rest, &['-'])?;
    let day = digits(rest, 2)?;
    skip(rest, &['T', 't', ' '])?;
    let hour = digits(rest, 2)?;
    skip(rest, &[':'])?;
    let minute = digits(rest, 2)?;
    skip(rest, &[':'])?;
    let second = digits(rest, 2)?;
    let days = days(year, month, day);
    let valid = (1..=12).contains(&month)
        && date(days) == (year, month, day)
        && hour < 24
        && minute < 60
        && second < 60;
    let zone = match *rest {
        "Z" | "z" => 0,
        _ => {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            skip(rest, &['+', '-'])?;
            let hours = digits(rest, 2)?;
            skip(rest, &[':'])?;
            let minutes = digits(rest, 2)?;
            (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))?
        }
    };
    valid.then_some(days * 86_400 + hour * 3600 + minute * 60 + second - zone)
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        parse(text).map(Self).ok_or(InvalidTimestamp)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(86_400));
        let second = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_print_in_utc() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-11-23T04:03:28Z", 1_795_406_608),
            ("1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().seconds(), seconds);
            assert_eq!(Timestamp::from_seconds(seconds).to_string(), text);
        }
        let zoned: Timestamp = "2026-11-23T06:03:28+02:00".parse().unwrap();
        assert_eq!(zoned.seconds(), 1_795_406_608);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2027-01-31",
            "2027-02-29T00:00:00Z",
            "2027-01-31T24:00:00Z",
            "2027-01-31T00:00:00",
            "2027-13-01T00:00:00Z",
            "x",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_survives() {
        for day in -10_000..150_000 {
            let (year, month, date) = date(day);
            assert_eq!(days(year, month, date), day);
        }
    }
}
