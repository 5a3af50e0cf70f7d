//! Calls about what is inside foreign formats and backups, as far as a lab without file systems can answer them.

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

fn list_files(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("storage");
    let storage = lab.usable_storage(request.node(), id)?;
    if storage.kind != "pbs" {
        return Err(Failure::died("Only PBS storages supported for file-restore"));
    }
    Err(Failure::new(501, "the simulated lab keeps no files in backups"))
}
