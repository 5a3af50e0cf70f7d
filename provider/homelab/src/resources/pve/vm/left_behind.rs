//! Devices that keep a machine from moving to another node, told before the move.

use pve_client::MappingKind;
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::{self, Placement};
use super::root_only;
use crate::cx::Cx;

/// Adds an error for each device with which a machine cannot move. What the configuration no longer names is still there:
/// the machine moves before it changes.
pub(super) async fn plan(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    let Some(before) = before.filter(|_| placement.moves) else { return Ok(()) };
    let fixed = root_only::devices_of(before);
    if !fixed.is_empty() {
        plan.push(stays(
            before,
            &fixed,
            "They are devices of that node. Give them a mapping or take them out first.",
        ));
    }
    let moves_stopped = plan.planned.at(&"migration.online".into()).as_bool() == Some(false);
    if before.attribute("started").as_bool() != Some(true) || moves_stopped {
        return Ok(());
    }
    let mapped = mapped(cx, before).await;
    if !mapped.is_empty() {
        let advice = "A running machine cannot take mapped devices along, unless a PCI mapping is `live_migration_capable`. \
                      Set `online` in `migration` to `false`: then it is shut down, moved and started.";
        plan.push(stays(before, &mapped, advice));
    }
    Ok(())
}

/// The devices by mapping that do not move while the machine runs.
async fn mapped(cx: &Cx, vm: &Value) -> Vec<String> {
    let slots = |map: &str| vm.attribute(map).as_entries().into_iter().flatten();
    let named = |device: &Value| device.attribute("mapping_name").as_str().map(str::to_owned);
    let mut stuck: Vec<String> = ["usb_devices", "virtiofs"]
        .into_iter()
        .flat_map(slots)
        .filter(|(_, device)| named(device).is_some())
        .map(|(slot, _)| slot.clone())
        .collect();
    let pci: Vec<(&String, String)> =
        slots("pci_devices").filter_map(|(slot, device)| Some((slot, named(device)?))).collect();
    if pci.is_empty() {
        return stuck;
    }
    // Without an answer nobody is blamed.
    let (Ok(pve), Some(memory)) = (cx.pve(), cx.memory()) else { return stuck };
    let Ok(mappings) = memory.mappings(&pve, MappingKind::Pci).await else { return stuck };
    for (slot, name) in pci {
        let mapping = mappings.iter().find(|mapping| mapping.name.as_str() == name);
        if mapping.is_some_and(|mapping| mapping.settings.truth("live-migration-capable") != Some(true)) {
            stuck.push(slot.clone());
        }
    }
    stuck
}

fn stays(before: &Value, devices: &[String], advice: &str) -> Diagnostic {
    let attribute = if before.attribute("nodes").is_null() { "node_name" } else { "nodes" };
    Diagnostic::error(
        "VM cannot change the node",
        format!(
            "The machine on node {:?} has {}. {advice}",
            placement::shown(before),
            devices.iter().map(|slot| format!("{slot:?}")).collect::<Vec<_>>().join(" and ")
        ),
    )
    .at(attribute)
}
