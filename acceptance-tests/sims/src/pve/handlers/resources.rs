//! `/cluster/resources`: one list of guests, nodes, storages and pools.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::Answer;
use crate::pve::permissions::Principal;
use crate::pve::qemu::status;
use crate::pve::qemu::vm::Vm;
use crate::pve::state::{Lab, Node};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("GET", "/cluster/resources", list)];

const MIB: u64 = 1 << 20;

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = request.params.text("type");
    let wanted = |name: &str| kind.is_none_or(|kind| kind == name);
    let who = &request.who;
    let mut entries = Vec::new();
    if kind.is_none() {
        let seen = lab.pools.keys().filter(|id| lab.allows(who, &format!("/pool/{id}"), &["Pool.Audit"]));
        entries.extend(seen.map(|id| json!({"id": format!("/pool/{id}"), "type": "pool", "pool": id})));
    }
    if wanted("vm") {
        let guests = lab.guest_ids().into_iter();
        let seen = guests.filter(|vmid| lab.allows(who, &format!("/vms/{vmid}"), &["VM.Audit"]));
        entries.extend(seen.map(|vmid| lab.guest_resource(vmid, true)));
    }
    if wanted("node") {
        entries.extend(lab.nodes.iter().map(|(name, node)| lab.node_resource(who, name, node, true)));
    }
    if wanted("storage") {
        for node in lab.nodes.keys() {
            let seen = lab.storages.keys().filter(|id| {
                lab.allows_any(
                    who,
                    &format!("/storage/{id}"),
                    &["Datastore.Audit", "Datastore.AllocateSpace"],
                )
            });
            entries.extend(seen.filter_map(|id| lab.storage_resource(node, id)));
        }
    }
    Ok(entries.into())
}

impl Lab {
    /// A guest in lists of resources; `full` adds what members of pools do not show.
    pub fn guest_resource(&self, vmid: u32, full: bool) -> Value {
        let (vm, container) = (self.vms.get(&vmid), self.containers.get(&vmid));
        let Some(node) = self.node_of_guest(vmid) else { return Value::Null };
        let kind = if container.is_some() { "lxc" } else { "qemu" };
        let mut entry = json!({
            "id": format!("{kind}/{vmid}"), "type": kind, "vmid": vmid, "node": node, "status": "unknown",
        });
        if full {
            let option = |key: &str| match container {
                Some(container) => container.get(key),
                None => vm.and_then(|vm| vm.get(key)),
            };
            let beside = [
                ("pool", self.pool_of_guest(vmid)),
                ("lock", option("lock")),
                ("tags", option("tags").filter(|tags| !tags.trim().is_empty())),
                ("hastate", self.ha_state(vmid)),
            ];
            for (key, value) in beside {
                if let Some(value) = value {
                    entry[key] = json!(value);
                }
            }
        }
        let fresh = self.fresh_guests.get(&vmid).is_some_and(|end| Instant::now() < *end);
        if !fresh && self.nodes.get(node).is_some_and(|node| !node.offline) {
            match container {
                Some(container) => self.add_container_figures(&mut entry, vmid, container),
                None => vm.into_iter().for_each(|vm| self.add_figures(&mut entry, vmid, vm)),
            }
        }
        entry
    }

    fn add_figures(&self, entry: &mut Value, vmid: u32, vm: &Vm) {
        let maximum = status::memory(vm);
        entry["status"] = json!(if vm.is_running() { "running" } else { "stopped" });
        entry["name"] = json!(vm.display_name(vmid));
        entry["template"] = json!(i32::from(vm.is_template()));
        entry["uptime"] = json!(status::uptime(self, vm));
        entry["maxcpu"] = json!(status::cpus(self, vm));
        entry["maxmem"] = json!(maximum);
        entry["maxdisk"] = json!(status::boot_disk_size(vm));
        for key in ["cpu", "disk", "diskread", "diskwrite", "netin", "netout", "mem", "memhost"] {
            entry[key] = json!(0);
        }
        if vm.is_running() {
            entry["cpu"] = json!(0.01);
            entry["mem"] = json!(maximum / 2);
            entry["memhost"] = json!(maximum / 2);
        }
    }

    /// A new guest: lists know only its id until the node's next round of figures.
    pub fn mark_fresh(&mut self, vmid: u32) {
        let now = Instant::now();
        let lag = Duration::from_millis(self.report_lag);
        self.fresh_guests.retain(|_, end| *end > now);
        self.fresh_guests.insert(vmid, now + self.usual_task_time() + lag);
    }

    /// A node in lists; figures only for who may see them.
    pub fn node_resource(&self, who: &Principal, name: &str, node: &Node, resource: bool) -> Value {
        let status = if node.offline { "offline" } else { "online" };
        let mut entry = json!({"id": format!("node/{name}"), "type": "node", "node": name, "status": status, "level": ""});
        if resource {
            entry["cgroup-mode"] = json!(2);
        } else {
            entry["ssl_fingerprint"] = json!(self.certificates[1].fingerprint);
        }
        if !node.offline && self.allows(who, &format!("/nodes/{name}"), &["Sys.Audit"]) {
            let running = self.vms.values().filter(|vm| vm.node == name && vm.is_running());
            entry["cpu"] = json!(0.02);
            entry["maxcpu"] = json!(node.processors);
            entry["mem"] = json!(2048 * MIB + running.count() as u64 * 256 * MIB);
            entry["maxmem"] = json!(node.memory);
            entry["disk"] = json!(node.disk_used);
            entry["maxdisk"] = json!(node.disk);
            entry["uptime"] = json!(self.uptime());
        }
        entry
    }

    /// Seconds since the nodes booted.
    pub fn uptime(&self) -> i64 {
        (self.now() - self.started_at).max(0) + 3600
    }

    /// A storage of a node in lists of resources; none where it is not there.
    pub fn storage_resource(&self, node: &str, id: &str) -> Option<Value> {
        let storage =
            self.storages.get(id).filter(|storage| !storage.is_disabled() && storage.is_on(node))?;
        let mut entry = json!({
            "id": format!("storage/{node}/{id}"), "type": "storage", "storage": id, "node": node,
            "plugintype": storage.kind, "shared": i32::from(storage.is_shared()), "status": "unknown",
            "content": storage.options.get("content").cloned().unwrap_or_default(),
        });
        let offline = self.nodes.get(node).is_none_or(|node| node.offline);
        if !offline && self.is_online(storage) {
            let (total, used) = self.storage_figures(node, id);
            entry["status"] = json!("available");
            entry["disk"] = json!(used);
            entry["maxdisk"] = json!(total);
        }
        Some(entry)
    }

    /// Total and used bytes of a storage on a node.
    pub fn storage_figures(&self, node: &str, id: &str) -> (u64, u64) {
        let Some(found) = self.nodes.get(node) else { return (0, 0) };
        let used: u64 = self.volumes_on(node, id).map(|(_, volume)| volume.used).sum();
        match self.storage_sizes.get(id) {
            Some(size) => (*size, used),
            None => (found.disk, found.disk_used + used),
        }
    }
}
