//! The lab's state: one tree, kept behind one lock and written to disk as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use super::backup::schedule::Scheduler;
use super::content::volume::Volumes;
use super::firewall::scope::Firewall;
use super::handlers::replication_runs::Replications;
use super::lxc::container::Container;
use super::qemu::vm::Vm;
use super::release::Release;
use super::tasks::Tasks;
use crate::tls::Certificate;

/// Options of a configuration section, as the text that the file holds.
pub type Options = BTreeMap<String, String>;

/// Everything the simulated cluster knows.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lab {
    /// Which release is played.
    pub release: Release,
    /// Added to the machine's clock, in seconds.
    pub clock_offset: i64,
    /// Name of the cluster; none for a node on its own.
    pub cluster_name: Option<String>,
    /// Users, tokens, roles, ACLs.
    pub access: Access,
    /// Pools by id.
    pub pools: BTreeMap<String, Pool>,
    /// Storages by id: `storage.cfg`.
    pub storages: BTreeMap<String, Storage>,
    /// Order in which the storages were defined.
    pub storage_order: Vec<String>,
    /// `datacenter.cfg`.
    pub datacenter: Options,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// Virtual machines by id.
    pub vms: BTreeMap<u32, Vm>,
    /// Containers by id.
    pub containers: BTreeMap<u32, Container>,
    /// What lies on the storages.
    pub volumes: Volumes,
    /// What runs inside the VMs.
    pub guest_systems: GuestSystems,
    /// Whether nodes have the hardware that mappings and configurations name. Otherwise they have none.
    pub has_mapped_hardware: bool,
    /// CPU models of the cluster by name.
    pub cpu_models: BTreeMap<String, Options>,
    /// `cluster.fw`.
    pub cluster_firewall: Firewall,
    /// Firewalls of nodes by name.
    pub node_firewalls: BTreeMap<String, Firewall>,
    /// Firewalls of VMs and containers by id.
    pub guest_firewalls: BTreeMap<u32, Firewall>,
    /// HA resources by id: the options of their section.
    pub ha_resources: BTreeMap<String, Options>,
    /// Files of the cluster's configuration that are made of sections.
    pub files: BTreeMap<String, super::section::File>,
    /// Addresses of the storage servers that answer.
    pub storage_servers: BTreeSet<String>,
    /// Tasks and their logs.
    pub tasks: Tasks,
    /// Volumes that were ever on the buses of two VMs at once, however short, with the VMs.
    pub torn: BTreeSet<String>,
    /// Backups of a volume that another guest was writing, with what was wrong.
    pub torn_backups: BTreeSet<String>,
    /// What the clock has started and will start.
    pub scheduler: Scheduler,
    /// How replication jobs went.
    pub replications: Replications,
    /// Bytes in all of storages whose size a test has set.
    pub storage_sizes: BTreeMap<String, u64>,
    /// Where the clock stands while what is due on the way is played.
    #[serde(skip)]
    pub frozen: Option<i64>,
    /// Planted faults.
    pub faults: super::faults::Faults,
    /// Lock files that are held, with what holds them.
    pub file_locks: BTreeMap<String, String>,
    /// The authority's certificate, and the served one.
    #[serde(skip)]
    pub certificates: [Certificate; 2],
    /// Volume groups (`pve`), thin pools (`pve/data`) and ZFS pools (`zfs:tank`) that nodes have.
    pub volume_groups: BTreeSet<String>,
    /// When the lab was made, in seconds since 1970.
    pub started_at: i64,
    /// Until when lists know nothing of a new guest but its id.
    #[serde(skip)]
    pub fresh_guests: BTreeMap<u32, Instant>,
    /// How long after its creation lists know nothing of a guest but its id, in milliseconds.
    #[serde(skip)]
    pub report_lag: u64,
    /// VMs that HA was just asked to stop, with the end of the time that it takes to get to it.
    #[serde(skip)]
    pub stopping_guests: BTreeMap<u32, Instant>,
    /// Shortest life of a task with work to do, in milliseconds.
    #[serde(skip)]
    pub task_time: u64,
}

/// Who may do what.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// Users by `name@realm`.
    pub users: BTreeMap<String, User>,
    /// Groups by id.
    pub groups: BTreeMap<String, Group>,
    /// Roles that are not built in, with their privileges.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// ACL entries.
    pub acl: Vec<AclEntry>,
    /// Realms beside `pam` and `pve`, and what was set on those.
    pub realms: BTreeMap<String, Options>,
    /// Signs tickets.
    pub key: String,
    /// The lab's own token, `user@realm!id=secret`. It is in no user's list.
    pub operator_token: String,
}

/// A user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// `comment`, `email`, `firstname`, `lastname`, `keys`.
    pub options: Options,
    /// May log in.
    pub enabled: bool,
    /// Seconds since 1970 at which the account ends; 0 never.
    pub expire: i64,
    /// Salted digest of the password.
    pub password: Option<String>,
    /// API tokens by id.
    pub tokens: BTreeMap<String, Token>,
    /// Second factors by id.
    pub factors: BTreeMap<String, Factor>,
}

/// An API token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Token {
    /// Free text.
    pub comment: Option<String>,
    /// Seconds since 1970 at which it ends; 0 never.
    pub expire: i64,
    /// Has only what both its own and its user's ACLs give.
    pub separated: bool,
    /// The secret.
    pub secret: String,
}

/// A second factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Factor {
    /// `totp` or `recovery`.
    pub kind: String,
    /// Free text.
    pub description: Option<String>,
    /// Seconds since 1970.
    pub created: i64,
    /// Shared secret in base 32, or the recovery keys that are left.
    pub secrets: Vec<String>,
}

/// A group of users.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Free text.
    pub comment: Option<String>,
    /// Members.
    pub users: BTreeSet<String>,
}

