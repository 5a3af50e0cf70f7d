//! Replication of the disks of a guest to another node.

use crate::{Call, Changes, Params, Pve, ReplicationId, Result, Settings};

/// A replication job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationJob {
    /// The guest and a number.
    pub id: ReplicationId,
    /// Everything else, by wire name.
    pub settings: Settings,
}

fn path(id: ReplicationId) -> String {
    format!("/cluster/replication/{id}")
}

fn create_call(id: ReplicationId, settings: &Settings) -> Call {
    let params = Params::new().set("id", id).set("type", "local").and(settings.params());
    Call::post("/cluster/replication").with(params)
}

impl Pve {
    /// The replication jobs, by guest and number.
    pub async fn replication_jobs(&self) -> Result<Vec<ReplicationJob>> {
        let rows = self.settings_list(&Call::get("/cluster/replication")).await?;
        let job = |settings: Settings| Some(ReplicationJob { id: settings.parsed("id")?, settings });
        let mut jobs: Vec<ReplicationJob> = rows.into_iter().filter_map(job).collect();
        jobs.sort_by_key(|a| a.id);
        Ok(jobs)
    }

    /// One replication job.
    pub async fn replication_job(&self, id: ReplicationId) -> Result<ReplicationJob> {
        Ok(ReplicationJob { id, settings: self.settings(&path(id)).await? })
    }

    /// Creates a replication job.
    pub async fn create_replication_job(&self, id: ReplicationId, settings: &Settings) -> Result<()> {
        self.send(&create_call(id, settings)).await.map(drop)
    }

    /// Changes a replication job.
    pub async fn change_replication_job(&self, id: ReplicationId, changes: &Changes) -> Result<()> {
        self.change(&path(id), changes, Params::new()).await
    }

    /// Marks a replication job for removal. A node removes it, with the copies on the target, at its
    /// next round.
    pub async fn delete_replication_job(&self, id: ReplicationId) -> Result<()> {
        self.send(&Call::delete(path(id))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_guest_and_number() {
        let settings = Settings::new().set("target", "pve2").set("schedule", "*/15");
        assert_eq!(
            create_call("103-0".parse().unwrap(), &settings).wire(),
            "POST /api2/json/cluster/replication id=103-0&type=local&schedule=*%2F15&target=pve2"
        );
    }
}
