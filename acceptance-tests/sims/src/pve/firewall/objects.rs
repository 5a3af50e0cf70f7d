//! Aliases and IP sets.

use serde_json::{Map, Value, json};

use super::scope::{IpSet, digest_of, require_digest};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::{Lab, Options};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/firewall/aliases", list_aliases),
    route("POST", "/cluster/firewall/aliases", create_alias),
    route("GET", "/cluster/firewall/aliases/{name}", read_alias),
    route("PUT", "/cluster/firewall/aliases/{name}", update_alias),
    route("DELETE", "/cluster/firewall/aliases/{name}", remove_alias),
    route("GET", "/cluster/firewall/ipset", list_sets),
    route("POST", "/cluster/firewall/ipset", create_set),
    route("GET", "/cluster/firewall/ipset/{name}", list_members),
    route("POST", "/cluster/firewall/ipset/{name}", add_member),
    route("DELETE", "/cluster/firewall/ipset/{name}", remove_set),
    route("GET", "/cluster/firewall/ipset/{name}/{cidr}", read_member),
    route("PUT", "/cluster/firewall/ipset/{name}/{cidr}", update_member),
    route("DELETE", "/cluster/firewall/ipset/{name}/{cidr}", remove_member),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/aliases", list_aliases),
    route("POST", "/nodes/{node}/qemu/{vmid}/firewall/aliases", create_alias),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/aliases/{name}", read_alias),
    route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/aliases/{name}", update_alias),
    route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/aliases/{name}", remove_alias),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset", list_sets),
    route("POST", "/nodes/{node}/qemu/{vmid}/firewall/ipset", create_set),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", list_members),
    route("POST", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", add_member),
    route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}", remove_set),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}", read_member),
    route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}", update_member),
    route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/ipset/{name}/{cidr}", remove_member),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/aliases", list_aliases),
    route("POST", "/nodes/{node}/lxc/{vmid}/firewall/aliases", create_alias),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", read_alias),
    route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", update_alias),
    route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}", remove_alias),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/ipset", list_sets),
    route("POST", "/nodes/{node}/lxc/{vmid}/firewall/ipset", create_set),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", list_members),
    route("POST", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", add_member),
    route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}", remove_set),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", read_member),
    route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", update_member),
    route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}", remove_member),
];

fn name(request: &Request) -> String {
    request.params.text_or_empty("name").to_owned()
}

fn cidr(request: &Request) -> String {
    request.params.text_or_empty("cidr").to_owned()
}

fn given(request: &Request, keys: &[&str]) -> Options {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), request.params.text(key)?.to_owned()))).collect()
}

fn shown(options: &Options, digest: &str) -> Map<String, Value> {
    let mut item: Map<String, Value> = options
        .iter()
        .map(|(key, value)| {
            let number = value.parse::<u8>().ok().filter(|_| key == "nomatch");
            (key.clone(), number.map_or_else(|| json!(value), Value::from))
        })
        .collect();
    item.insert("digest".to_owned(), digest.into());
    item
}

fn shown_alias(name: &str, alias: &Options, digest: &str) -> Value {
    let mut item = shown(alias, digest);
    let version = if alias.get("cidr").is_some_and(|cidr| cidr.contains(':')) { 6 } else { 4 };
    item.insert("name".to_owned(), name.into());
    item.insert("ipversion".to_owned(), version.into());
    Value::Object(item)
}

fn list_aliases(lab: &mut Lab, request: &Request) -> Answer {
    let aliases = &lab.firewall(request)?.aliases;
    let digest = digest_of(aliases);
    Ok(aliases.iter().map(|(name, alias)| shown_alias(name, alias, &digest)).collect::<Vec<_>>().into())
}

fn create_alias(lab: &mut Lab, request: &Request) -> Answer {
    let aliases = &mut lab.firewall(request)?.aliases;
    let name = name(request);
    if aliases.contains_key(&name) {
        return Err(Failure::parameter("name", format!("alias '{name}' already exists")));
    }
    aliases.insert(name, given(request, &["cidr", "comment"]));
    Ok(Reply::nothing())
}

fn read_alias(lab: &mut Lab, request: &Request) -> Answer {
    let aliases = &lab.firewall(request)?.aliases;
    let name = name(request);
    let alias = aliases.get(&name).ok_or_else(no_such_alias)?;
    Ok(Reply::from(shown_alias(&name, alias, &digest_of(aliases))))
}

