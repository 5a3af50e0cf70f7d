//! What a fresh lab holds: the profiles `empty` and `lab`, and profiles from a JSON file.

use std::path::Path;

use serde::Deserialize;

use super::auth;
use super::release::Release;
use super::state::{GuestSystems, Lab, Node, Options, Storage, User, random_hex};

/// The superuser's password, unless the profile names another.
const PASSWORD: &str = "homelab-sim";

/// Long enough that the guests which were new in the recording's lists are so when it is sent again.
const RECORDED_REPORT_LAG: u64 = 1000;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the profile {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no profile.
    #[error("{path} is no profile: {source}")]
    Malformed {
        /// The file.
        path: String,
        /// Where it is wrong.
        source: serde_json::Error,
    },
}

/// A description of a fresh lab.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Password of `root@pam`.
    pub root_password: Option<String>,
    /// Name of the cluster; needed with several nodes.
    pub cluster_name: Option<String>,
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// Bridges that each node has.
    pub bridges: Vec<String>,
    /// Logical processors of each node; 16 if not given.
    pub processors: Option<u32>,
    /// Storages in the order of `storage.cfg`: id, plugin, options.
    pub storages: Vec<StorageProfile>,
    /// Files that lie on the storages, on every node.
    pub files: Vec<FileProfile>,
    /// What runs inside the VMs.
    pub guest_systems: GuestSystems,
    /// Whether nodes have the hardware that mappings and configurations name. Otherwise they have none.
    pub has_mapped_hardware: bool,
    /// How long lists know nothing of a new guest but its id, in milliseconds, unless the command line says so.
    pub report_lag: u64,
}

/// A file that lies on a storage from the beginning.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileProfile {
    /// Volume id, such as `local:import/debian.qcow2`.
    pub id: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of a disk that is made from it; those of the file if not given.
    pub disk_size: Option<u64>,
}

/// A storage of a profile.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageProfile {
    /// Its id.
    pub id: String,
    /// Its plugin.
    pub kind: String,
    /// Options of `storage.cfg`.
    pub options: Options,
}

