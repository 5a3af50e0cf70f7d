//! Whether what a plan names is there: nodes, storages, pools and bridges. What the same run plans to make counts.

mod access;
mod disks;

use pve_client::{Cluster, ClusterStorage, InterfaceName, NodeName, PoolName, StorageName};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::changes;

/// What is wrong with a node that an object is to be on, if anything.
pub(crate) fn node_problem(cluster: &Cluster, node: &str) -> Option<Diagnostic> {
    match cluster.nodes.iter().find(|found| found.name.as_str() == node) {
        Some(found) if found.online => None,
        Some(_) => Some(Diagnostic::error(
            "Node is offline",
            format!("The node {node:?} is in the cluster, but not up. Start it, or choose another node."),
        )),
        None => missing_node(cluster, node).map(|detail| Diagnostic::error("Node does not exist", detail)),
    }
}

/// Why there is no such node; nothing when the cluster shows no nodes at all.
fn missing_node(cluster: &Cluster, node: &str) -> Option<String> {
    if cluster.nodes.is_empty() || cluster.nodes.iter().any(|found| found.name.as_str() == node) {
        return None;
    }
    let names: Vec<String> = cluster.nodes.iter().map(|found| format!("{:?}", found.name.as_str())).collect();
    Some(format!("The cluster has no node {node:?}. It has {}.", names.join(", ")))
}

/// Warns of a pool that is not there, at the argument that asks for it.
pub(crate) fn check_pool<M: SchemaModel>(
    cx: &Cx,
    cluster: &Cluster,
    pool: &PoolName,
    argument: &str,
    plan: &mut Plan<'_, M>,
) {
    if cluster.pools.contains(pool) || cx.expects(&Expected::Pool(pool.clone())) {
        return;
    }
    plan.warn(
        argument,
        "Pool does not exist",
        format!(
            "There is no pool {:?} that this login may see, so the apply fails unless the pool is made before. If this \
             configuration makes it, refer to its resource.",
            pool.as_str()
        ),
    );
}

/// What a storage may be wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// Its name in the settings of a storage.
    name: &'static str,
    /// What it is, in a summary.
    things: &'static str,
    /// What it is, in a sentence.
    what: &'static str,
}

/// Disks of machines.
pub(crate) const DISKS: Content = Content { name: "images", things: "disks", what: "disks of VMs" };

impl Content {
    /// Its name in the settings of a storage.
    pub(crate) fn name(self) -> &'static str {
        self.name
    }
}

/// Discs for CD drives.
pub(crate) const DISCS: Content = Content { name: "iso", things: "discs", what: "disc images" };

/// Images that disks are made from.
pub(crate) const IMAGES: Content =
    Content { name: "import", things: "disk images", what: "images that disks are made from" };

/// Scripts that go with starts and stops.
pub(crate) const SCRIPTS: Content = Content { name: "snippets", things: "scripts", what: "hook scripts" };

/// What is wrong with a storage that a machine's node is to have: it takes other things only, or it is not there and this
/// run does not make it. Whoever may see no storage of the node is told nothing.
pub(crate) fn storage_problem(
    cx: &Cx,
    cluster: &Cluster,
    node: &NodeName,
    name: &str,
    content: Content,
) -> Option<Diagnostic> {
    let here = || cluster.storages.iter().filter(|found| found.node == *node);
    let takes = |found: &&ClusterStorage| found.content.contains(content.name);
    here().next()?;
    let fit = here().filter(takes).map(|found| &found.name);
    match here().find(|found| found.name.as_str() == name) {
        Some(found) if takes(&found) => None,
        Some(_) => Some(Diagnostic::error(
            format!("Storage takes no {}", content.things),
            format!(
                "The storage {name:?} is not for {}: its content lacks `{}`. On node {:?} these are: {}.",
                content.what,
                content.name,
                node.as_str(),
                list(fit)
            ),
        )),
        None => no_storage(cx, node, name, fit),
    }
}

/// The message for a storage that a node lacks, with those that would do; nothing if this run makes it.
pub(crate) fn no_storage<'a>(
    cx: &Cx,
    node: &NodeName,
    name: &str,
    fit: impl IntoIterator<Item = &'a StorageName>,
) -> Option<Diagnostic> {
    if name.parse().is_ok_and(|name| cx.expects(&Expected::Storage(name))) {
        return None;
    }
    Some(Diagnostic::warning(
        "Storage does not exist",
        format!(
            "The node {:?} has no storage {name:?} that this login may see, so the apply fails unless it is made before. \
             Of those that it shows these would do: {}. If this configuration makes it, refer to its resource.",
            node.as_str(),
            list(fit)
        ),
    ))
}

/// Names, for people.
pub(crate) fn list(names: impl IntoIterator<Item: ToString>) -> String {
    let names: BTreeSet<String> = names.into_iter().map(|name| format!("{:?}", name.to_string())).collect();
    if names.is_empty() { "none".to_owned() } else { Vec::from_iter(names).join(", ") }
}

