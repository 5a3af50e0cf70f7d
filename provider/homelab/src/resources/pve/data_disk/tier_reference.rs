//! How a configuration names the backup tier of a data disk, and which one that is.

use std::fmt;
use std::str::FromStr;

use tf_framework::prelude::*;

use super::model::DataDisk;
use super::tier::{BackupTier, NoTier};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::backup::tier_number::TierNumber;
use crate::resources::backup::{TierNames, is_tier_name};

/// A tier as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierReference {
    /// By its number, or by the name that the default tier of that number has.
    Tier(BackupTier),
    /// By the name that somebody has given it. Its pool says which tier that is.
    Named(String),
}

impl FromStr for TierReference {
    type Err = NoTier;

    fn from_str(text: &str) -> Result<Self, NoTier> {
        match text.parse() {
            Ok(tier) => Ok(Self::Tier(tier)),
            Err(_) if is_tier_name(text) => Ok(Self::Named(text.to_owned())),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for TierReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tier(tier) => tier.fmt(f),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl DataDisk {
    /// The tier, if that is known: which one a name stands for is said by the pool that was planned for it.
    pub(super) fn tier(&self) -> Option<BackupTier> {
        match (&self.backup_tier, &self.pool_name) {
            (TierReference::Tier(tier), _) => Some(*tier),
            (_, Computed::Known(pool)) => BackupTier::of_pool(&pool.parse().ok()?),
            (_, Computed::Null) => Some(BackupTier::NONE),
            (_, Computed::Unknown) => None,
        }
    }

    /// How a state calls the tier of a disk: by the name that it had there, as long as that is still the tier.
    pub(super) fn reference(prior: Option<&Self>, tier: BackupTier) -> TierReference {
        let kept = prior.filter(|prior| prior.tier().is_none_or(|known| known == tier));
        kept.map_or(TierReference::Tier(tier), |prior| prior.backup_tier.clone())
    }
}

/// The tier of a planned disk, if it can be known already. A name that stands for no tier, or for two, is an error of
/// the plan.
pub(super) async fn planned(cx: &Cx, plan: &mut Plan<'_, DataDisk>) -> Result<Option<BackupTier>> {
    let tier = wanted(cx, plan).await?;
    if let Some(prior) = plan.prior.clone()
        && tier.is_some()
        && tier == prior.tier()
    {
        keep_spelling(&prior, plan);
    }
    Ok(tier)
}

/// A tier that is called by another of its names is no change.
fn keep_spelling(prior: &DataDisk, plan: &mut Plan<'_, DataDisk>) {
    let planned = plan.planned.attribute("backup_tier").as_str().and_then(|text| text.parse().ok());
    // The framework has seen to numbers and names of default tiers.
    if planned.as_ref() == Some(&prior.backup_tier) {
        return;
    }
    let before = prior.encode();
    plan.set("backup_tier", before.attribute("backup_tier").clone());
    let Some(known) = before.as_entries() else { return };
    let same = |name: &str, old: &Value| {
        let new = plan.planned.attribute(name);
        new.is_unknown() || new == old
    };
    if plan.config.is_fully_known() && known.iter().all(|(name, old)| same(name, old)) {
        for (name, old) in known {
            plan.set(name.as_str(), old.clone());
        }
    }
}

async fn wanted(cx: &Cx, plan: &mut Plan<'_, DataDisk>) -> Result<Option<BackupTier>> {
    let Some(wanted) = plan.planned.attribute("backup_tier").as_str() else { return Ok(None) };
    let name = match wanted.parse() {
        Ok(TierReference::Tier(tier)) => return Ok(Some(tier)),
        Ok(TierReference::Named(name)) => name,
        Err(_) => return Ok(None),
    };
    // Without a connection there is nothing to look at, and a plan needs none.
    if cx.pve().is_err() {
        return Ok(None);
    }
    let had = plan.prior.as_ref().filter(|prior| prior.backup_tier.to_string() == name);
    match find(cx, &name, had.and_then(DataDisk::tier)).await? {
        Ok(tier) => Ok(Some(tier)),
        Err(message) => {
            plan.push(message);
            Ok(None)
        }
    }
}

/// The tier of a disk that an apply makes or changes: that of the plan, or the one that has the name by now.
pub(super) async fn settled(cx: &Cx, want: &DataDisk) -> Result<BackupTier> {
    match (&want.backup_tier, want.tier()) {
        (_, Some(tier)) => Ok(tier),
        (TierReference::Tier(tier), None) => Ok(*tier),
        (TierReference::Named(name), None) => Ok(find(cx, name, None).await??),
    }
}

/// The tier of a name. `had`: the one that it stood for, which it does as long as nobody says otherwise.
async fn find(
    cx: &Cx,
    name: &str,
    had: Option<BackupTier>,
) -> Result<std::result::Result<BackupTier, Diagnostic>> {
    let names = cx.tier_names().await.explain::<DataDisk>(cx, "list the pools of the backup tiers")?;
    let tier = |number: TierNumber| BackupTier::numbered(number.number().into());
    Ok(match &names.called(name)[..] {
        [only] => tier(*only).ok_or_else(|| unknown(name, &names)),
        [] => had
            .filter(|had| TierNumber::try_from(i64::from(had.number())).is_ok_and(|had| names.is_silent(had)))
            .ok_or_else(|| unknown(name, &names)),
        several => Err(ambiguous(name, several)),
    })
}

fn unknown(name: &str, names: &TierNames) -> Diagnostic {
    Diagnostic::error(
        "Backup tier does not exist",
        format!(
            "No backup tier is called {name:?}. Of the pools that this login may see, the comments tell of these: {}. \
             Besides, each number from 0 to 4 and each name of a default tier will do: {}. If this configuration makes \
             the tier, refer to it:\n\n  backup_tier = homelab_backup_tier.<name>.name",
            names.list(),
            super::tier::names(),
        ),
    )
    .at("backup_tier")
}

fn ambiguous(name: &str, several: &[TierNumber]) -> Diagnostic {
    let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
    Diagnostic::error(
        "Backup tier is ambiguous",
        format!(
            "The tiers {} are all called {name:?}. Name the tier by its number, or rename all but one.",
            numbers.join(" and ")
        ),
    )
    .at("backup_tier")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(tier: &str, pool: Computed<String>) -> DataDisk {
        let json = serde_json::json!({
            "name": "pg", "node_name": "pve1", "storage_name": "local-lvm", "size_gib": 1, "backup_tier": tier,
        });
        let decoded = DataDisk::decode(&Value::from_json(&json, &DataDisk::schema().ty()).unwrap()).unwrap();
        DataDisk { pool_name: pool, ..decoded }
    }

    fn numbered(number: u64) -> BackupTier {
        BackupTier::numbered(number).unwrap()
    }

    #[test]
    fn a_tier_is_named_by_number_by_default_name_or_as_somebody_calls_it() {
        let parsed = |text: &str| text.parse::<TierReference>().ok();
        assert_eq!(parsed("critical"), parsed("1"));
        assert_eq!(parsed("data-bases_2"), Some(TierReference::Named("data-bases_2".to_owned())));
        assert_eq!(parsed("tier-1").unwrap().to_string(), "tier-1");
        assert!(["5", "17", "", "a b", "a;b"].iter().all(|text| parsed(text).is_none()));
    }

    #[test]
    fn a_name_stands_for_the_tier_of_the_planned_pool() {
        let pool = |name: &str| Computed::Known(name.to_owned());
        assert_eq!(disk("databases", pool("tier-3")).tier(), Some(numbered(3)));
        assert_eq!(disk("scratch", Computed::Null).tier(), Some(BackupTier::NONE));
        assert_eq!(disk("databases", Computed::Unknown).tier(), None);
        assert_eq!(disk("2", Computed::Unknown).tier(), Some(numbered(2)));
    }

    #[test]
    fn a_state_keeps_the_name_until_the_disk_is_of_another_tier() {
        let named = disk("databases", Computed::Known("tier-3".to_owned()));
        assert_eq!(DataDisk::reference(Some(&named), numbered(3)).to_string(), "databases");
        assert_eq!(DataDisk::reference(Some(&named), numbered(1)).to_string(), "1");
        assert_eq!(DataDisk::reference(None, numbered(3)).to_string(), "3");
        let unplanned = disk("databases", Computed::Unknown);
        assert_eq!(DataDisk::reference(Some(&unplanned), numbered(3)).to_string(), "databases");
    }
}
