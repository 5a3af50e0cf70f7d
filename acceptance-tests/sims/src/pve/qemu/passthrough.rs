//! What a VM takes from its node when it starts: devices by mapping or by place.

use super::options::{parse_boolean, property};
use super::vm::{Options, Vm};
use crate::pve::answer::Failure;
use crate::pve::section::Entry;
use crate::pve::state::Lab;

/// Slots for PCI devices.
const MAX_PCI: u32 = 16;

/// One property of an entry of a mapping's `map`.
pub fn mapped<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    property(entry, name, "")
}

impl Lab {
    /// What each mapping has on a node.
    pub fn on_node(&self, kind: &str, mapping: &str, node: &str) -> Vec<String> {
        let file = self.file(&format!("mapping/{kind}.cfg"));
        let entries = file.get(mapping).and_then(|entry| entry.lists.get("map")).cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| mapped(entry, "node") == Some(node)).collect()
    }

    /// Addresses of the PCI devices that a VM gets when it starts on a node, or why it cannot.
    pub fn take_pci(&self, node: &str, vmid: u32, config: &Options) -> Result<Vec<String>, Failure> {
        let mut taken: Vec<String> = Vec::new();
        for slot in (0..MAX_PCI).map(|number| format!("hostpci{number}")) {
            let Some(value) = config.get(&slot) else { continue };
            let on = |name: &str| property(value, name, "").and_then(parse_boolean).unwrap_or(false);
            if on("pcie") && !is_q35(config) {
                return Err(Failure::died("q35 machine model is not enabled"));
            }
            let choices = self.choices(node, value)?;
            // Virtual devices of one real device are for many.
            if property(value, "mdev", "").is_some() {
                continue;
            }
            let alone = choices.len() == 1;
            let mut chosen = None;
            for addresses in choices {
                match self.free_pci(node, vmid, &addresses, &taken) {
                    Ok(()) => {
                        chosen = Some(addresses);
                        break;
                    }
                    Err(failure) if alone => return Err(failure),
                    Err(_) => {}
                }
            }
            let chosen =
                chosen.ok_or_else(|| Failure::died(format!("could not find a free device for '{slot}'")))?;
            taken.extend(chosen);
        }
        Ok(taken)
    }

    /// The devices that would do for a slot, each as its addresses.
    fn choices(&self, node: &str, value: &str) -> Result<Vec<Vec<String>>, Failure> {
        let addresses = |text: &str| text.split(';').map(full_address).collect::<Vec<String>>();
        let Some(mapping) = property(value, "mapping", "") else {
            let host = property(value, "host", "host").unwrap_or_default();
            if !self.has_mapped_hardware {
                return Err(Failure::died(format!("no PCI device found for '{host}'")));
            }
            return Ok(vec![addresses(host)]);
        };
        let entries = self.on_node("pci", mapping, node);
        if entries.is_empty() {
            return Err(Failure::died(format!("PCI device mapping not found for '{mapping}'")));
        }
        let mut choices = Vec::new();
        for entry in &entries {
            let path = mapped(entry, "path").unwrap_or_default();
            self.require_pci(entry, path).map_err(|reason| {
                Failure::died(format!("PCI device mapping invalid (hardware probably changed): {reason}\n"))
            })?;
            choices.push(addresses(path));
        }
        Ok(choices)
    }

    /// A node compares what it has with all of these, and a card in a slot has them all.
    fn require_pci(&self, entry: &str, path: &str) -> Result<(), String> {
        if !self.has_mapped_hardware {
            return Err(format!("pci device '{path}' not found"));
        }
        let lacks =
            ["id", "iommugroup", "subsystem-id"].into_iter().find(|name| mapped(entry, name).is_none());
        lacks.map_or(Ok(()), |name| Err(format!("missing expected property '{name}'")))
    }

    fn free_pci(&self, node: &str, vmid: u32, wanted: &[String], taken: &[String]) -> Result<(), Failure> {
        if let Some(address) = wanted.iter().find(|address| taken.iter().any(|other| overlap(address, other)))
        {
            return Err(Failure::died(format!("device '{address}' assigned more than once")));
        }
        let running = self.vms.iter().filter(|(id, vm)| **id != vmid && vm.node == node);
        for (id, process) in running.filter_map(|(id, vm)| Some((id, vm.process.as_ref()?))) {
            let used = |address: &&String| process.pci.iter().any(|other| overlap(address, other));
            if let Some(address) = wanted.iter().find(used) {
                return Err(Failure::died(format!("PCI device '{address}' already in use by VMID '{id}'")));
            }
        }
        Ok(())
    }

    /// Refuses a change of node that would leave mapped devices behind.
    pub fn require_mappings_on(&self, vm: &Vm, target: &str) -> Result<(), Failure> {
        let missing: Vec<&str> = vm
            .config
            .iter()
            .filter_map(|(key, value)| {
                let (kind, mapping) = mapping_of(key, value)?;
                self.on_node(kind, mapping, target).is_empty().then_some(key.as_str())
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::died(format!(
            "can't migrate to '{target}': missing mapped devices {}",
            missing.join(", ")
        )))
    }

    /// Whether a running VM can take its mapped devices along.
    pub fn moves_live(&self, kind: &str, mapping: &str) -> bool {
        let file = self.file(&format!("mapping/{kind}.cfg"));
        let capable =
            |entry: &Entry| entry.options.get("live-migration-capable").is_some_and(|text| text == "1");
        file.get(mapping).is_some_and(capable)
    }
}

