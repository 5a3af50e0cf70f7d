//! `/pools`.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::state::{Lab, Pool};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/pools", list),
    route("POST", "/pools", create),
    route("PUT", "/pools", update),
    route("DELETE", "/pools", delete),
    route("GET", "/pools/{poolid}", read),
    route("PUT", "/pools/{poolid}", update),
    route("DELETE", "/pools/{poolid}", delete),
];

/// Listing shows what one may audit or allocate.
const SEEING: [&str; 2] = ["Pool.Audit", "Pool.Allocate"];

fn with_comment(mut entry: Value, pool: &Pool) -> Value {
    if let Some(comment) = &pool.comment {
        entry["comment"] = json!(comment);
    }
    entry
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    if let Some(id) = request.params.text("poolid") {
        lab.require_any(&request.who, &format!("/pool/{id}"), &["Pool.Audit"])?;
        let mut entry = detailed(lab, request)?;
        entry["poolid"] = json!(id);
        return Ok(json!([entry]).into());
    }
    let seen = lab.pools.iter().filter(|(id, _)| {
        request.who.is_root() || lab.allows_any(&request.who, &format!("/pool/{id}"), &SEEING)
    });
    let entries = seen.map(|(id, pool)| with_comment(json!({ "poolid": id }), pool));
    Ok(entries.collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let mut entry = detailed(lab, request)?;
    entry["poolid"] = json!(request.params.text_or_empty("poolid"));
    Ok(entry.into())
}

fn detailed(lab: &Lab, request: &Request) -> Result<Value, Failure> {
    let id = request.params.text_or_empty("poolid");
    let pool = lab.pools.get(id).ok_or_else(|| Failure::died(format!("pool '{id}' does not exist")))?;
    let kind = request.params.text("type");
    let guests =
        pool.guests.iter().map(|vmid| lab.guest_resource(*vmid, false)).filter(|entry| !entry.is_null());
    let node = lab.local_node();
    let storages = pool.storages.iter().filter_map(|storage| lab.storage_resource(node, storage));
    let members = guests.chain(storages).filter(|entry| kind.is_none_or(|kind| entry["type"] == kind));
    Ok(with_comment(json!({ "members": members.collect::<Vec<Value>>() }), pool))
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    created(lab, request).map_err(|failure| failure.within("create pool failed"))
}

fn created(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("poolid").to_owned();
    if lab.pools.contains_key(&id) {
        return Err(Failure::died(format!("pool '{id}' already exists")));
    }
    if let Some((parent, _)) = id.rsplit_once('/').filter(|(parent, _)| !lab.pools.contains_key(*parent)) {
        return Err(Failure::died(format!("parent '{parent}' of pool '{id}' does not exist")));
    }
    let comment = request.params.text("comment").filter(|text| !text.is_empty()).map(str::to_owned);
    lab.pools.insert(id, Pool { comment, ..Pool::default() });
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    changed(lab, request).map_err(|failure| failure.within("update pools failed"))
}

/// Works on a copy of all pools, so that a refusal changes nothing.
fn changed(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let id = params.text_or_empty("poolid");
    let mut pools = lab.pools.clone();
    let delete = params.is_set("delete");
    if !pools.contains_key(id) {
        return Err(Failure::died(format!("pool '{id}' does not exist")));
    }
    for text in params.list("vms").unwrap_or_default() {
        let vmid = text.parse().unwrap_or_default();
        lab.require_modify(&request.who, &format!("/vms/{vmid}"))?;
        let owner = pools.iter().find(|(_, pool)| pool.guests.contains(&vmid)).map(|(id, _)| id.clone());
        match owner.as_deref() {
            Some(owner) if delete && owner == id => {}
            _ if delete => return Err(Failure::died(format!("VM {vmid} is not a pool member"))),
            Some(owner) if owner == id => {
                return Err(Failure::died(format!("VM {vmid} is already a pool member")));
            }
            Some(owner) if !params.is_set("allow-move") => {
                let message =
                    format!("VM {vmid} belongs already to pool '{owner}' and 'allow-move' is not set");
                return Err(Failure::died(message));
            }
            _ => {}
        }
        for pool in pools.values_mut() {
            pool.guests.remove(&vmid);
        }
        if let Some(pool) = pools.get_mut(id).filter(|_| !delete) {
            pool.guests.insert(vmid);
        }
    }
    if let Some(pool) = pools.get_mut(id) {
        for storage in params.list("storage").unwrap_or_default() {
            lab.require_any(&request.who, &format!("/storage/{storage}"), &["Datastore.Allocate"])?;
            if delete && !pool.storages.remove(&storage) {
                return Err(Failure::died(format!("Storage '{storage}' is not a pool member")));
            }
            if !delete && !pool.storages.insert(storage.clone()) {
                return Err(Failure::died(format!("Storage '{storage}' is already a pool member")));
            }
        }
        if let Some(comment) = params.text("comment") {
            pool.comment = (!comment.is_empty()).then(|| comment.to_owned());
        }
    }
    lab.pools = pools;
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    deleted(lab, request).map_err(|failure| failure.within("delete pool failed"))
}

fn deleted(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("poolid");
    let Some(pool) = lab.pools.get(id) else {
        return Err(Failure::died(format!("pool '{id}' does not exist")));
    };
    let below = format!("{id}/");
    let nested =
        lab.pools.keys().find(|other| other.starts_with(&below)).map(|other| format!("pool '{other}'"));
    let guest = pool.guests.iter().find(|vmid| lab.has_guest(**vmid)).map(|vmid| format!("VM {vmid}"));
    let storage = pool.storages.iter().find(|storage| lab.storages.contains_key(*storage));
    let storage = storage.map(|storage| format!("storage '{storage}'"));
    if let Some(what) = nested.or(guest).or(storage) {
        return Err(Failure::died(format!("pool '{id}' is not empty (contains {what})")));
    }
    lab.pools.remove(id);
    let path = format!("/pool/{id}");
    lab.access.acl.retain(|entry| entry.path != path);
    Ok(Reply::nothing())
}
