//! Turning the drive entries of a request into volumes.

use super::drive::{Drive, Request};
use super::size::gib_to_bytes;
use super::vm::{Options, drives_of};
use crate::pve::answer::Failure;
use crate::pve::content::alloc::{NewImage, progress};
use crate::pve::content::naming::{self, VolumeId};
use crate::pve::state::Lab;

/// Size of a cloud-init drive.
pub const CLOUDINIT_SIZE: u64 = 4 << 20;

/// Size of a TPM state.
const TPM_SIZE: u64 = 4 << 20;

/// For which VM and where volumes are made.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Node of the VM.
    pub node: &'a str,
    /// The VM.
    pub vmid: u32,
    /// Whether the VM is a template: its new volumes are bases of linked clones.
    pub is_template: bool,
}

/// Checks the drive entries that a request names, as far as that needs no storage.
pub fn check(options: &Options) -> Result<(), Failure> {
    for (key, drive) in drives_of(options) {
        let Some(source) = drive.option("import-from") else { continue };
        let special = matches!(drive.request(), Request::New { gib, .. } if gib_to_bytes(gib) == Some(0));
        if !special {
            return Err(Failure::parameter(
                key,
                "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>",
            ));
        }
        if key == "efidisk0" && drive.option("efitype").is_none() {
            return Err(Failure::parameter(key, format!("'efitype' is required to import from {source}")));
        }
    }
    Ok(())
}

impl Lab {
    /// Makes or looks up the volume of every drive entry, in the order of the slots. What was made is freed again if
    /// one of them fails. Answers the entries as they are stored.
    pub fn create_disks(
        &mut self,
        owner: Owner<'_>,
        wanted: &Options,
        log: &mut Vec<String>,
    ) -> Result<Options, Failure> {
        let mut stored = Options::new();
        let mut made: Vec<VolumeId> = Vec::new();
        for (key, drive) in drives_of(wanted) {
            match self.create_disk(owner, key, drive, &mut made, log) {
                Ok(drive) => {
                    stored.insert(key.to_owned(), drive.to_string());
                }
                Err(failure) => {
                    for id in made {
                        // Whatever goes wrong here, the first failure is the one to tell.
                        let _ = self.free(owner.node, &id);
                    }
                    return Err(failure);
                }
            }
        }
        Ok(stored)
    }

    fn create_disk(
        &mut self,
        owner: Owner<'_>,
        key: &str,
        mut drive: Drive,
        made: &mut Vec<VolumeId>,
        log: &mut Vec<String>,
    ) -> Result<Drive, Failure> {
        let request = drive.clone();
        match request.request() {
            Request::Empty => {
                drive.options.remove("size");
                return Ok(drive);
            }
            Request::Existing => return self.attach_existing(owner.node, drive),
            Request::CloudInit { storage } => {
                let storage = storage.ok_or_else(no_storage)?;
                let id = self.create_cloudinit(owner, storage, drive.option("format"), log)?;
                drive.file = id.to_string();
                drive.options.insert("media".to_owned(), "cdrom".to_owned());
                drive.options.remove("format");
                drive.options.remove("size");
                made.push(id);
            }
            Request::New { storage, gib } => {
                let storage = storage.ok_or_else(no_storage)?;
                let (id, size) = match drive.options.remove("import-from") {
                    Some(source) => {
                        self.import_disk(owner, key, storage, &source, drive.option("format"), log)?
                    }
                    None => self.create_empty(owner, key, storage, gib, &drive, log)?,
                };
                drive.file = id.to_string();
                drive.options.remove("format");
                drive.set_size(size);
                made.push(id);
            }
        }
        log.push(format!("{key}: successfully created disk '{drive}'"));
        Ok(drive)
    }

    fn attach_existing(&self, node: &str, mut drive: Drive) -> Result<Drive, Failure> {
        if let Some(id) = VolumeId::parse(&drive.file) {
            self.usable_storage(node, &id.storage)?;
            let volume = self
                .volume(node, &id)
                .ok_or_else(|| Failure::died(format!("volume '{id}' does not exist")))?;
            drive.set_size(volume.size);
        }
        Ok(drive)
    }

