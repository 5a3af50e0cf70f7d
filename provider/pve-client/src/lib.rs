//! A client of the Proxmox VE API: typed ids, pure request builders, lenient decoding, tasks, and
//! errors named by what the caller can do. Everything waits no longer than its scope allows.

mod access;
mod acl;
mod backup_jobs;
mod call;
mod client;
mod cluster_options;
mod decode;
mod error;
mod groups;
mod ha;
mod ids;
mod mappings;
mod names;
mod network;
mod node_settings;
mod nodes;
mod pools;
mod problem;
mod property;
mod replication;
mod resources;
mod roles;
mod settings;
mod snapshots;
mod storage;
mod storage_config;
mod tasks;
mod tokens;
mod turns;
mod upload;
mod users;
mod vm_agent;
mod vm_config;
mod vm_power;
mod vms;
mod volume;
mod zfs_pools;

pub use access::{Permissions, Ticket};
pub use acl::{AclEntry, Grantee};
pub use api_core::{CancellationToken, Content, Distrust, Fingerprint, ProxyLost, Scope, Secret, Trust};
pub use backup_jobs::{BackupJob, CoveredDisk, CoveredGuest};
pub use call::{Call, Params};
pub use client::{Auth, Client, Config, Pve};
pub use error::{Error, Result};
pub use groups::Group;
pub use ha::{HaResource, HaRule};
pub use ids::{InvalidId, NodeName, PoolName, StorageName, Upid, VmAddress, VmId};
pub use mappings::{Mapping, MappingKind};
pub use names::{
    GroupName, HaRuleName, HaServiceId, InterfaceName, JobId, MappingName, ReplicationId, RoleName,
    SnapshotName, TokenId, TokenName, UserId,
};
pub use network::{Interface, Network};
pub use node_settings::{Dns, HostsFile};
pub use nodes::{Node, Version};
pub use pools::{Pool, PoolEdit};
pub use problem::Problem;
pub use property::{Drive, Net, PropertyString, Size};
pub use replication::ReplicationJob;
pub use resources::{Cluster, ClusterNode, ClusterStorage, Guest, GuestKind};
pub use roles::Role;
pub use settings::{Changes, Settings};
pub use snapshots::Snapshot;
pub use storage::{StorageStatus, Volume};
pub use storage_config::{Secrets, StorageConfig};
pub use tasks::Finished;
pub use tokens::Token;
pub use turns::{Taken, Turn};
pub use upload::{Checksum, InvalidChecksum};
pub use users::User;
pub use vm_agent::{AgentAddress, AgentInterface};
pub use vm_config::{PendingChange, VmConfig, VmPending};
pub use vm_power::VmStatus;
pub use volume::VolumeId;
pub use zfs_pools::{ZfsPart, ZfsPool};
