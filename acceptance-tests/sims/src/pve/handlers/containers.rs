//! `/nodes/{node}/lxc`: the lab has no containers, and says so as the service would where it can.

use serde_json::json;

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/lxc", list),
    route("POST", "/nodes/{node}/lxc", create),
    route("GET", "/nodes/{node}/lxc/{vmid}/config", config),
];

fn list(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

fn config(_: &mut Lab, request: &Request) -> Answer {
    let file = format!("nodes/{}/lxc/{}.conf", request.node(), request.vmid());
    Err(Failure::died(format!("Configuration file '{file}' does not exist")))
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let root = request.params.text("rootfs").and_then(|root| root.split(':').next());
    let storage = root.or_else(|| request.params.text("storage")).unwrap_or("local");
    let Some(found) = lab.storages.get(storage) else {
        return Err(Failure::died(format!("storage '{storage}' does not exist")));
    };
    if !found.content().contains("rootdir") {
        let message = format!("storage '{storage}' does not support container directories");
        return Err(Failure::parameter("storage", message));
    }
    Err(Failure::new(501, "the simulated lab does not play containers"))
}
