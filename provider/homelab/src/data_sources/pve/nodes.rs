//! `homelab_pve_nodes`: the nodes of the cluster.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The nodes of the cluster that `endpoint` belongs to.
///
/// It tells only what stays the same from run to run, so that outputs made of it do not change by themselves.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_nodes")]
pub struct Nodes {
    /// Names of all nodes.
    pub names: Computed<BTreeSet<String>>,

    /// The nodes, by name.
    pub nodes: Computed<BTreeMap<String, Node>>,
}

/// One node.
#[derive(Clone, Debug, Object)]
pub struct Node {
    /// Whether the cluster sees the node as up.
    #[schema(wire = "status")]
    pub online: bool,

    /// Number of logical processors; null while the node is down.
    #[schema(wire = "maxcpu")]
    pub cpu_count: Option<i64>,

    /// Size of the memory in MiB; null while the node is down.
    #[schema(wire = "maxmem")]
    pub memory_mib: Option<i64>,

    /// SHA-256 fingerprint of the node's certificate, as the argument `fingerprint` of the provider takes it.
    #[schema(wire = "ssl_fingerprint")]
    pub certificate_fingerprint: Option<String>,
}

impl From<pve_client::Node> for Node {
    fn from(found: pve_client::Node) -> Self {
        Self {
            online: found.online,
            cpu_count: found.cpus,
            memory_mib: found.memory_bytes.map(|bytes| bytes >> 20),
            certificate_fingerprint: found.certificate_fingerprint,
        }
    }
}

impl DataSource for Nodes {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.nodes().await.explain::<Self>(cx, "list the nodes")?;
        let nodes: BTreeMap<String, Node> =
            found.into_iter().map(|node| (node.name.to_string(), node.into())).collect();
        Ok(Self { names: nodes.keys().cloned().collect::<BTreeSet<_>>().into(), nodes: nodes.into() })
    }
}
