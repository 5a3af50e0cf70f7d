//! `homelab_pve_zfs_pools`: the ZFS pools of a node.

use pve_client::NodeName;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The ZFS pools of a node.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_zfs_pools")]
pub struct ZfsPools {
    /// The node.
    #[schema(parse, wire = "node")]
    pub node_name: NodeName,

    /// The pools, by name.
    pub pools: Computed<BTreeMap<String, ZfsPool>>,
}

/// One pool.
#[derive(Clone, Debug, Object)]
pub struct ZfsPool {
    /// `ONLINE`, `DEGRADED` and so on, as ZFS says it.
    pub health: String,

    /// Size in GiB, before redundancy.
    #[schema(wire = "size")]
    pub size_gib: Option<i64>,
}

impl DataSource for ZfsPools {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let what = format!("list the ZFS pools of node {:?}", config.node_name.as_str());
        let found = cx.pve()?.zfs_pools(&config.node_name).await.explain::<Self>(cx, what)?;
        let pool = |found: pve_client::ZfsPool| {
            let size_gib = found.size_bytes.map(|bytes| bytes >> 30);
            (found.name.to_string(), ZfsPool { health: found.health, size_gib })
        };
        Ok(Self { pools: found.into_iter().map(pool).collect::<BTreeMap<_, _>>().into(), ..config })
    }
}
