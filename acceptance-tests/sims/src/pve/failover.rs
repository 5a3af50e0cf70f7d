//! What HA does when a node is down for longer than its watchdog waits: its services go on elsewhere.

use std::cmp::Reverse;

use super::params::split_list;
use super::permissions::Principal;
use super::qemu::power;
use super::state::Lab;

/// Seconds until a node that does not answer is taken for fenced: its watchdog and the manager's patience.
const FENCED_AFTER: i64 = 120;

impl Lab {
    /// Takes a node down or brings it back.
    pub fn switch_node(&mut self, name: &str, offline: bool) -> bool {
        let now = self.now();
        let Some(node) = self.nodes.get_mut(name) else { return false };
        node.offline = offline;
        node.offline_since = match (offline, node.offline_since) {
            (true, since) => since.or(Some(now)),
            (false, _) => None,
        };
        true
    }

    /// The next node that HA gives up on, if it has services of it.
    pub fn due_failover(&self) -> Option<(i64, String)> {
        self.nodes
            .iter()
            .filter_map(|(name, node)| Some((node.offline_since? + FENCED_AFTER, name.clone())))
            .filter(|(_, name)| self.services_on(name).next().is_some())
            .min()
    }

    /// VMs of a node that HA is to keep running.
    fn services_on(&self, node: &str) -> impl Iterator<Item = u32> {
        let wanted = |vmid: &u32| self.requested_state(*vmid) == Some("started");
        self.vms.iter().filter(move |(vmid, vm)| vm.node == node && wanted(vmid)).map(|(vmid, _)| *vmid)
    }

    /// Gives the services of a fenced node to other nodes and starts them there. The configuration moves; disks on
    /// storages of the lost node do not.
    pub fn fail_over(&mut self, node: &str) {
        let root = Principal("root@pam".to_owned());
        let services: Vec<u32> = self.services_on(node).collect();
        for vmid in services {
            let Some(target) = self.successor(vmid, node) else {
                // Nobody can take it: it stays where it is until a node is back.
                if let Some(node) = self.nodes.get_mut(node) {
                    node.offline_since = None;
                }
                return;
            };
            self.change_vm(vmid, |vm| {
                vm.process = None;
                vm.node.clone_from(&target);
                vm.config.remove("lock");
            });
            let plan = power::start_plan(self, &target, vmid, false);
            self.play(&target, &root, plan);
        }
    }

    /// The node that takes a service over: the one that its rule or group prefers, else that with the fewest guests.
    fn successor(&self, vmid: u32, lost: &str) -> Option<String> {
        let (preferred, strict) = self.preference(&format!("vm:{vmid}"));
        let priority =
            |name: &str| preferred.iter().find(|(node, _)| node == name).map(|(_, weight)| *weight);
        let guests = |name: &str| self.vms.values().filter(|vm| vm.node == name && vm.is_running()).count();
        self.nodes
            .iter()
            .filter(|(name, node)| *name != lost && !node.offline && (!strict || priority(name).is_some()))
            .max_by_key(|(name, _)| (priority(name), Reverse(guests(name)), Reverse((*name).clone())))
            .map(|(name, _)| name.clone())
    }

    /// Nodes with their weights that a service is bound to, and whether it may run on no other.
    fn preference(&self, sid: &str) -> (Vec<(String, i64)>, bool) {
        let rules = self.file("ha/rules.cfg");
        let applies = |resources: &str| split_list(resources).iter().any(|name| name == sid);
        let rule = rules.entries.iter().find(|entry| {
            entry.kind == "node-affinity"
                && entry.options.get("disable").is_none_or(|flag| flag != "1")
                && entry.options.get("resources").is_some_and(|resources| applies(resources))
        });
        let groups = self.file(super::handlers::ha_groups::FILE);
        let group = self.ha_resources.get(sid).and_then(|options| options.get("group"));
        let entry = rule.or_else(|| groups.get(group?));
        let Some(entry) = entry else { return (Vec::new(), false) };
        let weighted = |text: &String| match text.split_once(':') {
            Some((node, weight)) => (node.to_owned(), weight.parse().unwrap_or_default()),
            None => (text.clone(), 0),
        };
        let nodes = entry.options.get("nodes").map(|nodes| split_list(nodes)).unwrap_or_default();
        let strict = ["strict", "restricted"];
        let strict = strict.iter().any(|key| entry.options.get(*key).is_some_and(|flag| flag == "1"));
        (nodes.iter().map(weighted).collect(), strict)
    }
}
