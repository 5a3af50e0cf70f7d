//! The time zones of the nodes: a schedule that does not end in UTC follows them, and so does pruning.

use std::collections::BTreeMap;

use pve_client::NodeName;

use crate::cx::Cx;

/// The nodes whose clocks do not show UTC, with their zones; empty when they cannot be asked.
pub(super) async fn other_than_utc(cx: &Cx) -> BTreeMap<NodeName, backup_policy::Zone> {
    let (Ok(pve), Some(memory)) = (cx.pve(), cx.memory()) else { return BTreeMap::new() };
    let Ok(zones) = memory.time_zones(&pve).await else { return BTreeMap::new() };
    zones
        .iter()
        .filter_map(|(node, zone)| Some((node.clone(), backup_policy::Zone::named(zone).ok()?)))
        .filter(|(_, zone)| !zone.is_utc())
        .collect()
}
