//! Which backups pruning keeps, by the rules that Proxmox VE and Proxmox Backup Server share.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use crate::zone::Zone;

/// How many backups, or periods with a backup in them, to keep. Zero means that the rule is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The newest backups.
    pub last: u32,
    /// Hours, the newest backup of each.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// ISO weeks, from Monday on.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
    /// Years.
    pub yearly: u32,
}

/// The periods that a backup lies in, as the clock of the pruning server shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dated {
    pub at: Timestamp,
    /// Numbers of its hour, day, ISO week, month and year.
    periods: [i64; 5],
}

impl Dated {
    pub fn new(at: Timestamp, zone: &Zone) -> Self {
        let local = zone.local(at);
        let date = local.date();
        let week = date.iso_week_date();
        let year = i64::from(date.year());
        let day = year * 366 + i64::from(date.day_of_year());
        let periods = [
            day * 24 + i64::from(local.hour()),
            day,
            i64::from(week.year()) * 53 + i64::from(week.week()),
            year * 12 + i64::from(date.month()),
            year,
        ];
        Self { at, periods }
    }
}

impl Keep {
    /// Whether no rule is set, so that nothing is ever pruned.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Those of `backups`, oldest first, that pruning on a server in `zone` would leave.
    #[must_use]
    pub fn survivors(&self, backups: &[Timestamp], zone: &Zone) -> Vec<Timestamp> {
        let mut sorted: Vec<Dated> = backups.iter().map(|at| Dated::new(*at, zone)).collect();
        sorted.sort_by_key(|backup| backup.at);
        let kept = self.marks(&sorted);
        sorted.iter().zip(kept).filter(|(_, keep)| *keep).map(|(backup, _)| backup.at).collect()
    }

    /// For each of `backups`, oldest first, whether it stays.
    ///
    /// The rules run from last to yearly. Each counts the periods that no earlier rule has a backup
    /// in, newest first, and keeps the newest backup of each; the others of a counted period are lost
    /// to the later rules too.
    pub(crate) fn marks(&self, backups: &[Dated]) -> Vec<bool> {
        if self.is_everything() {
            return vec![true; backups.len()];
        }
        let newest = backups.len().saturating_sub(usize::try_from(self.last).unwrap_or(usize::MAX));
        let mut decided: Vec<Option<bool>> =
            (0..backups.len()).map(|index| (index >= newest).then_some(true)).collect();
        let limits = [self.hourly, self.daily, self.weekly, self.monthly, self.yearly];
        for (period, limit) in limits.into_iter().enumerate() {
            keep_newest_of_each(period, limit, backups, &mut decided);
        }
        decided.into_iter().map(|kept| kept == Some(true)).collect()
    }
}

fn keep_newest_of_each(period: usize, limit: u32, backups: &[Dated], decided: &mut [Option<bool>]) {
    if limit == 0 {
        return;
    }
    let covered: BTreeSet<i64> = backups
        .iter()
        .zip(decided.iter())
        .filter(|(_, kept)| **kept == Some(true))
        .map(|(backup, _)| backup.periods[period])
        .collect();
    let mut counted = BTreeSet::new();
    for (backup, kept) in backups.iter().zip(decided).rev() {
        let number = backup.periods[period];
        if kept.is_some() || covered.contains(&number) {
            continue;
        }
        if counted.contains(&number) {
            *kept = Some(false);
        } else if counted.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            counted.insert(number);
            *kept = Some(true);
        } else {
            break;
        }
    }
}

impl fmt::Display for Keep {
    /// As Proxmox VE writes `prune-backups`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ];
        let mut written = rules.into_iter().filter(|(_, count)| *count > 0).peekable();
        if written.peek().is_none() {
            return f.write_str("keep-all=1");
        }
        while let Some((rule, count)) = written.next() {
            write!(f, "keep-{rule}={count}")?;
            if written.peek().is_some() {
                f.write_str(",")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(numbers: &[i64]) -> Vec<Timestamp> {
        numbers.iter().map(|day| Timestamp::from_second(day * 86_400).unwrap()).collect()
    }

    #[test]
    fn no_rule_keeps_everything() {
        let backups = days(&[1, 2, 3]);
        assert_eq!(Keep::default().survivors(&backups, &Zone::utc()), backups);
        assert_eq!(Keep::default().to_string(), "keep-all=1");
    }

    #[test]
    fn a_later_rule_counts_only_what_no_earlier_one_covers() {
        // Day 0 was a Thursday: days 4 to 10 are one ISO week, 11 to 17 the next.
        let keep = Keep { last: 1, weekly: 1, ..Keep::default() };
        assert_eq!(keep.survivors(&days(&[5, 9, 12, 13]), &Zone::utc()), days(&[9, 13]));
        assert_eq!(keep.to_string(), "keep-last=1,keep-weekly=1");
    }

    #[test]
    fn empty_periods_are_not_counted() {
        let keep = Keep { daily: 2, ..Keep::default() };
        assert_eq!(keep.survivors(&days(&[1, 100]), &Zone::utc()), days(&[1, 100]));
    }
}
