//! What a plan of a data disk says beyond the schema: what cannot work, what it costs, and what backs the disk up.

use pve_client::{Cluster, NodeName, PoolName, VmAddress, VmId, VolumeId};
use tf_framework::prelude::*;

use super::super::vm::known_as;
use super::coverage::is_own;
use super::holder::machine_name;
use super::model::{DataDisk, Ownership};
use super::tier::BackupTier;
use super::{create, delete, foresight, observe, place, privileges, storage, tier_reference, ties, update};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::{preflight, presence};

/// See [`super::DataDisk`].
pub(super) async fn plan(cx: &Cx, plan: &mut Plan<'_, DataDisk>) -> Result<()> {
    if plan.is_destroy() {
        if !create::is_unfinished(cx) {
            destroy(plan);
        }
        return permissions(cx, plan).await;
    }
    let tier = tier_reference::planned(cx, plan).await?;
    if let Some(tier) = tier {
        plan.set("pool_name", update::pool_of(tier));
    }
    match plan.prior.clone() {
        None => new(cx, tier, plan).await?,
        Some(prior) => {
            if preflight::changes(plan) {
                place::note(cx, &prior, plan);
                change(&prior, plan);
                change_tier(cx, &prior, tier, plan).await?;
                check_target(cx, &prior, plan).await?;
                move_attached(cx, &prior, plan).await?;
            }
            repair(cx, &prior, plan).await?;
        }
    }
    permissions(cx, plan).await
}

async fn permissions(cx: &Cx, plan: &mut Plan<'_, DataDisk>) -> Result<()> {
    let used = plan.prior.as_ref().is_some_and(|prior| prior.user().is_some());
    let cluster = match cx.pve() {
        Ok(pve) if used && preflight::changes(plan) => {
            Some(pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?)
        }
        _ => None,
    };
    let needs = privileges::needs(plan.prior.as_ref(), plan.want().as_ref(), cluster.as_deref());
    cx.preflight(plan, &needs).await
}

fn destroy(plan: &mut Plan<'_, DataDisk>) {
    if let Some(prior) = plan.prior.as_ref().filter(|prior| prior.is_protected()) {
        let message = delete::protected(&prior.name);
        plan.push(message);
    }
}

/// The node has to be up, and has to have the storage.
fn check_place(
    cx: &Cx,
    cluster: &Cluster,
    node: &str,
    storage: Option<String>,
    plan: &mut Plan<'_, DataDisk>,
) {
    if let Some(problem) = presence::node_problem(cluster, node) {
        return plan.push(problem.at("node_name"));
    }
    let (Ok(node), Some(storage)) = (node.parse::<NodeName>(), storage) else { return };
    let problem = presence::storage_problem(cx, cluster, &node, &storage, presence::DISKS);
    problem.into_iter().for_each(|problem| plan.push(problem.at("storage_name")));
}

/// The pool of the tier has to be there.
fn check_pool(cx: &Cx, cluster: &Cluster, plan: &mut Plan<'_, DataDisk>) {
    let pool = plan.planned.attribute("pool_name").as_str().map(str::to_owned);
    if let Some(pool) = pool.and_then(|pool| pool.parse::<PoolName>().ok()) {
        presence::check_pool(cx, cluster, &pool, "backup_tier", plan);
    }
}

/// Checks where a disk is to go and to grow: one that is attached goes nowhere but to another storage of its machine's node.
async fn check_target(cx: &Cx, prior: &DataDisk, plan: &mut Plan<'_, DataDisk>) -> Result<()> {
    let planned = plan.planned.clone();
    let text = |name: &str| planned.attribute(name).as_str().map(str::to_owned);
    let (Some(node), Some(storage)) = (text("node_name"), text("storage_name")) else { return Ok(()) };
    let (goes, moves) = (node != prior.node_name.as_str(), storage != prior.storage_name.as_str());
    let grows = planned.attribute("size_gib").as_number().and_then(Number::to_i64)
        > i64::try_from(prior.size_gib).ok();
    let Ok(pve) = cx.pve() else { return Ok(()) };
    if !goes && !moves && !grows {
        return Ok(());
    }
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?;
    let there = prior.user().and_then(|vm| cluster.guest(vm)).map(|guest| guest.node.to_string());
    if goes && there.is_some() {
        check_place(cx, &cluster, &node, None, plan);
    }
    let place = there.unwrap_or(node);
    if goes || moves {
        check_place(cx, &cluster, &place, Some(storage).filter(|_| moves), plan);
    }
    if let Ok(place) = place.parse() {
        storage::check_room(cx, &cluster, &place, Some(prior), plan);
    }
    Ok(())
}

