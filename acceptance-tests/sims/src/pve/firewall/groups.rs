//! Security groups of the cluster, and what rules may refer to.

use serde_json::{Value, json};

use super::macros;
use super::scope::{Group, digest_of, require_digest};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/firewall/groups", list),
    route("POST", "/cluster/firewall/groups", create),
    route("DELETE", "/cluster/firewall/groups/{group}", remove),
    route("GET", "/cluster/firewall/macros", list_macros),
    route("GET", "/cluster/firewall/refs", references),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/refs", references),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/refs", references),
];

fn list(lab: &mut Lab, _: &Request) -> Answer {
    let groups = &lab.cluster_firewall.groups;
    let digest = digest_of(groups);
    let items = groups.iter().map(|(name, group)| {
        let mut item = json!({"group": name, "digest": digest});
        if let Some(comment) = &group.comment {
            item["comment"] = comment.as_str().into();
        }
        item
    });
    Ok(items.collect::<Vec<_>>().into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let groups = &mut lab.cluster_firewall.groups;
    require_digest(request, &digest_of(groups))?;
    let name = request.params.text_or_empty("group").to_owned();
    let comment = request.params.text("comment").map(str::to_owned);
    if let Some(old) = request.params.text("rename") {
        let missing = || Failure::parameter("group", format!("Security group '{old}' does not exist"));
        let mut group = groups.remove(old).ok_or_else(missing)?;
        group.comment = comment.or(group.comment);
        groups.insert(name, group);
        return Ok(Reply::nothing());
    }
    if groups.contains_key(&name) {
        return Err(Failure::parameter("group", format!("Security group '{name}' already exists")));
    }
    groups.insert(name, Group { comment, ..Group::default() });
    Ok(Reply::nothing())
}

fn remove(lab: &mut Lab, request: &Request) -> Answer {
    let groups = &mut lab.cluster_firewall.groups;
    let name = request.params.text_or_empty("group");
    if groups.get(name).is_some_and(|group| !group.rules.is_empty()) {
        return Err(Failure::died(format!("Security group '{name}' is not empty")));
    }
    groups.remove(name);
    Ok(Reply::nothing())
}

fn list_macros(_: &mut Lab, _: &Request) -> Answer {
    Ok(macros::all().map(|name| json!({"macro": name, "descr": name})).collect::<Vec<_>>().into())
}

/// Aliases and sets that a rule may name, the cluster's first.
fn references(lab: &mut Lab, request: &Request) -> Answer {
    let own = request.params.has("vmid").then(|| lab.firewall(request).cloned()).transpose()?;
    let scopes = [("dc", Some(lab.cluster_firewall.clone())), ("guest", own)];
    let kind = request.params.text("type");
    let mut items: Vec<Value> = Vec::new();
    for (scope, firewall) in scopes.iter().filter_map(|(scope, firewall)| Some((*scope, firewall.as_ref()?)))
    {
        let mut add = |what: &str, name: &str, prefix: &str| {
            if kind.is_none_or(|kind| kind == what) {
                items.push(json!({
                    "type": what, "name": name, "scope": scope, "ref": format!("{prefix}{scope}/{name}"),
                }));
            }
        };
        firewall.aliases.keys().for_each(|name| add("alias", name, ""));
        firewall.ip_sets.keys().for_each(|name| add("ipset", name, "+"));
    }
    Ok(items.into())
}
