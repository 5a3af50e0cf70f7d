//! NUMA nodes of a machine: which processors and how much memory are near each other.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, option, option_of, property};
use super::{number_set, slot};

/// A NUMA node of the guest.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct NumaNode {
    /// Processors of the node, counted from 0 over all sockets.
    #[schema(wire = "cpus", validate = length(1, usize::MAX), validate = each(range(0, 4094)))]
    pub processor_ids: BTreeSet<u32>,

    /// Memory of the node in MiB. That of all nodes together is the memory of the machine.
    #[schema(wire = "memory", validate = range(1, 4_178_944))]
    pub memory_mib: u32,

    /// NUMA nodes of the host from which the memory comes. By default it may come from all.
    #[schema(wire = "hostnodes", validate = length(1, usize::MAX), validate = each(range(0, 4094)))]
    pub host_node_ids: Option<BTreeSet<u32>>,

    /// How memory is taken from `host_node_ids`, which need it: `bind` takes it from nowhere else, `preferred` from
    /// elsewhere when there is none left, `interleave` from all in turn.
    #[schema(wire = "policy", validate = one_of(["preferred", "bind", "interleave"]))]
    pub policy: Option<String>,
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, NumaNode>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, NumaNode>> {
    let slots = config.values.keys().filter(|key| slot::is_numa(key)).cloned();
    named.entries(slots, |node, slot| {
        let found = property(config, slot, None);
        let host = found.value("hostnodes").map(number_set::parse);
        Some(NumaNode {
            processor_ids: found.value("cpus").map(number_set::parse).unwrap_or_default(),
            memory_mib: found
                .value("memory")
                .and_then(|text| text.split('.').next()?.parse().ok())
                .unwrap_or(0),
            host_node_ids: node.of(|n| &n.host_node_ids).found(host),
            policy: node.of(|n| &n.policy).found(found.value("policy").map(str::to_owned)),
        })
    })
}

/// Writes what changes.
pub(super) fn write(nodes: Pair<'_, BTreeMap<String, NumaNode>>, out: &mut Writes<'_>) {
    for (slot, node) in nodes.slots() {
        let Some(want) = node.want else {
            out.remove(slot);
            continue;
        };
        out.property(slot, None, |property| {
            number_set::option(property, "cpus", Edit::Set(&want.processor_ids));
            if option_of::<f64>(property, "memory") != Some(f64::from(want.memory_mib)) {
                property.set("memory", Some(want.memory_mib));
            }
            number_set::option(property, "hostnodes", node.wish(|n| &n.host_node_ids));
            option(property, "policy", node.wish(|n| &n.policy));
        });
    }
}

/// What Proxmox VE checks when the machine starts (qemu-server 9.2, `Memory.pm`).
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let nodes = config.attribute("numa_nodes");
    let Some(entries) = nodes.as_entries().filter(|entries| !entries.is_empty()) else { return };
    if config.at(&"cpu.numa".into()).as_bool() == Some(false) {
        out.error(
            "numa_nodes",
            "NUMA is switched off",
            "The machine has NUMA nodes only with `cpu.numa`. Set that to `true`, or remove `numa_nodes`.",
        );
    }
    let mut owners: BTreeMap<i64, &String> = BTreeMap::new();
    let mut total = Some(0);
    for (slot, node) in entries {
        let path = Path::from("numa_nodes").key(slot);
        let number = |value: &Value| value.as_number().and_then(Number::to_i64);
        total = total.zip(number(node.attribute("memory_mib"))).map(|(sum, mib)| sum + mib);
        if node.attribute("host_node_ids").is_set() && node.attribute("policy").is_null() {
            let detail =
                "Nothing says how memory is taken from `host_node_ids`. Set `policy`, for example to `bind`.";
            out.error(path.then("policy"), "Missing argument", detail);
        }
        for id in node.attribute("processor_ids").as_elements().into_iter().flatten().filter_map(number) {
            if let Some(other) = owners.insert(id, slot) {
                out.error(
                    path.then("processor_ids"),
                    "Processor is used twice",
                    format!("The processor {id} is in the node {other:?} too. Remove it from one of them."),
                );
            }
        }
    }
    let size = config.at(&"memory.size_mib".into()).as_number().and_then(Number::to_i64);
    if let (Some(total), Some(size)) = (total, size)
        && total != size
    {
        out.error(
            "numa_nodes",
            "Memory does not add up",
            format!(
                "The NUMA nodes have {total} MiB together, and the machine has {size}. Change `memory_mib` of a node, or \
                 `memory.size_mib`."
            ),
        );
    }
}
