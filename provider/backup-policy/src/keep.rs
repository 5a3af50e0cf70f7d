//! Which backups pruning keeps, by the rules that Proxmox VE and Proxmox Backup Server share.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

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

    /// How many hours, days, weeks, months and years are kept.
    fn limits(&self) -> [usize; 5] {
        [self.hourly, self.daily, self.weekly, self.monthly, self.yearly].map(count)
    }

    /// Those of `backups` that pruning on a server in `zone` would leave, oldest first.
    #[must_use]
    pub fn survivors(&self, backups: &[Timestamp], zone: &Zone) -> Vec<Timestamp> {
        let mut sorted = backups.to_vec();
        sorted.sort();
        let newest = sorted.into_iter().map(|at| Dated::new(at, zone)).collect();
        let mut kept = Kept { newest, ..Kept::default() };
        kept.prune(self, |_| ());
        kept.iter().map(|backup| backup.at).collect()
    }
}

/// The backups of one guest. Those of each part are older than those of the part before.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The newest, oldest first, as those of every part.
    newest: VecDeque<Dated>,
    /// Those that the hourly rule keeps, then those that the daily one does.
    frequent: [VecDeque<Dated>; FREQUENT],
    /// Those that only a rule about longer periods keeps.
    older: Vec<Dated>,
    /// The last one taken.
    previous: Option<Dated>,
    /// Until when everything is looked at again, because the clock was put back over whole periods.
    unsettled_until: Option<Timestamp>,
}

/// How many rules count periods that lie whole in the periods of every later rule: hours and days. Weeks do not, for
/// they have days of two months.
const FREQUENT: usize = 2;

/// What a rule has decided about a backup: that this rule keeps it, or that it is lost.
type Decision = Option<Option<usize>>;

impl Kept {
    /// Takes a backup, which is the newest, and prunes.
    pub fn add(&mut self, backup: Dated, keep: &Keep, removed: impl FnMut(&Dated)) {
        const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);
        let steps_back =
            |previous: &Dated| previous.periods.iter().zip(backup.periods).any(|(before, now)| now < *before);
        if self.previous.as_ref().is_some_and(steps_back) {
            self.unsettled_until = backup.at.checked_add(TWO_DAYS).ok();
        }
        self.previous = Some(backup);
        self.newest.push_back(backup);
        if self.unsettled_until.is_some_and(|until| backup.at < until) {
            self.prune(keep, removed);
        } else if !keep.is_everything() && self.newest.len() > count(keep.last) {
            self.shift(keep, removed);
        }
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Dated> {
        let [hourly, daily] = &self.frequent;
        self.older.iter().chain(daily).chain(hourly).chain(&self.newest)
    }

    /// What pruning comes to when one backup was added and nothing else has changed: the oldest of each part may go on
    /// to the next.
    fn shift(&mut self, keep: &Keep, mut removed: impl FnMut(&Dated)) {
        let Some(mut leaving) = self.newest.pop_front() else { return };
        let mut newer = self.newest.front().copied();
        for (period, limit) in keep.limits().into_iter().enumerate().take(FREQUENT) {
            if limit == 0 {
                continue;
            }
            let part = &mut self.frequent[period];
            let shares = |other: Option<&Dated>| {
                other.is_some_and(|other| other.periods[period] == leaving.periods[period])
            };
            if shares(newer.as_ref()) {
                return removed(&leaving);
            }
            if shares(part.back()) {
                part.pop_back().iter().for_each(&mut removed);
            }
            part.push_back(leaving);
            if part.len() <= limit {
                return;
            }
            let Some(oldest) = part.pop_front() else { return };
            leaving = oldest;
            newer = part.front().copied().or(newer);
        }
        self.older.push(leaving);
        let decided = self.decided(keep, FREQUENT);
        self.older = Self::sorted_out(std::mem::take(&mut self.older), decided, removed).2;
    }

    /// The rules run from last to yearly. Each counts the periods that no earlier rule has a backup
    /// in, newest first, and keeps the newest backup of each; the others of a counted period are lost
    /// to the later rules too.
    fn prune(&mut self, keep: &Keep, removed: impl FnMut(&Dated)) {
        if keep.is_everything() {
            return;
        }
        let [hourly, daily] = std::mem::take(&mut self.frequent);
        self.older.extend(daily.into_iter().chain(hourly));
        let leaving = self.newest.len().saturating_sub(count(keep.last));
        self.older.extend(self.newest.drain(..leaving));
        let decided = self.decided(keep, 0);
        let older = std::mem::take(&mut self.older);
        let (hourly, daily, older) = Self::sorted_out(older, decided, removed);
        self.frequent = [hourly, daily];
        self.older = older;
    }

