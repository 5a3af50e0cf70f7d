//! `/storage`: the cluster's `storage.cfg`.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{MODIFIED, rules, shown};
use crate::pve::state::{Lab, Options, Storage};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/storage", list),
    route("POST", "/storage", create),
    route("GET", "/storage/{storage}", read),
    route("PUT", "/storage/{storage}", update),
    route("DELETE", "/storage/{storage}", delete),
];

/// Listing shows what one may use in some way.
const SEEING: [&str; 3] = ["Datastore.Audit", "Datastore.Allocate", "Datastore.AllocateSpace"];
/// Options that are kept elsewhere and never shown.
const SECRETS: [&str; 4] = ["password", "encryption-key", "keyring", "master-pubkey"];
/// What each plugin needs, and the content it takes unless told otherwise.
fn plugin(kind: &str) -> (&'static [&'static str], &'static str) {
    match kind {
        "dir" | "btrfs" => (&["path"], "images"),
        "nfs" => (&["server", "export"], "images"),
        "cifs" => (&["server", "share"], "images"),
        "lvm" => (&["vgname"], "images"),
        "lvmthin" => (&["vgname", "thinpool"], "images"),
        "zfspool" => (&["pool"], "images"),
        "zfs" => (&["pool", "portal", "target", "iscsiprovider"], "images"),
        "iscsi" => (&["portal", "target"], "images"),
        "iscsidirect" => (&["portal", "target"], "images"),
        "pbs" => (&["server", "datastore"], "backup"),
        "cephfs" => (&[], "backup"),
        "esxi" => (&["server", "username", "password"], "import"),
        _ => (&[], "images"),
    }
}

impl Lab {
    /// The storage's section as answers show it.
    fn storage_entry(&self, id: &str, storage: &Storage) -> Value {
        let mut entry = shown(&storage.options, rules("POST", "/storage"));
        if storage.is_shared() {
            entry.insert("shared".to_owned(), 1.into());
        }
        entry.insert("storage".to_owned(), id.into());
        entry.insert("type".to_owned(), storage.kind.as_str().into());
        entry.insert("digest".to_owned(), self.storage_digest().into());
        Value::Object(entry)
    }
}

fn missing(id: &str) -> Failure {
    Failure::died(format!("storage '{id}' does not exist"))
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = request.params.text("type");
    let seen = lab.storages.iter().filter(|(id, storage)| {
        kind.is_none_or(|kind| kind == storage.kind)
            && lab.allows_any(&request.who, &format!("/storage/{id}"), &SEEING)
    });
    Ok(seen.map(|(id, storage)| lab.storage_entry(id, storage)).collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("storage");
    let storage = lab.storages.get(id).ok_or_else(|| missing(id))?;
    Ok(lab.storage_entry(id, storage).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let id = params.text_or_empty("storage").to_owned();
    let kind = params.text_or_empty("type").to_owned();
    let (required, content) = plugin(&kind);
    if lab.storages.contains_key(&id) {
        return Err(Failure::died(format!("create storage failed: storage ID '{id}' already defined")));
    }
    if let Some(name) = required.iter().find(|name| !params.has(name)) {
        return Err(Failure::died(format!("missing value for required option '{name}'")));
    }
    let mut options: Options = params
        .texts()
        .filter(|(key, _)| !SECRETS.contains(key) && !matches!(*key, "storage" | "type"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    options.entry("content".to_owned()).or_insert_with(|| content.to_owned());
    if matches!(kind.as_str(), "nfs" | "cifs" | "cephfs") {
        options.entry("path".to_owned()).or_insert_with(|| format!("/mnt/pve/{id}"));
    }
    let storage = Storage { kind: kind.clone(), options };
    activate(lab, &id, &storage).map_err(|failure| failure.within("create storage failed"))?;
    lab.storages.insert(id.clone(), storage);
    lab.storage_order.push(id.clone());
    let mut answer = json!({"storage": id, "type": kind});
    if kind == "pbs" {
        answer["config"] = json!({});
    }
    Ok(answer.into())
}

/// A new storage is activated unless it is switched off.
fn activate(lab: &Lab, id: &str, storage: &Storage) -> Result<(), Failure> {
    let option = |key: &str| storage.options.get(key).map_or("", String::as_str);
    if storage.is_disabled() || !storage.is_on(lab.local_node()) {
        return Ok(());
    }
    if !lab.is_online(storage) {
        return Err(Failure::died(format!("storage '{id}' is not online")));
    }
    let group = option("vgname");
    match storage.kind.as_str() {
        "lvm" if !lab.volume_groups.contains(group) => {
            Err(Failure::died(format!("no such volume group '{group}'")))
        }
        "lvmthin" if !lab.volume_groups.contains(&format!("{group}/{}", option("thinpool"))) => {
            Err(Failure::died(format!("no such logical volume {group}/{}", option("thinpool"))))
        }
        "zfspool" if !lab.volume_groups.contains(&format!("zfs:{}", option("pool"))) => {
            let pool = option("pool");
            Err(Failure::died(format!(
                "could not activate storage '{id}', zfs error: cannot import '{pool}': no such pool available\n"
            )))
        }
        _ => Ok(()),
    }
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    changed(lab, request).map_err(|failure| failure.within("update storage failed"))
}

fn changed(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let id = params.text_or_empty("storage").to_owned();
    let digest = lab.storage_digest();
    if params.text("digest").is_some_and(|given| given != digest) {
        return Err(Failure::died(MODIFIED));
    }
    let storage = lab.storages.get_mut(&id).ok_or_else(|| missing(&id))?;
    for name in params.list("delete").unwrap_or_default() {
        if params.has(&name) {
            return Err(Failure::died(format!(
                "unable to set and delete property '{name}' at the same time!"
            )));
        }
        require_optional(&storage.kind, &name)?;
        storage.options.remove(&name);
    }
    for (key, value) in params.texts() {
        if !SECRETS.contains(&key) && !matches!(key, "storage" | "digest" | "delete") {
            storage.options.insert(key.to_owned(), value.to_owned());
        }
    }
    storage.options.retain(|key, value| key != "disable" || value != "0");
    let mut answer = json!({"storage": id, "type": storage.kind});
    if storage.kind == "pbs" {
        answer["config"] = json!({});
    }
    Ok(answer.into())
}

/// Refuses to take away what the plugin needs, what never changes, and what no storage has.
fn require_optional(kind: &str, name: &str) -> Result<(), Failure> {
    let refused = |what: &str| Err(Failure::died(format!("{what} '{name}'")));
    if plugin(kind).0.contains(&name) {
        return refused("unable to delete required option");
    }
    match (rules("PUT", "/storage/{storage}").get(name), rules("POST", "/storage").get(name)) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) => refused("unable to delete fixed option"),
        (None, None) => refused("no such option"),
    }
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("storage");
    if lab.storages.remove(id).is_none() {
        return Err(missing(id).within("delete storage failed"));
    }
    lab.storage_order.retain(|other| other != id);
    Ok(Reply::nothing())
}
