//! Scheduled backup jobs of the cluster.

use crate::{Call, Changes, Error, JobId, Params, Pve, Result, Settings};

/// A backup job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupJob {
    /// The id.
    pub id: JobId,
    /// Everything else, by wire name.
    pub settings: Settings,
}

fn path(id: &JobId) -> String {
    format!("/cluster/backup/{id}")
}

/// Without an id Proxmox makes one up and does not tell it.
fn create_call(id: &JobId, settings: &Settings) -> Call {
    Call::post("/cluster/backup").with(Params::new().set("id", id).and(settings.params()))
}

impl Pve {
    /// The backup jobs, by id. `next-run` is among the settings of those that are enabled.
    pub async fn backup_jobs(&self) -> Result<Vec<BackupJob>> {
        let rows = self.settings_list(&Call::get("/cluster/backup")).await?;
        let job = |settings: Settings| Some(BackupJob { id: settings.parsed("id")?, settings });
        let mut jobs: Vec<BackupJob> = rows.into_iter().filter_map(job).collect();
        jobs.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(jobs)
    }

    /// One backup job.
    pub async fn backup_job(&self, id: &JobId) -> Result<BackupJob> {
        Ok(BackupJob { id: id.clone(), settings: self.settings(&path(id)).await? })
    }

    /// Creates a backup job.
    pub async fn create_backup_job(&self, id: &JobId, settings: &Settings) -> Result<()> {
        self.send(&create_call(id, settings)).await.map(drop)
    }

    /// Changes a backup job; jobs have no digest.
    pub async fn change_backup_job(&self, id: &JobId, changes: &Changes) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.send(&Call::put(path(id)).with(changes.params())).await.map(drop)
    }

    /// Deletes a backup job; its backups stay.
    pub async fn delete_backup_job(&self, id: &JobId) -> Result<()> {
        match self.send(&Call::delete(path(id))).await {
            // "400 Parameter verification failed.\nid: No such job 'x'", as a 500.
            Err(Error::Rejected { fields, .. })
                if fields.get("id").is_some_and(|t| t.contains("No such job")) =>
            {
                Err(Error::NotFound { message: fields["id"].clone() })
            }
            result => result.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_carries_our_id_and_reads_back_as_it_was_sent() {
        let answer = json!({"mode": "snapshot", "enabled": 1, "compress": "zstd", "id": "tf-job",
            "prune-backups": {"keep-daily": "7", "keep-weekly": "4"}, "fleecing": {"enabled": 1, "storage": "ds2"},
            "schedule": "mon..fri 02:30", "type": "vzdump", "vmid": "100,103", "storage": "ds2", "repeat-missed": 1});
        let read = Settings::decode(answer.as_object().unwrap());
        let sent = Settings::new()
            .set("schedule", "mon..fri 02:30")
            .set("prune-backups", "keep-daily=7,keep-weekly=4")
            .set("fleecing", "enabled=1,storage=ds2");
        assert_eq!(
            create_call(&"tf-job".parse().unwrap(), &sent).wire(),
            "POST /api2/json/cluster/backup id=tf-job&fleecing=enabled%3D1%2Cstorage%3Dds2\
             &prune-backups=keep-daily%3D7%2Ckeep-weekly%3D4&schedule=mon..fri+02%3A30"
        );
        for name in ["schedule", "prune-backups", "fleecing"] {
            assert_eq!(read.text(name), sent.text(name), "{name}");
        }
    }

    #[test]
    fn a_switch_of_the_selection_sets_the_new_one_and_deletes_the_old_one() {
        let before = Settings::new().set("vmid", "100").set("storage", "ds2");
        let after = Settings::new().set("pool", "tfpool").set("storage", "ds2");
        let call = Call::put(path(&"tf-job".parse().unwrap())).with(before.changes_to(&after).params());
        assert_eq!(call.wire(), "PUT /api2/json/cluster/backup/tf-job pool=tfpool&delete=vmid");
    }
}
