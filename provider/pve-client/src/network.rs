//! Network interfaces of a node. Changes are staged in a file of their own until they are applied.

use std::collections::BTreeSet;

use crate::{Call, InterfaceName, NodeName, Params, Pve, Result, Settings, Upid, decode};

/// An interface, as staged changes leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name.
    pub name: InterfaceName,
    /// Such as `bridge`, `bond`, `vlan` or `eth`.
    pub kind: String,
    /// Everything else, by wire name.
    pub settings: Settings,
}

/// The network of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The interfaces, by name.
    pub interfaces: Vec<Interface>,
    /// The staged changes as a unified diff, if there are any.
    pub staged: Option<String>,
}

impl Interface {
    fn decode(settings: Settings) -> Option<Self> {
        Some(Self { name: settings.parsed("iface")?, kind: settings.text("type")?.to_owned(), settings })
    }
}

fn path(node: &NodeName) -> String {
    format!("/nodes/{node}/network")
}

fn interface_path(node: &NodeName, name: &InterfaceName) -> String {
    format!("{}/{name}", path(node))
}

fn bridges_call(node: &NodeName) -> Call {
    Call::get(path(node)).with(Params::new().set("type", "any_bridge"))
}

fn create_call(node: &NodeName, name: &InterfaceName, kind: &str, settings: &Settings) -> Call {
    Call::post(path(node)).with(Params::new().set("iface", name).set("type", kind).and(settings.params()))
}

/// Addresses that are not sent again make the interface a manual one, so everything is sent.
fn update_call(
    node: &NodeName,
    name: &InterfaceName,
    kind: &str,
    settings: &Settings,
    delete: &BTreeSet<String>,
) -> Call {
    let params = Params::new().set("type", kind).and(settings.params()).list("delete", delete);
    Call::put(interface_path(node, name)).with(params)
}

impl Pve {
    /// The interfaces of a node and what is staged.
    pub async fn network(&self, node: &NodeName) -> Result<Network> {
        let mut envelope = self.send_full(&Call::get(path(node))).await?;
        let rows = decode::objects(envelope.remove("data").unwrap_or_default());
        let mut interfaces: Vec<Interface> =
            rows.iter().filter_map(|row| Interface::decode(Settings::decode(row))).collect();
        interfaces.sort_by(|a, b| a.name.cmp(&b.name));
        let staged = envelope.get("changes").and_then(decode::text).filter(|text| !text.trim().is_empty());
        Ok(Network { interfaces, staged })
    }

    /// The bridges of a node, virtual networks among them, that the user may plug guests into.
    pub async fn bridges(&self, node: &NodeName) -> Result<BTreeSet<InterfaceName>> {
        let rows = decode::objects(self.send(&bridges_call(node)).await?);
        let name = |row: &serde_json::Map<String, serde_json::Value>| Settings::decode(row).parsed("iface");
        Ok(rows.iter().filter_map(name).collect())
    }

    /// Stages a new interface.
    pub async fn stage_interface(
        &self,
        node: &NodeName,
        name: &InterfaceName,
        kind: &str,
        settings: &Settings,
    ) -> Result<()> {
        self.send(&create_call(node, name, kind, settings)).await.map(drop)
    }

    /// Stages a change of an interface: all its settings, and those it loses.
    pub async fn stage_interface_change(
        &self,
        node: &NodeName,
        name: &InterfaceName,
        kind: &str,
        settings: &Settings,
        delete: &BTreeSet<String>,
    ) -> Result<()> {
        self.send(&update_call(node, name, kind, settings, delete)).await.map(drop)
    }

    /// Stages the end of an interface.
    pub async fn stage_interface_removal(&self, node: &NodeName, name: &InterfaceName) -> Result<()> {
        self.send(&Call::delete(interface_path(node, name))).await.map(drop)
    }

    /// Starts to apply what is staged.
    pub async fn apply_network(&self, node: &NodeName) -> Result<Upid> {
        self.upid(&Call::put(path(node))).await
    }

    /// Drops what is staged.
    pub async fn revert_network(&self, node: &NodeName) -> Result<()> {
        self.send(&Call::delete(path(node))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_interface_is_staged_whole_and_reads_back_with_strings_for_numbers() {
        let (node, name) = ("pve1".parse().unwrap(), "vmbr5".parse().unwrap());
        let settings = Settings::new()
            .bool("autostart", Some(true))
            .set("cidr", "198.51.100.1/24")
            .set("comments", "tf");
        assert_eq!(
            create_call(&node, &name, "bridge", &settings).wire(),
            "POST /api2/json/nodes/pve1/network iface=vmbr5&type=bridge&autostart=1&cidr=198.51.100.1%2F24&comments=tf"
        );
        assert_eq!(bridges_call(&node).wire(), "GET /api2/json/nodes/pve1/network?type=any_bridge");
        let delete = BTreeSet::from(["mtu".to_owned()]);
        assert_eq!(
            update_call(&node, &name, "bridge", &settings, &delete).wire(),
            "PUT /api2/json/nodes/pve1/network/vmbr5 type=bridge&autostart=1&cidr=198.51.100.1%2F24&comments=tf&delete=mtu"
        );
        let row = json!({"iface": "vmbr5", "bridge_ports": "", "comments": "tf\n", "type": "bridge", "mtu": "1400", "families": ["inet"]});
        let read = Interface::decode(Settings::decode(row.as_object().unwrap())).unwrap();
        assert_eq!((read.settings.text("comments"), read.settings.int("mtu")), (Some("tf"), Some(1400)));
    }
}
