//! Containers in lists: of a node, of resources, and their state.

use serde_json::{Map, Value, json};

use super::container::{Container, Mount};
use crate::pve::answer::{Answer, Reply};
use crate::pve::handlers::{Request, Route, index, route};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/lxc", list),
    route("GET", "/nodes/{node}/lxc/{vmid}", index::below),
    route("GET", "/nodes/{node}/lxc/{vmid}/status", index::below),
    route("GET", "/nodes/{node}/lxc/{vmid}/status/current", current),
    route("GET", "/nodes/{node}/lxc/{vmid}/interfaces", interfaces),
];

const MIB: u64 = 1 << 20;

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let seen = lab.containers.iter().filter(|(vmid, container)| {
        container.node == request.node() && lab.allows(&request.who, &format!("/vms/{vmid}"), &["VM.Audit"])
    });
    let entries = seen.map(|(vmid, container)| Value::Object(lab.container_status(*vmid, container)));
    Ok(entries.collect::<Vec<Value>>().into())
}

fn current(lab: &mut Lab, request: &Request) -> Answer {
    let vmid = request.vmid();
    let mut status = lab.container_status(vmid, lab.container(request.node(), vmid)?);
    status.insert("ha".to_owned(), json!({"managed": 0}));
    Ok(Value::Object(status).into())
}

/// A container that is off tells nothing; no address server answers in the lab.
fn interfaces(lab: &mut Lab, request: &Request) -> Answer {
    let container = lab.container(request.node(), request.vmid())?;
    if !container.is_running() {
        return Ok(Reply::nothing());
    }
    let cards = container.config.iter().filter(|(key, _)| key.starts_with("net"));
    let cards = cards.map(|(_, text)| {
        let part = |name: &str| {
            let mut parts = text.split(',').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
        };
        let mut item = json!({
            "name": part("name"), "hwaddr": part("hwaddr"), "hardware-address": part("hwaddr"), "ip-addresses": [],
        });
        if let Some((address, prefix)) = part("ip").split_once('/') {
            item["inet"] = json!(part("ip"));
            item["ip-addresses"] = json!([{"ip-address": address, "prefix": prefix, "ip-address-type": "inet"}]);
        }
        item
    });
    Ok(cards.collect::<Vec<Value>>().into())
}

fn state(container: &Container) -> &'static str {
    if container.is_running() { "running" } else { "stopped" }
}

impl Lab {
    fn container_status(&self, vmid: u32, container: &Container) -> Map<String, Value> {
        let figures = self.container_figures(container);
        let mut status: Map<String, Value> =
            figures.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut put = |key: &str, value: Value| drop(status.insert(key.to_owned(), value));
        put("vmid", vmid.into());
        put("type", "lxc".into());
        put("name", container.display_name(vmid).into());
        put("status", state(container).into());
        put("cpus", self.container_cpus(container).into());
        put("swap", 0.into());
        put("maxswap", (container.number("swap").unwrap_or(512) * MIB).into());
        for key in ["lock", "tags"] {
            if let Some(text) = container.get(key) {
                put(key, text.into());
            }
        }
        if container.get("template") == Some("1") {
            put("template", 1.into());
        }
        status
    }

    /// Processors that it may use.
    pub fn container_cpus(&self, container: &Container) -> u64 {
        let all = self.nodes.get(&container.node).map_or(1, |node| node.processors);
        container.number("cores").unwrap_or(u64::from(all))
    }

    /// Figures that every list has.
    pub fn container_figures(&self, container: &Container) -> Vec<(&'static str, Value)> {
        let memory = container.number("memory").unwrap_or(512) * MIB;
        let size = container.get("rootfs").map_or(0, |text| Mount::parse(text).size());
        let used = if container.is_running() { memory / 2 } else { 0 };
        let uptime = container.started_at.map_or(0, |start| (self.now() - start).max(0));
        let mut figures: Vec<(&str, Value)> =
            ["cpu", "disk", "diskread", "diskwrite", "netin", "netout"].map(|key| (key, 0.into())).into();
        figures.extend([
            ("mem", used.into()),
            ("maxmem", memory.into()),
            ("maxdisk", size.into()),
            ("uptime", uptime.into()),
        ]);
        figures
    }

    /// Adds to an entry of a list of resources what the node's last round told of a container.
    pub fn add_container_figures(&self, entry: &mut Value, vmid: u32, container: &Container) {
        entry["status"] = json!(state(container));
        entry["name"] = json!(container.display_name(vmid));
        entry["template"] = json!(i32::from(container.get("template") == Some("1")));
        entry["maxcpu"] = json!(self.container_cpus(container));
        for (key, value) in self.container_figures(container) {
            entry[key] = value;
        }
    }
}
