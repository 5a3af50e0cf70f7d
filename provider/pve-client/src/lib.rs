//! A client of the Proxmox VE API: typed ids, pure request builders, lenient decoding, tasks, and
//! errors named by what the caller can do. Everything waits no longer than its scope allows.

mod access;
mod call;
mod client;
mod decode;
mod error;
mod ids;
mod nodes;
mod pools;
mod property;
mod resources;
mod storage;
mod tasks;
mod vms;
mod volume;

pub use access::{Permissions, Ticket};
pub use api_core::{CancellationToken, Distrust, Fingerprint, ProxyLost, Scope, Secret, Trust};
pub use call::{Call, Params};
pub use client::{Auth, Client, Config, Pve};
pub use error::{Error, Problem, Result, classify};
pub use ids::{InvalidId, NodeName, PoolName, StorageName, Upid, VmAddress, VmId};
pub use nodes::{Node, Version};
pub use pools::{Pool, PoolEdit};
pub use property::{Drive, Net, PropertyString, Size};
pub use resources::{Guest, GuestKind};
pub use storage::{StorageStatus, Volume};
pub use tasks::Finished;
pub use vms::{AgentAddress, AgentInterface, PendingChange, VmConfig, VmStatus};
pub use volume::VolumeId;
