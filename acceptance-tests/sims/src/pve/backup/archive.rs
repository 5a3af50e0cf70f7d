//! A backup: what it is called, and what of its guest it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pve::calendar::local;
use crate::pve::content::naming::VolumeId;
use crate::pve::qemu::vm::Options;
use crate::pve::state::{Lab, Storage};

/// Bytes of an archive beside its disks.
const OVERHEAD: u64 = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The guest's configuration, without pending changes, snapshots and unused volumes.
    pub config: Options,
    /// Disks by their slots.
    pub disks: BTreeMap<String, SavedDisk>,
}

/// A disk in a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDisk {
    /// The volume that was read.
    pub volume: String,
    /// Bytes that the guest saw.
    pub size: u64,
    /// Bytes in use.
    pub used: u64,
    /// Its format on the storage.
    pub format: String,
    /// What was on it.
    pub contents: String,
}

impl Archive {
    /// Bytes that the archive takes: a tenth of what was in use.
    pub fn size(&self) -> u64 {
        OVERHEAD + self.disks.values().map(|disk| disk.used / 10).sum::<u64>()
    }

    /// The configuration as `extractconfig` shows it.
    pub fn config_text(&self) -> String {
        let mut text = crate::pve::qemu::vm::section(&self.config);
        for (slot, disk) in &self.disks {
            let storage = disk.volume.split(':').next().unwrap_or_default();
            text.push_str(&format!("#qmdump#map:{slot}:drive-{slot}:{storage}:{}:\n", disk.format));
        }
        text
    }
}

/// What compressed archives end with.
fn extension(compress: &str) -> &'static str {
    match compress {
        "zstd" => ".zst",
        "gzip" => ".gz",
        "1" | "lzo" => ".lzo",
        _ => "",
    }
}

impl Lab {
    /// The name of a backup that a node begins now, and its format.
    pub fn backup_name(&self, node: &str, storage: &Storage, vmid: u32, compress: &str) -> (String, String) {
        let now = self.now();
        let (group, kind, container) =
            if self.containers.contains_key(&vmid) { ("ct", "lxc", "tar") } else { ("vm", "qemu", "vma") };
        if storage.kind == "pbs" {
            let moment = local(now, &jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            return (format!("backup/{group}/{vmid}/{moment}"), format!("pbs-{group}"));
        }
        let moment = local(now, &self.zone_of(node)).strftime("%Y_%m_%d-%H_%M_%S").to_string();
        let format = format!("{container}{}", extension(compress));
        (format!("backup/vzdump-{kind}-{vmid}-{moment}.{format}"), format)
    }

    /// The backup with this id, as a node sees it.
    pub fn archive(&self, node: &str, id: &VolumeId) -> Option<&Archive> {
        self.volume(node, id)?.archive.as_ref()
    }
}