fn update_alias(lab: &mut Lab, request: &Request) -> Answer {
    let aliases = &mut lab.firewall(request)?.aliases;
    require_digest(request, &digest_of(aliases))?;
    let name = name(request);
    let mut alias = aliases.get(&name).cloned().ok_or_else(no_such_alias)?;
    alias.extend(given(request, &["cidr", "comment"]));
    let renamed = request.params.text("rename").map_or_else(|| name.clone(), str::to_owned);
    if renamed != name && aliases.contains_key(&renamed) {
        return Err(Failure::parameter("name", format!("alias '{renamed}' already exists")));
    }
    aliases.remove(&name);
    aliases.insert(renamed, alias);
    Ok(Reply::nothing())
}

/// Removing what is not there is well.
fn remove_alias(lab: &mut Lab, request: &Request) -> Answer {
    let aliases = &mut lab.firewall(request)?.aliases;
    require_digest(request, &digest_of(aliases))?;
    aliases.remove(&name(request));
    Ok(Reply::nothing())
}

fn no_such_alias() -> Failure {
    Failure::parameter("name", "no such alias")
}

fn list_sets(lab: &mut Lab, request: &Request) -> Answer {
    let sets = &lab.firewall(request)?.ip_sets;
    let digest = digest_of(sets);
    let items = sets.iter().map(|(name, set)| {
        let mut item = json!({"name": name, "digest": digest});
        if let Some(comment) = &set.comment {
            item["comment"] = comment.as_str().into();
        }
        item
    });
    Ok(items.collect::<Vec<_>>().into())
}

fn create_set(lab: &mut Lab, request: &Request) -> Answer {
    let sets = &mut lab.firewall(request)?.ip_sets;
    require_digest(request, &digest_of(sets))?;
    let name = name(request);
    let comment = request.params.text("comment").map(str::to_owned);
    if let Some(old) = request.params.text("rename") {
        let mut set = sets
            .remove(old)
            .ok_or_else(|| Failure::parameter("name", format!("IPSet '{old}' does not exist")))?;
        set.comment = comment.or(set.comment);
        sets.insert(name, set);
        return Ok(Reply::nothing());
    }
    if sets.contains_key(&name) {
        return Err(Failure::parameter("name", format!("IPSet '{name}' already exists")));
    }
    sets.insert(name, IpSet { comment, ..IpSet::default() });
    Ok(Reply::nothing())
}

fn remove_set(lab: &mut Lab, request: &Request) -> Answer {
    let sets = &mut lab.firewall(request)?.ip_sets;
    let name = name(request);
    if sets.get(&name).is_some_and(|set| !set.members.is_empty()) && !request.params.is_set("force") {
        return Err(Failure::died(format!("IPSet '{name}' is not empty")));
    }
    sets.remove(&name);
    Ok(Reply::nothing())
}

fn set<'a>(lab: &'a mut Lab, request: &Request) -> Result<&'a mut IpSet, Failure> {
    let name = name(request);
    let sets = &mut lab.firewall(request)?.ip_sets;
    sets.get_mut(&name).ok_or_else(|| Failure::died(format!("no such IPSet '{name}'")))
}

fn shown_member(cidr: &str, member: &Options, digest: &str) -> Value {
    let mut item = shown(member, digest);
    item.insert("cidr".to_owned(), cidr.into());
    Value::Object(item)
}

fn list_members(lab: &mut Lab, request: &Request) -> Answer {
    let members = &set(lab, request)?.members;
    let digest = digest_of(members);
    Ok(members.iter().map(|(cidr, member)| shown_member(cidr, member, &digest)).collect::<Vec<_>>().into())
}

fn add_member(lab: &mut Lab, request: &Request) -> Answer {
    let cidr = cidr(request);
    let members = &mut set(lab, request)?.members;
    if members.contains_key(&cidr) {
        return Err(Failure::parameter("cidr", format!("address '{cidr}' already exists")));
    }
    members.insert(cidr, given(request, &["comment", "nomatch"]));
    Ok(Reply::nothing())
}

fn read_member(lab: &mut Lab, request: &Request) -> Answer {
    let cidr = cidr(request);
    let members = &set(lab, request)?.members;
    let member = members.get(&cidr).ok_or_else(no_such_member)?;
    Ok(Reply::from(shown_member(&cidr, member, &digest_of(members))))
}

fn update_member(lab: &mut Lab, request: &Request) -> Answer {
    let cidr = cidr(request);
    let members = &mut set(lab, request)?.members;
    require_digest(request, &digest_of(members))?;
    let member = members.get_mut(&cidr).ok_or_else(no_such_member)?;
    *member = given(request, &["comment", "nomatch"]);
    Ok(Reply::nothing())
}

fn remove_member(lab: &mut Lab, request: &Request) -> Answer {
    let cidr = cidr(request);
    let members = &mut set(lab, request)?.members;
    require_digest(request, &digest_of(members))?;
    members.remove(&cidr);
    Ok(Reply::nothing())
}

fn no_such_member() -> Failure {
    Failure::parameter("cidr", "no such IP/Network")
}