/// Checks what a new disk needs: its place, its pool, and a name that is not used.
async fn new(cx: &Cx, tier: Option<BackupTier>, plan: &mut Plan<'_, DataDisk>) -> Result<()> {
    // Without a connection there is nothing to look at, and a plan needs none.
    let Ok(pve) = cx.pve() else { return Ok(()) };
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?;
    let planned = plan.planned.clone();
    let text = |name: &str| planned.attribute(name).as_str().map(str::to_owned);
    ties::note(cx, &cluster, tier, plan);
    check_pool(cx, &cluster, plan);
    if let Some(node) = text("node_name") {
        check_place(cx, &cluster, &node, text("storage_name"), plan);
        if let Ok(node) = node.parse() {
            storage::check_room(cx, &cluster, &node, None, plan);
        }
    }
    let Some(name) = text("name") else { return Ok(()) };
    let machine = machine_name(&name);
    let same = cluster.guests.iter().find(|guest| guest.name.as_deref() == Some(&machine));
    if let Some(guest) = same.filter(|found| !cx.manages(&known_as(found.id))) {
        plan.warn(
            "name",
            "Name is used already",
            format!(
                "There is already a guest named {machine:?}: {} on node {:?}. If an apply of this configuration was \
                 interrupted while it made that disk, the next one finishes it. Otherwise there will be two of that name. \
                 To manage the present one here instead, import it:\n\n  {}",
                guest.id,
                guest.node.as_str(),
                crate::errors::import_command::<DataDisk>(format_args!("{}/{}/scsi0", guest.node, guest.id)),
            ),
        );
    }
    Ok(())
}

/// Says what it means when the volume of an attached disk moves, and whether it can.
async fn move_attached(cx: &Cx, prior: &DataDisk, plan: &mut Plan<'_, DataDisk>) -> Result<()> {
    let wanted = plan.planned.attribute("storage_name").as_str().map(str::to_owned);
    let Some(wanted) = wanted.filter(|name| name != prior.storage_name.as_str()) else { return Ok(()) };
    let (Some(vm), Some(volume)) = (prior.user(), prior.volume_id.known()) else { return Ok(()) };
    if let Ok(pve) = cx.pve() {
        let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?;
        if let Some(guest) = cluster.guest(vm) {
            let at = VmAddress::new(guest.node.clone(), vm);
            if let Some(refused) = storage::snapshot_of(cx, &pve, &at, volume, &prior.name).await? {
                plan.push(refused);
                return Ok(());
            }
        }
    }
    if prior.owner() == Ownership::Holder && !is_given(prior) {
        plan.warn(
            "storage_name",
            "Volume changes its owner",
            format!(
                "VM {vm} uses the data disk {:?} and only refers to its volume. Proxmox VE copies it to storage {wanted:?} \
                 while the machine runs, and the copy belongs to the machine, because none gives a volume away while it \
                 runs. So the machine is protected: whoever deletes it deletes the volume too. When an apply finds it \
                 stopped, or it lets go of the disk, the holder gets the volume again.",
                prior.name
            ),
        );
    }
    Ok(())
}

/// Whether the volume belongs to the machine that uses it.
fn is_given(prior: &DataDisk) -> bool {
    let volume = prior.volume_id.known().and_then(|volume| volume.parse::<VolumeId>().ok());
    let owner = volume.and_then(|volume| volume.owner()).map(VmId::number);
    owner.is_some() && owner != prior.holder_vm_id.known().copied()
}

fn change(prior: &DataDisk, plan: &mut Plan<'_, DataDisk>) {
    let planned = plan.planned.clone();
    let size = planned.attribute("size_gib").as_number().and_then(Number::to_i64);
    let has = i64::try_from(prior.size_gib).unwrap_or(i64::MAX);
    if let Some(wants) = size.filter(|wants| *wants < has) {
        plan.error(
            "size_gib",
            "Disk cannot shrink",
            format!(
                "The data disk {:?} has {has} GiB, and this configuration asks for {wants}. Proxmox VE cannot shrink \
                 disks. Set `size_gib` to {has} or more.",
                prior.name
            ),
        );
    }
    let moves =
        planned.attribute("storage_name").as_str().is_some_and(|name| name != prior.storage_name.as_str());
    if moves || prior.owner() == Ownership::Transfer || is_given(prior) {
        plan.mark_unknown("volume_id");
    } else {
        let volume = prior.volume_id.known().map_or(Value::Unknown, |volume| Value::from(volume.as_str()));
        plan.set("volume_id", volume);
    }
    let Some(user) = prior.user() else { return };
    let ownership = planned.attribute("ownership").as_str().and_then(|text| text.parse::<Ownership>().ok());
    if ownership.is_some_and(|wanted| wanted != prior.owner()) {
        plan.error(
            "ownership",
            "Disk is attached",
            format!(
                "VM {user} uses the data disk {:?}, and who owns the volume can change only while the disk is parked. Take \
                 it out of `data_disks` of that machine and apply, then change this.",
                prior.name
            ),
        );
    }
    if planned.attribute("node_name").as_str().is_some_and(|node| node != prior.node_name.as_str()) {
        plan.warn(
            "node_name",
            "Disk stays with its machine",
            format!(
                "VM {user} uses the data disk {:?}, so the disk is where that machine is. Once it is parked, the next apply \
                 brings it to the new node.",
                prior.name
            ),
        );
    }
}

