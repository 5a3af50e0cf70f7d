//! How many backups to keep, as storages and backup jobs say it.

use pve_client::{PropertyString, Settings};
use tf_framework::prelude::*;

/// Which backups of a guest to keep; what no rule keeps is deleted after each backup.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct PruneBackups {
    /// Whether to keep everything. Conflicts with the other rules.
    #[schema(wire = "keep-all")]
    pub keep_all: Option<bool>,

    /// The newest backups to keep.
    #[schema(wire = "keep-last", validate = range(1, i64::MAX))]
    pub keep_last: Option<i64>,

    /// Hours to keep the newest backup of.
    #[schema(wire = "keep-hourly", validate = range(1, i64::MAX))]
    pub keep_hourly: Option<i64>,

    /// Days to keep the newest backup of.
    #[schema(wire = "keep-daily", validate = range(1, i64::MAX))]
    pub keep_daily: Option<i64>,

    /// Weeks to keep the newest backup of.
    #[schema(wire = "keep-weekly", validate = range(1, i64::MAX))]
    pub keep_weekly: Option<i64>,

    /// Months to keep the newest backup of.
    #[schema(wire = "keep-monthly", validate = range(1, i64::MAX))]
    pub keep_monthly: Option<i64>,

    /// Years to keep the newest backup of.
    #[schema(wire = "keep-yearly", validate = range(1, i64::MAX))]
    pub keep_yearly: Option<i64>,
}

impl PruneBackups {
    /// The wire name.
    pub(crate) const WIRE: &str = "prune-backups";

    fn rules(&self) -> [(&'static str, Option<i64>); 7] {
        [
            ("keep-all", self.keep_all.map(i64::from)),
            ("keep-last", self.keep_last),
            ("keep-hourly", self.keep_hourly),
            ("keep-daily", self.keep_daily),
            ("keep-weekly", self.keep_weekly),
            ("keep-monthly", self.keep_monthly),
            ("keep-yearly", self.keep_yearly),
        ]
    }

    /// Adds the rules, if there are any.
    pub(crate) fn write(rules: Option<&Self>, settings: Settings) -> Settings {
        let Some(rules) = rules else { return settings };
        let mut text = PropertyString::default();
        for (name, count) in rules.rules() {
            text.set(name, count);
        }
        settings.properties(Self::WIRE, &text)
    }

    /// The rules that are set.
    pub(crate) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property(Self::WIRE, None)?;
        let count = |name: &str| text.value(name)?.parse::<i64>().ok();
        Some(Self {
            keep_all: text.truth("keep-all"),
            keep_last: count("keep-last"),
            keep_hourly: count("keep-hourly"),
            keep_daily: count("keep-daily"),
            keep_weekly: count("keep-weekly"),
            keep_monthly: count("keep-monthly"),
            keep_yearly: count("keep-yearly"),
        })
    }

    /// Says what no Proxmox VE accepts, or would read in another way than it looks.
    pub(crate) fn validate(rules: &Value, at: &Path, out: &mut Diagnostics) {
        if !rules.is_set() {
            return;
        }
        let names = ["keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly"];
        let all = rules.attribute("keep_all");
        if let Some(name) = names.iter().find(|name| rules.attribute(name).is_set()) {
            if all.as_bool() == Some(true) {
                out.error(
                    at.then(*name),
                    "Conflicting arguments",
                    "With `keep_all` everything is kept, so no other rule may be set. Remove one of them.",
                );
            }
        } else if all.is_null() && names.iter().all(|name| rules.attribute(name).is_null()) {
            out.error(
                at.clone(),
                "Missing argument",
                "At least one rule must be set. To keep everything, set `keep_all = true`.",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_the_way_to_the_wire_and_back() {
        let rules = PruneBackups {
            keep_all: None,
            keep_last: Some(3),
            keep_hourly: None,
            keep_daily: Some(7),
            keep_weekly: None,
            keep_monthly: None,
            keep_yearly: None,
        };
        let settings = PruneBackups::write(Some(&rules), Settings::new());
        assert_eq!(settings.text("prune-backups"), Some("keep-daily=7,keep-last=3"));
        assert_eq!(PruneBackups::read(&settings), Some(rules));
        assert_eq!(PruneBackups::read(&Settings::new()), None);
    }
}
