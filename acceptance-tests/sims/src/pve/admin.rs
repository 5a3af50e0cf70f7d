//! The lab's own endpoints below `/lab/`: faults and the clock can be changed while it runs.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::{Fault, Faults, Kind};
use super::http::own;
use super::server::Server;

/// Body of `POST /lab/clock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// How far the clock is moved forward, in seconds.
    advance_seconds: i64,
}

/// Answers a request below `/lab/`.
pub async fn answer(server: &Arc<Server>, request: http::Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|collected| collected.to_bytes()).unwrap_or_default();
    let outcome = match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/lab/faults") => Ok(json!(server.lab().faults)),
        (&Method::POST, "/lab/faults") => plant(server, &body),
        (&Method::DELETE, "/lab/faults") => {
            server.lab().faults = Faults::default();
            Ok(json!({}))
        }
        (&Method::POST, "/lab/clock") => advance(server, &body),
        (&Method::GET, "/lab/double-use") => Ok(json!(server.lab().volumes_on_two_buses())),
        (&Method::GET, "/lab/state") => Ok(json!(&*server.lab())),
        _ => Err(format!("there is no {} {}", parts.method, parts.uri.path())),
    };
    server.changed();
    match outcome {
        Ok(value) => own(200, &value),
        Err(message) => own(400, &json!({ "message": message })),
    }
}

/// Adds the faults of a body like that of the faults file.
fn plant(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let planted: Faults = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut lab = server.lab();
    lab.faults.faults.extend(planted.faults);
    Ok(json!(lab.faults))
}

fn advance(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let wanted: Advance = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut lab = server.lab();
    lab.clock_offset += wanted.advance_seconds;
    Ok(json!({ "now": lab.now() }))
}

/// Applies the faults that strike before a call.
pub fn before(server: &Arc<Server>, faults: &[Fault]) {
    let mut lab = server.lab();
    for fault in faults {
        match (fault.kind, &fault.node) {
            (Kind::NodeOffline | Kind::NodeOnline, Some(name)) => {
                if let Some(node) = lab.nodes.get_mut(name) {
                    node.offline = fault.kind == Kind::NodeOffline;
                }
            }
            (Kind::EditBefore, _) => lab.edit_behind_back(fault),
            _ => {}
        }
    }
}

/// Applies the faults that strike after a call.
pub fn after(server: &Arc<Server>, faults: &[Fault]) {
    for fault in faults.iter().filter(|fault| fault.kind == Kind::EditAfter) {
        server.lab().edit_behind_back(fault);
    }
}
