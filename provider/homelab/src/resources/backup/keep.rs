//! Keep values as arguments, as Proxmox VE writes them, and as the arithmetic counts them.

use backup_policy::Keep;
use pve_client::Settings;

use crate::resources::pve::prune::PruneBackups;

impl From<Keep> for PruneBackups {
    fn from(keep: Keep) -> Self {
        let count = |count: u32| (count > 0).then(|| i64::from(count));
        Self {
            keep_all: keep.is_everything().then_some(true),
            keep_last: count(keep.last),
            keep_hourly: count(keep.hourly),
            keep_daily: count(keep.daily),
            keep_weekly: count(keep.weekly),
            keep_monthly: count(keep.monthly),
            keep_yearly: count(keep.yearly),
        }
    }
}

impl PruneBackups {
    /// What the rules keep; everything when none is set.
    pub(super) fn counts(&self) -> Keep {
        let count =
            |count: Option<i64>| count.map_or(0, |count| u32::try_from(count.max(0)).unwrap_or(u32::MAX));
        Keep {
            last: count(self.keep_last),
            hourly: count(self.keep_hourly),
            daily: count(self.keep_daily),
            weekly: count(self.keep_weekly),
            monthly: count(self.keep_monthly),
            yearly: count(self.keep_yearly),
        }
    }

    /// As Proxmox VE writes them.
    pub(super) fn text(&self) -> String {
        let settings = Self::write(Some(self), Settings::new());
        settings.string(Self::WIRE).unwrap_or_default()
    }

    /// Reads what Proxmox VE writes.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        Self::read(&Settings::new().set(Self::WIRE, text))
    }
}
