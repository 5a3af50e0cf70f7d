//! `homelab_pve_network_interfaces`: the network interfaces of a node.

use pve_client::NodeName;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The network interfaces of a node: cards, bridges, VLANs and bonds, with staged changes as if they were applied.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_network_interfaces")]
pub struct NetworkInterfaces {
    /// The node.
    #[schema(parse, wire = "node")]
    pub node_name: NodeName,

    /// Only interfaces of this type, such as `bridge`, `bond`, `vlan` or `eth`.
    pub r#type: Option<String>,

    /// The interfaces, by name.
    pub interfaces: Computed<BTreeMap<String, NetworkInterface>>,
}

/// One interface.
#[derive(Clone, Debug, Object)]
pub struct NetworkInterface {
    /// Its type.
    pub r#type: String,

    /// IPv4 address of the node on it, with the length of its network; null if there is none.
    #[schema(wire = "cidr")]
    pub ipv4_cidr: Option<String>,

    /// IPv6 address of the node on it, with the length of its network; null if there is none.
    #[schema(wire = "cidr6")]
    pub ipv6_cidr: Option<String>,

    /// Interfaces that belong to it: ports of a bridge, or those of a bond.
    #[schema(wire = "bridge_ports")]
    pub ports: BTreeSet<String>,

    /// Whether it is up after the start of the node.
    pub autostart: bool,

    /// Text shown beside it; null if there is none.
    #[schema(wire = "comments")]
    pub comment: Option<String>,
}

impl DataSource for NetworkInterfaces {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let what = format!("list the network interfaces of node {:?}", config.node_name.as_str());
        let found = cx.pve()?.network(&config.node_name).await.explain::<Self>(cx, what)?;
        let matches =
            |found: &pve_client::Interface| config.r#type.as_ref().is_none_or(|kind| *kind == found.kind);
        let interface = |found: pve_client::Interface| {
            let settings = &found.settings;
            let ports = settings.word_set("bridge_ports").or_else(|| settings.word_set("slaves"));
            let shown = NetworkInterface {
                ipv4_cidr: settings.string("cidr"),
                ipv6_cidr: settings.string("cidr6"),
                ports: ports.unwrap_or_default(),
                autostart: settings.truth("autostart") == Some(true),
                comment: settings.string("comments"),
                r#type: found.kind,
            };
            (found.name.to_string(), shown)
        };
        let interfaces: BTreeMap<String, NetworkInterface> =
            found.interfaces.into_iter().filter(matches).map(interface).collect();
        Ok(Self { interfaces: interfaces.into(), ..config })
    }
}
