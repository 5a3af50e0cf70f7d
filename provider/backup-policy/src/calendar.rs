//! Calendar events in the dialect of Proxmox VE and Proxmox Backup Server, a subset of systemd's.
//!
//! `[weekdays] [[years-]months-days] [[hours:]minutes[:seconds]] [UTC]`, or one word such as `daily`.

mod concerns;
mod next;
mod parse;
mod set;

use std::fmt;
use std::str::FromStr;

pub use concerns::Concern;
pub(crate) use next::{SecondOfDay, instant};
use set::{Part, Set};

use crate::error::{Error, Result};

/// Proxmox reads years below this only.
const YEAR_LIMIT: u32 = 2200;

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    text: String,
    /// The weekdays and the date, as written or as the word stands for.
    day_text: String,
    /// Bit 0 is Monday.
    weekdays: Set,
    years: Vec<Part>,
    months: Set,
    days: Set,
    hours: Set,
    minutes: Set,
    seconds: Set,
    /// Whether the text says UTC; else the node's zone rules.
    utc: bool,
    /// Whether the minutes were written as plain numbers with no hour before them.
    bare_minutes: bool,
}

impl CalendarEvent {
    /// The text as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it ends in `UTC`, and so means the same on every node.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        self.utc
    }

    /// The one time of day at which it runs, as hour, minute and second; `None` when there are several.
    #[must_use]
    pub fn time_of_day(&self) -> Option<(u32, u32, u32)> {
        Some((self.hours.only()?, self.minutes.only()?, self.seconds.only()?))
    }

    /// The same days, at another time.
    pub(crate) fn at(&self, hour: u32, minute: u32, second: u32) -> Result<Self> {
        let day = if self.day_text.is_empty() { "*-*-*" } else { &self.day_text };
        let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
        let zone = if self.utc { " UTC" } else { "" };
        format!("{day} {hour:02}:{minute:02}{seconds}{zone}").parse()
    }
}

impl FromStr for CalendarEvent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse::event(text)
    }
}

impl fmt::Display for CalendarEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
