//! The version of the service and the nodes of the cluster.

use std::collections::BTreeSet;

use crate::{Call, NodeName, Pve, Result, decode::Fields as _};

/// The version of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Such as `9.2.11`.
    pub version: String,
    /// Such as `9.2`.
    pub release: String,
    /// The commit.
    pub repository_id: String,
}

/// A node, as the list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The name.
    pub name: NodeName,
    /// Whether it is up.
    pub online: bool,
    /// The number of CPUs.
    pub cpus: Option<i64>,
    /// The memory in bytes.
    pub memory_bytes: Option<i64>,
    /// The memory in use, in bytes.
    pub memory_used_bytes: Option<i64>,
    /// The time since its start, in seconds.
    pub uptime_seconds: Option<i64>,
    /// The SHA-256 fingerprint of its certificate.
    pub certificate_fingerprint: Option<String>,
}

impl Pve {
    /// The CPU models that machines on a node may have: those of its QEMU, and those of the cluster that the login may see.
    pub async fn cpu_models(&self, node: &NodeName) -> Result<BTreeSet<String>> {
        let models = self.objects(&Call::get(format!("/nodes/{node}/capabilities/qemu/cpu"))).await?;
        Ok(models.iter().filter_map(|model| model.text("name")).collect())
    }

    /// The version.
    pub async fn version(&self) -> Result<Version> {
        let data = self.object(&Call::get("/version")).await?;
        let text = |name| data.text(name).unwrap_or_default();
        Ok(Version { version: text("version"), release: text("release"), repository_id: text("repoid") })
    }

    /// The nodes, by name.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let mut nodes: Vec<Node> = self
            .objects(&Call::get("/nodes"))
            .await?
            .iter()
            .filter_map(|node| {
                Some(Node {
                    name: node.parsed("node")?,
                    online: node.text("status").as_deref() == Some("online"),
                    cpus: node.int("maxcpu"),
                    memory_bytes: node.int("maxmem"),
                    memory_used_bytes: node.int("mem"),
                    uptime_seconds: node.int("uptime"),
                    certificate_fingerprint: node.text("ssl_fingerprint"),
                })
            })
            .collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }
}
