//! What lies on a storage, and how full it is.

use serde_json::{Map, Value, json};

use super::naming::VolumeId;
use super::volume::Volume;
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::{Lab, Storage};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/storage", list_storages),
    route("GET", "/nodes/{node}/storage/{storage}", index),
    route("GET", "/nodes/{node}/storage/{storage}/status", read_status),
    route("GET", "/nodes/{node}/storage/{storage}/content", list_content),
    route("GET", "/nodes/{node}/storage/{storage}/content/{volume}", read_volume),
    route("PUT", "/nodes/{node}/storage/{storage}/content/{volume}", annotate),
];

/// Parts of a storage, in the order of the service.
const PARTS: [&str; 11] = [
    "content",
    "download-url",
    "file-restore",
    "import-metadata",
    "identity",
    "oci-registry-pull",
    "prunebackups",
    "rrd",
    "rrddata",
    "status",
    "upload",
];

/// Privileges either of which lets somebody see a storage.
const SEE: [&str; 2] = ["Datastore.Audit", "Datastore.AllocateSpace"];

/// Size of a storage whose server is not part of the lab.
const REMOTE_SIZE: u64 = 4 << 40;

fn list_storages(lab: &mut Lab, request: &Request) -> Answer {
    let node = request.node();
    let params = &request.params;
    let wanted: Vec<String> = params.list("content").unwrap_or_default();
    let target = params.text("target").filter(|target| *target != node);
    let mut found = Vec::new();
    for id in &lab.storage_order {
        let Some(storage) = lab.storages.get(id) else { continue };
        let path = format!("/storage/{id}");
        let hidden = !lab.allows_any(&request.who, &path, &SEE)
            || params.text("storage").is_some_and(|only| only != id)
            || (params.is_set("enabled") && storage.is_disabled())
            || !storage.is_on(node)
            || target.is_some_and(|target| !storage.is_shared() || !storage.is_on(target))
            || (!wanted.is_empty() && !wanted.iter().any(|kind| storage.content().contains(kind.as_str())));
        if hidden {
            continue;
        }
        let mut item = status(lab, node, id, storage);
        item.insert("storage".to_owned(), id.as_str().into());
        let (total, used) = (item["total"].as_f64().unwrap_or(0.0), item["used"].as_f64().unwrap_or(0.0));
        if total > 0.0 {
            item.insert("used_fraction".to_owned(), (used / total).into());
        }
        found.push(Value::Object(item));
    }
    Ok(found.into())
}

fn index(lab: &mut Lab, request: &Request) -> Answer {
    require_storage(lab, request)?;
    Ok(PARTS.iter().map(|part| json!({"subdir": part})).collect::<Vec<_>>().into())
}

fn read_status(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("storage");
    let no_such = || Failure::parameter("storage", "No such storage.");
    let storage = lab.storages.get(id).filter(|storage| storage.is_on(request.node())).ok_or_else(no_such)?;
    Ok(Reply::from(Value::Object(status(lab, request.node(), id, storage))))
}

fn list_content(lab: &mut Lab, request: &Request) -> Answer {
    let (node, id) = (request.node(), request.params.text_or_empty("storage"));
    lab.usable_storage(node, id)?;
    let kind = request.params.text("content");
    let vmid = request.params.text("vmid").and_then(|text| text.parse::<u32>().ok());
    let items: Vec<Value> = lab
        .volumes_on(node, id)
        .filter(|(_, volume)| kind.is_none_or(|kind| volume.content == kind))
        .filter(|(_, volume)| vmid.is_none_or(|vmid| volume.vmid == Some(vmid)))
        .filter(|(volid, _)| {
            lab.require_volume(&request.who, None, volid).is_ok() || sees_images(lab, request, id)
        })
        .map(|(volid, volume)| entry(lab, &volid, volume))
        .collect();
    Ok(items.into())
}

/// Whoever may see the storage sees the images on it, even those of VMs that are not theirs.
fn sees_images(lab: &Lab, request: &Request, storage: &str) -> bool {
    lab.allows_any(&request.who, &format!("/storage/{storage}"), &SEE)
}

fn entry(lab: &Lab, id: &VolumeId, volume: &Volume) -> Value {
    let mut item = json!({
        "volid": id.to_string(),
        "content": volume.content,
        "format": volume.format,
        "size": volume.size,
        "ctime": volume.created_at,
    });
    if matches!(volume.content.as_str(), "images" | "rootdir") {
        item["vmid"] = volume.vmid.into();
        if lab.storages.get(&id.storage).is_some_and(super::naming::is_file_based) {
            item["used"] = volume.used.into();
            item["parent"] = volume.base.as_ref().map_or(Value::Null, |base| format!("../{base}").into());
        }
    }
    if let Some(vmid) = volume.vmid.filter(|_| volume.content == "backup") {
        item["vmid"] = vmid.into();
        let is_container = id.name.contains("/vzdump-lxc-") || volume.format == "pbs-ct";
        item["subtype"] = if is_container { "lxc" } else { "qemu" }.into();
    }
    if let Some(notes) = &volume.notes {
        item["notes"] = notes.as_str().into();
    }
    if volume.protected {
        item["protected"] = 1.into();
    }
    item
}

