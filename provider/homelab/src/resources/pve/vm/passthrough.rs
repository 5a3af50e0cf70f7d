//! What a plan says about hardware of the node: whether the login may use it, whether the node has it, and who else does.

use pve_client::{Mapping, MappingKind, MappingName, NodeName, PropertyString};
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use super::usage;
use crate::cx::Cx;
use crate::preflight::{Need, need};

/// Devices that are found by a mapping.
struct Family {
    /// The attribute with the devices by slot.
    attribute: &'static str,
    kind: MappingKind,
    /// What one is called.
    noun: &'static str,
}

const FAMILIES: [Family; 3] = [
    Family { attribute: "pci_devices", kind: MappingKind::Pci, noun: "PCI mapping" },
    Family { attribute: "usb_devices", kind: MappingKind::Usb, noun: "USB mapping" },
    Family { attribute: "virtiofs", kind: MappingKind::Dir, noun: "directory mapping" },
];

/// A device that a plan adds, changes or takes away.
struct Touched {
    slot: String,
    before: Value,
    after: Value,
}

impl Touched {
    fn mapping(device: &Value) -> Option<MappingName> {
        device.attribute("mapping_name").as_str()?.parse().ok()
    }

    fn path(&self, family: &Family) -> Path {
        let map = Path::from(family.attribute);
        // What is gone is blamed on what was around it.
        if self.after.is_null() { map } else { map.key(&self.slot) }
    }
}

/// Adds what a plan of a machine should say about the hardware that it adds, changes or takes away.
pub(super) async fn plan(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    order(cx, before, plan).await?;
    for family in FAMILIES {
        let touched = touched(&family, before.unwrap_or(&Value::Null), placement.moves, plan.planned);
        if touched.is_empty() {
            continue;
        }
        cx.preflight(plan, &needs(&family, &touched)).await?;
        check_mappings(cx, &family, &touched, before, placement, plan).await;
    }
    Ok(())
}

/// The devices that a plan touches. Another node, or a start, touches all of them.
fn touched(family: &Family, before: &Value, moves: bool, after: &Value) -> Vec<Touched> {
    let all = moves || before.attribute("started") != after.attribute("started");
    let device = |vm: &Value, slot: &String| vm.at(&Path::from(family.attribute).key(slot)).clone();
    let slots: BTreeSet<&String> = [before, after]
        .into_iter()
        .filter_map(|vm| vm.attribute(family.attribute).as_entries())
        .flat_map(BTreeMap::keys)
        .collect();
    let touch = |slot: &String| Touched {
        slot: slot.clone(),
        before: device(before, slot),
        after: device(after, slot),
    };
    slots.into_iter().map(touch).filter(|device| all || device.before != device.after).collect()
}

/// To use a mapping, and to let go of one, the login has to be allowed to use it.
fn needs(family: &Family, touched: &[Touched]) -> Vec<Need> {
    let mut needs = Vec::new();
    for device in touched.iter().filter(|device| device.before != device.after) {
        let names: BTreeSet<MappingName> =
            [&device.before, &device.after].into_iter().filter_map(Touched::mapping).collect();
        let path = device.path(family);
        let path = if device.after.is_null() { path } else { path.then("mapping_name") };
        needs.extend(
            names.iter().map(|name| {
                need(format!("/mapping/{}/{name}", family.kind), &["Mapping.Use"]).at(path.clone())
            }),
        );
    }
    needs
}

/// The order of starting is a matter of the whole node.
async fn order(cx: &Cx, before: Option<&Value>, plan: &mut Plan<'_, Vm>) -> Result<()> {
    let old = before.map_or(&Value::Null, |before| before.attribute("startup"));
    if old == plan.planned.attribute("startup") {
        return Ok(());
    }
    cx.preflight(plan, &[need("/", &["Sys.Modify"]).at("startup".into())]).await
}

/// Looks whether the mappings exist, have something on the node, and whether that is free.
async fn check_mappings(
    cx: &Cx,
    family: &Family,
    touched: &[Touched],
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) {
    let (Some(node), Ok(pve), Some(memory)) = (&placement.node, cx.pve(), cx.memory()) else { return };
    let named = touched.iter().filter_map(|device| Some((device, Touched::mapping(&device.after)?)));
    let named: Vec<(&Touched, MappingName)> = named.collect();
    if named.is_empty() {
        return;
    }
    // Whoever may not look is not blamed.
    let Ok(found) = memory.mappings(&pve, family.kind).await else { return };
    let machine = usage::Machine::planned(cx, before, plan.planned);
    for (device, name) in named {
        let path = device.path(family).then("mapping_name");
        let planned = memory.planned_mapping(family.kind, &name);
        let Some(mapping) = planned.as_ref().or_else(|| found.iter().find(|mapping| mapping.name == name))
        else {
            plan.push(not_there(family, &name, &found).at(path));
            continue;
        };
        let here = entries(mapping).filter(|(on, _)| on == node).count();
        if here == 0 {
            plan.push(not_here(family, mapping, node).at(path));
            continue;
        }
        let whole =
            family.kind == MappingKind::Pci && device.after.attribute("mediated_device_type").is_null();
        if !whole || !machine.runs {
            continue;
        }
        let others = usage::others(memory, &pve, node, &name, &machine).await;
        if others.len() >= here {
            plan.push(in_use(mapping, node, here, &machine, &others).at(path));
        }
    }
}

/// The nodes of a mapping, each with what it has.
fn entries(mapping: &Mapping) -> impl Iterator<Item = (NodeName, PropertyString)> {
    mapping.settings.items("map").into_iter().filter_map(|text| {
        let entry = PropertyString::parse(&text, None).ok()?;
        Some((entry.value("node")?.parse().ok()?, entry))
    })
}

fn not_there(family: &Family, name: &MappingName, found: &[Mapping]) -> Diagnostic {
    let names: Vec<String> = found.iter().map(|mapping| format!("{:?}", mapping.name.as_str())).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Diagnostic::warning(
        "Mapping does not exist",
        format!(
            "There is no {} {:?} that this login may see, and a machine with it does not start. Unless this apply makes \
             it first, check the name. There are: {names}.",
            family.noun,
            name.as_str()
        ),
    )
}

fn not_here(family: &Family, mapping: &Mapping, node: &NodeName) -> Diagnostic {
    let nodes: BTreeSet<String> = entries(mapping).map(|(node, _)| format!("{:?}", node.as_str())).collect();
    let nodes: Vec<String> = nodes.into_iter().collect();
    Diagnostic::warning(
        "Mapping lacks the node",
        format!(
            "The {} {:?} says nothing about node {:?}, so a machine with it does not start there. It is about {}. Choose \
             one of these nodes, or add this one to the mapping.",
            family.noun,
            mapping.name.as_str(),
            node.as_str(),
            nodes.join(", ")
        ),
    )
}

fn in_use(
    mapping: &Mapping,
    node: &NodeName,
    here: usize,
    machine: &usage::Machine,
    others: &BTreeSet<String>,
) -> Diagnostic {
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let (devices, use_it) =
        (if here == 1 { "device" } else { "devices" }, if others.len() == 1 { "uses" } else { "use" });
    Diagnostic::warning(
        "PCI device is in use",
        format!(
            "The PCI mapping {:?} has {here} {devices} on node {:?}, which {} {use_it}. A device serves one running machine \
             at a time, so {} cannot start while that is so. Stop the other machine, let one of them go without, or add a \
             device to the mapping. If this apply does that first, nothing is wrong.",
            mapping.name.as_str(),
            node.as_str(),
            others.join(" and "),
            machine.called
        ),
    )
}
