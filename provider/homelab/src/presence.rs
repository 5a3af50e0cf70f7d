//! Whether what a plan names is there: nodes, storages, pools and bridges. What the same run plans to make counts.

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

/// Warns of a pool that is not there.
pub(crate) fn check_pool<M: SchemaModel>(
    cx: &Cx,
    cluster: &Cluster,
    pool: &PoolName,
    plan: &mut Plan<'_, M>,
) {
    if cluster.pools.contains(pool) || cx.expects(&Expected::Pool(pool.clone())) {
        return;
    }
    plan.warn(
        "pool_name",
        "Pool does not exist",
        format!(
            "There is no pool {:?} that this login may see, so the apply fails unless the pool is made before. If this \
             configuration makes it, refer to its resource.",
            pool.as_str()
        ),
    );
}

/// The message for a storage that a node lacks; nothing if this run makes it.
pub(crate) fn no_storage<'a>(
    cx: &Cx,
    node: &NodeName,
    name: &str,
    here: impl IntoIterator<Item = &'a StorageName>,
) -> Option<Diagnostic> {
    if name.parse().is_ok_and(|name| cx.expects(&Expected::Storage(name))) {
        return None;
    }
    let here: BTreeSet<String> = here.into_iter().map(|name| format!("{:?}", name.as_str())).collect();
    let here: Vec<String> = here.into_iter().collect();
    let here = if here.is_empty() { "none at all".to_owned() } else { here.join(", ") };
    Some(Diagnostic::warning(
        "Storage does not exist",
        format!(
            "The node {:?} has no storage {name:?} that this login may see, so the apply fails unless it is made before. \
             It shows {here}. If this configuration makes it, refer to its resource.",
            node.as_str()
        ),
    ))
}

/// The message for a storage of a node that is not for disks.
pub(crate) fn takes_no_disks<'a>(
    node: &NodeName,
    name: &str,
    here: impl IntoIterator<Item = &'a ClusterStorage>,
) -> Diagnostic {
    let fit = here.into_iter().filter(|storage| storage.content.contains("images"));
    let fit: Vec<String> = fit.map(|storage| format!("{:?}", storage.name.as_str())).collect();
    Diagnostic::error(
        "Storage takes no disks",
        format!(
            "The storage {name:?} is not for disks of VMs: its content lacks `images`. On node {:?} these are: {}.",
            node.as_str(),
            fit.join(", ")
        ),
    )
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
        let names: Vec<String> = here.iter().map(|name| format!("{:?}", name.as_str())).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
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
        let names: Vec<(Path, NodeName)> = names.into_iter().collect();
        if names.is_empty() || plan.is_destroy() || !changes(plan) {
            return Ok(());
        }
        let Ok(pve) = self.pve() else { return Ok(()) };
        let cluster = pve.cluster().await.explain::<M>(self, "list what is in the cluster")?;
        for (path, name) in names {
            if let Some(detail) = missing_node(&cluster, name.as_str()) {
                let detail = format!("{detail} Proxmox VE takes the name all the same, and it does nothing.");
                plan.push(Diagnostic::warning("Node does not exist", detail).at(path));
            }
        }
        Ok(())
    }
}
