//! `/nodes/{node}/network`: interfaces, pending until they are applied.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::nodes::node;
use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{rules, shown};
use crate::pve::state::{Lab, Node, Options};
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/network", list),
    route("POST", "/nodes/{node}/network", create),
    route("PUT", "/nodes/{node}/network", apply),
    route("DELETE", "/nodes/{node}/network", revert),
    route("GET", "/nodes/{node}/network/{iface}", read),
    route("PUT", "/nodes/{node}/network/{iface}", update),
    route("DELETE", "/nodes/{node}/network/{iface}", delete),
];

/// Interfaces by name.
type Interfaces = BTreeMap<String, Options>;

/// Numbers of interfaces that answers show as text.
const TEXTS: [&str; 3] = ["mtu", "ovs_tag", "netmask6"];
/// Priority of the first interface of the file; 1 is kept for `lo`.
const FIRST: usize = 3;

/// What the next apply will make of the interfaces, or what they are.
fn wanted(node: &Node) -> &Interfaces {
    node.pending_interfaces.as_ref().unwrap_or(&node.interfaces)
}

/// What is told of an interface.
fn entry(node: &Node, name: &str, options: &Options) -> Map<String, Value> {
    let mut entry = shown(options, rules("POST", "/nodes/{node}/network"));
    for key in TEXTS {
        if let Some(text) = options.get(key) {
            entry.insert(key.to_owned(), text.as_str().into());
        }
    }
    entry.remove("number");
    if let Some(comments) = options.get("comments") {
        entry.insert("comments".to_owned(), format!("{comments}\n").into());
    }
    let has = |key: &str| options.get(key).is_some_and(|text| !text.is_empty());
    entry.insert("method".to_owned(), if has("cidr") { "static" } else { "manual" }.into());
    entry.insert("method6".to_owned(), if has("cidr6") { "static" } else { "manual" }.into());
    let mut families = vec!["inet"];
    if has("cidr6") {
        families.push("inet6");
    }
    entry.insert("families".to_owned(), json!(families));
    for (cidr, address, mask) in [("cidr", "address", "netmask"), ("cidr6", "address6", "netmask6")] {
        if let Some((ip, bits)) = options.get(cidr).and_then(|text| text.split_once('/')) {
            entry.insert(address.to_owned(), ip.into());
            entry.insert(mask.to_owned(), bits.into());
        }
    }
    if node.interfaces.get(name) == Some(options) && (has("autostart") || !has("bridge_fd")) {
        entry.insert("active".to_owned(), 1.into());
    }
    entry.insert("priority".to_owned(), priority(wanted(node), name).into());
    entry
}

/// Place in the file, which is written anew with each change: by type, those of one type in the order in which they
/// were made. A VLAN on a bridge counts as the bridge does.
fn priority(interfaces: &Interfaces, name: &str) -> usize {
    let rank = |name: &str| {
        let type_of = |name: &str| interfaces.get(name)?.get("type").map(String::as_str);
        let class = match type_of(name.split(['.', ':']).next().unwrap_or(name)) {
            Some("eth" | "OVSPort") => 2,
            Some("OVSIntPort") => 3,
            Some("bond" | "OVSBond") => 4,
            Some("bridge" | "OVSBridge") => 5,
            _ => 6,
        };
        let number = interfaces.get(name).and_then(|options| options.get("number")?.parse::<u32>().ok());
        (class, number.unwrap_or_default())
    };
    let own = rank(name);
    FIRST + interfaces.keys().filter(|other| rank(other) < own).count()
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = request.params.text("type");
    let node = node(lab, request)?;
    let is_wanted = |options: &Options| {
        let found = options.get("type").map_or("", String::as_str);
        match kind {
            None => true,
            Some("any_bridge" | "any_local_bridge" | "include_sdn") => {
                matches!(found, "bridge" | "OVSBridge")
            }
            Some(kind) => kind == found,
        }
    };
    let items = wanted(node).iter().filter(|(_, options)| is_wanted(options)).map(|(name, options)| {
        let mut item = entry(node, name, options);
        item.insert("iface".to_owned(), name.as_str().into());
        Value::Object(item)
    });
    let reply = Reply::from(items.collect::<Vec<Value>>());
    Ok(match &node.pending_interfaces {
        Some(pending) if *pending != node.interfaces => {
            reply.beside("changes", changes(&node.interfaces, pending))
        }
        _ => reply,
    })
}

/// The changes as a diff of the file.
fn changes(old: &Interfaces, new: &Interfaces) -> String {
    let mut text = "--- /etc/network/interfaces\n+++ /etc/network/interfaces.new\n".to_owned();
    for (name, options) in old.iter().filter(|(name, options)| new.get(*name) != Some(options)) {
        stanza(name, options).lines().for_each(|line| text.push_str(&format!("-{line}\n")));
    }
    for (name, options) in new.iter().filter(|(name, options)| old.get(*name) != Some(options)) {
        stanza(name, options).lines().for_each(|line| text.push_str(&format!("+{line}\n")));
    }
    text
}

fn stanza(name: &str, options: &Options) -> String {
    let mut text = String::new();
    if options.contains_key("autostart") {
        text.push_str(&format!("auto {name}\n"));
    }
    let method = if options.contains_key("cidr") { "static" } else { "manual" };
    text.push_str(&format!("iface {name} inet {method}\n"));
    let lines = options
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "type" | "autostart" | "number" | "comments"));
    for (key, value) in lines {
        let value = if value.is_empty() { "none" } else { value };
        let key = if key == "cidr" { "address".to_owned() } else { key.replace('_', "-") };
        text.push_str(&format!("\t{key} {value}\n"));
    }
    text
}

