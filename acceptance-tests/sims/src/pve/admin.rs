//! The lab's own endpoints below `/lab/`: faults and the clock can be changed while it runs.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::naming::VolumeId;
use super::faults::{Fault, Faults, Kind};
use super::http::own;
use super::server::Server;
use super::state::Lab;

/// Body of `POST /lab/clock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    /// How far the clock is moved forward, in seconds.
    advance_seconds: i64,
}

/// Body of `POST /lab/write`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    /// The VM that writes.
    vmid: u32,
    /// The slot of the disk.
    slot: String,
    /// What is on it afterwards.
    contents: String,
    /// Bytes in use afterwards.
    used: Option<u64>,
}

/// Body of `POST /lab/storage`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageSize {
    /// The storage.
    storage: String,
    /// Bytes in all.
    bytes: u64,
}

/// Body of `POST /lab/node`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// The node.
    node: String,
    /// Whether it is down.
    offline: bool,
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
        (&Method::POST, "/lab/write") => write(server, &body),
        (&Method::POST, "/lab/storage") => resize_storage(server, &body),
        (&Method::POST, "/lab/node") => switch_node(server, &body),
        (&Method::GET, "/lab/double-use") => Ok(json!(server.lab().volumes_on_two_buses())),
        (&Method::GET, "/lab/state") => Ok(json!(&*server.lab())),
        (&Method::PUT, "/lab/state") => restore(server, &body),
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

/// Takes up a state that was read before, maybe of another lab. Logins and what the command line says stay.
fn restore(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let saved: Lab = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut lab = server.lab();
    let before = std::mem::replace(&mut *lab, saved);
    lab.access = before.access;
    lab.certificates = before.certificates;
    lab.report_lag = before.report_lag;
    lab.task_time = before.task_time;
    Ok(json!({}))
}

fn advance(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let wanted: Advance = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut lab = server.lab();
    lab.advance(wanted.advance_seconds);
    Ok(json!({ "now": lab.now() }))
}

/// Puts something on a disk of a VM, as its guest would.
fn write(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let wanted: Write = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut lab = server.lab();
    let vm = lab.vms.get(&wanted.vmid).ok_or(format!("there is no VM {}", wanted.vmid))?;
    let drive = vm.drives().find(|(slot, _)| *slot == wanted.slot).map(|(_, drive)| drive);
    let (node, id) = (vm.node.clone(), drive.and_then(|drive| VolumeId::parse(&drive.file)));
    let id = id.ok_or(format!("VM {} has nothing in {}", wanted.vmid, wanted.slot))?;
    let volume = lab.volume_mut(&node, &id).ok_or(format!("there is no volume {id}"))?;
    volume.contents = wanted.contents;
    volume.used = wanted.used.unwrap_or(volume.used);
    Ok(json!({ "volume": id.to_string() }))
}

fn resize_storage(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let wanted: StorageSize = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    server.lab().storage_sizes.insert(wanted.storage, wanted.bytes);
    Ok(json!({}))
}

fn switch_node(server: &Arc<Server>, body: &[u8]) -> Result<Value, String> {
    let wanted: Switch = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut lab = server.lab();
    if lab.switch_node(&wanted.node, wanted.offline) {
        return Ok(json!({}));
    }
    Err(format!("there is no node {}", wanted.node))
}

/// Applies the faults that strike before a call.
pub fn before(server: &Arc<Server>, faults: &[Fault]) {
    let mut lab = server.lab();
    for fault in faults {
        match (fault.kind, &fault.node) {
            (Kind::NodeOffline | Kind::NodeOnline, Some(name)) => {
                lab.switch_node(name, fault.kind == Kind::NodeOffline);
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
