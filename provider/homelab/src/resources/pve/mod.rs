//! Resources of Proxmox VE.

mod acl;
pub(crate) mod backup_job;
mod cluster_options;
pub(crate) mod data_disk;
pub(crate) mod dir_mapping;
mod group;
mod ha_resource;
pub(crate) mod ha_rule;
mod image;
pub(crate) mod lifecycle;
mod location;
mod mapping_devices;
pub(crate) mod network;
mod node;
mod node_acme;
mod own_access;
pub(crate) mod pci_mapping;
mod places;
pub(crate) mod pool;
pub(crate) mod prune;
mod replication_job;
mod role;
mod root;
mod schedule;
pub(crate) mod snapshot;
mod storage;
pub(crate) mod text;
pub(crate) mod token;
mod token_in_the_way;
mod token_reference;
mod token_rotation;
pub(crate) mod usb_mapping;
mod user;
pub(crate) mod vm;
mod zfs_layout;
mod zfs_pool;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every resource of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry
        .resource::<acl::Acl>()
        .resource::<backup_job::BackupJob>()
        .resource::<cluster_options::ClusterOptions>()
        .resource::<data_disk::DataDisk>()
        .resource::<dir_mapping::DirMapping>()
        .resource::<group::Group>()
        .resource::<ha_resource::HaResource>()
        .resource::<ha_rule::HaRule>()
        .resource::<image::Image>()
        .resource::<network::bond::Bond>()
        .resource::<network::bridge::Bridge>()
        .resource::<network::vlan::Vlan>()
        .resource::<node::Node>()
        .resource::<pci_mapping::PciMapping>()
        .resource::<pool::Pool>()
        .resource::<replication_job::ReplicationJob>()
        .resource::<role::Role>()
        .resource::<snapshot::Snapshot>()
        .resource::<storage::Storage>()
        .resource::<token::Token>()
        .resource::<usb_mapping::UsbMapping>()
        .resource::<user::User>()
        .resource::<vm::Vm>()
        .resource::<zfs_pool::ZfsPool>();
}
