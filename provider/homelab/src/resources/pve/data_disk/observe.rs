//! Reading a data disk: its holder, and the machine that the record names.

use std::sync::Arc;

use pve_client::{BackupJob, Cluster, Pve, StorageName, VmAddress};
use tf_framework::prelude::*;

use super::coverage::is_own;
use super::holder::Holder;
use super::id::{DataDiskId, DataDiskReference};
use super::model::DataDisk;
use super::record::Record;
use super::sight::{self, Sight};
use super::steps;
use super::tier::BackupTier;
use super::work::Work;
use super::{adopt, companions, create};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// Why a disk needs a change although the configuration is as before; kept beside the state.
pub(super) const REPAIR: &str = "repair";

/// See [`super::DataDisk`].
pub(super) async fn read(
    cx: &Cx,
    id: &DataDiskReference,
    prior: Option<&DataDisk>,
) -> Result<Option<DataDisk>> {
    let pve = cx.pve()?;
    let id = match id {
        DataDiskReference::Id(id) => id.clone(),
        DataDiskReference::Slot { node, vm, slot } => {
            adopt::find(cx, &pve, &VmAddress::new(node.clone(), *vm), slot).await?
        }
        DataDiskReference::Unknown => create::noted(cx).ok_or_else(no_id)?,
    };
    let hint = prior.map(|prior| &prior.node_name);
    let Some(mut work) = Work::begin(cx, &pve, &id, hint).await? else { return Ok(None) };
    work.holder.look_for_user(cx, &pve).await?;
    let sight = work.sight().await?;
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list the guests")?;
    let backups = Seen { cluster: &cluster, jobs: jobs(cx, &pve, &sight, &cluster).await };
    note_repair(cx, &work, &sight, &backups);
    let Some((at, slot, drive)) = work.bus(&sight) else {
        return Ok(between(cx, &work, &sight, prior));
    };
    let is_used = at.id != work.holder.at.id;
    let effective = backups.effective_tier(work.holder.record.tier, is_used.then_some(&at));
    let Some(volume) = drive.volume() else { return Ok(None) };
    let is_shared = cluster.is_shared(volume.storage()) == Some(true);
    let state = DataDisk {
        volume_id: drive.file.clone().into(),
        size_gib: drive.size().map_or(0, pve_client::Size::gib_rounded_up),
        attached_to_vm_id: is_used.then(|| at.id.number()).into(),
        attached_slot: is_used.then_some(slot).into(),
        effective_tier: Some(u32::from(effective.number())).into(),
        ..rest(&work.holder, &id, prior, volume.storage().clone(), (is_used, is_shared))
    };
    finish(cx, &pve, work.holder.clone()).await;
    Ok(Some(state))
}

fn no_id() -> Error {
    Error::new(
        "Data disk has no ID",
        "The state of this data disk has no ID, because its creation ended before there was one. Remove it from the state \
         with `tofu state rm` and apply again.",
    )
}

/// What does not depend on where the volume is.
fn rest(
    holder: &Holder,
    id: &DataDiskId,
    prior: Option<&DataDisk>,
    storage_name: StorageName,
    (is_used, is_shared): (bool, bool),
) -> DataDisk {
    let record = &holder.record;
    let node_name = match prior {
        // A disk that is in use is where its machine is; the wish is for when it is parked. On shared storage it is nowhere.
        Some(prior) if is_used || is_shared => prior.node_name.clone(),
        _ => holder.at.node.clone(),
    };
    let tags = holder.tags();
    DataDisk {
        id: id.to_string().into(),
        name: record.name.clone(),
        node_name,
        storage_name,
        size_gib: prior.map_or(0, |prior| prior.size_gib),
        backup_tier: DataDisk::reference(prior, record.tier),
        deletion_protection: prior.map_or(true.into(), |prior| prior.deletion_protection.clone()),
        tags: match prior {
            Some(prior) => prior.tags.as_ref().map(|_| tags),
            None => Some(tags).filter(|tags| !tags.is_empty()),
        },
        ownership: record.ownership.into(),
        volume_id: prior.map_or(Computed::Null, |prior| prior.volume_id.clone()),
        pool_name: pool_name(record),
        serial: record.serial.clone().into(),
        holder_vm_id: id.holder.number().into(),
        attached_to_vm_id: Computed::Null,
        attached_slot: Computed::Null,
        effective_tier: Some(u32::from(record.tier.number())).into(),
    }
}

fn pool_name(record: &Record) -> Computed<String> {
    record.tier.pool().map(|pool| pool.to_string()).into()
}