fn read_volume(lab: &mut Lab, request: &Request) -> Answer {
    let id = requested_volume(request)?;
    lab.require_volume(&request.who, None, &id)?;
    lab.usable_storage(request.node(), &id.storage)?;
    let path = lab.volume_path(&id).map_err(Failure::died)?;
    let missing = || Failure::died(format!("volume_size_info on '{id}' failed - no format"));
    let volume = lab.volume(request.node(), &id).ok_or_else(missing)?;
    // An image is looked into, also one that nothing is made from yet (pve-storage 9.1, `file_size_info`).
    let size = if volume.content == "import" { volume.disk_size } else { volume.size };
    let mut item = json!({"path": path, "size": size, "used": volume.used, "format": volume.format});
    if let Some(base) = &volume.base {
        item["parent"] = format!("../{base}").into();
    }
    Ok(item.into())
}

fn annotate(lab: &mut Lab, request: &Request) -> Answer {
    let id = requested_volume(request)?;
    lab.require_volume(&request.who, None, &id)?;
    lab.usable_storage(request.node(), &id.storage)?;
    let is_backup = lab.parse_volume(&id).map_err(Failure::died)?.content == "backup";
    let params = &request.params;
    if params.has("notes") && !is_backup {
        return Err(Failure::died("only backups can have notes"));
    }
    if params.has("protected") && !is_backup {
        return Err(Failure::died("only backups can be protected"));
    }
    let (notes, protected) = (params.text("notes").map(str::to_owned), params.flag("protected"));
    let volume = lab
        .volume_mut(request.node(), &id)
        .ok_or_else(|| Failure::died(format!("volume '{id}' does not exist")))?;
    if let Some(notes) = notes {
        volume.notes = Some(notes).filter(|notes| !notes.is_empty());
    }
    volume.protected = protected.unwrap_or(volume.protected);
    Ok(Reply::nothing())
}

/// The volume that a path names, with or without its storage.
pub fn requested_volume(request: &Request) -> Result<VolumeId, Failure> {
    let volume = request.params.text_or_empty("volume");
    let storage = request.params.text("storage");
    match (VolumeId::parse(volume), storage) {
        (Some(id), Some(storage)) if id.storage != storage => {
            let message = format!("storage ID missmatch ({} != {storage})", id.storage);
            Err(Failure::died(message))
        }
        (Some(id), _) => Ok(id),
        (None, Some(storage)) => Ok(VolumeId::new(storage, volume)),
        (None, None) => Err(Failure::parameter("volume", "unable to parse volume ID")),
    }
}

/// Refuses a storage that does not exist.
pub fn require_storage(lab: &Lab, request: &Request) -> Result<(), Failure> {
    let id = request.params.text_or_empty("storage");
    match lab.storages.get(id) {
        Some(_) => Ok(()),
        None => Err(Failure::died(format!("storage '{id}' does not exist"))),
    }
}

/// Space and state of a storage, as a node sees them.
pub fn status(lab: &Lab, node: &str, id: &str, storage: &Storage) -> Map<String, Value> {
    let enabled = !storage.is_disabled();
    let active = enabled && lab.is_online(storage);
    let (total, used) = if active { space(lab, node, id, storage) } else { (0, 0) };
    let mut item = Map::new();
    let mut put = |key: &str, value: Value| drop(item.insert(key.to_owned(), value));
    put("type", storage.kind.as_str().into());
    put("content", storage.options.get("content").map_or("images", String::as_str).into());
    put("enabled", u8::from(enabled).into());
    put("active", u8::from(active).into());
    put("shared", u8::from(storage.is_shared()).into());
    put("total", total.into());
    put("used", used.into());
    put("avail", total.saturating_sub(used).into());
    item
}

/// Bytes in all and in use. Directories share the node's root file system.
pub fn space(lab: &Lab, node: &str, id: &str, storage: &Storage) -> (u64, u64) {
    let of = |storage: &str| lab.volumes_on(node, storage).map(|(_, volume)| volume.used).sum::<u64>();
    if let Some(size) = lab.storage_sizes.get(id) {
        return (*size, of(id));
    }
    let Some(host) = lab.nodes.get(node) else { return (0, 0) };
    match storage.kind.as_str() {
        "dir" => {
            let directories = lab.storages.iter().filter(|(_, other)| other.kind == "dir");
            (host.disk, host.disk_used + directories.map(|(id, _)| of(id)).sum::<u64>())
        }
        _ if storage.is_shared() => (REMOTE_SIZE, of(id)),
        _ => (host.disk * 2, of(id)),
    }
}
