//! The backup tier of a data disk, by number or by name.

use std::fmt;
use std::str::FromStr;

use backup_policy::{DEFAULT_TIERS, Tier};
use pve_client::PoolName;

/// A backup tier: 0 is never backed up, 1 has the strictest rules, 4 the loosest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupTier(u8);

/// A text that is no tier.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no backup tier; the tiers are {list}, and those of a name of your own", list = names())]
pub struct NoTier(String);

pub(super) fn names() -> String {
    let names = DEFAULT_TIERS.iter().map(|tier| format!("{} ({})", tier.number, tier.name));
    names.collect::<Vec<_>>().join(", ")
}

impl BackupTier {
    /// Never backed up.
    pub(in crate::resources::pve) const NONE: Self = Self(0);

    /// The tier with a number.
    pub(super) fn numbered(number: u64) -> Option<Self> {
        DEFAULT_TIERS.iter().find(|tier| u64::from(tier.number) == number).map(|tier| Self(tier.number))
    }

    /// The tier that a pool belongs to.
    pub(in crate::resources::pve) fn of_pool(pool: &PoolName) -> Option<Self> {
        DEFAULT_TIERS.iter().find(|tier| tier.pool() == pool.as_str()).map(|tier| Self(tier.number))
    }

    /// Its number.
    pub(in crate::resources::pve) fn number(self) -> u8 {
        self.0
    }

    /// Whether backups include its disks.
    pub(in crate::resources::pve) fn is_backed_up(self) -> bool {
        self != Self::NONE
    }

    /// The pool whose guests its job backs up; tier 0 needs none.
    pub(in crate::resources::pve) fn pool(self) -> Option<PoolName> {
        let tier = DEFAULT_TIERS.iter().find(|tier| tier.number == self.0)?;
        self.is_backed_up().then(|| tier.pool().parse().ok())?
    }

    /// The strictest of some tiers: the job of a machine is that of the disk that needs it most.
    pub(in crate::resources::pve) fn strictest(tiers: impl IntoIterator<Item = Self>) -> Self {
        tiers.into_iter().filter(|tier| tier.is_backed_up()).min().unwrap_or(Self::NONE)
    }
}

impl FromStr for BackupTier {
    type Err = NoTier;

    fn from_str(text: &str) -> Result<Self, NoTier> {
        Tier::default_named(text).map(|tier| Self(tier.number)).ok_or_else(|| NoTier(text.to_owned()))
    }
}

impl fmt::Display for BackupTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_has_a_number_and_a_name_and_only_those_backed_up_have_a_pool() {
        let tier = |text: &str| text.parse::<BackupTier>().unwrap();
        assert_eq!(tier("critical"), tier("1"));
        assert_eq!(tier("1").pool().unwrap().as_str(), "tier-1");
        assert_eq!(tier("none").pool(), None);
        assert_eq!(BackupTier::of_pool(&"tier-3".parse().unwrap()), Some(tier("dev")));
        assert!(["5", "", "Critical", "tier-1"].iter().all(|text| text.parse::<BackupTier>().is_err()));
    }

    #[test]
    fn the_strictest_tier_is_the_lowest_that_is_backed_up() {
        let strictest =
            |numbers: &[u8]| BackupTier::strictest(numbers.iter().map(|n| BackupTier(*n))).number();
        assert_eq!(strictest(&[3, 1, 0]), 1);
        assert_eq!(strictest(&[0]), 0);
        assert_eq!(strictest(&[]), 0);
    }
}
