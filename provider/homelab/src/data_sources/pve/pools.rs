//! `homelab_pve_pools`: the pools, and the guests in them.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The pools that the login may see. Costs two requests, however many there are.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_pools")]
pub struct Pools {
    /// The pools, by name.
    pub pools: Computed<BTreeMap<String, Pool>>,
}

/// One pool.
#[derive(Clone, Debug, Object)]
pub struct Pool {
    /// Text shown beside the pool; null if there is none.
    pub comment: Option<String>,

    /// IDs of the guests in it, machines and containers. The list of Proxmox VE may be some seconds behind.
    pub vm_ids: BTreeSet<u32>,
}

impl DataSource for Pools {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let pve = cx.pve()?;
        let found = pve.pools().await.explain::<Self>(cx, "list the pools")?;
        let cluster = pve.cluster().await.explain::<Self>(cx, "list what is in the cluster")?;
        let pool = |pool: pve_client::Pool| {
            let members = cluster.guests.iter().filter(|guest| guest.pool.as_ref() == Some(&pool.name));
            let vm_ids = members.map(|guest| guest.id.number()).collect();
            (pool.name.to_string(), Pool { comment: pool.comment, vm_ids })
        };
        Ok(Self { pools: found.into_iter().map(pool).collect::<BTreeMap<_, _>>().into() })
    }
}
