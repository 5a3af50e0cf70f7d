//! Data sources about backups as a whole.

mod coverage;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every data source about backups.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.data_source::<coverage::BackupCoverage>();
}
