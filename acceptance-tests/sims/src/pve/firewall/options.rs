//! Switches and policies of a firewall, and its index.

use serde_json::{Map, Value, json};

use super::scope::{digest_of, require_digest};
use crate::pve::answer::{Answer, Reply};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/firewall/options", read),
    route("PUT", "/cluster/firewall/options", write),
    route("GET", "/nodes/{node}/firewall/options", read),
    route("PUT", "/nodes/{node}/firewall/options", write),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/options", read),
    route("PUT", "/nodes/{node}/qemu/{vmid}/firewall/options", write),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall", index),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/options", read),
    route("PUT", "/nodes/{node}/lxc/{vmid}/firewall/options", write),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall", index),
];

/// Options that are read back as text.
const TEXTS: [&str; 7] = [
    "log_level_forward",
    "log_level_in",
    "log_level_out",
    "log_ratelimit",
    "policy_forward",
    "policy_in",
    "policy_out",
];

/// Parts of a VM's firewall.
const PARTS: [&str; 5] = ["rules", "aliases", "ipset", "refs", "options"];

fn index(lab: &mut Lab, request: &Request) -> Answer {
    lab.firewall(request)?;
    Ok(PARTS.map(|name| json!({"name": name})).to_vec().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let options = &lab.firewall(request)?.options;
    let mut shown: Map<String, Value> = options
        .iter()
        .map(|(key, value)| {
            let number = value.parse::<i64>().ok().filter(|_| !TEXTS.contains(&key.as_str()));
            (key.clone(), number.map_or_else(|| json!(value), Value::from))
        })
        .collect();
    shown.insert("digest".to_owned(), digest_of(options).into());
    Ok(Reply::from(Value::Object(shown)))
}

fn write(lab: &mut Lab, request: &Request) -> Answer {
    let options = &mut lab.firewall(request)?.options;
    require_digest(request, &digest_of(options))?;
    for key in request.params.list("delete").unwrap_or_default() {
        options.remove(&key);
    }
    for (key, value) in request.params.texts() {
        if !matches!(key, "node" | "vmid" | "digest" | "delete") {
            options.insert(key.to_owned(), value.to_owned());
        }
    }
    Ok(Reply::nothing())
}
