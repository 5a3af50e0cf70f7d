//! The number of a backup tier, and the pool that it names.

use std::fmt;
use std::str::FromStr;

use pve_client::{InvalidId, PoolName};

/// 0 to 4: from nothing, over daily, to quarterly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TierNumber(u8);

/// What the names of the pools of all tiers begin with.
const POOL_PREFIX: &str = "tier-";

impl TierNumber {
    /// The number.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// The tier whose pool this is.
    pub(crate) fn of_pool(pool: &PoolName) -> Option<Self> {
        pool.as_str().strip_prefix(POOL_PREFIX)?.parse().ok()
    }

    /// Its pool.
    pub(crate) fn pool(self) -> Result<PoolName, InvalidId> {
        format!("{POOL_PREFIX}{self}").parse()
    }
}

/// Not the number of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a backup tier has a number from 0 to 4")]
pub struct NoTier;

impl FromStr for TierNumber {
    type Err = NoTier;

    fn from_str(text: &str) -> Result<Self, NoTier> {
        match text.as_bytes() {
            [digit @ b'0'..=b'4'] => Ok(Self(digit - b'0')),
            _ => Err(NoTier),
        }
    }
}

impl TryFrom<i64> for TierNumber {
    type Error = NoTier;

    fn try_from(number: i64) -> Result<Self, NoTier> {
        u8::try_from(number).ok().filter(|number| *number <= 4).map(Self).ok_or(NoTier)
    }
}

impl fmt::Display for TierNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_and_its_pool_name_each_other() {
        let tier: TierNumber = "3".parse().unwrap();
        assert_eq!(tier.pool().unwrap().as_str(), "tier-3");
        for (pool, found) in
            [("tier-3", Some(tier)), ("tier-03", None), ("tier-5", None), ("x/tier-3", None), ("tier3", None)]
        {
            assert_eq!(TierNumber::of_pool(&pool.parse().unwrap()), found, "{pool}");
        }
    }
}
