//! What HA does when a node is down for longer than its watchdog waits: its services go on elsewhere, and back to the
//! node that their rule prefers once it is there again.

use std::cmp::Reverse;

use super::params::split_list;
use super::permissions::Principal;
use super::qemu::{migrate, power};
use super::state::Lab;

/// Seconds until a node that does not answer is taken for fenced: its watchdog and the manager's patience.
const FENCED_AFTER: i64 = 120;
/// Seconds between two rounds of the manager.
const ROUND: i64 = 10;

/// Where a service is to run.
#[derive(Debug, Default)]
struct Preference {
    /// Nodes with their weights.
    nodes: Vec<(String, i64)>,
    /// It may run on no other.
    strict: bool,
    /// It goes to a node that it prefers as soon as there is one.
    failback: bool,
}

impl Preference {
    fn weight(&self, node: &str) -> Option<i64> {
        self.nodes.iter().find(|(name, _)| name == node).map(|(_, weight)| *weight)
    }
}

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

    /// The next service that goes to another node though its own is well, with that node.
    pub fn due_return(&self) -> Option<(i64, u32, String)> {
        let is_up = |name: &String| self.nodes.get(name).is_some_and(|node| !node.offline);
        let services = self.vms.iter().filter(|(vmid, vm)| {
            is_up(&vm.node) && vm.is_running() && self.requested_state(**vmid) == Some("started")
        });
        let mut moves = services.filter_map(|(vmid, vm)| {
            let target = self.better_node(*vmid, &vm.node)?;
            migrate::plan_by_manager(self, *vmid, &target)?;
            Some((self.now() + ROUND, *vmid, target))
        });
        moves.next()
    }

    /// Moves a service to the node that it prefers.
    pub fn bring_back(&mut self, vmid: u32, target: &str) {
        let Some(plan) = migrate::plan_by_manager(self, vmid, target) else { return };
        let Some(node) = self.vms.get(&vmid).map(|vm| vm.node.clone()) else { return };
        self.play(&node, &Principal("root@pam".to_owned()), plan);
    }

    /// The node that a service on another one belongs on. Without failback it only leaves nodes that it may not use.
    fn better_node(&self, vmid: u32, current: &str) -> Option<String> {
        let preference = self.preference(&format!("vm:{vmid}"));
        let may_stay = !preference.strict || preference.weight(current).is_some();
        if preference.nodes.is_empty() || (may_stay && !preference.failback) {
            return None;
        }
        let best = self.choose(&preference, None)?;
        (preference.weight(&best) > preference.weight(current)).then_some(best)
    }

    /// The node that takes a service over: the one that its rule or group prefers, else that with the fewest guests.
    fn successor(&self, vmid: u32, lost: &str) -> Option<String> {
        self.choose(&self.preference(&format!("vm:{vmid}")), Some(lost))
    }

    fn choose(&self, preference: &Preference, lost: Option<&str>) -> Option<String> {
        let guests = |name: &str| self.vms.values().filter(|vm| vm.node == name && vm.is_running()).count();
        let may_run = |name: &str| !preference.strict || preference.weight(name).is_some();
        self.nodes
            .iter()
            .filter(|(name, node)| Some(name.as_str()) != lost && !node.offline && may_run(name))
            .max_by_key(|(name, _)| {
                (preference.weight(name), Reverse(guests(name)), Reverse((*name).clone()))
            })
            .map(|(name, _)| name.clone())
    }

    /// What a service's rule (9.2) or group (8.4) says.
    fn preference(&self, sid: &str) -> Preference {
        let rules = self.file("ha/rules.cfg");
        let applies = |resources: &str| split_list(resources).iter().any(|name| name == sid);
        let rule = rules.entries.iter().find(|entry| {
            entry.kind == "node-affinity"
                && entry.options.get("disable").is_none_or(|flag| flag != "1")
                && entry.options.get("resources").is_some_and(|resources| applies(resources))
        });
        let groups = self.file(super::handlers::ha_groups::FILE);
        let resource = self.ha_resources.get(sid);
        let group = || groups.get(resource?.get("group")?);
        let Some(entry) = rule.or_else(group) else { return Preference::default() };
        let weighted = |text: &String| match text.split_once(':') {
            Some((node, weight)) => (node.to_owned(), weight.parse().unwrap_or_default()),
            None => (text.clone(), 0),
        };
        let is_on = |key: &str| entry.options.get(key).is_some_and(|flag| flag == "1");
        let nodes = entry.options.get("nodes").map(|nodes| split_list(nodes)).unwrap_or_default();
        let kept_away = resource.and_then(|options| options.get("failback")).is_some_and(|flag| flag == "0");
        Preference {
            nodes: nodes.iter().map(weighted).collect(),
            strict: is_on("strict") || is_on("restricted"),
            failback: !kept_away && !is_on("nofailback"),
        }
    }
}
