//! `/cluster/mapping`: names for hardware and folders that differ from node to node.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/mapping/dir", list),
    route("POST", "/cluster/mapping/dir", create),
    route("GET", "/cluster/mapping/dir/{id}", read),
    route("PUT", "/cluster/mapping/dir/{id}", update),
    route("DELETE", "/cluster/mapping/dir/{id}", delete),
    route("GET", "/cluster/mapping/pci", list),
    route("POST", "/cluster/mapping/pci", create),
    route("GET", "/cluster/mapping/pci/{id}", read),
    route("PUT", "/cluster/mapping/pci/{id}", update),
    route("DELETE", "/cluster/mapping/pci/{id}", delete),
    route("GET", "/cluster/mapping/usb", list),
    route("POST", "/cluster/mapping/usb", create),
    route("GET", "/cluster/mapping/usb/{id}", read),
    route("PUT", "/cluster/mapping/usb/{id}", update),
    route("DELETE", "/cluster/mapping/usb/{id}", delete),
];

/// Listing shows what one may look at or use.
const SEEING: [&str; 3] = ["Mapping.Audit", "Mapping.Use", "Mapping.Modify"];

/// `dir`, `pci` or `usb`.
fn kind(request: &Request) -> &'static str {
    request.method.path.split('/').nth(3).unwrap_or_default()
}

fn file(kind: &str) -> String {
    format!("mapping/{kind}.cfg")
}

/// What the service calls these mappings in its errors.
fn noun(kind: &str) -> &'static str {
    if kind == "dir" { "directory" } else { "hardware" }
}

fn shown(lab: &Lab, kind: &str, entry: &Entry) -> Value {
    let mut shown = entry.shown(rules("POST", &format!("/cluster/mapping/{kind}")));
    shown.insert("type".to_owned(), kind.into());
    shown.insert("digest".to_owned(), lab.file(&file(kind)).digest().into());
    Value::Object(shown)
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let seen = lab.file(&file(kind)).entries;
    let seen = seen
        .iter()
        .filter(|entry| lab.allows_any(&request.who, &format!("/mapping/{kind}/{}", entry.id), &SEEING));
    let entries = seen.map(|entry| {
        let mut item = shown(lab, kind, entry);
        item["id"] = json!(entry.id);
        if let Some(node) = request.params.text("check-node") {
            item["checks"] = json!(checks(lab, kind, entry, node));
        }
        item
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

/// A node of a lab without hardware misses every mapped device.
fn checks(lab: &Lab, kind: &str, entry: &Entry, node: &str) -> Vec<Value> {
    let maps = entry.lists.get("map").map(Vec::as_slice).unwrap_or_default();
    let property = |map: &str, name: &str| {
        map.split(',')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .to_owned()
    };
    let here: Vec<&String> = maps.iter().filter(|map| property(map, "node") == node).collect();
    if here.is_empty() {
        let message = format!("No mapping for node {node}");
        return vec![json!({"severity": "warning", "message": message})];
    }
    let missing = |map: &String| match kind {
        "pci" => format!("pci device '{}' not found", property(map, "path")),
        _ => format!("usb device '{}' not found", property(map, "id")),
    };
    let error =
        |map| json!({"severity": "error", "message": format!("Invalid configuration: {}\n", missing(map))});
    if kind == "dir" || lab.has_mapped_hardware { Vec::new() } else { here.into_iter().map(error).collect() }
}

fn found(lab: &Lab, request: &Request) -> Result<Entry, Failure> {
    let id = request.params.text_or_empty("id");
    let entry = lab.file(&file(kind(request))).get(id).cloned();
    entry.ok_or_else(|| Failure::died(format!("mapping '{id}' not found")))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    Ok(shown(lab, kind(request), &found(lab, request)?).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let id = request.params.text_or_empty("id");
    let file = lab.file_mut(&file(kind));
    if file.get(id).is_some() {
        let noun = noun(kind);
        return Err(Failure::died(format!("create {noun} mapping failed: {kind} ID '{id}' already defined")));
    }
    file.entries.push(Entry::of(id, kind, request, "id"));
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let within = |failure: Failure| failure.within(&format!("update {} mapping failed", noun(kind)));
    found(lab, request).map_err(within)?;
    let file = lab.file_mut(&file(kind));
    file.check_digest(request).map_err(within)?;
    if let Some(entry) = file.get_mut(request.params.text_or_empty("id")) {
        entry.assign(request, &["id"]);
    }
    Ok(Reply::nothing())
}

/// Deleting a mapping that does not exist succeeds.
fn delete(lab: &mut Lab, request: &Request) -> Answer {
    lab.file_mut(&file(kind(request))).remove(request.params.text_or_empty("id"));
    Ok(Reply::nothing())
}
