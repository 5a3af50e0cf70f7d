//! `homelab_pve_bond`: several interfaces of a node as one.

use pve_client::{Interface, InterfaceName, NodeName, Settings};
use tf_framework::prelude::*;

use super::addresses::{self, Common, is_address4, is_address6, is_cidr4, is_cidr6};
use super::{InterfaceId, Managed};
use crate::cx::Cx;
use crate::resources::pve::text::one_trimmed_line;

/// Several network interfaces of a node as one, for more bandwidth or so that one may fail.
///
/// A change is staged and applied at once, together with all other changes of the node's network that the run makes at
/// the same time. If that fails, all of them are taken back.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_bond")]
pub struct Bond {
    /// Node of the bond. A change replaces it.
    #[schema(parse, wire = "node", replace)]
    pub node_name: NodeName,

    /// Name of the bond: `bond` and a number. A change replaces it.
    #[schema(parse, wire = "iface", replace, validate = matches("`bond` and a number", is_bond))]
    pub name: InterfaceName,

    /// The interfaces. None of them may belong to another bond or bridge.
    #[schema(parse, wire = "slaves", validate = length(1, usize::MAX))]
    pub interfaces: BTreeSet<InterfaceName>,

    /// How the interfaces are used, such as `active-backup` or `802.3ad` (LACP, which the switch has to know). Proxmox
    /// VE's default is `balance-rr`.
    #[schema(wire = "bond_mode", default = "balance-rr", validate = one_of(MODES))]
    pub mode: Defaulted<String>,

    /// How a packet finds its interface in the modes `balance-xor` and `802.3ad`: `layer2`, `layer2+3` or `layer3+4`.
    #[schema(wire = "bond_xmit_hash_policy", validate = one_of(["layer2", "layer2+3", "layer3+4"]))]
    pub transmit_hash_policy: Option<String>,

    /// The interface that is used while it is up, in the mode `active-backup`.
    #[schema(parse, wire = "bond-primary")]
    pub primary: Option<InterfaceName>,

    /// IPv4 address of the node on the bond, with the length of its network, such as `192.0.2.1/24`.
    #[schema(wire = "cidr", validate = matches("an IPv4 address with the length of its network", is_cidr4))]
    pub ipv4_cidr: Option<String>,

    /// IPv4 gateway of the node. Only one interface of a node can have it.
    #[schema(wire = "gateway", validate = matches("an IPv4 address", is_address4))]
    pub ipv4_gateway: Option<String>,

    /// IPv6 address of the node on the bond, with the length of its network.
    #[schema(wire = "cidr6", validate = matches("an IPv6 address with the length of its network", is_cidr6))]
    pub ipv6_cidr: Option<String>,

    /// IPv6 gateway of the node. Only one interface of a node can have it.
    #[schema(wire = "gateway6", validate = matches("an IPv6 address", is_address6))]
    pub ipv6_gateway: Option<String>,

    /// Largest packet in bytes, from 1280 to 65520.
    #[schema(wire = "mtu", validate = range(1280, 65520))]
    pub mtu: Option<i64>,

    /// Whether the bond is up after the start of the node. Default `true`.
    #[schema(wire = "autostart", default = true)]
    pub autostart: Defaulted<bool>,

    /// Text shown beside the bond in the web interface. One line.
    #[schema(wire = "comments", validate = length(1, usize::MAX), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,
}

const MODES: [&str; 7] =
    ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];

/// The type of an interface is told by its name (pve-common 9.2.1, `INotify.pm`).
fn is_bond(text: &str) -> bool {
    text.strip_prefix("bond").is_some_and(|number| {
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

impl Managed for Bond {
    const KIND: &'static str = "bond";
    const NOUN: &'static str = "bond";

    fn interface_id(&self) -> InterfaceId {
        InterfaceId { node: self.node_name.clone(), name: self.name.clone() }
    }

    fn settings(&self) -> Settings {
        let interfaces: Vec<&str> = self.interfaces.iter().map(InterfaceName::as_str).collect();
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
        .set("slaves", interfaces.join(" "))
        .opt("bond_mode", self.mode.known())
        .opt("bond_xmit_hash_policy", self.transmit_hash_policy.as_ref())
        .opt("bond-primary", self.primary.as_ref())
    }

    fn from_wire(node: NodeName, found: Interface) -> Self {
        let settings = &found.settings;
        let interfaces = settings.word_set("slaves").unwrap_or_default();
        Self {
            node_name: node,
            name: found.name,
            interfaces: interfaces.iter().filter_map(|name| name.parse().ok()).collect(),
            mode: settings.text("bond_mode").unwrap_or("balance-rr").into(),
            transmit_hash_policy: settings.string("bond_xmit_hash_policy"),
            primary: settings.parsed("bond-primary"),
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

impl Resource for Bond {
    type Cx = Cx;
    type Id = InterfaceId;

    fn id(&self) -> InterfaceId {
        self.interface_id()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        addresses::validate(config, out);
        let mode = config.attribute("mode");
        if mode.is_unknown() {
            return;
        }
        let mode = mode.as_str().unwrap_or("balance-rr");
        for (argument, modes) in [
            ("primary", ["active-backup"].as_slice()),
            ("transmit_hash_policy", ["balance-xor", "802.3ad"].as_slice()),
        ] {
            if config.attribute(argument).is_set() && !modes.contains(&mode) {
                out.error(
                    argument,
                    "Conflicting arguments",
                    format!(
                        "The argument `{argument}` is for the mode {}, and the mode is {mode:?}.",
                        modes.join(" or ")
                    ),
                );
            }
        }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
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
    fn a_bond_reads_back_what_it_sends() {
        let settings = Settings::new()
            .set("slaves", "eno1 eno2")
            .set("bond_mode", "active-backup")
            .set("bond-primary", "eno1")
            .set("autostart", 1);
        let interface =
            Interface { name: "bond0".parse().unwrap(), kind: "bond".to_owned(), settings: settings.clone() };
        assert_eq!(Bond::from_wire("pve1".parse().unwrap(), interface).settings(), settings);
        assert!(is_bond("bond0") && !is_bond("bond") && !is_bond("team0"));
    }
}
