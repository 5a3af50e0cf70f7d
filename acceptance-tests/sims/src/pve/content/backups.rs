//! Calls about what is inside foreign formats and backups, as far as a lab without file systems can answer them.

use super::naming::VolumeId;
use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/storage/{storage}/import-metadata", import_metadata),
    route("GET", "/nodes/{node}/storage/{storage}/file-restore/list", list_files),
];

/// Upstream hands the whole volume id to the reader of volume names.
fn import_metadata(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("storage");
    let volume = request.params.text_or_empty("volume");
    let storage = lab.usable_storage(request.node(), id)?;
    let parsed = super::naming::parse(storage, volume).map_err(Failure::died)?;
    Err(Failure::died(format!("storage '{id}' cannot tell what '{}' is made of", parsed.file)))
}

/// A volume may be named without its storage, and without the folder of backups.
fn list_files(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("storage");
    let text = request.params.text_or_empty("volume");
    let volume = match VolumeId::parse(text) {
        Some(volume) if volume.storage != id => {
            let message = format!("storage ID mismatch ({} != {id}).", volume.storage);
            return Err(Failure::parameter("volume", message));
        }
        Some(volume) => volume,
        None if text.starts_with("backup/") => VolumeId::new(id, text),
        None => VolumeId::new(id, format!("backup/{text}")),
    };
    lab.require_volume(&request.who, None, &volume)?;
    let content = lab.parse_volume(&volume).map_err(Failure::died)?.content;
    if content != "backup" {
        let message = format!("unable to use volume {volume} - content type needs to be 'backup'");
        return Err(Failure::died(message));
    }
    if lab.storages.get(id).is_none_or(|storage| storage.kind != "pbs") {
        return Err(Failure::parameter("storage", "Only PBS storages supported for file-restore."));
    }
    Err(Failure::new(501, "the simulated lab keeps no files in backups"))
}
