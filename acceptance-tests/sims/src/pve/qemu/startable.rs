//! What a configuration has to hold when a VM starts, beside its disks and PCI devices.

use super::options::{memory_mib, parse_boolean, property};
use super::passthrough::mapping_of;
use super::vm::Options;
use crate::pve::answer::Failure;
use crate::pve::state::Lab;

/// Guests with the USB controller that has all slots.
const MODERN: [&str; 4] = ["l26", "win8", "win10", "win11"];

/// USB slots of all other guests.
const OLD_USB_SLOTS: u32 = 5;

/// Whether the guest has the USB controller that has all slots and takes devices at any time.
pub fn has_modern_usb(config: &Options) -> bool {
    config.get("ostype").is_some_and(|os| MODERN.contains(&os.as_str()))
}

impl Lab {
    /// Refuses a configuration with which QEMU would not start on this node.
    pub fn require_startable(&self, node: &str, config: &Options) -> Result<(), Failure> {
        for (key, value) in config {
            if let Some(number) = key.strip_prefix("usb").and_then(|number| number.parse::<u32>().ok()) {
                if number >= OLD_USB_SLOTS && !has_modern_usb(config) {
                    return Err(Failure::died(format!(
                        "using {key} is only possible with machine type >= 7.1 and ostype l26 or windows > 7"
                    )));
                }
                self.require_usb(node, value)?;
            }
            if key.starts_with("virtiofs") {
                self.require_directory(node, value, config)?;
            }
        }
        self.require_random_source(config)?;
        self.require_processors(node, config)?;
        memory(config)
    }

