//! `homelab_pve_backup_jobs`: the scheduled backup jobs.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The scheduled backup jobs of the cluster.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_backup_jobs")]
pub struct BackupJobs {
    /// The jobs, by id.
    pub jobs: Computed<BTreeMap<String, BackupJob>>,
}

/// One job.
#[derive(Clone, Debug, Object)]
pub struct BackupJob {
    /// When the job runs, as a calendar event.
    pub schedule: String,

    /// Whether the job runs.
    pub enabled: bool,

    /// Storage that the backups go to; null if the job does not say it.
    #[schema(wire = "storage")]
    pub storage_name: Option<String>,

    /// IDs of the guests that are backed up; null if the job names a pool or all.
    #[schema(wire = "vmid")]
    pub vm_ids: Option<BTreeSet<u32>>,

    /// Pool whose guests are backed up; null if the job names guests or all.
    #[schema(wire = "pool")]
    pub pool_name: Option<String>,

    /// Whether all guests are backed up.
    pub all: bool,

    /// IDs of the guests that `all` leaves out.
    #[schema(wire = "exclude")]
    pub exclude_vm_ids: BTreeSet<u32>,

    /// Node whose guests are backed up; null for every node's own.
    #[schema(wire = "node")]
    pub node_name: Option<String>,

    /// How running guests are backed up; null for Proxmox VE's default.
    pub mode: Option<String>,

    /// Text shown beside the job; null if there is none.
    pub comment: Option<String>,
}

impl From<pve_client::BackupJob> for BackupJob {
    fn from(found: pve_client::BackupJob) -> Self {
        let settings = &found.settings;
        let numbers = |name: &str| -> Option<BTreeSet<u32>> {
            settings.word_set(name).map(|words| words.iter().filter_map(|word| word.parse().ok()).collect())
        };
        Self {
            schedule: settings.string("schedule").unwrap_or_default(),
            enabled: settings.truth("enabled").unwrap_or(true),
            storage_name: settings.string("storage"),
            vm_ids: numbers("vmid"),
            pool_name: settings.string("pool"),
            all: settings.truth("all") == Some(true),
            exclude_vm_ids: numbers("exclude").unwrap_or_default(),
            node_name: settings.string("node"),
            mode: settings.string("mode"),
            comment: settings.string("comment"),
        }
    }
}

impl DataSource for BackupJobs {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.backup_jobs().await.explain::<Self>(cx, "list the backup jobs")?;
        let jobs: BTreeMap<String, BackupJob> =
            found.into_iter().map(|job| (job.id.to_string(), job.into())).collect();
        Ok(Self { jobs: jobs.into() })
    }
}
