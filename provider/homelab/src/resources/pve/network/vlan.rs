//! `homelab_pve_vlan`: a VLAN interface of a node.

use pve_client::{Interface, InterfaceName, NodeName, Settings};
use tf_framework::prelude::*;

use super::addresses::{self, Common, is_address4, is_address6, is_cidr4, is_cidr6};
use super::{InterfaceId, Managed};
use crate::cx::Cx;
use crate::resources::pve::text::one_trimmed_line;

/// A VLAN interface of a node: the node itself in a VLAN, or a port for a bridge.
///
/// A change is staged and applied at once, together with all other changes of the node's network that the run makes at
/// the same time. If that fails, all of them are taken back.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_vlan")]
pub struct Vlan {
    /// Node of the interface. A change replaces it.
    #[schema(parse, wire = "node", replace)]
    pub node_name: NodeName,

    /// Name of the interface: either an interface and the number of the VLAN, such as `vmbr0.30`, or any other, such as
    /// `storage`, with `vlan_id` and `parent`. A change replaces the interface.
    #[schema(parse, wire = "iface", replace)]
    pub name: InterfaceName,

    /// Number of the VLAN, from 1 to 4094. Without it, the name tells it.
    #[schema(wire = "vlan-id", keep, validate = range(1, 4094))]
    pub vlan_id: Defaulted<i64>,

    /// Interface that the VLAN is on. Without it, the name tells it.
    #[schema(parse, wire = "vlan-raw-device", keep)]
    pub parent: Defaulted<InterfaceName>,

    /// IPv4 address of the node in the VLAN, with the length of its network, such as `192.0.2.1/24`.
    #[schema(wire = "cidr", validate = matches("an IPv4 address with the length of its network", is_cidr4))]
    pub ipv4_cidr: Option<String>,

    /// IPv4 gateway of the node. Only one interface of a node can have it.
    #[schema(wire = "gateway", validate = matches("an IPv4 address", is_address4))]
    pub ipv4_gateway: Option<String>,

    /// IPv6 address of the node in the VLAN, with the length of its network.
    #[schema(wire = "cidr6", validate = matches("an IPv6 address with the length of its network", is_cidr6))]
    pub ipv6_cidr: Option<String>,

    /// IPv6 gateway of the node. Only one interface of a node can have it.
    #[schema(wire = "gateway6", validate = matches("an IPv6 address", is_address6))]
    pub ipv6_gateway: Option<String>,

    /// Largest packet in bytes, from 1280 to 65520.
    #[schema(wire = "mtu", validate = range(1280, 65520))]
    pub mtu: Option<i64>,

    /// Whether the interface is up after the start of the node. Default `true`.
    #[schema(wire = "autostart", default = true)]
    pub autostart: Defaulted<bool>,

    /// Text shown beside the interface in the web interface. One line.
    #[schema(wire = "comments", validate = length(1, usize::MAX), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,
}

/// The interface and the number that a name such as `vmbr0.30` tells.
fn told_by(name: &str) -> Option<(InterfaceName, i64)> {
    let (parent, number) = name.rsplit_once('.')?;
    Some((parent.parse().ok()?, number.parse().ok()?))
}

impl Managed for Vlan {
    const KIND: &'static str = "vlan";
    const NOUN: &'static str = "VLAN";

    fn interface_id(&self) -> InterfaceId {
        InterfaceId { node: self.node_name.clone(), name: self.name.clone() }
    }

    fn settings(&self) -> Settings {
        let settings = Common {
            ipv4_cidr: self.ipv4_cidr.as_ref(),
            ipv4_gateway: self.ipv4_gateway.as_ref(),
            ipv6_cidr: self.ipv6_cidr.as_ref(),
            ipv6_gateway: self.ipv6_gateway.as_ref(),
            mtu: self.mtu,
            autostart: self.autostart.known().copied(),
            comment: self.comment.as_ref(),
        }
        .settings();
        if told_by(self.name.as_str()).is_some() {
            return settings;
        }
        settings.opt("vlan-id", self.vlan_id.known()).opt("vlan-raw-device", self.parent.known())
    }

