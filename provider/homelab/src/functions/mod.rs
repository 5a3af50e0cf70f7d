//! Functions.

mod cloud_config;
mod parse_volume_id;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every function.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.function::<cloud_config::CloudConfig>().function::<parse_volume_id::ParseVolumeId>();
}
