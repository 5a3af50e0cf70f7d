//! Making and freeing disk images, and what the tools print while they do it.

use super::naming::{self, VolumeId};
use super::volume::Volume;
use crate::pve::answer::Failure;
use crate::pve::state::{Lab, Storage};

/// A disk image to be made.
#[derive(Debug, Clone)]
pub struct NewImage<'a> {
    /// Node that makes it.
    pub node: &'a str,
    /// Storage that gets it.
    pub storage: &'a str,
    /// VM that will own it.
    pub vmid: u32,
    /// `raw`, `qcow2` or `vmdk`.
    pub format: &'a str,
    /// Bytes that the guest will see.
    pub size: u64,
    /// File name without extension; the next free `vm-…-disk-N` if there is none.
    pub stem: Option<&'a str>,
    /// Whether it is made as the base of linked clones at once.
    pub is_base: bool,
}

impl Lab {
    /// The storage, if the node may use it now.
    pub fn usable_storage(&self, node: &str, id: &str) -> Result<&Storage, Failure> {
        let storage = self.enabled_storage(node, id)?;
        if !self.is_online(storage) {
            return Err(Failure::died(format!("storage '{id}' is not online")));
        }
        Ok(storage)
    }

    /// Whether the storage can be reached now. Local ones always can.
    pub fn is_online(&self, storage: &Storage) -> bool {
        let server = storage.options.get("server");
        server.is_none_or(|server| self.storage_servers.contains(server))
    }

    /// The storage, if it is switched on for the node.
    pub fn enabled_storage(&self, node: &str, id: &str) -> Result<&Storage, Failure> {
        let storage =
            self.storages.get(id).ok_or_else(|| Failure::died(format!("storage '{id}' does not exist")))?;
        if storage.is_disabled() {
            return Err(Failure::died(format!("storage '{id}' is disabled")));
        }
        if !storage.is_on(node) {
            return Err(Failure::died(format!("storage '{id}' is not available on node '{node}'")));
        }
        Ok(storage)
    }

    /// Makes an image; tells what the tool prints.
    pub fn allocate(&mut self, image: &NewImage<'_>, log: &mut Vec<String>) -> Result<VolumeId, Failure> {
        let storage = self.usable_storage(image.node, image.storage)?;
        if !naming::takes_format(storage, image.format) {
            return Err(Failure::died(format!("unsupported format '{}'", image.format)));
        }
        let prefix = if image.is_base { "base" } else { "vm" };
        let stem = match image.stem {
            Some(stem) => stem.to_owned(),
            None => self.free_disk_stem(image.node, image.storage, image.vmid, prefix),
        };
        let name = naming::image(storage, image.vmid, &stem, image.format);
        let id = VolumeId::new(image.storage, &name);
        let path = naming::path(image.storage, storage, &name).map_err(Failure::died)?;
        if self.volume(image.node, &id).is_some() {
            return Err(Failure::died(format!("disk image '{path}' already exists")));
        }
        let size = naming::allocated_size(storage, image.size);
        log.push(if naming::is_file_based(storage) {
            formatting(&path, image.format, size)
        } else {
            format!("  Logical volume \"{stem}\" created.")
        });
        let used = if image.format == "qcow2" { 266_240 } else { 0 };
        let volume = Volume {
            content: "images".to_owned(),
            format: image.format.to_owned(),
            size,
            disk_size: size,
            used,
            created_at: self.now(),
            vmid: Some(image.vmid),
            ..Volume::default()
        };
        self.put_volume(image.node, &id, volume);
        Ok(id)
    }

    /// Frees a volume, unless linked clones need it.
    pub fn free(&mut self, node: &str, id: &VolumeId) -> Result<(), Failure> {
        self.usable_storage(node, &id.storage)?;
        let path = self.volume_path(id).map_err(Failure::died)?;
        if let Some(clone) = self.linked_clones(node, id).first() {
            return Err(Failure::died(format!(
                "base volume '{}' is still in use (use by '{}')",
                id.name, clone.name
            )));
        }
        match self.take_volume(node, id) {
            Some(_) => Ok(()),
            None => Err(Failure::died(format!("disk image '{path}' does not exist"))),
        }
    }

    /// Gives an image another owner; its data stays where it is.
    pub fn rename_volume(&mut self, node: &str, id: &VolumeId, vmid: u32) -> Result<VolumeId, Failure> {
        let stem = self.free_disk_stem(node, &id.storage, vmid, "vm");
        self.rename_to(node, id, vmid, &stem)
    }

    /// Turns an image into the base of linked clones.
    pub fn make_base(&mut self, node: &str, id: &VolumeId) -> Result<VolumeId, Failure> {
        let parsed = self.parse_volume(id).map_err(Failure::died)?;
        let stem = parsed.file.split('.').next().unwrap_or_default().replacen("vm-", "base-", 1);
        if parsed.is_base {
            return Ok(id.clone());
        }
        let vmid = parsed.vmid.ok_or_else(|| Failure::died(format!("volume '{id}' has no owner")))?;
        self.rename_to(node, id, vmid, &stem)
    }

    fn rename_to(&mut self, node: &str, id: &VolumeId, vmid: u32, stem: &str) -> Result<VolumeId, Failure> {
        let storage = self.usable_storage(node, &id.storage)?;
        let parsed = naming::parse(storage, &id.name).map_err(Failure::died)?;
        let name = naming::image(storage, vmid, stem, &parsed.format);
        let name = match &parsed.base {
            Some(base) => format!("{base}/{name}"),
            None => name,
        };
        let renamed = VolumeId::new(&id.storage, name);
        let mut volume = self
            .take_volume(node, id)
            .ok_or_else(|| Failure::died(format!("volume '{id}' does not exist")))?;
        volume.vmid = Some(vmid);
        self.put_volume(node, &renamed, volume);
        Ok(renamed)
    }
}

/// What `qemu-img create` prints.
pub fn formatting(path: &str, format: &str, size: u64) -> String {
    match format {
        "qcow2" => format!(
            "Formatting '{path}', fmt=qcow2 cluster_size=65536 extended_l2=off preallocation=metadata \
             compression_type=zlib size={size} lazy_refcounts=off refcount_bits=16"
        ),
        other => format!("Formatting '{path}', fmt={other} size={size} preallocation=off"),
    }
}

/// What `qemu-img convert` reports while it copies. A raw source ends with the last line twice.
pub fn progress(size: u64, source_format: &str) -> Vec<String> {
    let total = crate::pve::qemu::size::human_size(size);
    let end = format!("transferred {total} of {total} (100.00%)");
    let mut lines = vec![format!("transferred 0.0 B of {total} (0.00%)"), end.clone()];
    if source_format == "raw" {
        lines.push(end);
    }
    lines
}
