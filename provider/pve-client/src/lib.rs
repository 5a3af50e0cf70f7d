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
mod problem;
mod property;
mod resources;
mod storage;
mod tasks;
mod turns;
mod vm_agent;
mod vm_config;
mod vm_power;
mod vms;
mod volume;

pub use access::{Permissions, Ticket};
pub use api_core::{CancellationToken, Distrust, Fingerprint, ProxyLost, Scope, Secret, Trust};
pub use call::{Call, Params};
pub use client::{Auth, Client, Config, Pve};
pub use error::{Error, Result};
pub use ids::{InvalidId, NodeName, PoolName, StorageName, Upid, VmAddress, VmId};
pub use nodes::{Node, Version};
pub use pools::{Pool, PoolEdit};
pub use problem::{Problem, classify};
pub use property::{Drive, Net, PropertyString, Size};
pub use resources::{Guest, GuestKind};
pub use storage::{StorageStatus, Volume};
pub use tasks::Finished;
pub use turns::{Taken, Turn};
pub use vm_agent::{AgentAddress, AgentInterface};
pub use vm_config::{PendingChange, VmConfig, VmPending};
pub use vm_power::VmStatus;
pub use volume::VolumeId;