fn missing() -> Failure {
    Failure::parameter("iface", "interface does not exist")
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("iface");
    let node = node(lab, request)?;
    let options = wanted(node).get(name).ok_or_else(missing)?;
    let mut item = entry(node, name, options);
    if node.pending_interfaces.is_some() {
        item.remove("active");
    }
    Ok(Value::Object(item).into())
}

/// Sets what the request says of an interface, and what its type adds where nothing is said. What the request does
/// not name stays.
fn assign(options: &mut Options, request: &Request, name: &str) {
    let params = &request.params;
    let given = params.texts().filter(|(key, _)| !matches!(*key, "node" | "iface" | "delete"));
    options.extend(given.map(|(key, value)| (key.to_owned(), value.to_owned())));
    // In the file a switch is a line that is there or not.
    for (switch, with) in [("autostart", "autostart"), ("bridge_vlan_aware", "bridge_vids")] {
        if params.flag(switch) == Some(false) {
            options.remove(switch);
            options.remove(with);
        }
    }
    let mut default = |key: &str, value: &str| {
        options.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    };
    match params.text_or_empty("type") {
        "bridge" => {
            default("bridge_ports", "");
            default("bridge_fd", "0");
            default("bridge_stp", "off");
            if params.is_set("bridge_vlan_aware") {
                default("bridge_vids", "2-4094");
            }
        }
        "vlan" => {
            if let Some((device, tag)) = name.rsplit_once('.') {
                default("vlan-raw-device", device);
                default("vlan-id", tag);
            }
        }
        _ => {}
    }
}

/// What two interfaces cannot share.
fn fits(interfaces: &Interfaces, name: &str, options: &Options) -> Result<(), Failure> {
    let others = || interfaces.iter().filter(|(other, _)| *other != name);
    for key in ["slaves", "bridge_ports"] {
        for port in options.get(key).into_iter().flat_map(|text| text.split([' ', ',', ';'])) {
            let uses = |options: &Options| {
                ["slaves", "bridge_ports"]
                    .iter()
                    .filter_map(|key| options.get(*key))
                    .any(|text| text.split([' ', ',', ';']).any(|other| !other.is_empty() && other == port))
            };
            if let Some((other, _)) = others().find(|(_, options)| uses(options)) {
                let message = format!("{port} is already used on interface '{other}'.");
                return Err(Failure::parameter(key, message));
            }
        }
    }
    if options.contains_key("gateway")
        && let Some((other, _)) = others().find(|(_, options)| options.contains_key("gateway"))
    {
        let message = format!("Default gateway already exists on interface '{other}'.");
        return Err(Failure::parameter("gateway", message));
    }
    Ok(())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("iface");
    let node = node(lab, request)?;
    let mut interfaces = wanted(node).clone();
    if interfaces.contains_key(name) {
        return Err(Failure::parameter("iface", "interface already exists"));
    }
    let mut options = Options::new();
    assign(&mut options, request, name);
    fits(&interfaces, name, &options)?;
    let last = interfaces.values().filter_map(|options| options.get("number")?.parse::<u32>().ok()).max();
    options.insert("number".to_owned(), last.map_or(0, |last| last + 1).to_string());
    interfaces.insert(name.to_owned(), options);
    node.pending_interfaces = Some(interfaces);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("iface");
    let node = node(lab, request)?;
    let mut interfaces = wanted(node).clone();
    let kept = interfaces.get_mut(name).ok_or_else(missing)?;
    for key in request.params.list("delete").unwrap_or_default() {
        kept.remove(&key);
    }
    assign(kept, request, name);
    let options = kept.clone();
    fits(&interfaces, name, &options)?;
    node.pending_interfaces = Some(interfaces);
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("iface");
    let node = node(lab, request)?;
    let mut interfaces = wanted(node).clone();
    interfaces.remove(name).ok_or_else(missing)?;
    node.pending_interfaces = Some(interfaces);
    Ok(Reply::nothing())
}

fn revert(lab: &mut Lab, request: &Request) -> Answer {
    node(lab, request)?.pending_interfaces = None;
    Ok(Reply::nothing())
}

fn apply(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.node().to_owned();
    let plan = Plan::new("srvreload", "networking", lab.usual_task_time(), move |lab, upid| {
        if let Some(node) = lab.nodes.get_mut(&upid.node)
            && let Some(pending) = node.pending_interfaces.take()
        {
            node.interfaces = pending;
        }
        Progress::Done
    });
    Ok(lab.start_task(&name, &request.who.0, plan).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_ordered_by_type_and_has_no_holes() {
        let options = |kind: &str, number: &str| -> Options {
            [("type", kind), ("number", number)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        let mut interfaces = Interfaces::from([
            ("eno1".to_owned(), options("eth", "0")),
            ("vmbr0".to_owned(), options("bridge", "1")),
            ("vmbr7".to_owned(), options("bridge", "2")),
            ("vmbr0.30".to_owned(), options("vlan", "3")),
            ("br7".to_owned(), options("bridge", "4")),
            ("bond0".to_owned(), options("bond", "5")),
        ]);
        let order = |interfaces: &Interfaces| {
            let mut names: Vec<(usize, &str)> =
                interfaces.keys().map(|name| (priority(interfaces, name), name.as_str())).collect();
            names.sort_unstable();
            names
                .iter()
                .map(|(priority, name)| format!("{priority} {name}"))
                .collect::<Vec<String>>()
                .join(", ")
        };
        assert_eq!(order(&interfaces), "3 eno1, 4 bond0, 5 vmbr0, 6 vmbr7, 7 vmbr0.30, 8 br7");
        interfaces.remove("bond0");
        interfaces.remove("vmbr0.30");
        assert_eq!(order(&interfaces), "3 eno1, 4 vmbr0, 5 vmbr7, 6 br7");
    }
}
