//! Data sources of Proxmox VE.

mod version;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every data source of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry.data_source::<version::Version>();
}
