//! A container as a node keeps it, and the volumes that it mounts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pve::answer::Failure;
use crate::pve::qemu::network::random_mac;
use crate::pve::qemu::size::parse_size;
use crate::pve::qemu::vm::section;
use crate::pve::state::{Lab, Options, digest};

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// Node whose directory holds the configuration file.
    pub node: String,
    /// The configuration.
    pub config: Options,
    /// Start in seconds since 1970, while it runs.
    pub started_at: Option<i64>,
}

impl Container {
    /// Value of an option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str)
    }

    /// A whole number that the configuration has.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.started_at.is_some()
    }

    /// Name as lists show it.
    pub fn display_name(&self, vmid: u32) -> String {
        self.get("hostname").map_or_else(|| format!("CT{vmid}"), str::to_owned)
    }

    /// What it mounts: the root file system first, then the mount points by number.
    pub fn mounts(&self) -> impl Iterator<Item = (&str, Mount)> {
        mount_keys(&self.config).into_iter().filter_map(|key| Some((key, Mount::parse(self.get(key)?))))
    }

    /// Every volume that it owns, the unused ones too.
    pub fn volumes(&self) -> Vec<String> {
        let unused = self.config.iter().filter(|(key, _)| key.starts_with("unused"));
        let mounted = self.mounts().filter(|(_, mount)| mount.is_volume()).map(|(_, mount)| mount.source);
        mounted.chain(unused.map(|(_, volume)| volume.clone())).collect()
    }

    /// Remembers a volume under the first free `unusedN`.
    pub fn add_unused(&mut self, volume: &str) {
        let free =
            (0..256).map(|number| format!("unused{number}")).find(|key| !self.config.contains_key(key));
        if let Some(key) = free {
            self.config.insert(key, volume.to_owned());
        }
    }

    /// SHA-1 of the configuration file.
    pub fn digest(&self) -> String {
        digest(&section(&self.config))
    }

    /// Refuses while the configuration carries a lock.
    pub fn require_no_lock(&self) -> Result<(), Failure> {
        match self.get("lock") {
            Some(lock) => Err(Failure::died(format!("CT is locked ({lock})"))),
            None => Ok(()),
        }
    }
}

/// Whether a key names the root file system or a mount point.
pub fn is_mount_key(key: &str) -> bool {
    let is_numbered = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    key == "rootfs" || key.strip_prefix("mp").is_some_and(is_numbered)
}

/// Keys of the root file system and the mount points, in the service's order.
pub fn mount_keys(options: &Options) -> Vec<&str> {
    let mut keys: Vec<&str> = options.keys().map(String::as_str).filter(|key| is_mount_key(key)).collect();
    keys.sort_by_key(|key| key.strip_prefix("mp").and_then(|number| number.parse::<u32>().ok()));
    keys
}

/// The root file system or a mount point: what is mounted, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Volume, device or directory of the node.
    pub source: String,
    /// `mp`, `size`, `backup`, …
    pub options: BTreeMap<String, String>,
}

impl Mount {
    /// Reads a property string.
    pub fn parse(text: &str) -> Self {
        let mut mount = Self::default();
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("volume", source)) => mount.source = source.to_owned(),
                Some((key, value)) => drop(mount.options.insert(key.to_owned(), value.to_owned())),
                None => mount.source = part.to_owned(),
            }
        }
        mount
    }

    /// Whether it is a volume of a storage, not a directory or device of the node.
    pub fn is_volume(&self) -> bool {
        !self.source.starts_with('/')
    }

    /// Storage and size in GiB of a volume that is yet to be made, `local:8`.
    pub fn request(&self) -> Option<(&str, &str)> {
        let (storage, size) = self.source.split_once(':').filter(|_| self.is_volume())?;
        size.parse::<f64>().is_ok().then_some((storage, size))
    }

    /// Bytes of the volume.
    pub fn size(&self) -> u64 {
        self.options.get("size").and_then(|text| parse_size(text)).unwrap_or_default()
    }

    /// Whether a backup of the container has it, and why.
    pub fn inclusion(&self, key: &str) -> (bool, &'static str) {
        match self.options.get("backup").map(String::as_str) {
            _ if key == "rootfs" => (true, "rootfs"),
            _ if !self.is_volume() => (false, "not a volume"),
            Some("1") => (true, "enabled"),
            _ => (false, "disabled"),
        }
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        self.options.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

/// A network interface as it is stored: its name first, an address of its own, the rest in order.
pub fn stored_network(text: &str, mac_prefix: &str) -> String {
    let mut options: BTreeMap<&str, String> = text
        .split(',')
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key, value.to_owned()))
        .collect();
    options.entry("hwaddr").or_insert_with(|| random_mac(mac_prefix));
    options.entry("type").or_insert_with(|| "veth".to_owned());
    let name = options.remove("name").unwrap_or_default();
    options.iter().fold(format!("name={name}"), |text, (key, value)| format!("{text},{key}={value}"))
}

impl Lab {
    /// The container, if its configuration lies on this node.
    pub fn container(&self, node: &str, vmid: u32) -> Result<&Container, Failure> {
        self.containers.get(&vmid).filter(|container| container.node == node).ok_or_else(|| {
            Failure::died(format!("Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist"))
        })
    }

    /// Whether there is a VM or a container with this id.
    pub fn has_guest(&self, vmid: u32) -> bool {
        self.vms.contains_key(&vmid) || self.containers.contains_key(&vmid)
    }

    /// Ids of VMs and containers, in order.
    pub fn guest_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.vms.keys().chain(self.containers.keys()).copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Node of a guest.
    pub fn node_of_guest(&self, vmid: u32) -> Option<&str> {
        let container = || self.containers.get(&vmid).map(|container| container.node.as_str());
        self.vms.get(&vmid).map(|vm| vm.node.as_str()).or_else(container)
    }

    /// Refuses an id that a guest has already.
    pub fn require_free_id(&self, vmid: u32) -> Result<(), String> {
        let Some(node) = self.node_of_guest(vmid) else { return Ok(()) };
        let kind = if self.vms.contains_key(&vmid) { "VM" } else { "CT" };
        Err(format!("{kind} {vmid} already exists on node '{node}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_stays_out_of_backups_unless_it_asks() {
        for (key, text, expected) in [
            ("rootfs", "local-lvm:vm-300-disk-0,size=4G", (true, "rootfs")),
            ("mp0", "local-lvm:vm-300-disk-1,mp=/data,size=4G", (false, "disabled")),
            ("mp1", "local-lvm:vm-300-disk-2,mp=/db,backup=1,size=4G", (true, "enabled")),
            ("mp2", "/srv/films,mp=/films,backup=1", (false, "not a volume")),
        ] {
            assert_eq!(Mount::parse(text).inclusion(key), expected, "{key}");
        }
    }

    #[test]
    fn a_volume_that_is_to_be_made_names_storage_and_size() {
        assert_eq!(Mount::parse("local-lvm:8,mp=/data").request(), Some(("local-lvm", "8")));
        assert_eq!(Mount::parse("local-lvm:vm-300-disk-0").request(), None);
        assert_eq!(Mount::parse("/srv:8,mp=/data").request(), None);
    }

    #[test]
    fn an_interface_is_stored_with_its_name_first_and_an_address() {
        assert_eq!(
            stored_network("hwaddr=BC:24:11:00:00:01,bridge=vmbr0,name=eth0,ip=dhcp", "BC:24:11"),
            "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth"
        );
        assert!(stored_network("name=eth0", "BC:24:11").contains(",hwaddr=BC:24:11:"));
    }
}