    fn from_wire(node: NodeName, found: Interface) -> Self {
        let settings = &found.settings;
        let told = told_by(found.name.as_str());
        let (parent, number) = told.map_or((None, None), |(parent, number)| (Some(parent), Some(number)));
        Self {
            node_name: node,
            vlan_id: settings.int("vlan-id").or(number).into(),
            parent: settings.parsed("vlan-raw-device").or(parent).into(),
            name: found.name,
            ipv4_cidr: settings.string("cidr"),
            ipv4_gateway: settings.string("gateway"),
            ipv6_cidr: settings.string("cidr6"),
            ipv6_gateway: settings.string("gateway6"),
            mtu: settings.int("mtu"),
            autostart: settings.truth("autostart").unwrap_or(false).into(),
            comment: settings.string("comments"),
        }
    }
}

/// The name tells the VLAN, or the two arguments do, and they do not contradict each other.
fn check_name(config: &Value, out: &mut Diagnostics) {
    let Some(name) = config.attribute("name").as_str() else { return };
    let (number, parent) = (config.attribute("vlan_id"), config.attribute("parent"));
    let Some((told_parent, told)) = told_by(name) else {
        for (argument, value) in [("vlan_id", number), ("parent", parent)] {
            if value.is_null() {
                out.error(
                    argument,
                    "Missing argument",
                    format!(
                        "The name {name:?} does not tell the VLAN, as `vmbr0.30` would, so `{argument}` must be set."
                    ),
                );
            }
        }
        return;
    };
    if !(1..=4094).contains(&told) {
        out.error(
            "name",
            "Invalid value",
            format!("The name {name:?} tells the VLAN {told}, and a VLAN has a number from 1 to 4094."),
        );
    }
    let number = number.as_number().and_then(Number::to_i64);
    if number.is_some_and(|number| number != told) {
        out.error(
            "vlan_id",
            "Conflicting arguments",
            format!("The name {name:?} tells the VLAN {told}. Use another name."),
        );
    }
    if parent.as_str().is_some_and(|parent| parent != told_parent.as_str()) {
        out.error(
            "parent",
            "Conflicting arguments",
            format!("The name {name:?} tells the interface {:?}. Use another name.", told_parent.as_str()),
        );
    }
}

impl Resource for Vlan {
    type Cx = Cx;
    type Id = InterfaceId;

    fn id(&self) -> InterfaceId {
        self.interface_id()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        addresses::validate(config, out);
        check_name(config, out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if let Some((parent, number)) = plan.want().and_then(|want| told_by(want.name.as_str())) {
            plan.set("vlan_id", number);
            plan.set("parent", parent.as_str());
        }
        super::plan(cx, plan).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<InterfaceId> {
        super::create(cx, want).await
    }

    async fn read(cx: &Cx, id: &InterfaceId, prior: Option<&Self>) -> Result<Option<Self>> {
        super::read(cx, id, prior).await
    }

    async fn update(cx: &Cx, id: &InterfaceId, change: Change<'_, Self>) -> Result<()> {
        super::update(cx, id, change).await
    }

    async fn delete(cx: &Cx, id: &InterfaceId, prior: &Self) -> Result<()> {
        super::delete(cx, id, prior).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_vlan_or_the_arguments_do() {
        let check = |entries: &[(&str, Value)]| {
            let mut out = Diagnostics::new();
            check_name(&Value::object(entries.iter().map(|(name, value)| (*name, value.clone()))), &mut out);
            out.0.len()
        };
        assert_eq!(check(&[("name", "vmbr0.30".into())]), 0);
        assert_eq!(check(&[("name", "vmbr0.30".into()), ("vlan_id", 31.into())]), 1);
        assert_eq!(check(&[("name", "vmbr0.4095".into())]), 1);
        assert_eq!(check(&[("name", "storage".into())]), 2);
        assert_eq!(
            check(&[("name", "storage".into()), ("vlan_id", 31.into()), ("parent", "eno1".into())]),
            0
        );
    }
}
