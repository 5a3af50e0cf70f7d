//! What a new machine lacks that its arguments need, because it names nothing and Proxmox VE's default is another.

use tf_framework::prelude::*;

use super::model::Vm;
use super::{pci, usb};

/// Tells of each argument that needs another one. A clone has what its template has, and a machine that is
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
    problems.extend(firmware(vm));
    let networks = vm.attribute("networks");
    let numbers = vm.at(&"cloud_init.ip_configs".into()).as_entries().into_iter().flatten();
    let lonely =
        numbers.filter_map(|(slot, _)| Some((slot, format!("net{}", slot.strip_prefix("ipconfig")?))));
    let lonely = lonely.filter(|(_, network)| {
        !networks.is_unknown() && !networks.as_entries().is_some_and(|entries| entries.contains_key(network))
    });
    problems.extend(lonely.map(|(slot, network)| {
        Diagnostic::warning(
            "Address without device",
            format!("The machine has no {network:?}, which {slot:?} is for. Add it to `networks`, or remove {slot:?}."),
        )
        .at(Path::from("cloud_init.ip_configs").key(slot))
    }));
    problems
}

/// Firmware and its disk go together.
fn firmware(vm: &Value) -> Option<Diagnostic> {
    let (bios, disk) = (vm.attribute("bios"), vm.attribute("efi_disk"));
    if disk.is_set() && bios.is_null() {
        let detail = "The firmware is SeaBIOS unless the configuration says otherwise, and that has no use for an EFI disk. Set \
                      `bios = \"ovmf\"`, or remove `efi_disk`.";
        return Some(Diagnostic::warning("EFI disk without EFI", detail).at("efi_disk"));
    }
    let detail = "Without an EFI disk the machine forgets its boot entries and keys at every stop, and some systems then no \
                  longer boot. Add `efi_disk = { storage_name = … }`.";
    (disk.is_null() && bios.as_str() == Some("ovmf"))
        .then(|| Diagnostic::warning("EFI without EFI disk", detail).at("bios"))
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
        check(json!({"bios": "ovmf"}), &["bios"]);
        check(json!({"efi_disk": {}}), &["efi_disk"]);
        check(json!({"bios": "ovmf", "efi_disk": {}}), &[]);
        let addresses = json!({"ip_configs": {"ipconfig1": {"ipv4_address": "dhcp"}}});
        check(json!({"cloud_init": addresses}), &["cloud_init.ip_configs[\"ipconfig1\"]"]);
        check(json!({"cloud_init": addresses, "networks": {"net1": {}}}), &[]);
    }
}
