//! What is left over time when every backup is followed by pruning.

use std::time::Duration;

use jiff::Timestamp;

use crate::gaps::between;
use crate::keep::{Dated, Keep, Kept};
use crate::zone::Zone;

/// How long after the first retention the calendar rules take to settle: the longest quarter, and
/// three days for runs that are late.
const SETTLING: Duration = Duration::from_secs(95 * 86_400);

/// A backup that was pruned before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyRemoval {
    /// When it was taken.
    pub backup: Timestamp,
    /// When it was pruned.
    pub removed: Timestamp,
}

/// The life of a group of backups of one guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Backups pruned while younger than the retention.
    pub removed_early: usize,
    /// The first of them.
    pub first_early: Option<EarlyRemoval>,
    /// The smallest age at which one was pruned.
    pub youngest_removed: Option<Duration>,
    /// The smallest age of the oldest backup right after pruning, once the history is longer than the
    /// retention by a quarter of a year.
    pub shortest_reach: Option<Duration>,
    /// How often, summed over all prunes, the moment of a backup taken inside the retention had no
    /// kept backup at or before it.
    pub unreachable: usize,
    /// The most that pruning adds to the loss of a restore to a moment inside the retention.
    pub worst_extra_loss: Duration,
    /// The most backups kept at once.
    pub most_kept: usize,
    /// The greatest age of a kept backup.
    pub oldest_kept: Duration,
    /// The widest gap between neighbours that are kept in the end; none without two.
    pub widest_gap: Option<Duration>,
    /// What is kept in the end, oldest first.
    pub kept: Vec<Timestamp>,
}

impl History {
    /// Takes `backups` in order, pruning with `keep` on a server in `zone` right after each.
    #[must_use]
    pub fn run(backups: &[Timestamp], keep: &Keep, zone: &Zone, retention: Duration) -> Self {
        let mut history = Self {
            removed_early: 0,
            first_early: None,
            youngest_removed: None,
            shortest_reach: None,
            unreachable: 0,
            worst_extra_loss: Duration::ZERO,
            most_kept: 0,
            oldest_kept: Duration::ZERO,
            widest_gap: None,
            kept: Vec::new(),
        };
        let mut kept = Kept::default();
        for (index, now) in backups.iter().enumerate() {
            kept.add(Dated::new(*now, zone), keep, |backup| history.remove(backup.at, *now, retention));
            history.look(&backups[..=index], &kept, retention);
        }
        history.kept = kept.iter().map(|backup| backup.at).collect();
        history.widest_gap = history.kept.windows(2).map(|pair| between(pair[0], pair[1])).max();
        history
    }

    /// Whether no backup was pruned before its time.
    #[must_use]
    pub fn every_backup_lives(&self) -> bool {
        self.removed_early == 0
    }

    /// Whether every backup taken inside the retention always had a kept one at or before it.
    #[must_use]
    pub fn covers_the_retention(&self) -> bool {
        self.unreachable == 0
    }

    fn remove(&mut self, backup: Timestamp, now: Timestamp, retention: Duration) {
        let age = between(backup, now);
        self.youngest_removed = Some(self.youngest_removed.map_or(age, |youngest| youngest.min(age)));
        if age < retention {
            self.removed_early += 1;
            self.first_early.get_or_insert(EarlyRemoval { backup, removed: now });
        }
    }

    fn look(&mut self, taken: &[Timestamp], kept: &Kept, retention: Duration) {
        let (Some(first), Some(now), Some(oldest)) = (taken.first(), taken.last(), kept.iter().next()) else {
            return;
        };
        let reach = between(oldest.at, *now);
        if between(*first, *now) >= retention.saturating_add(SETTLING) {
            self.shortest_reach = Some(self.shortest_reach.map_or(reach, |shortest| shortest.min(reach)));
        }
        self.most_kept = self.most_kept.max(kept.iter().count());
        self.oldest_kept = self.oldest_kept.max(reach);
        if between(*first, *now) < retention {
            return;
        }
        for moment in taken.iter().rev().take_while(|moment| between(**moment, *now) <= retention) {
            match kept.iter().rev().find(|backup| backup.at <= *moment) {
                None => self.unreachable += 1,
                Some(backup) => {
                    self.worst_extra_loss = self.worst_extra_loss.max(between(backup.at, *moment))
                }
            }
        }
    }
}
