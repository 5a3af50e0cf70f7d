//! Data sources, one folder per system.

mod pve;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every data source.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    pve::register(registry);
}
