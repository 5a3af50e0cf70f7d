//! `homelab_pve_replication_job`: copies of the disks of a guest on another node.

use std::time::Duration;

use backup_policy::CalendarEvent;
use pve_client::{NodeName, Pve, ReplicationId, Settings};
use tf_framework::prelude::*;

use super::data_disk::ties::{self, Mobility};
use super::lifecycle::{Object, if_there};
use super::schedule;
use super::text::one_trimmed_line;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::{Need, changes, need};

/// Copies the disks of a guest to another node again and again, so that it can start there with little loss when its
/// own node fails. All disks have to be on ZFS, on a storage that both nodes have under the same name.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_replication_job")]
pub struct ReplicationJob {
    /// The guest and a number, such as `100-0`. A change replaces the job.
    #[schema(parse, wire = "id", replace)]
    pub job_id: ReplicationId,

    /// Node that the copies go to. A change replaces the job, and so copies everything again.
    #[schema(parse, wire = "target", replace)]
    pub target_node_name: NodeName,

    /// When the job runs, as a calendar event of Proxmox VE. Proxmox VE's default is `*/15`: every 15 minutes.
    #[schema(wire = "schedule", validate = length(1, 128), validate = parses::<CalendarEvent>())]
    pub schedule: Option<String>,

    /// Limit of the bandwidth in MB per second. Without it, none.
    #[schema(wire = "rate", validate = range(1, i64::MAX))]
    pub rate_mb_per_second: Option<f64>,

    /// Whether the job runs. Default `true`.
    #[schema(wire = "disable", default = true)]
    pub enabled: Defaulted<bool>,

    /// Text shown beside the job in the web interface. One line.
    #[schema(wire = "comment", validate = length(1, 4096), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,
}

fn object(id: &ReplicationId) -> Object<'_> {
    Object::new("replication job", id, "job_id")
}

impl ReplicationJob {
    /// What can be changed; the target is fixed.
    fn settings(&self) -> Settings {
        Settings::new()
            .opt("schedule", self.schedule.as_ref())
            .opt("rate", self.rate_mb_per_second)
            .bool("disable", (self.enabled.known() == Some(&false)).then_some(true))
            .opt("comment", self.comment.as_ref())
    }

    fn read(found: &pve_client::ReplicationJob) -> Option<Self> {
        let settings = &found.settings;
        Some(Self {
            job_id: found.id,
            target_node_name: settings.parsed("target")?,
            schedule: settings.string("schedule"),
            rate_mb_per_second: settings.parsed("rate"),
            enabled: (settings.truth("disable") != Some(true)).into(),
            comment: settings.string("comment"),
        })
    }
}

/// The job, unless it only waits for its node to remove it.
async fn find(pve: &Pve, id: ReplicationId) -> pve_client::Result<pve_client::ReplicationJob> {
    let job = pve.replication_job(id).await?;
    match job.settings.text("remove_job") {
        None => Ok(job),
        Some(_) => {
            Err(pve_client::Error::NotFound { message: format!("replication job '{id}' is being removed") })
        }
    }
}

/// How long a node may take to remove a job; its round comes every minute.
const REMOVAL: Duration = Duration::from_secs(150);

/// Waits until the node has removed the job with its copies; it does not if it is down.
async fn removed(cx: &Cx, pve: &Pve, id: ReplicationId) -> pve_client::Result<bool> {
    let end = (std::time::Instant::now() + REMOVAL).min(cx.operation().deadline());
    loop {
        if if_there(pve.replication_job(id).await)?.is_none() {
            return Ok(true);
        }
        if std::time::Instant::now() >= end {
            return Ok(false);
        }
        pve.scope().sleep(Duration::from_secs(1)).await.map_err(pve_client::Error::from)?;
    }
}

