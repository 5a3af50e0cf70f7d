//! `homelab_pve_replication_jobs`: the replication jobs.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The replication jobs that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_replication_jobs")]
pub struct ReplicationJobs {
    /// The jobs, by id such as `100-0`.
    pub jobs: Computed<BTreeMap<String, ReplicationJob>>,
}

/// One job.
#[derive(Clone, Debug, Object)]
pub struct ReplicationJob {
    /// ID of the guest.
    #[schema(wire = "guest")]
    pub guest_id: u32,

    /// Node that the copies go to.
    #[schema(wire = "target")]
    pub target_node_name: String,

    /// When the job runs; null for Proxmox VE's default.
    pub schedule: Option<String>,

    /// Whether the job runs.
    #[schema(wire = "disable")]
    pub enabled: bool,

    /// Text shown beside the job; null if there is none.
    pub comment: Option<String>,
}

impl DataSource for ReplicationJobs {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.replication_jobs().await.explain::<Self>(cx, "list the replication jobs")?;
        let job = |found: pve_client::ReplicationJob| {
            let settings = &found.settings;
            let shown = ReplicationJob {
                guest_id: found.id.guest.number(),
                target_node_name: settings.string("target").unwrap_or_default(),
                schedule: settings.string("schedule"),
                enabled: settings.truth("disable") != Some(true),
                comment: settings.string("comment"),
            };
            (found.id.to_string(), shown)
        };
        Ok(Self { jobs: found.into_iter().map(job).collect::<BTreeMap<_, _>>().into() })
    }
}
