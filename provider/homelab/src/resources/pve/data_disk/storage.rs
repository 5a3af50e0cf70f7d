//! The storage of a data disk: moving the volume, and what is in the way of that.

use pve_client::{Cluster, NodeName, Params, Pve, StorageName, Turn, VmAddress, VmId};
use tf_framework::prelude::*;

use super::holder;
use super::model::DataDisk;
use super::sight::{self, Sight};
use super::work::Work;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::vm;

/// Tells when the storage does not have what a disk on this node is to get there.
pub(super) fn check_room(
    cx: &Cx,
    cluster: &Cluster,
    node: &NodeName,
    prior: Option<&DataDisk>,
    plan: &mut Plan<'_, DataDisk>,
) {
    let Some(want) = plan.want() else { return };
    let stays = prior.filter(|prior| prior.storage_name == want.storage_name);
    let more = want.size_gib.saturating_sub(stays.map_or(0, |prior| prior.size_gib));
    if more > 0 {
        let place = (want.storage_name.as_str(), more.saturating_mul(1 << 30));
        vm::check_data_disk(cx, cluster, holder::machine_name(&want.name), node, place, plan);
    }
}

/// Moves the volume to another storage, through whoever has it on a bus.
pub(super) async fn bring_to(
    cx: &Cx,
    pve: &Pve,
    work: &mut Work<'_>,
    sight: Sight,
    storage: &StorageName,
) -> Result<Sight> {
    let mut sight = sight;
    if !is_on(work, &sight, storage) && work.await_moves().await? {
        // An earlier apply began it.
        work.forget();
        work.holder.refresh(pve).await.explain::<DataDisk>(cx, "read the holder of")?;
        sight = work.sight().await?;
    }
    if is_on(work, &sight, storage) {
        return Ok(sight);
    }
    let Some((at, slot, drive)) = work.bus(&sight) else { return Ok(sight) };
    let name = work.holder().record.name.clone();
    if let Some(refused) = snapshot_of(cx, pve, &at, &drive.file, &name).await? {
        return Err(refused.into());
    }
    if drive.volume().and_then(|volume| volume.owner()) != Some(at.id) {
        return through_machine(cx, pve, work, &sight, (at.id, storage)).await;
    }
    let what = format!("move the volume of the {} to storage {:?}", work.holder().called(), storage.as_str());
    let params = Params::new().set("storage", storage).flag("delete", true);
    let run = || async {
        let upid = pve.move_disk(&at, &slot, params.clone(), None).await?;
        pve.wait(&upid).await
    };
    let moved = pve.patiently(run).await;
    if matches!(moved, Err(pve_client::Error::MaybeApplied { .. })) {
        work.await_moves().await?;
    }
    work.forget();
    work.holder.refresh(pve).await.explain::<DataDisk>(cx, &what)?;
    let now = work.sight().await?;
    if is_on(work, &now, storage) {
        return Ok(now);
    }
    moved.explain::<DataDisk>(cx, &what).map(|_| now)
}

/// Moves the volume through a machine that only refers to it. The disks of a machine move one after the other: each has
/// to know whether the machine is protected for the sake of others.
async fn through_machine(
    cx: &Cx,
    pve: &Pve,
    work: &mut Work<'_>,
    sight: &Sight,
    (vm, storage): (VmId, &StorageName),
) -> Result<Sight> {
    let what = format!("move the {}", work.holder().called());
    let turn = pve.take(Turn::File(format!("/data-disks/moves/{vm}"))).await;
    let _turn = turn.explain::<DataDisk>(cx, &what)?;
    let cluster = pve.cluster_now().await.explain::<DataDisk>(cx, &what)?;
    let own = work.holder().id();
    let records = holder::records(cx, pve, &cluster).await?;
    let mut others = records.iter().filter(|record| record.key != own.key);
    work.protected_for_another =
        others.any(|record| record.at.as_ref().is_some_and(|at| at.vm == vm && at.protects));
    work.forget();
    work.storage = Some(storage.clone());
    work.bring(&Work::settled_goal(sight), None).await
}

/// Whether the volume is on a bus and on a storage; one on no bus cannot move.
fn is_on(work: &Work<'_>, sight: &Sight, storage: &StorageName) -> bool {
    let bus = work.bus(sight);
    bus.is_none_or(|(_, _, drive)| drive.volume().is_some_and(|volume| volume.storage() == storage))
}

/// The message for a volume that cannot be moved, because a snapshot needs it where it is; nothing when none does.
pub(super) async fn snapshot_of(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    volume: &str,
    disk: &str,
) -> Result<Option<Diagnostic>> {
    let what = format!("read the snapshots of VM {}", at.id);
    for snapshot in pve.snapshots(at).await.explain::<DataDisk>(cx, &what)? {
        let config = pve.snapshot_config(at, &snapshot.name).await.explain::<DataDisk>(cx, &what)?;
        if sight::disks(&config).any(|(_, drive)| drive.file == volume) {
            let message = format!(
                "The snapshot {:?} of VM {} includes the volume {volume:?} of the data disk {disk:?}, and a snapshot stays \
                 behind when its volume moves. Delete the snapshot, then apply again.",
                snapshot.name.as_str(),
                at.id
            );
            return Ok(Some(Diagnostic::error("Snapshot keeps volume", message).at("storage_name")));
        }
    }
    Ok(None)
}
