//! `/version`.

use serde_json::json;

use super::{Request, Route, route};
use crate::pve::answer::Answer;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("GET", "/version", read), route("GET", "/nodes/{node}/version", read)];

fn read(lab: &mut Lab, _: &Request) -> Answer {
    let release = lab.release;
    Ok(json!({"release": release.name(), "repoid": release.commit(), "version": release.manager()}).into())
}
