//! Who uses the PCI devices of a node: machines that run, and machines that this run is about to start.

use pve_client::{
    Error as PveError, Guest, GuestKind, MappingName, NodeName, Pve, VmAddress, VmConfig, VmId,
};
use tf_framework::prelude::*;

use super::writes::property;
use super::{ownership, pci, slot};
use crate::cx::Cx;
use crate::memory::Memory;

/// The machine that a plan is about.
pub(super) struct Machine {
    id: Option<VmId>,
    /// What it is called in messages.
    pub called: String,
    /// Whether it is to run.
    pub runs: bool,
}

impl Machine {
    /// The machine of a plan. One that is replaced is the one that goes first.
    pub(super) fn planned(cx: &Cx, before: Option<&Value>, after: &Value) -> Self {
        let number = before.and_then(|before| before.attribute("vm_id").as_number().and_then(Number::to_i64));
        let id = number.and_then(|id| VmId::try_from(id).ok()).or_else(|| ownership::vm_id(cx.operation()));
        let name = after.attribute("name").as_str();
        let called = match id {
            Some(id) => called(id, name),
            None => name.map_or_else(|| "this machine".to_owned(), |name| format!("the new VM {name:?}")),
        };
        let says = |name: &str| after.attribute(name).as_bool() == Some(true);
        Self { id, called, runs: says("started") && !says("template") }
    }
}

fn called(id: VmId, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("VM {id} ({name:?})"),
        None => format!("VM {id}"),
    }
}

/// The machines beside this one that have a whole device of a mapping on a node, and notes that this one wants it too.
pub(super) async fn others(
    memory: &Memory,
    pve: &Pve,
    node: &NodeName,
    mapping: &MappingName,
    machine: &Machine,
) -> BTreeSet<String> {
    let mut others = memory.claim(node, mapping, &machine.called);
    // Whoever may not look is not blamed.
    let Ok(running) = memory.passed_through(pve, node).await else { return others };
    let users =
        running.iter().filter(|(id, user)| Some(**id) != machine.id && user.mappings.contains(mapping));
    others.extend(users.map(|(_, user)| user.called.clone()));
    others
}

/// A running machine with whole PCI devices.
#[derive(Clone, Debug)]
pub(crate) struct PassedThrough {
    called: String,
    mappings: BTreeSet<MappingName>,
}

impl PassedThrough {
    /// Those of a node.
    pub(crate) async fn on(pve: &Pve, node: &NodeName) -> pve_client::Result<BTreeMap<VmId, Self>> {
        let cluster = pve.cluster().await?;
        let runs = |guest: &&Guest| guest.kind == GuestKind::Vm && guest.status == "running";
        let mut users = BTreeMap::new();
        for guest in cluster.guests.iter().filter(|guest| guest.node == *node).filter(runs) {
            let config = match pve.vm_config(&VmAddress::new(node.clone(), guest.id)).await {
                Ok(config) => config,
                // It has just gone, or is none of this login's business.
                Err(error) if error.is_not_found() || matches!(error, PveError::Forbidden { .. }) => continue,
                Err(error) => return Err(error),
            };
            let mappings = mappings(&config);
            if !mappings.is_empty() {
                users.insert(guest.id, Self { called: called(guest.id, config.value("name")), mappings });
            }
        }
        Ok(users)
    }
}

fn mappings(config: &VmConfig) -> BTreeSet<MappingName> {
    let devices = config.values.keys().filter(|key| slot::is_pci(key));
    let whole = devices.map(|key| property(config, key, pci::HOST));
    whole
        .filter(|device| device.value("mdev").is_none())
        .filter_map(|device| device.value("mapping")?.parse().ok())
        .collect()
}
