//! What the agent inside a virtual machine tells.

use serde_json::{Map, Value};

use crate::{
    Call, Error, Pve, Result, VmAddress,
    decode::{Fields as _, objects},
};

/// A network interface as the guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInterface {
    /// The guest's name for it.
    pub name: String,
    /// The hardware address.
    pub mac: Option<String>,
    /// The addresses, in the guest's order.
    pub addresses: Vec<AgentAddress>,
}

/// An address of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentAddress {
    /// The address.
    pub address: String,
    /// Whether it is an IPv6 address.
    pub ipv6: bool,
    /// The prefix length.
    pub prefix: Option<i64>,
}

impl Pve {
    /// The guest's network interfaces; `None` while the agent does not answer.
    pub async fn agent_interfaces(&self, vm: &VmAddress) -> Result<Option<Vec<AgentInterface>>> {
        let call = Call::get(vm.path("/agent/network-get-interfaces"));
        match self.object(&call).await {
            Ok(mut data) => Ok(Some(interfaces(data.remove("result").unwrap_or_default()))),
            Err(Error::Refused { problem: crate::Problem::AgentSilent, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn interfaces(result: Value) -> Vec<AgentInterface> {
    let address = |entry: &Map<String, Value>| {
        Some(AgentAddress {
            address: entry.text("ip-address")?,
            ipv6: entry.text("ip-address-type").as_deref() == Some("ipv6"),
            prefix: entry.int("prefix"),
        })
    };
    let interface = |entry: Map<String, Value>| {
        Some(AgentInterface {
            name: entry.text("name")?,
            mac: entry.text("hardware-address"),
            addresses: objects(entry.get("ip-addresses").cloned().unwrap_or_default())
                .iter()
                .filter_map(address)
                .collect(),
        })
    };
    objects(result).into_iter().filter_map(interface).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_agents_addresses_are_read() {
        let got = interfaces(
            json!([{"name": "eth0", "hardware-address": "aa", "ip-addresses": [{"ip-address": "10.0.0.2", "ip-address-type": "ipv4", "prefix": 24}]}, {"name": "lo"}]),
        );
        assert_eq!(
            got[0].addresses,
            [AgentAddress { address: "10.0.0.2".into(), ipv6: false, prefix: Some(24) }]
        );
        assert!(got[1].addresses.is_empty());
    }
}