/// Says what Proxmox VE would refuse: a guest that is not there, or that is on the target already.
async fn check_guest(cx: &Cx, plan: &mut Plan<'_, ReplicationJob>) {
    let (Some(want), true, Ok(pve)) = (plan.want(), plan.prior.is_none(), cx.pve()) else { return };
    let id = want.job_id.guest;
    cx.check_there(plan, [("job_id".into(), Expected::Vm(id))]).await;
    let Ok(guests) = pve.guests().await else { return };
    if guests.iter().any(|guest| guest.id == id && guest.node == want.target_node_name) {
        plan.error(
            "target_node_name",
            "Guest is on the target",
            format!(
                "Guest {id} is on node {:?}, and Proxmox VE copies its disks to other nodes only. Choose another node.",
                want.target_node_name.as_str()
            ),
        );
    }
}

/// What a change needs. Before Proxmox VE 9 there was no privilege for it (pve-manager 8.4, `API2/ReplicationConfig.pm`).
async fn privilege(cx: &Cx, id: ReplicationId) -> Need {
    let known = match (cx.pve(), cx.memory()) {
        (Ok(pve), Some(memory)) => memory.privileges(&pve).await.ok(),
        _ => None,
    };
    if known.is_none_or(|known| known.contains("VM.Replicate")) {
        need(format!("/vms/{}", id.guest), &["VM.Replicate"])
    } else {
        need("/storage", &["Datastore.Allocate"])
    }
}

impl Resource for ReplicationJob {
    type Cx = Cx;
    type Id = ReplicationId;

    const TIMEOUTS: [Duration; 4] = [Duration::from_secs(300); 4];

    fn id(&self) -> ReplicationId {
        self.job_id
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        schedule::check(plan, "schedule");
        if let Some(want) = plan.want() {
            cx.check_node(plan, "target_node_name", &want.target_node_name).await?;
        }
        check_guest(cx, plan).await;
        if plan.prior.is_none() {
            let job =
                plan.planned.attribute("job_id").as_str().and_then(|text| text.parse::<ReplicationId>().ok());
            ties::tell(cx, job.map(|job| job.guest), Mobility::Replication, "job_id", plan).await?;
        }
        let Some(job) = plan.want().or_else(|| plan.prior.clone()) else { return Ok(()) };
        if !changes(plan) {
            return Ok(());
        }
        let needed = privilege(cx, job.job_id).await;
        cx.preflight(plan, &[needed]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<ReplicationId> {
        let (pve, id) = (cx.pve()?, want.job_id);
        let settings = want.settings().set("target", &want.target_node_name);
        let ours = |found: &pve_client::ReplicationJob| ReplicationJob::read(found).as_ref() == Some(want);
        object(&id)
            .create::<Self, _, _, _, _, _>(
                cx,
                || find(&pve, id),
                ours,
                || pve.create_replication_job(id, &settings),
            )
            .await?;
        Ok(id)
    }

    async fn read(cx: &Cx, id: &ReplicationId, _prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        let found = object(id).read::<Self, _>(cx, find(&pve, *id)).await?;
        Ok(found.as_ref().and_then(ReplicationJob::read))
    }

    async fn update(cx: &Cx, id: &ReplicationId, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let changes = change.prior.settings().changes_to(&change.want.settings());
        object(id).change::<Self, _, _>(cx, || pve.change_replication_job(*id, &changes)).await
    }

    async fn delete(cx: &Cx, id: &ReplicationId, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        object(id).delete::<Self, _, _>(cx, || pve.delete_replication_job(*id)).await?;
        if !removed(cx, &pve, *id).await.explain::<Self>(cx, format_args!("delete {}", object(id).name))? {
            cx.operation().warn(Diagnostic::warning(
                "Job is not removed yet",
                format!(
                    "The replication job {:?} is marked for removal, but the node of its guest has not removed it yet. It \
                     does so at its next round once it is up.",
                    id.to_string()
                ),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_reads_back_what_it_sends() {
        let settings =
            Settings::new().set("schedule", "*/15").set("rate", 12.5).set("disable", 1).set("comment", "c");
        let found = pve_client::ReplicationJob {
            id: "103-0".parse().unwrap(),
            settings: settings.clone().set("target", "pve2").set("guest", 103),
        };
        assert_eq!(ReplicationJob::read(&found).unwrap().settings(), settings);
    }
}