/// Says what a new tier means for the machine that uses the disk.
async fn change_tier(
    cx: &Cx,
    prior: &DataDisk,
    wanted: Option<BackupTier>,
    plan: &mut Plan<'_, DataDisk>,
) -> Result<()> {
    let Some(wanted) = wanted.filter(|wanted| prior.tier() != Some(*wanted)) else { return Ok(()) };
    // A name may have come to stand for another tier.
    plan.mark_unknown("effective_tier");
    let Ok(pve) = cx.pve() else { return Ok(()) };
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?;
    check_pool(cx, &cluster, plan);
    let Some(user) = prior.user() else { return Ok(()) };
    let was_backed_up = prior.tier().is_some_and(BackupTier::is_backed_up);
    if let Some(ties) = cx.ties().filter(|_| was_backed_up != wanted.is_backed_up()) {
        ties.flip(user);
    }
    let chosen = cluster.guest(user).and_then(|guest| guest.pool.as_ref()).filter(|pool| is_own(Some(pool)));
    let jobs = pve.backup_jobs().await.ok();
    let what = match (wanted.pool(), chosen) {
        (None, _) => {
            format!("VM {user} uses it, and the backups of that machine will not include it any more.")
        }
        (Some(pool), None) => format!(
            "VM {user} uses it and is backed up with it, so that machine goes into the pool {:?}, unless another of its \
             data disks is of a stricter tier, and the job of that pool backs it up. {}",
            pool.as_str(),
            foresight::jobs_of(&pool, jobs.as_deref(), Some(user)),
        ),
        (Some(pool), Some(own)) => format!(
            "VM {user} uses it and is backed up with it. That machine stays in the pool {:?}, and each job of the pool {:?} \
             gets a companion for it, unless another of its data disks is of a stricter tier. {}",
            own.as_str(),
            pool.as_str(),
            foresight::companions_of(&pool, jobs.as_deref(), Some(user)),
        ),
    };
    plan.warn(
        "backup_tier",
        "Backups change",
        format!("The data disk {:?} goes to tier {wanted}. {what}", prior.name),
    );
    Ok(())
}

/// Plans an apply for a disk that is not as an apply would have left it.
async fn repair(cx: &Cx, prior: &DataDisk, plan: &mut Plan<'_, DataDisk>) -> Result<()> {
    let reason = cx.operation().private(observe::REPAIR);
    let Some(reason) = reason.as_ref().and_then(serde_json::Value::as_str) else { return Ok(()) };
    let pool = prior.tier().and_then(BackupTier::pool);
    let keeps_tier = pool.as_ref().map(PoolName::as_str) == plan.planned.attribute("pool_name").as_str();
    if let Ok(pve) = cx.pve()
        && keeps_tier
    {
        let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?;
        check_pool(cx, &cluster, plan);
    }
    for name in ["attached_to_vm_id", "attached_slot", "effective_tier", "volume_id"] {
        plan.mark_unknown(name);
    }
    let (summary, detail) = match reason {
        "convert" => (
            "Data disk is converted",
            "It was set up by somebody else: a machine owns the volume without being a holder of this provider, and maybe \
             another one uses it at the same time. The apply makes the first one a holder that lets go of the volume while \
             it is in use. No byte of the volume is touched.",
        ),
        "reclaim" => (
            "Volume goes to holder",
            "It went to another storage while its machine ran, so the volume belongs to that machine. The machine is stopped \
             now, and the apply gives the volume back to the holder.",
        ),
        "gone" => (
            "Data disk is parked",
            "The machine that used it is gone, and the volume is still there. The apply puts it back on the holder, so that \
             backups include it, unless a machine gets it then.",
        ),
        _ => (
            "Data disk is mended",
            "An apply was interrupted, or somebody has changed something by hand: it is not quite where its holder says, or a \
             pool or a backup job is not what its tier needs. The apply mends that; the volume stays as it is.",
        ),
    };
    plan.warn("name", summary, format!("The data disk {:?} is changed. {detail}", prior.name));
    Ok(())
}
