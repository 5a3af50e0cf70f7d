//! The time zone of a node, from zone data that is compiled in: a plan must not depend on the
//! operator's machine.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::error::{Error, Result};

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time: no gap, no fold.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of that name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`Error::UnknownZone`] when the database has no such name.
    pub fn named(name: &str) -> Result<Self> {
        TimeZone::get(name).map(Self).map_err(|_| Error::UnknownZone(name.to_owned()))
    }

    /// Whether clocks never change here and agree with UTC.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        self.0.to_fixed_offset().is_ok_and(|offset| offset.is_zero())
    }

    /// What a clock on the wall shows.
    pub(crate) fn local(&self, instant: Timestamp) -> DateTime {
        self.0.to_datetime(instant)
    }

    /// When the wall clock first shows `local`; never, when the clock is put forward over it.
    pub(crate) fn first_instant(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        }
    }

    /// Seconds east of UTC.
    pub(crate) fn offset_seconds(&self, instant: Timestamp) -> i32 {
        self.0.to_offset(instant).seconds()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}
