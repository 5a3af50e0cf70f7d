//! Volumes: what lies on the storages, per node unless the storage is shared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::naming::{self, Parsed, VolumeId};
use crate::pve::backup::archive::Archive;
use crate::pve::qemu::vm::drives_of;
use crate::pve::state::{Lab, Storage};

/// A disk image or a file on a storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// `images`, `iso`, `import`, ….
    pub content: String,
    /// `raw`, `qcow2`, `iso`, ….
    pub format: String,
    /// Bytes that the guest sees of an image; bytes of the file otherwise.
    pub size: u64,
    /// Bytes that a disk made from this file has.
    pub disk_size: u64,
    /// Bytes in use on the storage.
    pub used: u64,
    /// Creation, in seconds since the epoch.
    pub created_at: i64,
    /// VM that the name makes the owner.
    pub vmid: Option<u32>,
    /// Name of the base volume of a linked clone.
    pub base: Option<String>,
    /// What it was at the time of each snapshot.
    #[serde(default)]
    pub snapshots: BTreeMap<String, Past>,
    /// Stands for the bytes that are on it: tests write it as a guest would, and copies, backups and restores bring
    /// it along.
    #[serde(default)]
    pub contents: String,
    /// What a backup holds.
    #[serde(default)]
    pub archive: Option<Archive>,
    /// SHA-256 of an uploaded or downloaded file.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Text that a user attached to it.
    #[serde(default)]
    pub notes: Option<String>,
    /// Whether it may not be deleted.
    #[serde(default)]
    pub protected: bool,
}

/// A volume at the time of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its size then.
    pub size: u64,
    /// What was on it.
    pub contents: String,
}

/// All volumes of the cluster, by place: `node/storage:name`, the node left out on shared storages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Volumes {
    places: BTreeMap<String, Volume>,
}

impl Volumes {
    /// Every volume with the node (empty for shared storages) and the id.
    pub fn all(&self) -> impl Iterator<Item = (&str, VolumeId, &Volume)> {
        self.places.iter().filter_map(|(place, volume)| {
            let (node, id) = place.split_once('/')?;
            Some((node, VolumeId::parse(id)?, volume))
        })
    }
}

impl Lab {
    /// The volume with this id, as a node sees it.
    pub fn volume(&self, node: &str, id: &VolumeId) -> Option<&Volume> {
        self.volumes.places.get(&self.place(node, id))
    }

    /// The volume with this id, as a node sees it.
    pub fn volume_mut(&mut self, node: &str, id: &VolumeId) -> Option<&mut Volume> {
        let place = self.place(node, id);
        self.volumes.places.get_mut(&place)
    }

    /// Volumes of one storage that a node sees, in the order of their names.
    pub fn volumes_on(&self, node: &str, storage: &str) -> impl Iterator<Item = (VolumeId, &Volume)> {
        let prefix = self.place(node, &VolumeId::new(storage, ""));
        self.volumes
            .places
            .range(prefix.clone()..)
            .take_while(move |(place, _)| place.starts_with(&prefix))
            .filter_map(|(place, volume)| Some((VolumeId::parse(place.split_once('/')?.1)?, volume)))
    }

    /// Puts a volume on a storage.
    pub fn put_volume(&mut self, node: &str, id: &VolumeId, volume: Volume) {
        let place = self.place(node, id);
        self.volumes.places.insert(place, volume);
    }

    /// Takes a volume off its storage.
    pub fn take_volume(&mut self, node: &str, id: &VolumeId) -> Option<Volume> {
        let place = self.place(node, id);
        self.volumes.places.remove(&place)
    }

    /// What the name of a volume says, and why it says nothing.
    pub fn parse_volume(&self, id: &VolumeId) -> Result<Parsed, String> {
        let storage =
            self.storages.get(&id.storage).ok_or(format!("storage '{}' does not exist\n", id.storage))?;
        naming::parse(storage, &id.name)
    }

    /// Absolute path of a volume.
    pub fn volume_path(&self, id: &VolumeId) -> Result<String, String> {
        let storage =
            self.storages.get(&id.storage).ok_or(format!("storage '{}' does not exist\n", id.storage))?;
        naming::path(&id.storage, storage, &id.name)
    }

    /// VM that owns a volume by its name.
    pub fn volume_owner(&self, volume: &str) -> Option<u32> {
        self.parse_volume(&VolumeId::parse(volume)?).ok()?.vmid
    }

    /// Linked clones of a volume, as a node sees them.
    pub fn linked_clones(&self, node: &str, id: &VolumeId) -> Vec<VolumeId> {
        self.volumes_on(node, &id.storage)
            .filter(|(_, volume)| volume.base.as_deref() == Some(&id.name))
            .map(|(clone, _)| clone)
            .collect()
    }

    /// A file name stem that no volume of the VM has yet: `vm-100-disk-0`, or `base-100-disk-0`.
    pub fn free_disk_stem(&self, node: &str, storage: &str, vmid: u32, prefix: &str) -> String {
        let taken: Vec<u32> = self
            .volumes_on(node, storage)
            .filter(|(_, volume)| volume.vmid == Some(vmid))
            .filter_map(|(id, _)| naming::disk_number(id.name.rsplit('/').next()?, vmid))
            .collect();
        let number = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        format!("{prefix}-{vmid}-disk-{number}")
    }

    /// VMs that have one volume in a slot of their configuration at the same time, by volume. Backups of such a
    /// volume are torn and its guests overwrite each other; nothing in the service prevents it.
    pub fn volumes_on_two_buses(&self) -> BTreeMap<String, Vec<u32>> {
        let mut users: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (vmid, vm) in &self.vms {
            let waiting = drives_of(&vm.pending);
            for (_, drive) in vm.drives().chain(waiting).filter(|(_, drive)| drive.is_disk()) {
                let shared = self
                    .storages
                    .get(drive.file.split(':').next().unwrap_or_default())
                    .is_some_and(Storage::is_shared);
                let key = if shared { drive.file.clone() } else { format!("{}/{}", vm.node, drive.file) };
                let vmids = users.entry(key).or_default();
                if vmids.last() != Some(vmid) {
                    vmids.push(*vmid);
                }
            }
        }
        users.retain(|_, vmids| vmids.len() > 1);
        users
    }

    /// Writes down which volumes are on two buses now.
    pub fn note_double_use(&mut self) {
        for (volume, vmids) in self.volumes_on_two_buses() {
            let vmids: Vec<String> = vmids.iter().map(ToString::to_string).collect();
            self.torn.insert(format!("{volume}: {}", vmids.join(", ")));
        }
    }

    /// Puts a file on a storage of every node, as a fresh lab has it.
    pub fn place_file(&mut self, id: &str, size: u64, disk_size: u64) {
        let Some(id) = VolumeId::parse(id) else { return };
        let Ok(parsed) = self.parse_volume(&id) else { return };
        let volume = Volume {
            content: parsed.content.to_owned(),
            format: parsed.format,
            size,
            disk_size,
            used: size,
            created_at: self.now(),
            vmid: parsed.vmid,
            contents: id.name.clone(),
            ..Volume::default()
        };
        let nodes: Vec<String> = self.nodes.keys().cloned().collect();
        for node in nodes {
            self.put_volume(&node, &id, volume.clone());
        }
    }

    fn place(&self, node: &str, id: &VolumeId) -> String {
        let shared = self.storages.get(&id.storage).is_some_and(Storage::is_shared);
        format!("{}/{id}", if shared { "" } else { node })
    }
}