/// Warns of bridges that a node lacks.
pub(crate) async fn check_bridges<M: SchemaModel>(
    cx: &Cx,
    node: &NodeName,
    bridges: Vec<(Path, InterfaceName)>,
    plan: &mut Plan<'_, M>,
) {
    let (false, Ok(pve), Some(memory)) = (bridges.is_empty(), cx.pve(), cx.memory()) else { return };
    // Whoever may not look is not blamed.
    let Ok(here) = memory.bridges(&pve, node).await else { return };
    for (path, bridge) in bridges {
        if here.contains(&bridge) || cx.expects(&Expected::Bridge(node.clone(), bridge.clone())) {
            continue;
        }
        let names = list(here.iter());
        plan.warn(
            path,
            "Bridge does not exist",
            format!(
                "The node {:?} has no bridge {:?} that this login may use, and a machine with it does not start. There \
                 are: {names}. If this configuration makes it, refer to its resource.",
                node.as_str(),
                bridge.as_str()
            ),
        );
    }
}

impl Cx {
    /// Refuses a plan that changes an object on a node that is not in the cluster, or not up.
    pub(crate) async fn check_node<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        argument: &str,
        node: &NodeName,
    ) -> Result<()> {
        // Without a connection there is nothing to look at, and a plan needs none.
        let (false, true, Ok(pve)) = (plan.is_destroy(), changes(plan), self.pve()) else { return Ok(()) };
        let cluster = pve.cluster().await.explain::<M>(self, "list what is in the cluster")?;
        if let Some(problem) = node_problem(&cluster, node.as_str()) {
            plan.push(problem.at(argument));
        }
        Ok(())
    }

    /// Warns of names that no node of the cluster has: Proxmox VE takes them, and they do nothing.
    pub(crate) async fn check_node_names<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        names: impl IntoIterator<Item = (Path, NodeName)>,
    ) -> Result<()> {
        for (path, detail) in self.missing_nodes(plan, names).await? {
            let detail = format!("{detail} Proxmox VE takes the name all the same, and it does nothing.");
            plan.push(Diagnostic::warning("Node does not exist", detail).at(path));
        }
        Ok(())
    }

    /// Refuses names that no node of the cluster has, where Proxmox VE does.
    pub(crate) async fn require_nodes<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        names: impl IntoIterator<Item = (Path, NodeName)>,
    ) -> Result<()> {
        for (path, detail) in self.missing_nodes(plan, names).await? {
            plan.push(Diagnostic::error("Node does not exist", detail).at(path));
        }
        Ok(())
    }

    /// Where a changed object names nodes that the cluster does not have, and what to say of each.
    async fn missing_nodes<M: SchemaModel>(
        &self,
        plan: &Plan<'_, M>,
        names: impl IntoIterator<Item = (Path, NodeName)>,
    ) -> Result<Vec<(Path, String)>> {
        let names: Vec<(Path, NodeName)> = names.into_iter().collect();
        let Ok(pve) = self.pve() else { return Ok(Vec::new()) };
        if names.is_empty() || plan.is_destroy() || !changes(plan) {
            return Ok(Vec::new());
        }
        let cluster = pve.cluster().await.explain::<M>(self, "list what is in the cluster")?;
        let missing = |(path, name): (Path, NodeName)| Some((path, missing_node(&cluster, name.as_str())?));
        Ok(names.into_iter().filter_map(missing).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::cx::{Clients, Connection};

    fn cx() -> Cx {
        let operation = Operation::new(Duration::from_secs(1), &Default::default(), &[]);
        Cx::new(Some(Arc::new(Clients::new(Connection::Absent))), operation)
    }

    fn cluster(storages: &[(&str, &[&str])]) -> Cluster {
        let storage = |(name, content): &(&str, &[&str])| ClusterStorage {
            name: name.parse().unwrap(),
            node: "pve1".parse().unwrap(),
            kind: "dir".to_owned(),
            shared: false,
            content: content.iter().map(|content| (*content).to_owned()).collect(),
            total_bytes: None,
            free_bytes: None,
        };
        Cluster {
            guests: Arc::default(),
            nodes: Vec::new(),
            storages: storages.iter().map(storage).collect(),
            pools: BTreeSet::new(),
        }
    }

    #[test]
    fn a_storage_for_other_things_is_an_error_and_one_that_is_not_there_a_warning() {
        let (cx, node) = (cx(), "pve1".parse().unwrap());
        let whole = cluster(&[("local", &["iso", "snippets"]), ("tank", &["images"])]);
        let found = |cluster: &Cluster, name: &str, content| {
            storage_problem(&cx, cluster, &node, name, content).map(|found| (found.is_error(), found.summary))
        };
        assert_eq!(found(&whole, "local", SCRIPTS), None);
        assert_eq!(found(&whole, "local", DISCS), None);
        assert_eq!(found(&whole, "tank", SCRIPTS), Some((true, "Storage takes no scripts".to_owned())));
        assert_eq!(found(&whole, "local", DISKS), Some((true, "Storage takes no disks".to_owned())));
        assert_eq!(found(&whole, "nfs", SCRIPTS), Some((false, "Storage does not exist".to_owned())));
        assert_eq!(found(&cluster(&[]), "nfs", SCRIPTS), None, "whoever sees none is told nothing");
        cx.expect(Expected::Storage("nfs".parse().unwrap()));
        assert_eq!(found(&whole, "nfs", SCRIPTS), None, "this run makes it");
    }
}
