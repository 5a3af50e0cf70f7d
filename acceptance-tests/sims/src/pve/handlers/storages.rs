//! `/storage`: the cluster's `storage.cfg`.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::params::Params;
use crate::pve::section::{MODIFIED, rules, shown};
use crate::pve::state::{Lab, Options, Storage};
use crate::pve::storage_types::storage_type;

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
/// What a change is told that is no option.
const CONTROL: [&str; 3] = ["storage", "digest", "delete"];
/// Options that are kept elsewhere and never shown.
const SECRETS: [&str; 4] = ["password", "encryption-key", "keyring", "master-pubkey"];

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
    let plugin = storage_type(&kind);
    if lab.storages.contains_key(&id) {
        return Err(Failure::died(format!("create storage failed: storage ID '{id}' already defined")));
    }
    if let Some(name) = plugin.required.iter().find(|name| !params.has(name)) {
        return Err(Failure::died(format!("missing value for required option '{name}'")));
    }
    plugin.check(params.texts().map(|(key, _)| key).filter(|key| !matches!(*key, "storage" | "type")))?;
    let mut options: Options = params
        .texts()
        .filter(|(key, _)| !SECRETS.contains(key) && !matches!(*key, "storage" | "type"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    options.entry("content".to_owned()).or_insert_with(|| plugin.default_content.to_owned());
    plugin.trim(&mut options)?;
    if matches!(kind.as_str(), "nfs" | "cifs" | "cephfs") {
        options.entry("path".to_owned()).or_insert_with(|| format!("/mnt/pve/{id}"));
    }
    let mut config = json!({});
    if kind == "pbs" {
        config =
            keep_keys(params, &mut options).map_err(|failure| failure.within("create storage failed"))?;
    }
    let storage = Storage { kind: kind.clone(), options };
    activate(lab, &id, &storage).map_err(|failure| failure.within("create storage failed"))?;
    lab.storages.insert(id.clone(), storage);
    lab.storage_order.push(id.clone());
    Ok(answered(&id, &kind, config))
}

fn answered(id: &str, kind: &str, config: Value) -> Reply {
    let mut answer = json!({"storage": id, "type": kind});
    if kind == "pbs" {
        answer["config"] = config;
    }
    answer.into()
}

/// Of its keys the section keeps a fingerprint, or that there is one. What is returned are the keys that were given.
fn keep_keys(params: &Params, options: &mut Options) -> Result<Value, Failure> {
    let mut config = json!({});
    if let Some(text) = params.text("encryption-key") {
        let key: Value = serde_json::from_str(text).unwrap_or_default();
        if key.get("data").is_none() {
            return Err(Failure::died(
                "Value does not seems like a valid, JSON formatted encryption key!".to_owned(),
            ));
        }
        options.insert("encryption-key".to_owned(), key["fingerprint"].as_str().unwrap_or("1").to_owned());
        config["encryption-key"] = text.into();
    }
    if params.has("master-pubkey") {
        if !options.contains_key("encryption-key") {
            return Err(Failure::died("'master-pubkey' can only be used together with 'encryption-key'"));
        }
        options.insert("master-pubkey".to_owned(), "1".to_owned());
    }
    Ok(config)
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
    let (kind, mut options) = (storage.kind.clone(), storage.options.clone());
    let plugin = storage_type(&kind);
    plugin.check(params.texts().map(|(key, _)| key).filter(|key| !CONTROL.contains(key)))?;
    for name in params.list("delete").unwrap_or_default() {
        if params.has(&name) {
            return Err(Failure::died(format!(
                "unable to set and delete property '{name}' at the same time!"
            )));
        }
        require_optional(&kind, &name)?;
        options.remove(&name);
    }
    for (key, value) in params.texts() {
        if !SECRETS.contains(&key) && !CONTROL.contains(&key) {
            options.insert(key.to_owned(), value.to_owned());
        }
    }
    options.retain(|key, value| key != "disable" || value != "0");
    plugin.trim(&mut options)?;
    let config = if kind == "pbs" { keep_keys(params, &mut options)? } else { json!({}) };
    storage.options = options;
    Ok(answered(&id, &kind, config))
}

/// Refuses to take away what the plugin needs, what never changes, and what no storage has.
fn require_optional(kind: &str, name: &str) -> Result<(), Failure> {
    let refused = |what: &str| Err(Failure::died(format!("{what} '{name}'")));
    if storage_type(kind).required.contains(&name) {
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
