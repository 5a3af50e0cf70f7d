//! Where a machine is cloned from.

use pve_client::StorageName;
use tf_framework::prelude::*;

use super::disk;

/// Where a new machine is cloned from.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Clone {
    /// ID of the template or machine to clone, on whatever node it is.
    #[schema(wire = "vmid", validate = range(100, 999_999_999))]
    pub vm_id: u32,

    /// Whether the disks are copied. Without copies, which only a template allows, the clone keeps using the disks of
    /// the template. By default disks of a template are not copied, unless `storage_name` or `format` is set.
    #[schema(wire = "full")]
    pub full: Option<bool>,

    /// Storage for the copies. By default that of each original.
    #[schema(parse, wire = "storage")]
    pub storage_name: Option<StorageName>,

    /// Format of the copies. By default that of each original.
    #[schema(wire = "format", validate = one_of(disk::FORMATS))]
    pub format: Option<String>,

    /// Snapshot to clone. By default the present state.
    #[schema(wire = "snapname", validate = length(1, 40))]
    pub snapshot_name: Option<String>,
}

impl Clone {
    /// Whether to ask for copies; nothing leaves it to Proxmox VE.
    pub(super) fn wants_copies(&self) -> Option<bool> {
        self.full.or_else(|| (self.storage_name.is_some() || self.format.is_some()).then_some(true))
    }
}
