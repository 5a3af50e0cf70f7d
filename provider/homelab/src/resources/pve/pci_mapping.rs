//! `homelab_pve_pci_mapping`: one name for a PCI device of each node.

use pve_client::{Mapping, MappingKind, MappingName, NodeName, PropertyString, Settings};
use tf_framework::prelude::*;

use super::mapping_devices::{self as devices, Mapped, is_device_id, plain};
use super::text::one_trimmed_line;
use crate::cx::Cx;

/// One name for a PCI device of each node, so that a VM can use it without `root@pam` and on any of these nodes.
///
/// Whether a node really has the device is checked when a VM starts.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_pci_mapping")]
pub struct PciMapping {
    /// Name of the mapping: a letter, then letters, digits, `-` or `_`. A change replaces the mapping.
    #[schema(parse, wire = "id", replace)]
    pub name: MappingName,

    /// Text shown beside the mapping in the web interface. One line.
    #[schema(wire = "description", validate = length(1, 4096), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub description: Option<String>,

    /// Whether the devices make virtual ones (mediated devices), of which each VM gets one. Proxmox VE's default is
    /// `false`.
    #[schema(wire = "mdev")]
    pub mediated_devices: Option<bool>,

    /// Whether a running VM can be migrated with such a device. Proxmox VE's default is `false`.
    #[schema(wire = "live-migration-capable")]
    pub live_migration_capable: Option<bool>,

    /// The devices. Where a node has several, a VM gets the first that is free.
    #[schema(wire = "map", validate = length(1, usize::MAX))]
    pub devices: Vec<PciDevice>,
}

/// A device of a node.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct PciDevice {
    /// The node.
    #[schema(parse, wire = "node")]
    pub node_name: NodeName,

    /// Where it is, such as `0000:01:00.0`; without the function (`0000:01:00`) all functions of the device. Several
    /// with a `;` between.
    #[schema(wire = "path", validate = matches("PCI addresses such as 0000:01:00.0, in lower case, with a `;` between", is_path))]
    pub path: String,

    /// Vendor and device, such as `10de:1b80`. A VM does not start if the device at the path is another one.
    #[schema(wire = "id", validate = matches("a vendor and a device such as 10de:1b80", is_device_id))]
    pub device_id: String,

    /// Vendor and device of the card, such as `1043:85aa`.
    #[schema(wire = "subsystem-id", validate = matches("a vendor and a device such as 1043:85aa", is_device_id))]
    pub subsystem_id: Option<String>,

    /// Number of the IOMMU group.
    #[schema(wire = "iommugroup", validate = range(0, i64::MAX))]
    pub iommu_group: Option<i64>,

    /// Text about the device. No commas.
    #[schema(wire = "description", validate = length(1, 4096), validate = matches("one line without commas", plain))]
    pub description: Option<String>,
}

/// `[dddd:]bb:dd[.f]`, as the schema of Proxmox VE says.
fn is_path(text: &str) -> bool {
    let hex = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let one = |address: &str| {
        let (address, function) = address.split_once('.').unwrap_or((address, "0"));
        let parts: Vec<&str> = address.split(':').collect();
        let [domain, bus, device] = parts[..] else { return false };
        hex(domain, 4, 8) && hex(bus, 2, 2) && hex(device, 2, 2) && hex(function, 1, 1)
    };
    text.split(';').all(one)
}

impl PciDevice {
    fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        text.set("node", Some(&self.node_name));
        text.set("path", Some(&self.path));
        text.set("id", Some(&self.device_id));
        text.set("subsystem-id", self.subsystem_id.as_ref());
        text.set("iommugroup", self.iommu_group);
        text.set("description", self.description.as_ref());
        text
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = PropertyString::parse(text, None).ok()?;
        let string = |name| text.value(name).map(str::to_owned);
        Some(Self {
            node_name: text.value("node")?.parse().ok()?,
            path: string("path").unwrap_or_default(),
            device_id: string("id").unwrap_or_default(),
            subsystem_id: string("subsystem-id"),
            // -1 stands for no group.
            iommu_group: text
                .value("iommugroup")
                .and_then(|number| number.parse().ok())
                .filter(|group| *group >= 0),
            description: string("description"),
        })
    }
}

impl Mapped for PciMapping {
    const KIND: MappingKind = MappingKind::Pci;
    const NOUN: &'static str = "PCI mapping";

    fn name(&self) -> &MappingName {
        &self.name
    }

    fn settings(&self) -> Settings {
        Settings::new()
            .opt("description", self.description.as_ref())
            .bool("mdev", self.mediated_devices)
            .bool("live-migration-capable", self.live_migration_capable)
            .list("map", self.devices.iter().map(PciDevice::wire))
    }

    fn read(found: Mapping) -> Self {
        Self {
            name: found.name,
            description: found.settings.string("description"),
            mediated_devices: found.settings.truth("mdev"),
            live_migration_capable: found.settings.truth("live-migration-capable"),
            devices: found.settings.items("map").iter().filter_map(|text| PciDevice::read(text)).collect(),
        }
    }
}

impl Resource for PciMapping {
    type Cx = Cx;
    type Id = MappingName;

    fn id(&self) -> MappingName {
        self.name.clone()
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        devices::plan(cx, plan).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<MappingName> {
        devices::create(cx, want).await
    }

    async fn read(cx: &Cx, id: &MappingName, _prior: Option<&Self>) -> Result<Option<Self>> {
        devices::read(cx, id).await
    }

    async fn update(cx: &Cx, id: &MappingName, change: Change<'_, Self>) -> Result<()> {
        devices::update(cx, id, change).await
    }

    async fn delete(cx: &Cx, id: &MappingName, _prior: &Self) -> Result<()> {
        devices::delete::<Self>(cx, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_in_whatever_order_its_parts_come() {
        let text = "id=10de:1234,node=pve1,path=0000:01:00.0,subsystem-id=1043:1234,iommugroup=3";
        let device = PciDevice::read(text).unwrap();
        assert_eq!(device.iommu_group, Some(3));
        let sent = device.wire().to_string();
        assert_eq!(sent, "id=10de:1234,iommugroup=3,node=pve1,path=0000:01:00.0,subsystem-id=1043:1234");
        assert_eq!(PciDevice::read(&sent), Some(device));
    }

    #[test]
    fn paths_name_devices_with_or_without_function() {
        for (path, valid) in [
            ("0000:01:00.0", true),
            ("0000:01:00", true),
            ("0000:01:00.0;0000:01:00.1", true),
            ("01:00.0", false),
            ("0000:01:00.0 ", false),
            ("0000:0A:00.0", false),
        ] {
            assert_eq!(is_path(path), valid, "{path}");
        }
    }
}
