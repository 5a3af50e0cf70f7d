//! What a tier promises, as the comment of its pool tells it to people and to the next run.

use backup_policy::{DEFAULT_TIERS, Tier};

use super::tier_number::TierNumber;
use crate::resources::pve::prune::PruneBackups;

const SECONDS_PER_HOUR: u64 = 3600;
const SECONDS_PER_DAY: u64 = 86_400;

/// A tier with a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    /// Its number.
    pub number: TierNumber,
    /// Its name.
    pub name: String,
    /// Nothing, when the data is never backed up.
    pub promise: Option<Promise>,
}

/// What a tier promises.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Promise {
    /// When its backups start, a calendar event.
    pub schedule: String,
    /// How long each backup stays.
    pub retention_days: i64,
    /// How much a restore may lose.
    pub rpo_hours: i64,
    /// How much later than planned a backup may be done.
    pub rpo_grace_hours: i64,
    /// How long a restore may take.
    pub rto_hours: i64,
    /// Whether its backups are verified.
    pub verified: bool,
    /// Which backups are kept.
    pub keep: PruneBackups,
}

/// The default tier of that number.
pub(crate) fn default_tier(number: TierNumber) -> Option<&'static Tier> {
    DEFAULT_TIERS.iter().find(|tier| tier.number == number.number())
}

impl Promise {
    /// What the default tier of that number promises.
    pub(crate) fn default_of(number: TierNumber) -> Option<Self> {
        let protection = default_tier(number)?.protection?;
        let count =
            |span: std::time::Duration, unit| i64::try_from(span.as_secs() / unit).unwrap_or(i64::MAX);
        Some(Self {
            schedule: protection.schedule.to_owned(),
            retention_days: count(protection.retention, SECONDS_PER_DAY),
            rpo_hours: count(protection.recovery_point.objective, SECONDS_PER_HOUR),
            rpo_grace_hours: count(protection.recovery_point.grace, SECONDS_PER_HOUR),
            rto_hours: count(protection.recovery_time, SECONDS_PER_HOUR),
            verified: protection.verified,
            keep: protection.keep.into(),
        })
    }

    fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            text.split("; ").find_map(|item| item.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
        };
        let number = |name: &str, unit: &str| value(name)?.strip_suffix(unit)?.parse().ok();
        let (rpo, grace) = value("RPO")?.split_once(" + ").map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        let hours = |text: &str| text.strip_suffix(" h")?.parse().ok();
        Some(Self {
            schedule: value("schedule")?,
            retention_days: number("retention", " d")?,
            rpo_hours: hours(&rpo)?,
            rpo_grace_hours: hours(&grace)?,
            rto_hours: number("RTO", " h")?,
            verified: value("verified")? == "yes",
            keep: PruneBackups::from_text(&value("keep")?)?,
        })
    }

    fn text(&self) -> String {
        format!(
            "schedule: {}; retention: {} d; RPO: {} h + {} h; RTO: {} h; verified: {}; keep: {}",
            self.schedule,
            self.retention_days,
            self.rpo_hours,
            self.rpo_grace_hours,
            self.rto_hours,
            if self.verified { "yes" } else { "no" },
            self.keep.text()
        )
    }
}

const UNPROTECTED: &str = "never backed up";

impl Policy {
    /// The comment of the tier's pool.
    pub(crate) fn comment(&self) -> String {
        let promise = self.promise.as_ref().map_or_else(|| UNPROTECTED.to_owned(), Promise::text);
        format!("Backup tier {} ({}); {promise}", self.number, self.name)
    }

    /// Reads the comment of a tier's pool; nothing if a person wrote it.
    pub(crate) fn read(comment: &str) -> Option<Self> {
        let (number, rest) = comment.strip_prefix("Backup tier ")?.split_once(" (")?;
        let (name, rest) = rest.split_once("); ")?;
        let promise = if rest == UNPROTECTED { None } else { Some(Promise::read(rest)?) };
        Some(Self { number: number.parse().ok()?, name: name.to_owned(), promise })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_tier_survives_the_way_into_a_comment_and_back() {
        for tier in DEFAULT_TIERS {
            let number = TierNumber::try_from(i64::from(tier.number)).unwrap();
            let policy = Policy { number, name: tier.name.to_owned(), promise: Promise::default_of(number) };
            assert_eq!(policy.promise.is_none(), tier.protection.is_none());
            assert_eq!(Policy::read(&policy.comment()), Some(policy));
        }
    }

    #[test]
    fn a_comment_is_for_people_too() {
        let number = "1".parse().unwrap();
        let policy = Policy { number, name: "critical".to_owned(), promise: Promise::default_of(number) };
        assert_eq!(
            policy.comment(),
            "Backup tier 1 (critical); schedule: 21:00 UTC; retention: 30 d; RPO: 24 h + 3 h; RTO: 4 h; \
             verified: yes; keep: keep-daily=31,keep-last=31"
        );
    }

    #[test]
    fn what_a_person_wrote_is_no_policy() {
        for comment in
            ["", "critical data", "Backup tier 1 (critical); daily", "Backup tier 9 (x); never backed up"]
        {
            assert_eq!(Policy::read(comment), None, "{comment:?}");
        }
    }
}