    /// Refuses more processors than the node has, as qemu-server 9.2.6 does (`QemuServer.pm`, `config_to_command`).
    fn require_processors(&self, node: &str, config: &Options) -> Result<(), Failure> {
        let number = |key: &str| config.get(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or(1);
        let there = self.nodes.get(node).map_or(u64::MAX, |node| u64::from(node.processors));
        if number("sockets") * number("cores") > there {
            return Err(Failure::died(format!("MAX {there} vcpus allowed per VM on this node")));
        }
        Ok(())
    }

    /// Refuses a USB device by mapping that the node does not have.
    pub fn require_usb(&self, node: &str, value: &str) -> Result<(), Failure> {
        let Some(("usb", mapping)) = mapping_of("usb0", value) else { return Ok(()) };
        let devices = self.on_node("usb", mapping, node);
        match devices.len() {
            0 => Err(Failure::died(format!("USB device mapping not found for '{mapping}'"))),
            1 if !self.has_mapped_hardware => {
                let id = property(&devices[0], "id", "").unwrap_or_default();
                Err(Failure::died(format!(
                    "USB Mapping invalid (hardware probably changed): usb device '{id}' not found"
                )))
            }
            1 => Ok(()),
            _ => Err(Failure::died("More than one USB mapping per host not supported")),
        }
    }

    fn require_directory(&self, node: &str, value: &str, config: &Options) -> Result<(), Failure> {
        let Some((_, mapping)) = mapping_of("virtiofs0", value) else { return Ok(()) };
        if self.file("mapping/dir.cfg").get(mapping).is_none() {
            return Err(Failure::died(format!("Directory ID {mapping} does not exist.")));
        }
        match self.on_node("dir", mapping, node).len() {
            0 => return Err(Failure::died(format!("No directory mapping for node {node}."))),
            1 => {}
            _ => return Err(Failure::died(format!("More than than one directory mapping for node {node}."))),
        }
        let acl = property(value, "expose-acl", "").and_then(parse_boolean) == Some(true);
        if acl && config.get("ostype").is_some_and(|os| os.starts_with('w')) {
            return Err(Failure::died(
                "Please disable ACLs for virtiofs on Windows VMs, otherwise the virtiofs shared directory cannot be mounted.",
            ));
        }
        Ok(())
    }

    fn require_random_source(&self, config: &Options) -> Result<(), Failure> {
        let source = config.get("rng0").and_then(|text| property(text, "source", "source"));
        if source == Some("/dev/hwrng") && !self.has_mapped_hardware {
            return Err(Failure::died(
                "cannot create VirtIO RNG device: source file '/dev/hwrng' doesn't exist",
            ));
        }
        Ok(())
    }
}

/// What the memory of a VM is made of has to fit together.
fn memory(config: &Options) -> Result<(), Failure> {
    let numa = config.get("numa").is_some_and(|text| text == "1");
    let hotplug =
        config.get("hotplug").is_some_and(|text| text.split([',', ';', ' ']).any(|word| word == "memory"));
    let nodes: Vec<(String, &String)> = (0..8)
        .map(|number| format!("numa{number}"))
        .filter_map(|key| config.get(&key).map(|value| (key, value)))
        .collect();
    if hotplug && !numa {
        return Err(Failure::died("NUMA needs to be enabled for memory hotplug"));
    }
    if hotplug && !nodes.is_empty() {
        return Err(Failure::died("cannot enable memory hotplugging with custom NUMA topology"));
    }
    let total = memory_mib(config.get("memory").map(String::as_str));
    if hotplug && total < 1024 {
        return Err(Failure::died("minimum memory must be 1024MB"));
    }
    let hugepages = config.contains_key("hugepages");
    if hugepages && !numa {
        return Err(Failure::died("numa needs to be enabled to use hugepages"));
    }
    if hotplug && config.keys().any(|key| key.starts_with("virtiofs")) {
        return Err(Failure::died("Memory hotplug does not work in combination with virtio-fs."));
    }
    if !numa || nodes.is_empty() {
        return Ok(());
    }
    let mut sum = 0;
    for (key, value) in nodes {
        let name = key.replace("numa", "NUMA node");
        let memory = property(value, "memory", "").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        if memory == 0 {
            return Err(Failure::died(format!("missing {name} memory value")));
        }
        sum += memory;
        match property(value, "hostnodes", "") {
            Some(hosts) if property(value, "policy", "").is_none() => {
                return Err(Failure::died(format!("you need to define a policy for hostnode {hosts}")));
            }
            None if hugepages => {
                return Err(Failure::died("numa hostnodes need to be defined to use hugepages"));
            }
            _ => {}
        }
    }
    if sum != total {
        return Err(Failure::died("total memory for NUMA nodes must be equal to vm static memory"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::pve::section::Entry;

    fn lab() -> Lab {
        let mut lab = Lab { has_mapped_hardware: true, ..Lab::default() };
        for (kind, map) in [("usb", "node=pve1,id=046d:c52b"), ("dir", "node=pve1,path=/srv")] {
            let entry = Entry {
                id: "one".to_owned(),
                kind: kind.to_owned(),
                lists: [("map".to_owned(), vec![map.to_owned()])].into(),
                ..Entry::default()
            };
            lab.file_mut(&format!("mapping/{kind}.cfg")).entries.push(entry);
        }
        lab
    }

    #[test]
    fn a_vm_starts_only_if_its_hardware_fits() {
        for (node, options, refusal) in [
            ("pve1", "usb0: mapping=one", ""),
            ("pve2", "usb0: mapping=one", "USB device mapping not found for 'one'"),
            (
                "pve1",
                "usb5: spice",
                "using usb5 is only possible with machine type >= 7.1 and ostype l26 or windows > 7",
            ),
            ("pve1", "usb5: spice\nostype: l26", ""),
            ("pve1", "virtiofs0: one,expose-acl=1\nostype: l26", ""),
            ("pve1", "virtiofs0: dirid=two", "Directory ID two does not exist."),
            ("pve2", "virtiofs0: one", "No directory mapping for node pve2."),
            (
                "pve1",
                "virtiofs0: one,expose-acl=1\nostype: win11",
                "Please disable ACLs for virtiofs on Windows VMs, otherwise the virtiofs shared directory cannot be mounted.",
            ),
            ("pve1", "hotplug: disk,memory\nmemory: 2048", "NUMA needs to be enabled for memory hotplug"),
            ("pve1", "hotplug: memory\nmemory: 2048\nnuma: 1", ""),
            ("pve1", "hugepages: 2", "numa needs to be enabled to use hugepages"),
            ("pve1", "numa: 1\nnuma0: cpus=0,memory=512", ""),
            ("pve1", "numa: 1\nnuma0: cpus=0", "missing NUMA node0 memory value"),
            (
                "pve1",
                "numa: 1\nnuma0: cpus=0,memory=512,hostnodes=0",
                "you need to define a policy for hostnode 0",
            ),
            (
                "pve1",
                "numa: 1\nnuma0: cpus=0,memory=256",
                "total memory for NUMA nodes must be equal to vm static memory",
            ),
        ] {
            let config: Options = options
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let outcome = lab().require_startable(node, &config).err().map(|failure| failure.message);
            assert_eq!(outcome.unwrap_or_default().trim_end(), refusal, "{options}");
        }
    }

    #[test]
    fn only_the_newer_guests_have_the_newer_controller() {
        let config = |os: &str| Options::from([("ostype".to_owned(), os.to_owned())]);
        let modern: BTreeSet<&str> = ["l24", "l26", "win7", "win8", "other"]
            .into_iter()
            .filter(|os| has_modern_usb(&config(os)))
            .collect();
        assert_eq!(modern, BTreeSet::from(["l26", "win8"]));
    }
}
