//! The order of booting: what a machine boots from has to be there when the order is written.

use tf_framework::prelude::*;

use super::inherited::Question;
use super::model::Vm;

/// The arguments that hold devices by slot.
const DEVICES: [&str; 5] = ["disks", "cdroms", "networks", "pci_devices", "usb_devices"];

/// Adds an error for each device that will not be there, as far as the configuration and the state tell.
pub(super) fn plan(before: Option<&Value>, plan: &mut Plan<'_, Vm>) {
    for (path, slot) in not_named(plan) {
        let held = |map: &str| before.is_some_and(|before| has(before, map, &slot));
        if is_data_disk(plan.planned, &slot) {
            if !held("data_disks") {
                plan.error(
                    path,
                    "Data disk is not there yet",
                    format!(
                        "The slot {slot:?} gets a data disk, which is attached after the order of booting is written. Add \
                         {slot:?} to the order in a later apply, or boot from a disk of the machine's own."
                    ),
                );
            }
        } else if DEVICES.into_iter().any(held) || before.is_some_and(|before| is_drive(before, &slot)) {
            plan.push(missing(path, &slot));
        }
    }
}

/// Slots that nobody names may have something.
pub(super) fn questions(before: Option<&Value>, plan: &Plan<'_, Vm>) -> Vec<Question> {
    if before.is_some_and(|before| before.attribute("boot_order") == plan.planned.attribute("boot_order")) {
        return Vec::new();
    }
    let question = |(path, slot): (Path, String)| -> Question {
        Box::new(move |found| found.value(&slot).is_none().then(|| missing(path.clone(), &slot)))
    };
    let open = not_named(plan).into_iter().filter(|(_, slot)| !is_data_disk(plan.planned, slot));
    open.map(question).collect()
}

/// The devices of the order that no argument gives the machine.
fn not_named(plan: &Plan<'_, Vm>) -> Vec<(Path, String)> {
    if plan.config.attribute("boot_order").is_null() {
        return Vec::new();
    }
    let after = &*plan.planned;
    let order = after.attribute("boot_order").as_elements().into_iter().flatten().enumerate();
    let named = |slot: &str| DEVICES.into_iter().any(|map| has(after, map, slot)) || is_drive(after, slot);
    order
        .filter_map(|(index, slot)| Some((Path::from("boot_order").index(index), slot.as_str()?.to_owned())))
        .filter(|(_, slot)| !named(slot))
        .collect()
}

fn has(vm: &Value, map: &str, slot: &str) -> bool {
    let devices = vm.attribute(map);
    devices.is_unknown() || devices.as_entries().is_some_and(|entries| entries.contains_key(slot))
}

fn is_drive(vm: &Value, slot: &str) -> bool {
    let drive = vm.at(&"cloud_init.slot".into());
    drive.is_unknown() || drive.as_str() == Some(slot)
}

fn is_data_disk(vm: &Value, slot: &str) -> bool {
    !vm.attribute("data_disks").is_unknown() && has(vm, "data_disks", slot)
}

fn missing(path: Path, slot: &str) -> Diagnostic {
    Diagnostic::error(
        "Boot device does not exist",
        format!(
            "The machine will have nothing in the slot {slot:?}, and Proxmox VE takes only what is there. Remove {slot:?} \
             from the order, or give the machine a device there."
        ),
    )
    .at(path)
}
