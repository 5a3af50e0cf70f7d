//! Resources of Proxmox VE.

mod pool;
#[expect(dead_code, reason = "the verbs that use the model follow")]
mod vm;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every resource of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.resource::<pool::Pool>();
}
