//! Firewall rules: an ordered list, addressed by position.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::macros;
use super::scope::{digest_of, require_digest};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::{Lab, Options};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/firewall/rules", list),
    route("POST", "/cluster/firewall/rules", create),
    route("GET", "/cluster/firewall/rules/{pos}", read),
    route("PUT", "/cluster/firewall/rules/{pos}", update),
    route("DELETE", "/cluster/firewall/rules/{pos}", remove),
    route("GET", "/cluster/firewall/groups/{group}", list),
    route("POST", "/cluster/firewall/groups/{group}", create),
    route("GET", "/cluster/firewall/groups/{group}/{pos}", read),
    route("PUT", "/cluster/firewall/groups/{group}/{pos}", update),
    route("DELETE", "/cluster/firewall/groups/{group}/{pos}", remove),
    route("GET", "/nodes/{node}/firewall/rules", list),
    route("POST", "/nodes/{node}/firewall/rules", create),
    route("GET", "/nodes/{node}/firewall/rules/{pos}", read),
    route("PUT", "/nodes/{node}/firewall/rules/{pos}", update),
    route("DELETE", "/nodes/{node}/firewall/rules/{pos}", remove),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/rules", list),
    route("POST", "/nodes/{node}/qemu/{vmid}/firewall/rules", create),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", read),
    route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", update),
    route("DELETE", "/nodes/{node}/qemu/{vmid}/firewall/rules/{pos}", remove),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/rules", list),
    route("POST", "/nodes/{node}/lxc/{vmid}/firewall/rules", create),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", read),
    route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", update),
    route("DELETE", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", remove),
];

/// Properties of a rule.
const PROPERTIES: [&str; 13] = [
    "action",
    "comment",
    "dest",
    "dport",
    "enable",
    "icmp-type",
    "iface",
    "log",
    "macro",
    "proto",
    "source",
    "sport",
    "type",
];

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let rules = lab.firewall_rules(request)?;
    let digest = digest_of(rules);
    let items = rules.iter().enumerate().map(|(position, rule)| {
        let mut item = shown(rule, &digest);
        item.insert("pos".to_owned(), position.into());
        Value::Object(item)
    });
    Ok(items.collect::<Vec<_>>().into())
}

/// The position comes back as the text that the path had.
fn read(lab: &mut Lab, request: &Request) -> Answer {
    let position = position(lab, request)?;
    let rules = lab.firewall_rules(request)?;
    let mut item = shown(&rules[position], &digest_of(rules));
    item.insert("pos".to_owned(), request.params.text_or_empty("pos").into());
    Ok(Reply::from(Value::Object(item)))
}

/// A new rule comes first.
fn create(lab: &mut Lab, request: &Request) -> Answer {
    let current = digest_of(lab.firewall_rules(request)?);
    require_digest(request, &current)?;
    let mut rule = Options::new();
    copy(request, &mut rule);
    verify(&mut rule, request.params.has("group"))?;
    rule.entry("enable".to_owned()).or_insert_with(|| "0".to_owned());
    lab.firewall_rules(request)?.insert(0, rule);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let position = position(lab, request)?;
    let rules = lab.firewall_rules(request)?;
    require_digest(request, &digest_of(rules))?;
    let target = request.params.integer("moveto").and_then(|target| usize::try_from(target).ok());
    if let Some(target) = target.filter(|target| *target != position) {
        let rule = rules.remove(position);
        // Upstream puts the rule before the one that has the wished position now.
        let at = if target > position { target - 1 } else { target };
        rules.insert(at.min(rules.len()), rule);
        return Ok(Reply::nothing());
    }
    let mut rule = rules[position].clone();
    copy(request, &mut rule);
    for key in request.params.list("delete").unwrap_or_default() {
        rule.remove(&key);
    }
    verify(&mut rule, request.params.has("group"))?;
    rules[position] = rule;
    Ok(Reply::nothing())
}

fn remove(lab: &mut Lab, request: &Request) -> Answer {
    let position = position(lab, request)?;
    let rules = lab.firewall_rules(request)?;
    require_digest(request, &digest_of(rules))?;
    rules.remove(position);
    Ok(Reply::nothing())
}

fn position(lab: &mut Lab, request: &Request) -> Result<usize, Failure> {
    let wanted = request.params.text_or_empty("pos");
    let count = lab.firewall_rules(request)?.len();
    let found = wanted.parse::<usize>().ok().filter(|position| *position < count);
    found.ok_or_else(|| Failure::died(format!("no rule at position {wanted}")))
}

fn copy(request: &Request, rule: &mut Options) {
    for key in PROPERTIES {
        match request.params.text(key) {
            Some("") => drop(rule.remove(key)),
            Some(value) => drop(rule.insert(key.to_owned(), value.to_owned())),
            None => {}
        }
    }
}

fn verify(rule: &mut Options, in_group: bool) -> Result<(), Failure> {
    let mut errors = BTreeMap::new();
    let action = rule.get("action").cloned().unwrap_or_default();
    if rule.get("type").map(String::as_str) == Some("group") {
        if in_group {
            errors.insert("type".to_owned(), "security groups not allowed".to_owned());
        }
    } else if !matches!(action.as_str(), "ACCEPT" | "DROP" | "REJECT") {
        errors.insert("action".to_owned(), format!("unknown action '{action}'"));
    }
    if let Some(name) = rule.get("macro").cloned() {
        match macros::preferred(&name) {
            Some(preferred) => drop(rule.insert("macro".to_owned(), preferred.to_owned())),
            None => drop(errors.insert("macro".to_owned(), format!("unknown macro '{name}'"))),
        }
    }
    for port in ["dport", "sport"] {
        if rule.contains_key(port) && !rule.contains_key("proto") {
            errors.insert("proto".to_owned(), format!("missing property - '{port}' requires this property"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::parameters(errors)) }
}

fn shown(rule: &Options, digest: &str) -> Map<String, Value> {
    let mut item: Map<String, Value> = rule
        .iter()
        .map(|(key, value)| {
            let number = value.parse::<u8>().ok().filter(|_| key == "enable");
            (key.clone(), number.map_or_else(|| json!(value), Value::from))
        })
        .collect();
    item.insert("digest".to_owned(), digest.into());
    item
}
