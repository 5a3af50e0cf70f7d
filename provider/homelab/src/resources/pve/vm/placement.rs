//! Where a machine runs: on one node, or on the first of a list that can take it.

use std::slice;

use pve_client::{Cluster, NodeName, Pve};
use tf_framework::prelude::*;

use super::model::Vm;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// Arguments that name a storage for volumes of the machine itself.
pub(super) const STORAGES: [&str; 4] = ["efi_disk", "tpm_state", "cloud_init", "clone"];

impl Vm {
    /// The nodes on which it may be, the preferred one first.
    pub(super) fn allowed_nodes(&self) -> &[NodeName] {
        match (&self.nodes, &self.node_name) {
            (Some(nodes), _) => nodes,
            (None, Some(node)) => slice::from_ref(node),
            (None, None) => &[],
        }
    }

    /// Where a state saw it last.
    pub(super) fn last_node(&self) -> Option<&NodeName> {
        self.current_node.known().or(self.node_name.as_ref())
    }
}

/// What a plan says about the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    /// The node where the machine is to be, as far as it is known: it is chosen again when the plan is applied.
    pub node: Option<NodeName>,
    /// Whether it is migrated there from another one.
    pub moves: bool,
}

/// Paths of the storages that new volumes go to.
pub(super) fn storage_paths(vm: &Value) -> Vec<Path> {
    let disks = vm.attribute("disks").as_entries().into_iter().flatten();
    let disks = disks.map(|(slot, _)| Path::from("disks").key(slot).then("storage_name"));
    disks.chain(STORAGES.map(|name| Path::from(name).then("storage_name"))).collect()
}

/// The node of a machine as far as a value says, for messages.
pub(super) fn shown(vm: &Value) -> String {
    let text = |name: &str| vm.attribute(name).as_str().map(str::to_owned);
    let first = || vm.attribute("nodes").as_elements()?.first()?.as_str().map(str::to_owned);
    text("current_node").or_else(|| text("node_name")).or_else(first).unwrap_or_default()
}

/// The nodes that a value allows; nothing while one of them is known only after apply.
fn allowed(vm: &Value) -> Option<Vec<NodeName>> {
    let node = |value: &Value| value.as_str().and_then(|name| name.parse().ok());
    match vm.attribute("nodes") {
        Value::Null => Some(vec![node(vm.attribute("node_name"))?]),
        nodes => nodes.as_elements()?.iter().map(node).collect(),
    }
}

/// Whether a machine is to leave the node where it is.
pub(super) fn moves(before: &Value, after: &Value) -> bool {
    let Some(allowed) = allowed(after) else { return false };
    !allowed.iter().any(|node| node.as_str() == shown(before))
}

/// Plans the node of a machine, and tells when it is not the first choice.
pub(super) async fn plan(cx: &Cx, before: Option<&Value>, plan: &mut Plan<'_, Vm>) -> Result<Placement> {
    let Some(allowed) = allowed(plan.planned) else {
        plan.mark_unknown("current_node");
        return Ok(Placement::default());
    };
    if let Some(before) = before
        && !moves(before, plan.planned)
    {
        return Ok(Placement { node: shown(before).parse().ok(), moves: false });
    }
    let moves = before.is_some();
    if let [node] = &*allowed {
        plan.set("current_node", node.as_str().to_owned());
        if let Some(before) = before.filter(|_| plan.config.attribute("node_name").is_null()) {
            told_to_move(before, node, plan);
        }
        return Ok(Placement { node: Some(node.clone()), moves });
    }
    plan.mark_unknown("current_node");
    // Without a connection there is nothing to look at, and a plan needs none.
    let Ok(pve) = cx.pve() else { return Ok(Placement { node: None, moves }) };
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    let choice = choose(&cluster, &allowed, plan.planned);
    match (&choice.node, before) {
        (None, _) => plan.push(none_is_up(&allowed)),
        (Some(node), Some(before)) => told_to_move(before, node, plan),
        (Some(node), None) if !choice.passed_over.is_empty() => plan.warn(
            "nodes",
            "Preferred node is passed over",
            format!(
                "{}. As things are now, the machine is made on node {:?}.",
                choice.passed_over.join("; "),
                node.as_str()
            ),
        ),
        (Some(_), None) => {}
    }
    Ok(Placement { node: choice.node, moves })
}

fn told_to_move(before: &Value, node: &NodeName, plan: &mut Plan<'_, Vm>) {
    let running = before.attribute("started").as_bool() == Some(true);
    let how = if running { "It keeps running." } else { "It is off meanwhile." };
    plan.warn(
        "nodes",
        "VM is migrated",
        format!(
            "The machine is on node {:?}, which is not among `nodes`. The apply migrates it to node {:?}. {how} To leave \
             it where it is, add that node to `nodes`.",
            shown(before),
            node.as_str()
        ),
    );
}

fn none_is_up(allowed: &[NodeName]) -> Diagnostic {
    let names: Vec<String> = allowed.iter().map(|node| format!("{:?}", node.as_str())).collect();
    Diagnostic::error(
        "No node is online",
        format!(
            "None of the nodes {} is up. Start one of them, or add another node to `nodes`.",
            names.join(", ")
        ),
    )
    .at("nodes")
}

