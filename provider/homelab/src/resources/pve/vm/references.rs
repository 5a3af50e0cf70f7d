//! What a machine names beside itself: its pool, and the bridges of its networks.

use pve_client::{InterfaceName, PoolName};
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::presence;

/// Warns of names that are new to a machine, or new to its node, and that nothing has.
pub(super) async fn check(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    let nothing = Value::Null;
    let before = before.unwrap_or(&nothing);
    let pool = plan.planned.attribute("pool_name").clone();
    if pool != *before.attribute("pool_name")
        && let Some(pool) = pool.as_str().and_then(|pool| pool.parse::<PoolName>().ok())
        && let Ok(pve) = cx.pve()
    {
        let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
        presence::check_pool(cx, &cluster, &pool, "pool_name", plan);
    }
    if let Some(node) = &placement.node {
        let bridges = bridges(before, plan.planned, placement.moves);
        presence::check_bridges(cx, node, bridges, plan).await;
    }
    Ok(())
}

/// The bridges that a machine did not have before; on another node, all.
fn bridges(before: &Value, after: &Value, moves: bool) -> Vec<(Path, InterfaceName)> {
    let networks = after.attribute("networks").as_entries().into_iter().flatten();
    networks
        .filter_map(|(slot, network)| {
            let path = Path::from("networks").key(slot).then("bridge");
            let bridge = network.attribute("bridge");
            let is_new = moves || before.at(&path) != bridge;
            Some((path, bridge.as_str().filter(|_| is_new)?.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bridges_that_are_new_to_the_machine_or_its_node_are_looked_for() {
        let vm = |json: serde_json::Value| Value::from_json(&json, &Vm::schema().ty()).unwrap();
        let before = vm(serde_json::json!({"networks": {"net0": {"bridge": "vmbr0"}}}));
        let after =
            vm(serde_json::json!({"networks": {"net0": {"bridge": "vmbr0"}, "net1": {"bridge": "vmbr1"}}}));
        let names = |before: &Value, moves| {
            bridges(before, &after, moves).into_iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(&before, false), ["vmbr1"]);
        assert_eq!(names(&before, true), ["vmbr0", "vmbr1"]);
        assert_eq!(names(&Value::Null, false), ["vmbr0", "vmbr1"]);
    }
}
