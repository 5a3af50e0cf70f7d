//! Resources of Proxmox VE.

mod acl;
mod backup_job;
mod group;
mod lifecycle;
mod own_access;
mod pool;
mod prune;
mod role;
mod storage;
mod text;
mod token;
mod token_rotation;
mod user;
pub(crate) mod vm;

use tf_framework::Registry;

use crate::cx::Cx;

/// Registers every resource of Proxmox VE.
pub(crate) fn register(registry: &mut Registry<Cx>) {
    registry
        .resource::<acl::Acl>()
        .resource::<backup_job::BackupJob>()
        .resource::<group::Group>()
        .resource::<pool::Pool>()
        .resource::<role::Role>()
        .resource::<storage::Storage>()
        .resource::<token::Token>()
        .resource::<user::User>()
        .resource::<vm::Vm>();
}
