//! The default backup tiers.

use std::time::Duration;

use crate::keep::Keep;
use crate::objective::RecoveryPoint;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Waiting for the other jobs of the node: Proxmox VE gives up after 180 minutes (`lockwait`).
const GRACE: Duration = Duration::from_secs(3 * 3600);

/// How a class of data is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// 0 to 4; its pool is `tier-<number>`.
    pub number: u8,
    /// A name that says what for.
    pub name: &'static str,
    /// Nothing, for data that can be made again.
    pub protection: Option<Protection>,
}

/// What a tier promises, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// When it runs, a calendar event.
    pub schedule: &'static str,
    /// How much a restore may lose.
    pub recovery_point: RecoveryPoint,
    /// How long a restore may take.
    pub recovery_time: Duration,
    /// How long every backup stays.
    pub retention: Duration,
    /// The keep values that hold the retention: the interval's share of it would be one short.
    pub keep: Keep,
    /// Whether its backups are verified.
    pub verified: bool,
}

const NO_RULE: Keep = Keep { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

/// From nothing to daily. The objectives of tiers 3 and 4 are the longest month and the longest
/// quarter: 30 and 90 days would be missed by the calendar alone.
pub const DEFAULT_TIERS: [Tier; 5] = [
    Tier { number: 0, name: "none", protection: None },
    Tier {
        number: 1,
        name: "critical",
        protection: Some(Protection {
            schedule: "21:00 UTC",
            recovery_point: RecoveryPoint { objective: DAY, grace: GRACE },
            recovery_time: HOUR.saturating_mul(4),
            retention: DAY.saturating_mul(30),
            keep: Keep { last: 31, daily: 31, ..NO_RULE },
            verified: true,
        }),
    },
    Tier {
        number: 2,
        name: "standard",
        protection: Some(Protection {
            schedule: "sun 21:00 UTC",
            recovery_point: RecoveryPoint { objective: DAY.saturating_mul(7), grace: GRACE },
            recovery_time: DAY,
            retention: DAY.saturating_mul(84),
            keep: Keep { last: 13, weekly: 13, ..NO_RULE },
            verified: true,
        }),
    },
    Tier {
        number: 3,
        name: "dev",
        protection: Some(Protection {
            schedule: "*-*-1 21:00 UTC",
            recovery_point: RecoveryPoint { objective: DAY.saturating_mul(31), grace: GRACE },
            recovery_time: DAY.saturating_mul(2),
            retention: DAY.saturating_mul(90),
            keep: Keep { last: 4, monthly: 4, ..NO_RULE },
            verified: true,
        }),
    },
    Tier {
        number: 4,
        name: "cache",
        protection: Some(Protection {
            schedule: "*-1/3-1 21:00 UTC",
            recovery_point: RecoveryPoint { objective: DAY.saturating_mul(92), grace: GRACE },
            recovery_time: DAY.saturating_mul(7),
            retention: DAY.saturating_mul(180),
            keep: Keep { last: 2, monthly: 2, ..NO_RULE },
            verified: false,
        }),
    },
];

impl Tier {
    /// The default tier of that number or name.
    #[must_use]
    pub fn default_named(name: &str) -> Option<&'static Self> {
        DEFAULT_TIERS.iter().find(|tier| tier.name == name || tier.number.to_string() == name)
    }

    /// The pool whose members it protects.
    #[must_use]
    pub fn pool(&self) -> String {
        format!("tier-{}", self.number)
    }
}
