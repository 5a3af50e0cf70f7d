//! Scheduled backup jobs of the cluster.

use serde_json::{Map, Value};

use crate::{
    Call, Changes, Error, JobId, Params, Pve, Result, Settings, VmId,
    decode::{Fields as _, objects},
};

/// A backup job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupJob {
    /// The id.
    pub id: JobId,
    /// Everything else, by wire name.
    pub settings: Settings,
}

/// A guest that a job backs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredGuest {
    /// Its number.
    pub id: VmId,
    /// Its disks.
    pub disks: Vec<CoveredDisk>,
}

/// A disk of a guest that a job backs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredDisk {
    /// Its slot, such as `scsi0`.
    pub slot: String,
    /// Its volume.
    pub volume: String,
    /// Whether it is in the backup.
    pub included: bool,
    /// Why, in the service's words, such as `backup=no`.
    pub reason: String,
}

impl CoveredGuest {
    fn decode(row: &Map<String, Value>) -> Option<Self> {
        let disks = objects(row.get("children").cloned().unwrap_or_default());
        Some(Self { id: row.parsed("id")?, disks: disks.iter().filter_map(CoveredDisk::decode).collect() })
    }
}

impl CoveredDisk {
    fn decode(row: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            slot: row.text("id")?.split_once(':')?.1.to_owned(),
            volume: row.text("name")?,
            included: row.truth("included"),
            reason: row.text("reason").unwrap_or_default(),
        })
    }
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

    /// The guests that a job backs up, by number, with their disks; those that the user may not see are left out.
    pub async fn covered_guests(&self, id: &JobId) -> Result<Vec<CoveredGuest>> {
        let answer = self.object(&Call::get(format!("{}/included_volumes", path(id)))).await?;
        let rows = objects(answer.get("children").cloned().unwrap_or_default());
        let mut guests: Vec<CoveredGuest> = rows.iter().filter_map(CoveredGuest::decode).collect();
        guests.sort_by_key(|guest| guest.id);
        Ok(guests)
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
    fn included_volumes_are_read_as_they_were_recorded() {
        let row = json!({"children": [
            {"name": "local:110/base-110-disk-0.qcow2", "id": "110:scsi0", "reason": "backup=yes", "leaf": 1, "included": 1},
            {"included": 0, "leaf": 1, "name": "local:110/base-110-disk-1.qcow2", "id": "110:scsi2", "reason": "backup=no"},
        ], "name": "clone-full", "id": 110, "leaf": 0, "type": "qemu"});
        let guest = CoveredGuest::decode(row.as_object().unwrap()).unwrap();
        assert_eq!(guest.id.number(), 110);
        let disks: Vec<(&str, bool)> = guest.disks.iter().map(|d| (d.slot.as_str(), d.included)).collect();
        assert_eq!(disks, [("scsi0", true), ("scsi2", false)]);
        assert_eq!(guest.disks[1].reason, "backup=no");
    }

    #[test]
    fn a_switch_of_the_selection_sets_the_new_one_and_deletes_the_old_one() {
        let before = Settings::new().set("vmid", "100").set("storage", "ds2");
        let after = Settings::new().set("pool", "tfpool").set("storage", "ds2");
        let call = Call::put(path(&"tf-job".parse().unwrap())).with(before.changes_to(&after).params());
        assert_eq!(call.wire(), "PUT /api2/json/cluster/backup/tf-job pool=tfpool&delete=vmid");
    }
}