/// The node that is chosen, and why those before it are not.
#[derive(Debug, Default)]
struct Choice {
    node: Option<NodeName>,
    passed_over: Vec<String>,
}

/// The first node that is up and has the storages; if none has them, the first that is up: they may be made meanwhile.
fn choose(cluster: &Cluster, allowed: &[NodeName], vm: &Value) -> Choice {
    let storages: Vec<String> = storage_paths(vm)
        .iter()
        .filter_map(|path| vm.at(path).as_str().map(str::to_owned))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut choice = Choice::default();
    let mut first_up = None;
    for node in allowed {
        let name = node.as_str();
        // Who may not see the nodes is not told that they are down.
        let up =
            cluster.nodes.is_empty() || cluster.nodes.iter().any(|found| found.name == *node && found.online);
        if !up {
            choice.passed_over.push(format!("Node {name:?} is not up"));
            continue;
        }
        let has = |storage: &String| {
            let mut here = cluster.storages.iter().filter(|found| found.node == *node).peekable();
            here.peek().is_none() || here.any(|found| found.name.as_str() == storage)
        };
        match storages.iter().find(|storage| !has(storage)) {
            None => return Choice { node: Some(node.clone()), ..choice },
            Some(storage) => {
                choice.passed_over.push(format!("node {name:?} has no storage {storage:?}"));
                first_up = first_up.or_else(|| Some(node.clone()));
            }
        }
    }
    // Whoever lacks a storage is told so elsewhere.
    if first_up.as_ref() == allowed.first() {
        choice.passed_over.clear();
    }
    Choice { node: first_up, ..choice }
}

/// The node for a machine that is made or migrated now.
pub(super) async fn node_now(cx: &Cx, pve: &Pve, want: &Vm) -> Result<NodeName> {
    if let [node] = want.allowed_nodes() {
        return Ok(node.clone());
    }
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    let allowed = want.allowed_nodes();
    choose(&cluster, allowed, &want.encode()).node.ok_or_else(|| none_is_up(allowed).into())
}

/// One of the ways to say where the machine is.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    rules::exactly_one_of(config, &["node_name", "nodes"], out);
    let mut seen = BTreeSet::new();
    for node in config.attribute("nodes").as_elements().into_iter().flatten().filter_map(Value::as_str) {
        if !seen.insert(node) {
            out.error("nodes", "Node is named twice", format!("Remove one of the {node:?} from `nodes`."));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pve_client::{ClusterNode, ClusterStorage};

    use super::*;

    fn cluster(nodes: &[(&str, bool, &[&str])]) -> Cluster {
        let storage = |node: &str, name: &str| ClusterStorage {
            name: name.parse().unwrap(),
            node: node.parse().unwrap(),
            kind: "dir".to_owned(),
            shared: false,
            content: BTreeSet::new(),
            total_bytes: None,
            free_bytes: None,
        };
        Cluster {
            guests: Arc::default(),
            nodes: nodes
                .iter()
                .map(|(name, online, _)| ClusterNode {
                    name: name.parse().unwrap(),
                    online: *online,
                    memory_bytes: None,
                    processors: None,
                })
                .collect(),
            storages: nodes
                .iter()
                .flat_map(|(node, _, names)| names.iter().map(|name| storage(node, name)))
                .collect(),
            pools: BTreeSet::new(),
        }
    }

    fn vm(json: serde_json::Value) -> Value {
        Value::from_json(&json, &Vm::schema().ty()).unwrap()
    }

    #[test]
    fn the_first_node_that_is_up_and_has_the_storages_is_chosen() {
        use serde_json::json;
        let allowed: Vec<NodeName> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
        let wants = vm(json!({"disks": {"scsi0": {"storage_name": "fast"}}}));
        let chosen = |nodes: &[(&str, bool, &[&str])]| {
            let choice = choose(&cluster(nodes), &allowed, &wants);
            (choice.node.map(|node| node.to_string()), choice.passed_over.len())
        };
        let all: &[&str] = &["fast"];
        assert_eq!(chosen(&[("a", true, all), ("b", true, all)]), (Some("a".into()), 0));
        assert_eq!(chosen(&[("a", false, all), ("b", true, all)]), (Some("b".into()), 1));
        assert_eq!(
            chosen(&[("a", true, &["slow"]), ("b", false, all), ("c", true, all)]),
            (Some("c".into()), 2)
        );
        assert_eq!(chosen(&[("a", true, &["slow"]), ("b", true, &["slow"])]), (Some("a".into()), 0));
        assert_eq!(chosen(&[("a", false, all)]), (None, 3));
        assert_eq!(chosen(&[]), (Some("a".into()), 0));
    }

    #[test]
    fn a_machine_moves_only_if_it_is_outside_the_list() {
        use serde_json::json;
        let on = |node: &str| vm(json!({"current_node": node}));
        let list = vm(json!({"nodes": ["a", "b"]}));
        assert!(!moves(&on("a"), &list) && !moves(&on("b"), &list) && moves(&on("c"), &list));
        let one = vm(json!({"node_name": "a"}));
        assert!(!moves(&on("a"), &one) && moves(&on("b"), &one));
        // A state of before there were lists.
        assert!(!moves(&one, &one));
        let mut unknown = vm(json!({}));
        unknown.set(&"nodes".into(), Value::List(vec![Value::Unknown]));
        assert!(!moves(&on("c"), &unknown));
    }
}