    /// Makes the volume of a cloud-init drive; what is on it is never stored.
    pub fn create_cloudinit(
        &mut self,
        owner: Owner<'_>,
        storage: &str,
        format: Option<&str>,
        log: &mut Vec<String>,
    ) -> Result<VolumeId, Failure> {
        let config = self.usable_storage(owner.node, storage)?;
        let format = format.unwrap_or(if naming::is_file_based(config) { "qcow2" } else { "raw" }).to_owned();
        let stem = format!("vm-{}-cloudinit", owner.vmid);
        let image = NewImage {
            node: owner.node,
            storage,
            vmid: owner.vmid,
            format: &format,
            size: CLOUDINIT_SIZE,
            stem: Some(&stem),
            is_base: false,
        };
        self.allocate(&image, log)
    }

    fn create_empty(
        &mut self,
        owner: Owner<'_>,
        key: &str,
        storage: &str,
        gib: &str,
        drive: &Drive,
        log: &mut Vec<String>,
    ) -> Result<(VolumeId, u64), Failure> {
        let config = self.usable_storage(owner.node, storage)?;
        let size = match key {
            "efidisk0" => efi_size(drive),
            "tpmstate0" => TPM_SIZE,
            _ => gib_to_bytes(gib).unwrap_or_default(),
        };
        let format = drive.option("format").unwrap_or(naming::default_format(config)).to_owned();
        let id = self.allocate_for(owner, storage, &format, size, log)?;
        if key == "efidisk0" {
            log.extend(progress(size, "raw"));
        }
        let real = self.volume(owner.node, &id).map_or(size, |volume| volume.size);
        Ok((id, real))
    }

    fn import_disk(
        &mut self,
        owner: Owner<'_>,
        key: &str,
        storage: &str,
        source: &str,
        format: Option<&str>,
        log: &mut Vec<String>,
    ) -> Result<(VolumeId, u64), Failure> {
        let missing = |path: &str| Failure::died(format!("failed to stat '{path}'"));
        let source_id = VolumeId::parse(source).ok_or_else(|| missing(source))?;
        self.usable_storage(owner.node, &source_id.storage)?;
        let path = self.volume_path(&source_id).map_err(Failure::died)?;
        let volume = self.volume(owner.node, &source_id).cloned().ok_or_else(|| missing(&path))?;
        let config = self.usable_storage(owner.node, storage)?;
        let is_image = volume.content == "images";
        // A disk of a VM keeps its format, a file from elsewhere gets the storage's own.
        let default = if is_image && naming::takes_format(config, &volume.format) {
            volume.format.as_str()
        } else {
            naming::default_format(config)
        };
        let format = format.unwrap_or(default).to_owned();
        let size = if key == "efidisk0" || is_image { volume.size } else { volume.disk_size };
        log.push(format!("create full clone of drive ({source})"));
        let id = self.allocate_for(owner, storage, &format, size, log)?;
        log.push(format!("allocated target volume '{id}'"));
        log.extend(progress(size, &volume.format));
        if let Some(made) = self.volume_mut(owner.node, &id) {
            made.used = volume.used;
            made.contents = volume.contents.clone();
        }
        let real = self.volume(owner.node, &id).map_or(size, |volume| volume.size);
        Ok((id, real))
    }

    /// Makes a volume with the next free name.
    pub fn allocate_for(
        &mut self,
        owner: Owner<'_>,
        storage: &str,
        format: &str,
        size: u64,
        log: &mut Vec<String>,
    ) -> Result<VolumeId, Failure> {
        let image = NewImage {
            node: owner.node,
            storage,
            vmid: owner.vmid,
            format,
            size,
            stem: None,
            is_base: owner.is_template,
        };
        self.allocate(&image, log)
    }
}

fn no_storage() -> Failure {
    Failure::died("no storage ID specified (and no default storage)")
}

/// Size of the variable store that the firmware type comes with.
fn efi_size(drive: &Drive) -> u64 {
    if drive.option("efitype") == Some("4m") { 528 << 10 } else { 128 << 10 }
}