/// A disk whose volume is on no bus: an apply was interrupted, or somebody has taken it out by hand.
fn between(cx: &Cx, work: &Work<'_>, sight: &Sight, prior: Option<&DataDisk>) -> Option<DataDisk> {
    let holder = &sight.holder;
    let kept = holder.volume().is_some()
        || holder.old.is_some()
        || sight.user.as_ref().is_some_and(sight::UserSight::has_it);
    if kept && let Some(prior) = prior {
        let id = work.holder.id();
        return Some(rest(&work.holder, &id, Some(prior), prior.storage_name.clone(), (false, false)));
    }
    cx.operation().warn(Diagnostic::warning(
        "Data disk has no volume",
        format!(
            "The {} has no volume on any bus{}. {}",
            work.holder.called(),
            if kept { "" } else { ", and neither it nor the machine that used it keeps one" },
            if kept {
                "It cannot be imported like this. Attach the volume to the holder as `scsi0`, then import it."
            } else {
                "Somebody has deleted or taken it. The disk counts as gone; its holder is left as it is. Restore the \
                 volume from a backup, or delete the holder."
            }
        ),
    ));
    None
}

/// Notes what the next apply has to mend.
fn note_repair(cx: &Cx, work: &Work<'_>, sight: &Sight, backups: &Seen<'_>) {
    let goal = Work::settled_goal(sight);
    let reason = match steps::next(&goal, sight) {
        _ if work.holder.foreign => Some("convert"),
        Ok(Some(steps::Step::TakeBack(_))) if goal != steps::Goal::Parked => Some("reclaim"),
        Ok(Some(_)) if work.recorded().is_some() && sight.user.is_none() => Some("gone"),
        Ok(Some(_)) => Some("mend"),
        // Only a person can say which copy is the right one; the apply asks.
        Err(steps::Stuck::Unclear(_)) => Some("mend"),
        _ if work.holder.record.former_tier.is_some() => Some("mend"),
        _ if work.holder.record.next.is_some() && goal == steps::Goal::Parked => Some("mend"),
        _ if !backups.are_right(work, sight) => Some("mend"),
        _ => None,
    };
    cx.operation().set_private(REPAIR, reason.map_or(serde_json::Value::Null, serde_json::Value::from));
}

/// What is known of backups.
struct Seen<'a> {
    cluster: &'a Cluster,
    /// Nothing when this login may not see them.
    jobs: Option<Arc<Vec<BackupJob>>>,
}

impl Seen<'_> {
    /// Whether those who have the disk are backed up by the job of a tier that is strict enough.
    fn are_right(&self, work: &Work<'_>, sight: &Sight) -> bool {
        let tier = work.holder.record.tier;
        let seen = |vm| self.cluster.guest(vm).filter(|guest| guest.status != "unknown");
        // A list may be behind by a moment.
        let Some(own) = seen(work.holder.at.id) else { return true };
        let own = own.pool.as_ref();
        let strayed = own != tier.pool().as_ref()
            && (tier.is_backed_up() || own.and_then(BackupTier::of_pool).is_some());
        let user = sight.user.as_ref().filter(|user| user.bus.is_some() && tier.is_backed_up());
        let uncovered = user.and_then(|user| seen(user.id)).is_some_and(|guest| {
            let pool = guest.pool.as_ref();
            if is_own(pool) {
                return self.jobs.as_ref().is_some_and(|jobs| !companions::fit(jobs, guest.id, tier));
            }
            let found = pool.and_then(BackupTier::of_pool).unwrap_or(BackupTier::NONE);
            BackupTier::strictest([found, tier]) != found
        });
        !strayed && !uncovered
    }

    /// The tier whose jobs back the disk up.
    fn effective_tier(&self, own: BackupTier, user: Option<&VmAddress>) -> BackupTier {
        let Some(user) = user.filter(|_| own.is_backed_up()) else { return own };
        let pool = self.cluster.guest(user.id).and_then(|guest| guest.pool.as_ref());
        let found = if is_own(pool) {
            self.jobs.as_ref().map(|jobs| companions::tier_for(jobs, user.id))
        } else {
            pool.and_then(BackupTier::of_pool)
        };
        found.filter(|tier| tier.is_backed_up()).unwrap_or(own)
    }
}

/// The backup jobs, if they matter: a machine in a pool of the user's own has the disk.
async fn jobs(cx: &Cx, pve: &Pve, sight: &Sight, cluster: &Cluster) -> Option<Arc<Vec<BackupJob>>> {
    let user = sight.user.as_ref().filter(|user| user.bus.is_some())?;
    let pool = cluster.guest(user.id).and_then(|guest| guest.pool.as_ref());
    if !is_own(pool) {
        return None;
    }
    cx.memory()?.backup_jobs(pve).await.ok()
}

/// The state knows the disk from here on, so it is no leftover any more.
async fn finish(cx: &Cx, pve: &Pve, holder: Holder) {
    if holder.record.creating.is_none() {
        return;
    }
    if cx.operation().created_id().is_some() {
        create::complete_later(cx, pve, holder);
    } else if create::noted(cx).is_some_and(|noted| noted == holder.id()) && !create::is_unfinished(cx) {
        create::complete(pve, holder).await;
    }
}
