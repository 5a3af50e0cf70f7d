//! Settings of one node: its notes and wake-on-LAN, name servers, hosts file and time zone.

use crate::{Call, Changes, Error, NodeName, Params, Pve, Result, Settings, decode::Fields as _};

/// The name servers of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// The search domain.
    pub search_domain: Option<String>,
    /// The addresses, at most three.
    pub servers: Vec<String>,
}

/// The hosts file of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsFile {
    /// The text.
    pub text: String,
    /// The digest to write against.
    pub digest: Option<String>,
}

fn path(node: &NodeName, rest: &str) -> String {
    format!("/nodes/{node}/{rest}")
}

impl Dns {
    fn decode(settings: &Settings) -> Self {
        let server = |name| settings.text(name).map(str::to_owned);
        Self {
            search_domain: server("search"),
            servers: ["dns1", "dns2", "dns3"].into_iter().filter_map(server).collect(),
        }
    }

    /// What is left out is removed, but the search domain has to be there.
    fn call(&self, node: &NodeName) -> Call {
        let params = Params::new().set("search", self.search_domain.as_deref().unwrap_or_default());
        let servers = ["dns1", "dns2", "dns3"].into_iter().zip(&self.servers);
        Call::put(path(node, "dns")).with(servers.fold(params, |params, (name, ip)| params.set(name, ip)))
    }
}

impl HostsFile {
    fn call(&self, node: &NodeName) -> Call {
        let params = Params::new().set("data", &self.text).opt("digest", self.digest.as_ref());
        Call::post(path(node, "hosts")).with(params)
    }
}

impl Pve {
    /// The options of a node that are set, such as `description` and `wakeonlan`.
    pub async fn node_options(&self, node: &NodeName) -> Result<Settings> {
        self.settings(&path(node, "config")).await
    }

    /// Changes options of a node.
    pub async fn change_node_options(&self, node: &NodeName, changes: &Changes) -> Result<()> {
        self.change(&path(node, "config"), changes, Params::new()).await
    }

    /// The name servers of a node.
    pub async fn node_dns(&self, node: &NodeName) -> Result<Dns> {
        Ok(Dns::decode(&self.settings(&path(node, "dns")).await?))
    }

    /// Replaces the name servers of a node.
    pub async fn set_node_dns(&self, node: &NodeName, dns: &Dns) -> Result<()> {
        self.send(&dns.call(node)).await.map(drop)
    }

    /// The hosts file of a node.
    pub async fn node_hosts(&self, node: &NodeName) -> Result<HostsFile> {
        let data = self.object(&Call::get(path(node, "hosts"))).await?;
        Ok(HostsFile { text: data.text("data").unwrap_or_default(), digest: data.text("digest") })
    }

    /// Replaces the hosts file of a node.
    pub async fn set_node_hosts(&self, node: &NodeName, hosts: &HostsFile) -> Result<()> {
        self.send(&hosts.call(node)).await.map(drop)
    }

    /// The time zone of a node, such as `Europe/Berlin`.
    pub async fn node_time_zone(&self, node: &NodeName) -> Result<String> {
        let call = Call::get(path(node, "time"));
        let zone = self.object(&call).await?.text("timezone");
        zone.ok_or_else(|| Error::Unexpected { call: call.name(), reason: "there is no time zone".into() })
    }

    /// Sets the time zone of a node.
    pub async fn set_node_time_zone(&self, node: &NodeName, zone: &str) -> Result<()> {
        let call = Call::put(path(node, "time")).with(Params::new().set("timezone", zone));
        self.send(&call).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn name_servers_are_replaced_as_a_whole() {
        let node = "pve1".parse().unwrap();
        let answer = json!({"dns1": "127.0.0.1"});
        let dns = Dns::decode(&Settings::decode(answer.as_object().unwrap()));
        assert_eq!(dns.servers, ["127.0.0.1"]);
        let dns = Dns {
            search_domain: Some("example.test".into()),
            servers: vec!["1.1.1.1".into(), "9.9.9.9".into()],
        };
        assert_eq!(
            dns.call(&node).wire(),
            "PUT /api2/json/nodes/pve1/dns search=example.test&dns1=1.1.1.1&dns2=9.9.9.9"
        );
    }

    #[test]
    fn the_hosts_file_is_written_against_its_digest() {
        let hosts = HostsFile { text: "127.0.0.1 localhost\n".into(), digest: Some("0eb3".into()) };
        assert_eq!(
            hosts.call(&"pve1".parse().unwrap()).wire(),
            "POST /api2/json/nodes/pve1/hosts data=127.0.0.1+localhost%0A&digest=0eb3"
        );
    }
}
