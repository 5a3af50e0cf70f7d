//! Functions.

mod cloud_config;
mod max_gap;
mod next_events;
mod parse_volume_id;
mod schedule;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every function.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry
        .function::<cloud_config::CloudConfig>()
        .function::<max_gap::MaxGap>()
        .function::<next_events::NextEvents>()
        .function::<parse_volume_id::ParseVolumeId>();
}
