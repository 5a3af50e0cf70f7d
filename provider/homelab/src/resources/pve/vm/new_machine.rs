//! What a new machine lacks that its arguments need, because it names nothing and Proxmox VE's default is another.

use tf_framework::prelude::*;

use super::model::Vm;
use super::{pci, usb};

/// Adds an error for each argument that needs another one. A clone has what its template has, and a machine that is
/// there already may have been given it by somebody.
pub(super) fn plan(before: Option<&Value>, plan: &mut Plan<'_, Vm>) {
    let planned = plan.planned.clone();
    if before.is_some() || !planned.attribute("clone").is_null() {
        return;
    }
    lacks(&planned).into_iter().for_each(|problem| plan.push(problem));
}

fn lacks(vm: &Value) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let slots = |map: &str| vm.attribute(map).as_entries().into_iter().flatten();
    if vm.attribute("machine").is_null() {
        let express =
            slots("pci_devices").filter(|(_, device)| device.attribute("pcie").as_bool() == Some(true));
        problems.extend(express.map(|(slot, _)| pci::no_express(slot)));
    }
    if vm.attribute("os_type").is_null() {
        let new = slots("usb_devices").map(|(slot, _)| slot).filter(|slot| usb::is_new(slot));
        problems.extend(new.map(|slot| usb::no_slot(slot)));
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(json: serde_json::Value, blamed: &[&str]) {
        let vm = Value::from_json(&json, &Vm::schema().ty()).unwrap();
        let found: Vec<String> =
            lacks(&vm).into_iter().map(|problem| problem.path.unwrap().to_string()).collect();
        assert_eq!(found, blamed);
    }

    #[test]
    fn a_new_machine_has_to_name_what_its_arguments_need() {
        let device = json!({"hostpci0": {"mapping_name": "gpu", "pcie": true}});
        check(json!({"pci_devices": device}), &["pci_devices[\"hostpci0\"].pcie"]);
        check(json!({"pci_devices": device, "machine": "q35"}), &[]);
        check(json!({"usb_devices": {"usb0": {}, "usb5": {}}}), &["usb_devices[\"usb5\"]"]);
        check(json!({"usb_devices": {"usb5": {}}, "os_type": "l26"}), &[]);
    }
}