    /// What the rules from the one of this number on decide about the older backups.
    fn decided(&self, keep: &Keep, first: usize) -> Vec<Decision> {
        let mut decided = vec![None; self.older.len()];
        for (period, limit) in keep.limits().into_iter().enumerate().skip(first) {
            if limit > 0 {
                self.keep_newest_of_each(period, limit, &mut decided);
            }
        }
        decided
    }

    /// The backups that stay, by the part that they belong to: hourly, daily, older.
    fn sorted_out(
        backups: Vec<Dated>,
        decided: Vec<Decision>,
        mut removed: impl FnMut(&Dated),
    ) -> (VecDeque<Dated>, VecDeque<Dated>, Vec<Dated>) {
        let (mut hourly, mut daily, mut older) = (VecDeque::new(), VecDeque::new(), Vec::new());
        for (backup, decision) in backups.into_iter().zip(decided) {
            match decision.flatten() {
                Some(0) => hourly.push_back(backup),
                Some(1) => daily.push_back(backup),
                Some(_) => older.push(backup),
                None => removed(&backup),
            }
        }
        (hourly, daily, older)
    }

    fn keep_newest_of_each(&self, period: usize, limit: usize, decided: &mut [Decision]) {
        let number = |backup: &Dated| backup.periods[period];
        let is_kept = |decision: &Decision| decision.is_some_and(|rule| rule.is_some());
        let kept = self.older.iter().zip(decided.iter()).rev().filter(|(_, decision)| is_kept(decision));
        let kept = kept.map(|(backup, _)| number(backup));
        let mut covered = Covered::of(self.beside_older().map(number).chain(kept).collect());
        let mut counted = Counted::default();
        for (backup, decision) in self.older.iter().zip(decided).rev() {
            let number = number(backup);
            if decision.is_some() || covered.contains(number) {
                continue;
            }
            if counted.contains(number) {
                *decision = Some(None);
            } else if counted.numbers.len() < limit {
                counted.add(number);
                *decision = Some(Some(period));
            } else {
                break;
            }
        }
    }

    /// Those of the newer parts that can share a period with an older one that no other shares: clocks are put
    /// back by less than a day.
    fn beside_older(&self) -> impl Iterator<Item = &Dated> {
        const DAY: i64 = 86_400;
        let [hourly, daily] = &self.frequent;
        let mut newer = daily.iter().chain(hourly).chain(&self.newest).peekable();
        let first = newer.peek().map_or(0, |backup| backup.at.as_second());
        newer.take_while(move |backup| backup.at.as_second() - first <= DAY)
    }
}

fn count(rule: u32) -> usize {
    usize::try_from(rule).unwrap_or(usize::MAX)
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
    use proptest::prelude::*;

    use super::*;

    /// Moments with gaps from minutes to weeks.
    fn moments() -> impl Strategy<Value = Vec<Timestamp>> {
        let gap = prop_oneof![6 => 1u32..9_000, 3 => 1u32..200_000, 1 => 1u32..3_000_000];
        // The clock of Troll is put back by two hours in October.
        let first = prop_oneof![Just(1_792_700_000_i64), 1_780_000_000_i64..1_800_000_000];
        (first, proptest::collection::vec(gap, 1..90)).prop_map(|(mut at, gaps)| {
            let step = |gap: u32| {
                at += i64::from(gap);
                Timestamp::from_second(at).unwrap()
            };
            gaps.into_iter().map(step).collect()
        })
    }

    proptest! {
        #[test]
        fn taking_one_after_the_other_is_pruning_all_each_time(
            moments in moments(),
            (last, hourly, daily, weekly, monthly, yearly) in
                (0u32..6, 0u32..9, 0u32..6, 0u32..4, 0u32..3, 0u32..2),
            zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "Antarctica/Troll"]),
        ) {
            let keep = Keep { last, hourly, daily, weekly, monthly, yearly };
            let zone = Zone::named(zone).unwrap();
            let mut kept = Kept::default();
            let mut there: Vec<Timestamp> = Vec::new();
            for moment in moments {
                let mut lost = Vec::new();
                kept.add(Dated::new(moment, &zone), &keep, |backup| lost.push(backup.at));
                there.push(moment);
                let left = keep.survivors(&there, &zone);
                prop_assert_eq!(kept.iter().map(|backup| backup.at).collect::<Vec<_>>(), left.clone());
                there.retain(|moment| !left.contains(moment));
                lost.sort();
                prop_assert_eq!(&lost, &there);
                there = left;
            }
        }
    }

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
