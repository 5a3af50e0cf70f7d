//! Data sources, one folder per system.

mod backup;
mod pve;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every data source.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    backup::register(registry);
    pve::register(registry);
}
