//! Managed resources, one folder per system.

pub(crate) mod backup;
pub(crate) mod pve;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every resource.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    backup::register(registry);
    pve::register(registry);
}
