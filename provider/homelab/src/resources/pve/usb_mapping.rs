//! `homelab_pve_usb_mapping`: one name for a USB device of each node.

use pve_client::{Mapping, MappingKind, MappingName, NodeName, PropertyString, Settings};
use tf_framework::prelude::*;

use super::mapping_devices::{self as devices, Mapped, is_device_id, plain};
use super::text::one_trimmed_line;
use crate::cx::Cx;

/// One name for a USB device of each node, so that a VM can use it without `root@pam` and on any of these nodes.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_usb_mapping")]
pub struct UsbMapping {
    /// Name of the mapping: a letter, then letters, digits, `-` or `_`. A change replaces the mapping.
    #[schema(parse, wire = "id", replace)]
    pub name: MappingName,

    /// Text shown beside the mapping in the web interface. One line.
    #[schema(wire = "description", validate = length(1, 4096), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub description: Option<String>,

    /// The devices, at most one per node.
    #[schema(wire = "map", validate = length(1, usize::MAX))]
    pub devices: Vec<UsbDevice>,
}

/// A device of a node.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct UsbDevice {
    /// The node.
    #[schema(parse, wire = "node")]
    pub node_name: NodeName,

    /// Vendor and device, such as `0403:6001`.
    #[schema(wire = "id", validate = matches("a vendor and a device such as 0403:6001", is_device_id))]
    pub device_id: String,

    /// Port that the device is plugged into, such as `1-2.3`. Without it, any.
    #[schema(wire = "path", validate = matches("a bus and ports such as 1-2.3", is_port))]
    pub port: Option<String>,

    /// Text about the device. No commas.
    #[schema(wire = "description", validate = length(1, 4096), validate = matches("one line without commas", plain))]
    pub description: Option<String>,
}

fn is_port(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(bus, ports)| digits(bus) && ports.split('.').all(digits))
}

impl UsbDevice {
    fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        text.set("node", Some(&self.node_name));
        text.set("id", Some(&self.device_id));
        text.set("path", self.port.as_ref());
        text.set("description", self.description.as_ref());
        text
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = PropertyString::parse(text, None).ok()?;
        let string = |name| text.value(name).map(str::to_owned);
        Some(Self {
            node_name: text.value("node")?.parse().ok()?,
            device_id: string("id").unwrap_or_default(),
            port: string("path"),
            description: string("description"),
        })
    }
}

impl Mapped for UsbMapping {
    const KIND: MappingKind = MappingKind::Usb;
    const NOUN: &'static str = "USB mapping";

    fn name(&self) -> &MappingName {
        &self.name
    }

    fn settings(&self) -> Settings {
        Settings::new()
            .opt("description", self.description.as_ref())
            .list("map", self.devices.iter().map(UsbDevice::wire))
    }

    fn read(found: Mapping) -> Self {
        Self {
            name: found.name,
            description: found.settings.string("description"),
            devices: found.settings.items("map").iter().filter_map(|text| UsbDevice::read(text)).collect(),
        }
    }
}

impl Resource for UsbMapping {
    type Cx = Cx;
    type Id = MappingName;

    fn id(&self) -> MappingName {
        self.name.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        // A machine does not start with two (qemu-server 9.2.6, `USB.pm`).
        devices::one_per_node(config, "devices", "device", out);
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
    fn a_device_survives_the_way_to_the_wire_and_back() {
        let device = UsbDevice::read("node=pve1,id=0403:6001,path=1-2.3").unwrap();
        assert_eq!(UsbDevice::read(&device.wire().to_string()), Some(device));
        assert!(is_port("1-2") && is_port("1-2.3.4") && !is_port("1") && !is_port("1-"));
    }
}
