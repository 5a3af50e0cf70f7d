//! Data sources of Proxmox VE.

mod guests;
mod nodes;
mod version;
mod vm;
mod vms;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every data source of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry
        .data_source::<version::Version>()
        .data_source::<nodes::Nodes>()
        .data_source::<vm::Vm>()
        .data_source::<vms::Vms>();
}
