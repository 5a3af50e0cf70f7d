//! Resources of Proxmox VE.

mod pool;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every resource of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.resource::<pool::Pool>();
}