/// Kind and name of the mapping that an option names.
pub fn mapping_of<'a>(key: &str, value: &'a str) -> Option<(&'static str, &'a str)> {
    match key.trim_end_matches(|last: char| last.is_ascii_digit()) {
        "hostpci" => Some(("pci", property(value, "mapping", "")?)),
        "usb" => Some(("usb", property(value, "mapping", "")?)),
        "virtiofs" => Some(("dir", property(value, "dirid", "dirid")?)),
        _ => None,
    }
}

fn is_q35(config: &Options) -> bool {
    let machine = config.get("machine").and_then(|text| property(text, "type", "type")).unwrap_or_default();
    machine.contains("q35")
}

/// An address with its domain.
fn full_address(text: &str) -> String {
    let short = text.matches(':').count() == 1;
    if short { format!("0000:{text}") } else { text.to_owned() }
}

/// A device without its function is all of its functions.
fn overlap(one: &str, other: &str) -> bool {
    let device =
        |address: &str| address.split_once('.').map_or(address.to_owned(), |(device, _)| device.to_owned());
    one == other || device(one) == device(other) && !(one.contains('.') && other.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::qemu::vm::Process;

    fn lab() -> Lab {
        let mut lab = Lab { has_mapped_hardware: true, ..Lab::default() };
        let card = |node: &str, path: &str| {
            format!("node={node},path={path},id=10de:1c03,subsystem-id=1043:85aa,iommugroup=3")
        };
        for (name, maps) in [
            ("gpu", vec![card("pve1", "0000:01:00")]),
            ("two", vec![card("pve1", "0000:02:00.0"), card("pve1", "0000:03:00.0")]),
            ("poor", vec!["node=pve1,path=0000:04:00.0,id=10de:1c03".to_owned()]),
        ] {
            let entry = Entry {
                id: name.to_owned(),
                kind: "pci".to_owned(),
                lists: [("map".to_owned(), maps)].into(),
                ..Entry::default()
            };
            lab.file_mut("mapping/pci.cfg").entries.push(entry);
        }
        lab
    }

    fn config(device: &str) -> Options {
        [("hostpci0".to_owned(), device.to_owned())].into()
    }

    fn running(lab: &mut Lab, id: u32, device: &str) {
        let pci = lab.take_pci("pve1", id, &config(device)).unwrap();
        let mut vm = Vm::on("pve1");
        vm.process = Some(Process { pci, ..Process::default() });
        lab.vms.insert(id, vm);
    }

    #[track_caller]
    fn refused(lab: &Lab, node: &str, device: &str, message: &str) {
        let failure = lab.take_pci(node, 200, &config(device)).unwrap_err();
        assert_eq!(failure.message.trim_end(), message, "{device}");
    }

    #[test]
    fn a_device_serves_one_running_vm() {
        let mut lab = lab();
        running(&mut lab, 100, "mapping=gpu");
        refused(&lab, "pve1", "mapping=gpu", "PCI device '0000:01:00' already in use by VMID '100'");
        refused(&lab, "pve1", "01:00.1", "PCI device '0000:01:00.1' already in use by VMID '100'");
        assert!(lab.take_pci("pve1", 100, &config("mapping=gpu")).is_ok(), "not by itself");
        assert!(lab.take_pci("pve1", 200, &config("mapping=gpu,mdev=nvidia-63")).is_ok());
    }

    #[test]
    fn the_first_free_device_of_a_mapping_is_taken() {
        let mut lab = lab();
        running(&mut lab, 100, "mapping=two");
        running(&mut lab, 101, "mapping=two");
        assert_eq!(lab.vms[&101].process.as_ref().unwrap().pci, ["0000:03:00.0"]);
        refused(&lab, "pve1", "mapping=two", "could not find a free device for 'hostpci0'");
    }

    #[test]
    fn a_mapping_has_to_know_the_node_and_all_of_the_device() {
        let lab = lab();
        refused(&lab, "pve2", "mapping=gpu", "PCI device mapping not found for 'gpu'");
        refused(&lab, "pve1", "mapping=nope", "PCI device mapping not found for 'nope'");
        refused(
            &lab,
            "pve1",
            "mapping=poor",
            "PCI device mapping invalid (hardware probably changed): missing expected property 'iommugroup'",
        );
        refused(&lab, "pve1", "mapping=gpu,pcie=1", "q35 machine model is not enabled");
    }
}
