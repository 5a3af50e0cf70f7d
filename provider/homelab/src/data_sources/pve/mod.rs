//! Data sources of Proxmox VE.

mod acls;
mod backup_jobs;
mod dir_mappings;
mod groups;
mod ha_resources;
mod ha_rules;
mod network_interfaces;
mod nodes;
mod pci_mappings;
mod pools;
mod replication_jobs;
mod roles;
mod snapshots;
mod storages;
mod templates;
mod tokens;
mod usb_mappings;
mod users;
mod version;
mod vm;
mod vms;
mod zfs_pools;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every data source of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry
        .data_source::<acls::Acls>()
        .data_source::<backup_jobs::BackupJobs>()
        .data_source::<dir_mappings::DirMappings>()
        .data_source::<groups::Groups>()
        .data_source::<ha_resources::HaResources>()
        .data_source::<ha_rules::HaRules>()
        .data_source::<network_interfaces::NetworkInterfaces>()
        .data_source::<nodes::Nodes>()
        .data_source::<pci_mappings::PciMappings>()
        .data_source::<pools::Pools>()
        .data_source::<replication_jobs::ReplicationJobs>()
        .data_source::<roles::Roles>()
        .data_source::<snapshots::Snapshots>()
        .data_source::<storages::Storages>()
        .data_source::<templates::Templates>()
        .data_source::<tokens::Tokens>()
        .data_source::<usb_mappings::UsbMappings>()
        .data_source::<users::Users>()
        .data_source::<version::Version>()
        .data_source::<vm::Vm>()
        .data_source::<vms::Vms>()
        .data_source::<zfs_pools::ZfsPools>();
}
