//! Reading and changing a container's configuration.

use serde_json::{Value, json};

use super::container::{Container, Mount, is_mount_key, stored_network};
use super::create::require_root_storage;
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::qemu::options::normal_tags;
use crate::pve::section::{rules, shown};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/lxc/{vmid}/config", read),
    route("PUT", "/nodes/{node}/lxc/{vmid}/config", write),
    route("GET", "/nodes/{node}/lxc/{vmid}/pending", pending),
    route("GET", "/nodes/{node}/lxc/{vmid}/snapshot", snapshots),
];

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let container = lab.container(request.node(), request.vmid())?;
    let mut answer = shown(&container.config, rules("PUT", "/nodes/{node}/lxc/{vmid}/config"));
    if let Some(limit) = container.get("cpulimit") {
        answer.insert("cpulimit".to_owned(), limit.into());
    }
    answer.insert("digest".to_owned(), container.digest().into());
    Ok(Value::Object(answer).into())
}

/// A change is in force at once, also while the container runs.
fn pending(lab: &mut Lab, request: &Request) -> Answer {
    let Value::Object(config) = read(lab, request)?.data else { return Ok(json!([]).into()) };
    let items = config.into_iter().map(|(key, value)| json!({"key": key, "value": value}));
    Ok(items.collect::<Vec<Value>>().into())
}

/// No snapshots are taken of containers: there is only the present.
fn snapshots(lab: &mut Lab, request: &Request) -> Answer {
    let container = lab.container(request.node(), request.vmid())?;
    Ok(json!([{
        "name": "current", "description": "You are here!", "digest": container.digest(),
        "running": u8::from(container.is_running()),
    }])
    .into())
}

fn write(lab: &mut Lab, request: &Request) -> Answer {
    let (node, vmid, params) = (request.node(), request.vmid(), &request.params);
    let mut container = lab.container(node, vmid)?.clone();
    container.require_no_lock()?;
    if params.text("digest").is_some_and(|given| given != container.digest()) {
        let message = "detected modified configuration - file changed by other user? Try again.";
        return Err(Failure::died(message));
    }
    for key in params.list("delete").unwrap_or_default() {
        if key == "rootfs" {
            return Err(Failure::died("unable to delete required option 'rootfs'"));
        }
        if let Some(text) = container.config.remove(&key).filter(|_| is_mount_key(&key)) {
            keep_unused(&mut container, &text);
        }
    }
    let others = ["node", "vmid", "delete", "digest", "revert"];
    let mac_prefix = lab.mac_prefix();
    for (key, value) in params.texts().filter(|(key, _)| !others.contains(key)) {
        let stored = if is_mount_key(key) {
            if let Some((storage, _)) = Mount::parse(value).request() {
                require_root_storage(lab, request, storage)?;
            }
            lab.make_mount(node, vmid, value, &mut Vec::new())?
        } else if key.starts_with("net") {
            stored_network(value, &mac_prefix)
        } else if key == "tags" {
            normal_tags(value)
        } else {
            value.to_owned()
        };
        container.config.insert(key.to_owned(), stored);
    }
    lab.containers.insert(vmid, container);
    Ok(Reply::nothing())
}

/// A volume that is no longer mounted stays, as an unused one.
fn keep_unused(container: &mut Container, text: &str) {
    let mount = Mount::parse(text);
    if mount.is_volume() {
        container.add_unused(&mount.source);
    }
}