/// Whom an ACL entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// An API token.
    Token,
}

/// One line of the ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry {
    /// Path it applies to.
    pub path: String,
    /// Kind of subject.
    pub kind: SubjectKind,
    /// The user, group or token.
    pub subject: String,
    /// The role it gives.
    pub role: String,
    /// Applies below the path too.
    pub propagate: bool,
}

/// A pool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pool {
    /// Free text.
    pub comment: Option<String>,
    /// Guests, whether they exist or not.
    pub guests: BTreeSet<u32>,
    /// Storages.
    pub storages: BTreeSet<String>,
}

/// A storage's section of `storage.cfg`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Storage {
    /// Plugin: `dir`, `nfs`, `lvmthin`, …
    pub kind: String,
    /// Everything else, as text.
    pub options: Options,
}

impl Storage {
    /// Kinds of content it takes.
    pub fn content(&self) -> BTreeSet<&str> {
        self.options.get("content").into_iter().flat_map(|text| text.split(',')).collect()
    }

    /// Whether every node sees the same volumes.
    pub fn is_shared(&self) -> bool {
        match self.kind.as_str() {
            "nfs" | "cifs" | "cephfs" | "pbs" | "rbd" | "iscsi" | "iscsidirect" | "zfs" | "esxi" => true,
            _ => self.options.get("shared").is_some_and(|text| text == "1"),
        }
    }

    /// Whether it is switched off.
    pub fn is_disabled(&self) -> bool {
        self.options.get("disable").is_some_and(|text| text == "1")
    }

    /// Whether `node` may use it.
    pub fn is_on(&self, node: &str) -> bool {
        self.options.get("nodes").is_none_or(|nodes| nodes.split(',').any(|name| name == node))
    }
}

/// What runs inside the VMs of a lab.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestSystems {
    /// A system runs that shuts down when it is asked to and lets go of devices.
    pub react: bool,
    /// The QEMU guest agent answers where the configuration has it.
    pub agent: bool,
    /// How long a system boots until its agent answers, in seconds on the lab's clock.
    pub boot_seconds: u32,
}

/// A node.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Numeric id in the cluster.
    pub id: u32,
    /// Does not answer.
    pub offline: bool,
    /// Since when, in seconds since 1970, as long as HA has not given up on it.
    pub offline_since: Option<i64>,
    /// Logical processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of the root file system.
    pub disk: u64,
    /// Bytes of it that are used.
    pub disk_used: u64,
    /// `node` configuration: description and the like.
    pub config: Options,
    /// Search domain and name servers.
    pub dns: Options,
    /// Time zone.
    pub timezone: String,
    /// Bridges that the kernel has, whether the file names them or not.
    pub bridges: BTreeSet<String>,
    /// Network interfaces by name.
    pub interfaces: BTreeMap<String, Options>,
    /// Interfaces as they will be after the next apply.
    pub pending_interfaces: Option<BTreeMap<String, Options>>,
    /// `/etc/hosts`.
    pub hosts: String,
}

impl Lab {
    /// Seconds since 1970 on the lab's clock.
    pub fn now(&self) -> i64 {
        if let Some(moment) = self.frozen {
            return moment;
        }
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX) + self.clock_offset
    }

    /// The node on which the API is reached.
    pub fn local_node(&self) -> &str {
        self.nodes.iter().min_by_key(|(_, node)| node.id).map_or("", |(name, _)| name.as_str())
    }

    /// The pool that holds a guest.
    pub fn pool_of_guest(&self, vmid: u32) -> Option<&str> {
        self.pools.iter().find(|(_, pool)| pool.guests.contains(&vmid)).map(|(id, _)| id.as_str())
    }

    /// Digest of `storage.cfg`.
    pub fn storage_digest(&self) -> String {
        let mut text = String::new();
        for id in &self.storage_order {
            let Some(storage) = self.storages.get(id) else { continue };
            text.push_str(&format!("{}: {id}\n", storage.kind));
            storage.options.iter().for_each(|(key, value)| text.push_str(&format!("\t{key} {value}\n")));
            text.push('\n');
        }
        digest(&text)
    }
}

impl Lab {
    /// Changes a guest's config as somebody else would: what the fault says, and nothing is told.
    pub fn edit_behind_back(&mut self, fault: &super::faults::Fault) {
        let Some(vmid) = fault.vmid else { return };
        self.change_vm(vmid, |vm| {
            vm.config.retain(|key, _| !fault.delete.contains(key));
            vm.config.extend(fault.set.clone());
        });
    }
}

/// SHA-1 of a configuration file, as `digest` parameters carry it.
pub fn digest(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A fresh random text of `length` bytes in hexadecimal digits.
pub fn random_hex(length: usize) -> String {
    let mut bytes = vec![0_u8; length];
    // Without randomness there is no lab: names would collide.
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_a_storage_changes_the_digest_of_all() {
        let mut lab = Lab::default();
        lab.storages.insert("a".to_owned(), Storage { kind: "dir".to_owned(), options: Options::new() });
        lab.storage_order.push("a".to_owned());
        let before = lab.storage_digest();
        lab.storages.get_mut("a").unwrap().options.insert("path".to_owned(), "/mnt".to_owned());
        assert_ne!(lab.storage_digest(), before);
        assert_eq!(before.len(), 40);
    }

    #[test]
    fn the_state_survives_being_written_and_read() {
        let mut lab = Lab::default();
        lab.pools.insert("p".to_owned(), Pool { guests: [100].into(), ..Pool::default() });
        let text = serde_json::to_string(&lab).unwrap();
        let read: Lab = serde_json::from_str(&text).unwrap();
        assert_eq!(read.pool_of_guest(100), Some("p"));
    }
}
