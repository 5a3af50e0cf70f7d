//! What a backup of a container holds.

use crate::pve::answer::Failure;
use crate::pve::backup::archive::{Archive, SavedDisk};
use crate::pve::content::naming::VolumeId;
use crate::pve::state::Lab;
use crate::pve::upid::Upid;

impl Lab {
    /// Reads the configuration of a container and the volumes that its backup has.
    pub fn read_container(&mut self, node: &str, vmid: u32, upid: &Upid) -> Result<Archive, Failure> {
        let container = self.container(node, vmid)?.clone();
        let mut config = container.config.clone();
        config.retain(|key, _| !key.starts_with("unused") && key != "lock");
        let mut archive = Archive { config, ..Archive::default() };
        for (key, mount) in container.mounts() {
            let (wanted, reason) = mount.inclusion(key);
            let at = mount.options.get("mp").map_or("/", String::as_str);
            if !wanted {
                let line = format!(
                    "INFO: excluding {} mount point {key} ('{at}') from backup ({reason})",
                    kind(&mount.source)
                );
                self.tasks.log(upid, line);
                continue;
            }
            self.tasks.log(upid, format!("INFO: including mount point {key} ('{at}') in backup"));
            let id = VolumeId::parse(&mount.source)
                .ok_or_else(|| Failure::died(format!("unable to parse volume ID '{}'", mount.source)))?;
            self.usable_storage(node, &id.storage)?;
            let missing = || Failure::died(format!("volume '{id}' does not exist"));
            let volume = self.volume(node, &id).ok_or_else(missing)?;
            let saved = SavedDisk {
                volume: mount.source.clone(),
                size: volume.size,
                used: volume.used,
                format: volume.format.clone(),
                contents: volume.contents.clone(),
            };
            archive.disks.insert(key.to_owned(), saved);
        }
        Ok(archive)
    }
}

fn kind(source: &str) -> &'static str {
    match source {
        source if source.starts_with("/dev/") => "device",
        source if source.starts_with('/') => "bind",
        _ => "volume",
    }
}
