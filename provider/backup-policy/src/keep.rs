//! Which backups pruning keeps, by the rules that Proxmox VE and Proxmox Backup Server share.

use std::collections::VecDeque;
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
    periods: [i32; 5],
}

impl Dated {
    pub fn new(at: Timestamp, zone: &Zone) -> Self {
        let local = zone.local(at);
        let date = local.date();
        let week = date.iso_week_date();
        let year = i32::from(date.year());
        let day = year * 366 + i32::from(date.day_of_year());
        let periods = [
            day * 24 + i32::from(local.hour()),
            day,
            i32::from(week.year()) * 53 + i32::from(week.week()),
            year * 12 + i32::from(date.month()),
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

    /// Those of `backups` that pruning on a server in `zone` would leave, oldest first.
    #[must_use]
    pub fn survivors(&self, backups: &[Timestamp], zone: &Zone) -> Vec<Timestamp> {
        let mut sorted = backups.to_vec();
        sorted.sort();
        let newest = sorted.into_iter().map(|at| Dated::new(at, zone)).collect();
        let mut kept = Kept { older: Vec::new(), newest };
        kept.prune(self, |_| ());
        kept.iter().map(|backup| backup.at).collect()
    }
}

/// The backups of one guest.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Those that only a rule about periods keeps, oldest first.
    older: Vec<Dated>,
    /// The newest, oldest first.
    newest: VecDeque<Dated>,
}

impl Kept {
    /// Takes a backup, which is the newest, and prunes.
    pub fn add(&mut self, backup: Dated, keep: &Keep, removed: impl FnMut(&Dated)) {
        self.newest.push_back(backup);
        self.prune(keep, removed);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Dated> {
        self.older.iter().chain(&self.newest)
    }

    /// The rules run from last to yearly. Each counts the periods that no earlier rule has a backup
    /// in, newest first, and keeps the newest backup of each; the others of a counted period are lost
    /// to the later rules too.
    fn prune(&mut self, keep: &Keep, mut removed: impl FnMut(&Dated)) {
        let most = usize::try_from(keep.last).ok().filter(|_| !keep.is_everything()).unwrap_or(usize::MAX);
        let leaving = self.newest.len().saturating_sub(most);
        self.older.extend(self.newest.drain(..leaving));
        if self.older.is_empty() {
            return;
        }
        let mut decided: Vec<Option<bool>> = vec![None; self.older.len()];
        let limits = [keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly];
        for (period, limit) in limits.into_iter().enumerate().filter(|(_, limit)| *limit > 0) {
            self.keep_newest_of_each(period, limit, &mut decided);
        }
        if decided.iter().any(|kept| *kept != Some(true)) {
            let mut decided = decided.into_iter();
            self.older.retain(|backup| {
                let stays = decided.next().flatten() == Some(true);
                if !stays {
                    removed(backup);
                }
                stays
            });
        }
    }

    fn keep_newest_of_each(&self, period: usize, limit: u32, decided: &mut [Option<bool>]) {
        let number = |backup: &Dated| backup.periods[period];
        let kept = self.older.iter().zip(decided.iter()).rev().filter(|(_, kept)| **kept == Some(true));
        let kept = kept.map(|(backup, _)| number(backup));
        let mut covered = Covered::of(self.beside_older().map(number).chain(kept).collect());
        let mut counted = Counted::default();
        for (backup, kept) in self.older.iter().zip(decided).rev() {
            let number = number(backup);
            if kept.is_some() || covered.contains(number) {
                continue;
            }
            if counted.contains(number) {
                *kept = Some(false);
            } else if counted.numbers.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
                counted.add(number);
                *kept = Some(true);
            } else {
                break;
            }
        }
    }

    /// The newest backups that can share a period with an older one that no other shares: clocks are put
    /// back by less than a day.
    fn beside_older(&self) -> impl Iterator<Item = &Dated> {
        const DAY: i64 = 86_400;
        let first = self.newest.front().map_or(0, |backup| backup.at.as_second());
        self.newest.iter().take_while(move |backup| backup.at.as_second() - first <= DAY)
    }
}

/// Numbers of periods that have a backup, asked for newest first, as they mostly are.
struct Covered {
    newest_first: Vec<i32>,
    at: usize,
}

impl Covered {
    fn of(mut newest_first: Vec<i32>) -> Self {
        newest_first.sort_unstable_by(|a, b| b.cmp(a));
        Self { newest_first, at: 0 }
    }

    fn contains(&mut self, number: i32) -> bool {
        // A clock that is put back by two hours shows an older hour after a newer one.
        if self.at > 0 && self.newest_first[self.at - 1] <= number {
            self.at = self.newest_first.partition_point(|other| *other > number);
        }
        while self.newest_first.get(self.at).is_some_and(|other| *other > number) {
            self.at += 1;
        }
        self.newest_first.get(self.at) == Some(&number)
    }
}

/// Numbers of periods, added newest first, as they mostly are.
#[derive(Default)]
struct Counted {
    numbers: Vec<i32>,
    lowest: Option<i32>,
}

impl Counted {
    fn contains(&self, number: i32) -> bool {
        self.lowest
            .is_some_and(|lowest| number == lowest || (number > lowest && self.numbers.contains(&number)))
    }

    fn add(&mut self, number: i32) {
        self.numbers.push(number);
        self.lowest = Some(self.lowest.map_or(number, |lowest| lowest.min(number)));
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
