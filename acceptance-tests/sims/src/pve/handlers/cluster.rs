//! `/cluster`: status, options, next id.

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::property;
use crate::pve::schema::{Format, Rule, methods};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/status", status),
    route("GET", "/cluster/options", options),
    route("PUT", "/cluster/options", set_options),
    route("GET", "/cluster/nextid", next_id),
];

/// Lowest and highest id that `nextid` offers unless the datacenter says otherwise.
const RANGE: (u32, u32) = (100, 1_000_000);
/// Prefix of generated MAC addresses unless the datacenter says otherwise.
const MAC_PREFIX: &str = "BC:24:11";

fn status(lab: &mut Lab, _: &Request) -> Answer {
    let local = lab.local_node().to_owned();
    let mut entries = Vec::new();
    if let Some(name) = &lab.cluster_name {
        entries.push(json!({
            "id": "cluster", "type": "cluster", "name": name, "nodes": lab.nodes.len(), "quorate": 1, "version": 3,
        }));
    }
    for (name, node) in &lab.nodes {
        let nodeid = if lab.cluster_name.is_some() { node.id } else { 0 };
        entries.push(json!({
            "id": format!("node/{name}"), "type": "node", "name": name, "nodeid": nodeid, "level": "",
            "ip": format!("192.0.2.{}", 10 + node.id), "local": i32::from(*name == local),
            "online": i32::from(!node.offline),
        }));
    }
    Ok(entries.into())
}

fn rule_of(name: &str) -> Option<&'static Rule> {
    let method = methods().iter().find(|method| method.path == "/cluster/options" && method.verb == "PUT")?;
    method.parameters.get(name)
}

fn options(lab: &mut Lab, _: &Request) -> Answer {
    let mut shown: Map<String, Value> = Map::new();
    for (key, value) in &lab.datacenter {
        let rule = rule_of(key);
        let value = match (key.as_str(), rule.and_then(|rule| rule.format.as_ref())) {
            ("description", _) => json!(format!("{value}\n")),
            ("registered-tags", _) => json!(value.split(';').collect::<Vec<&str>>()),
            (_, Some(Format::Properties(rules))) => {
                json!(property::parse(rules, value).unwrap_or_default())
            }
            _ => json!(value),
        };
        shown.insert(key.clone(), value);
    }
    shown.entry("mac_prefix").or_insert_with(|| MAC_PREFIX.into());
    let allowed = lab.datacenter.get("registered-tags").map(|tags| tags.split(';').collect::<Vec<&str>>());
    shown.insert("allowed-tags".to_owned(), json!(allowed.unwrap_or_default()));
    Ok(Value::Object(shown).into())
}

fn set_options(lab: &mut Lab, request: &Request) -> Answer {
    for name in request.params.list("delete").unwrap_or_default() {
        if rule_of(&name).is_none() {
            return Err(Failure::parameter("delete", format!("unknown option '{name}'")));
        }
        lab.datacenter.remove(&name);
    }
    for (key, value) in request.params.texts().filter(|(key, _)| *key != "delete") {
        lab.datacenter.insert(key.to_owned(), value.to_owned());
    }
    Ok(Reply::nothing())
}

fn next_id(lab: &mut Lab, request: &Request) -> Answer {
    if let Some(wanted) = request.params.integer("vmid") {
        if u32::try_from(wanted).is_ok_and(|vmid| lab.has_guest(vmid)) {
            return Err(Failure::parameter("vmid", format!("VM {wanted} already exists")));
        }
        return Ok(wanted.to_string().into());
    }
    let (lower, upper) = lab.next_id_range();
    match (lower..upper).find(|vmid| !lab.has_guest(*vmid)) {
        Some(vmid) => Ok(vmid.to_string().into()),
        None => Err(Failure::died(format!("unable to get any free VMID in range [{lower}, {upper}]"))),
    }
}

impl Lab {
    fn next_id_range(&self) -> (u32, u32) {
        let text = self.datacenter.get("next-id").map_or("", String::as_str);
        let bound = |key: &str| {
            text.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('=')?.parse::<u32>().ok())
        };
        (bound("lower").unwrap_or(RANGE.0), bound("upper").unwrap_or(RANGE.1))
    }
}
