//! `homelab_pve_bridge`: a Linux bridge of a node.

use pve_client::{Interface, InterfaceName, NodeName, Settings};
use tf_framework::prelude::*;

use super::addresses::{self, Common, is_address4, is_address6, is_cidr4, is_cidr6};
use super::{InterfaceId, Managed};
use crate::cx::Cx;
use crate::resources::pve::text::one_trimmed_line;

/// A Linux bridge of a node, which guests are plugged into.
///
/// A change is staged and applied at once, together with all other changes of the node's network that the run makes at
/// the same time. If that fails, all of them are taken back. Whoever changes the interface that the provider itself is
/// connected through may lose the connection before the way back is taken.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_bridge")]
pub struct Bridge {
    /// Node of the bridge. A change replaces the bridge.
    #[schema(parse, wire = "node", replace)]
    pub node_name: NodeName,

    /// Name of the bridge, such as `vmbr1`. A change replaces the bridge.
    #[schema(parse, wire = "iface", replace)]
    pub name: InterfaceName,

    /// Interfaces that belong to the bridge. Without it, none: then guests on the bridge reach only each other and the
    /// node.
    #[schema(parse, wire = "bridge_ports", validate = length(1, usize::MAX))]
    pub ports: Option<BTreeSet<InterfaceName>>,

    /// Whether the bridge knows VLANs, so that a guest can be in one by its tag. Default `false`.
    #[schema(wire = "bridge_vlan_aware", default = false)]
    pub vlan_aware: Defaulted<bool>,

    /// VLANs that a bridge that knows them lets through, such as `2-4094` or `10 20 30-40`. Proxmox VE's default for such
    /// a bridge is `2-4094`.
    #[schema(wire = "bridge_vids", keep)]
    pub vlan_ids: Defaulted<String>,

    /// IPv4 address of the node on the bridge, with the length of its network, such as `192.0.2.1/24`.
    #[schema(wire = "cidr", validate = matches("an IPv4 address with the length of its network", is_cidr4))]
    pub ipv4_cidr: Option<String>,

    /// IPv4 gateway of the node. Only one interface of a node can have it.
    #[schema(wire = "gateway", validate = matches("an IPv4 address", is_address4))]
    pub ipv4_gateway: Option<String>,

    /// IPv6 address of the node on the bridge, with the length of its network.
    #[schema(wire = "cidr6", validate = matches("an IPv6 address with the length of its network", is_cidr6))]
    pub ipv6_cidr: Option<String>,

    /// IPv6 gateway of the node. Only one interface of a node can have it.
    #[schema(wire = "gateway6", validate = matches("an IPv6 address", is_address6))]
    pub ipv6_gateway: Option<String>,

    /// Largest packet in bytes, from 1280 to 65520. Without it, what the ports have.
    #[schema(wire = "mtu", validate = range(1280, 65520))]
    pub mtu: Option<i64>,

    /// Whether the bridge is up after the start of the node. Default `true`.
    #[schema(wire = "autostart", default = true)]
    pub autostart: Defaulted<bool>,

    /// Text shown beside the bridge in the web interface. One line.
    #[schema(wire = "comments", validate = length(1, usize::MAX), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,
}

impl Managed for Bridge {
    const KIND: &'static str = "bridge";
    const NOUN: &'static str = "bridge";

    fn interface_id(&self) -> InterfaceId {
        InterfaceId { node: self.node_name.clone(), name: self.name.clone() }
    }

    fn settings(&self) -> Settings {
        let ports: Vec<&str> = self.ports.iter().flatten().map(InterfaceName::as_str).collect();
        let aware = self.vlan_aware.known().copied().unwrap_or(false);
        Common {
            ipv4_cidr: self.ipv4_cidr.as_ref(),
            ipv4_gateway: self.ipv4_gateway.as_ref(),
            ipv6_cidr: self.ipv6_cidr.as_ref(),
            ipv6_gateway: self.ipv6_gateway.as_ref(),
            mtu: self.mtu,
            autostart: self.autostart.known().copied(),
            comment: self.comment.as_ref(),
        }
        .settings()
        .opt("bridge_ports", (!ports.is_empty()).then(|| ports.join(" ")))
        .bool("bridge_vlan_aware", aware.then_some(true))
        .opt("bridge_vids", self.vlan_ids.known().filter(|_| aware))
    }

    fn from_wire(node: NodeName, found: Interface) -> Self {
        let settings = &found.settings;
        let ports = settings.word_set("bridge_ports").unwrap_or_default();
        let ports: BTreeSet<InterfaceName> = ports.iter().filter_map(|port| port.parse().ok()).collect();
        let aware = settings.truth("bridge_vlan_aware").unwrap_or(false);
        Self {
            node_name: node,
            name: found.name,
            ports: (!ports.is_empty()).then_some(ports),
            vlan_aware: aware.into(),
            vlan_ids: settings.string("bridge_vids").filter(|_| aware).into(),
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

impl Resource for Bridge {
    type Cx = Cx;
    type Id = InterfaceId;

    fn id(&self) -> InterfaceId {
        self.interface_id()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        addresses::validate(config, out);
        let aware = config.attribute("vlan_aware");
        if config.attribute("vlan_ids").is_set() && !aware.is_unknown() && aware.as_bool() != Some(true) {
            out.error("vlan_ids", "Missing argument", "The argument `vlan_ids` needs `vlan_aware = true`.");
        }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        // A bridge that does not know VLANs has none, and one that learns of them gets Proxmox VE's default.
        if let Some(want) = plan.want() {
            let aware = want.vlan_aware.known() == Some(&true);
            let was = plan.prior.as_ref().is_some_and(|prior| prior.vlan_aware.known() == Some(&true));
            if plan.config.attribute("vlan_ids").is_null() && aware != was {
                if aware { plan.mark_unknown("vlan_ids") } else { plan.set("vlan_ids", Value::Null) }
            }
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
    fn a_bridge_reads_back_what_it_sends() {
        let settings = Settings::new()
            .set("bridge_ports", "bond0 eno1")
            .set("bridge_vlan_aware", 1)
            .set("bridge_vids", "2-4094")
            .set("cidr", "198.51.100.1/24")
            .set("gateway", "198.51.100.254")
            .set("mtu", 1400)
            .set("autostart", 1)
            .set("comments", "tf");
        let interface = Interface {
            name: "vmbr5".parse().unwrap(),
            kind: "bridge".to_owned(),
            settings: settings
                .clone()
                .set("address", "198.51.100.1")
                .set("netmask", 24)
                .set("bridge_stp", "off"),
        };
        assert_eq!(Bridge::from_wire("pve1".parse().unwrap(), interface).settings(), settings);
    }
}
