//! Resources about backups as a whole: what a class of data is promised, and the jobs that keep the promise.

mod arithmetic;
mod keep;
pub(crate) mod policy;
mod schedule;
mod tier;
mod tier_names;
pub(crate) mod tier_number;
mod zones;

use tf_framework::Registry;

pub(crate) use tier::is_tier_name;
pub(crate) use tier_names::TierNames;

use crate::cx::Cx;

/// Registers every resource about backups.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.resource::<tier::BackupTier>().resource::<schedule::BackupSchedule>();
}