impl Profile {
    /// The profile of this name, or the one in this file.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name {
            "empty" => Ok(Self::empty()),
            "lab" => Ok(Self::lab()),
            path => Self::read(Path::new(path)),
        }
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: shown.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| Error::Malformed { path: shown, source })
    }

    /// The state in which the recording of a real node began.
    fn empty() -> Self {
        let content = "backup,import,images,iso,rootdir,snippets,vztmpl";
        Self {
            nodes: vec!["pve1".to_owned()],
            processors: Some(2),
            bridges: vec!["vmbr0".to_owned(), "vmbr1".to_owned()],
            storages: vec![storage("local", "dir", &[("path", "/var/lib/vz"), ("content", content)])],
            report_lag: RECORDED_REPORT_LAG,
            ..Self::default()
        }
    }

    /// Three nodes with local and shared storage.
    fn lab() -> Self {
        let files = "backup,import,iso,snippets,vztmpl";
        Self {
            cluster_name: Some("homelab".to_owned()),
            nodes: ["pve1", "pve2", "pve3"].map(str::to_owned).to_vec(),
            bridges: vec!["vmbr0".to_owned(), "vmbr1".to_owned()],
            storages: vec![
                storage("local", "dir", &[("path", "/var/lib/vz"), ("content", files)]),
                storage(
                    "local-lvm",
                    "lvmthin",
                    &[("vgname", "pve"), ("thinpool", "data"), ("content", "images,rootdir")],
                ),
                storage(
                    "shared",
                    "nfs",
                    &[
                        ("server", "192.0.2.10"),
                        ("export", "/tank/lab"),
                        ("path", "/mnt/pve/shared"),
                        ("content", "backup,images,import,iso,rootdir,snippets,vztmpl"),
                    ],
                ),
            ],
            files: ["local", "shared"]
                .iter()
                .flat_map(|storage| {
                    [
                        file(
                            &format!("{storage}:import/debian-13-genericcloud-amd64.qcow2"),
                            340 << 20,
                            Some(3 << 30),
                        ),
                        file(&format!("{storage}:iso/debian-13-netinst.iso"), 780 << 20, None),
                        file(&format!("{storage}:snippets/hook.sh"), 1 << 10, None),
                    ]
                })
                .collect(),
            guest_systems: GuestSystems { react: true, agent: true, boot_seconds: 0 },
            has_mapped_hardware: true,
            ..Self::default()
        }
    }

    /// A fresh lab.
    pub fn lab_of(&self, release: Release) -> Lab {
        let mut lab = Lab { release, cluster_name: self.cluster_name.clone(), ..Lab::default() };
        lab.started_at = lab.now();
        lab.access.key = random_hex(32);
        let secret = uuid::Uuid::new_v4();
        lab.access.operator_token = format!("root@pam!lab={secret}");
        let root = User {
            enabled: true,
            password: Some(auth::hashed(self.password())),
            options: [("email".to_owned(), "root@example.test".to_owned())].into(),
            ..User::default()
        };
        lab.access.users.insert("root@pam".to_owned(), root);
        for (index, name) in self.nodes.iter().enumerate() {
            lab.nodes.insert(name.clone(), self.node(index));
        }
        for storage in &self.storages {
            let option = |key: &str| storage.options.get(key).cloned();
            lab.volume_groups.extend(option("vgname"));
            if let (Some(group), Some(pool)) = (option("vgname"), option("thinpool")) {
                lab.volume_groups.insert(format!("{group}/{pool}"));
            }
            lab.volume_groups.extend(option("pool").map(|pool| format!("zfs:{pool}")));
            lab.storage_order.push(storage.id.clone());
            let section = Storage { kind: storage.kind.clone(), options: storage.options.clone() };
            lab.storage_servers.extend(storage.options.get("server").cloned());
            lab.storages.insert(storage.id.clone(), section);
        }
        lab.guest_systems = self.guest_systems;
        lab.has_mapped_hardware = self.has_mapped_hardware;
        for file in &self.files {
            lab.place_file(&file.id, file.size, file.disk_size.unwrap_or(file.size));
        }
        lab
    }

    /// Password of `root@pam`.
    pub fn password(&self) -> &str {
        self.root_password.as_deref().unwrap_or(PASSWORD)
    }

    fn node(&self, index: usize) -> Node {
        let id = u32::try_from(index).unwrap_or_default() + 1;
        let mut node = Node {
            id,
            processors: self.processors.unwrap_or(16),
            memory: 64 << 30,
            disk: 256 << 30,
            disk_used: 36 << 30,
            timezone: "UTC".to_owned(),
            dns: [("dns1".to_owned(), "127.0.0.1".to_owned())].into(),
            hosts: format!(
                "127.0.0.1 localhost\n192.0.2.{0} {1}.example.test {1}\n",
                10 + id,
                self.nodes[index]
            ),
            ..Node::default()
        };
        node.bridges = self.bridges.iter().cloned().collect();
        let interface = |options: &[(&str, &str)]| -> Options {
            options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        node.interfaces.insert("eno1".to_owned(), interface(&[("type", "eth"), ("number", "0")]));
        if let Some(bridge) = self.bridges.first() {
            let address = format!("192.0.2.{}/24", 10 + id);
            let options = interface(&[
                ("type", "bridge"),
                ("autostart", "1"),
                ("cidr", &address),
                ("gateway", "192.0.2.1"),
                ("bridge_ports", "eno1"),
                ("bridge_fd", "0"),
                ("bridge_stp", "off"),
                ("number", "1"),
            ]);
            node.interfaces.insert(bridge.clone(), options);
        }
        node
    }
}

fn file(id: &str, size: u64, disk_size: Option<u64>) -> FileProfile {
    FileProfile { id: id.to_owned(), size, disk_size }
}

fn storage(id: &str, kind: &str, options: &[(&str, &str)]) -> StorageProfile {
    StorageProfile {
        id: id.to_owned(),
        kind: kind.to_owned(),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_lab_has_three_nodes_and_a_shared_storage() {
        let lab = Profile::named("lab").unwrap().lab_of(Release::V9_2);
        assert_eq!(lab.nodes.len(), 3);
        assert!(lab.storages["shared"].is_shared() && !lab.storages["local-lvm"].is_shared());
        assert_eq!(lab.local_node(), "pve1");
    }

    #[test]
    fn a_profile_that_is_no_file_is_told_by_name() {
        let error = Profile::named("nope.json").unwrap_err();
        assert!(error.to_string().contains("cannot read the profile nope.json"), "{error}");
    }
}
