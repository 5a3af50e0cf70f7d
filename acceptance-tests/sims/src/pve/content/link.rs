//! Linked clones, snapshots of volumes, and what storages can do with which volume.

use super::naming::{self, VolumeId};
use super::volume::Volume;
use crate::pve::answer::Failure;
use crate::pve::state::Lab;

impl Lab {
    /// Whether the storage can do something with a volume: `clone` (linked), `copy`, `snapshot`, `template`, `rename`.
    pub fn has_feature(&self, id: &VolumeId, feature: &str, snapshot: Option<&str>) -> bool {
        let Some(storage) = self.storages.get(&id.storage) else { return false };
        let Ok(parsed) = naming::parse(storage, &id.name) else { return false };
        if !matches!(parsed.content, "images" | "rootdir") {
            return false;
        }
        let files = naming::is_file_based(storage);
        let snapshots = if files { parsed.format == "qcow2" } else { storage.kind != "lvm" };
        match feature {
            "snapshot" => snapshots && !parsed.is_base,
            "clone" => match snapshot {
                Some(_) => !files && snapshots,
                None => parsed.is_base,
            },
            "copy" => snapshot.is_none() || snapshots,
            "template" => !parsed.is_base && snapshot.is_none() && storage.kind != "lvm",
            "rename" => !parsed.is_base && snapshot.is_none(),
            _ => false,
        }
    }

    /// Makes a linked clone of a base volume for another VM.
    pub fn link_volume(
        &mut self,
        node: &str,
        base: &VolumeId,
        vmid: u32,
        log: &mut Vec<String>,
    ) -> Result<VolumeId, Failure> {
        let storage = self.usable_storage(node, &base.storage)?;
        let files = naming::is_file_based(storage);
        let stem = self.free_disk_stem(node, &base.storage, vmid, "vm");
        let storage = self.usable_storage(node, &base.storage)?;
        // A file that has a backing file is qcow2, whatever its base is.
        let file_name = naming::image(storage, vmid, &stem, "qcow2");
        let parents = files || storage.kind == "zfspool";
        let name = if parents { format!("{}/{file_name}", base.name) } else { file_name };
        let clone = VolumeId::new(&base.storage, name);
        let source = self
            .volume(node, base)
            .cloned()
            .ok_or_else(|| Failure::died(format!("volume '{base}' does not exist")))?;
        if files {
            let path = self.volume_path(&clone).map_err(Failure::died)?;
            log.push(format!(
                "clone {}: images, {stem}.qcow2, {vmid} to {stem}.qcow2 (base=../{})",
                base.name, base.name
            ));
            log.push(format!(
                "Formatting '{path}', fmt=qcow2 cluster_size=131072 extended_l2=on preallocation=metadata \
                 compression_type=zlib size={} backing_file=../{} backing_fmt={} lazy_refcounts=off refcount_bits=16",
                source.size, base.name, source.format
            ));
        } else {
            log.push(format!("  Logical volume \"{stem}\" created."));
        }
        let volume = Volume {
            content: "images".to_owned(),
            format: if files { "qcow2" } else { "raw" }.to_owned(),
            size: source.size,
            disk_size: source.size,
            used: if files { 393_216 } else { 0 },
            created_at: self.now(),
            vmid: Some(vmid),
            contents: source.contents.clone(),
            base: parents.then(|| base.name.clone()),
            ..Volume::default()
        };
        self.put_volume(node, &clone, volume);
        Ok(clone)
    }
}
