//! Who is in the pool of which tier: backups are taken through whoever has a disk on a bus.
//!
//! A machine is in one pool only. One that uses data disks and whose pool the user does not choose is put into the pool
//! of the strictest tier among them; one in a pool of the user's own stays there.

use pve_client::{Error as PveError, PoolEdit, PoolName, Problem, Pve, VmAddress, VmId};
use tf_framework::prelude::*;

use super::holder::{self, Holder};
use super::model::DataDisk;
use super::sight;
use super::tier::BackupTier;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// Puts a holder into the pool of its tier.
pub(super) async fn place_holder(cx: &Cx, pve: &Pve, holder: &Holder, tier: BackupTier) -> Result<()> {
    let cluster = pve.cluster_now().await.explain::<DataDisk>(cx, "list the guests")?;
    let present = cluster.guest(holder.at.id).and_then(|guest| guest.pool.clone());
    match (tier.pool(), present) {
        (Some(wanted), present) if present.as_ref() != Some(&wanted) => {
            join(cx, pve, holder.at.id, &wanted).await
        }
        (None, Some(present)) if BackupTier::of_pool(&present).is_some() => {
            leave(cx, pve, holder.at.id, &present).await
        }
        _ => Ok(()),
    }
}

/// Puts a machine into a pool, out of whatever other one it is in.
pub(in crate::resources::pve) async fn join(cx: &Cx, pve: &Pve, vm: VmId, pool: &PoolName) -> Result<()> {
    let edit = PoolEdit { vms: [vm].into(), allow_move: true, ..PoolEdit::default() };
    let what = format!("put VM {vm} into pool {:?}", pool.as_str());
    edit_twice(pve, pool, &edit, Problem::Member).await.explain::<DataDisk>(cx, what)
}

/// Takes a machine out of a pool.
pub(in crate::resources::pve) async fn leave(cx: &Cx, pve: &Pve, vm: VmId, pool: &PoolName) -> Result<()> {
    let edit = PoolEdit { vms: [vm].into(), remove: true, ..PoolEdit::default() };
    let what = format!("take VM {vm} out of pool {:?}", pool.as_str());
    match edit_twice(pve, pool, &edit, Problem::NotMember).await {
        Err(error) if error.is_not_found() => Ok(()),
        left => left.explain::<DataDisk>(cx, what),
    }
}

/// Changes members, again when the answer was lost; what is so already is fine.
async fn edit_twice(pve: &Pve, pool: &PoolName, edit: &PoolEdit, already: Problem) -> pve_client::Result<()> {
    let mut done = pve.edit_pool(pool, edit).await;
    if matches!(done, Err(PveError::MaybeApplied { .. })) {
        done = pve.edit_pool(pool, edit).await;
    }
    match done {
        Err(error) if error.problem() == already => Ok(()),
        done => done,
    }
}

/// Puts a machine into the pool of the strictest tier among the disks that it uses, unless the user has put it into
/// another one. `before` is the tier that one of its disks had.
pub(super) async fn replace_user(cx: &Cx, pve: &Pve, user: &VmAddress, before: BackupTier) -> Result<()> {
    let cluster = pve.cluster_now().await.explain::<DataDisk>(cx, "list the guests")?;
    let present = cluster.guest(user.id).and_then(|guest| guest.pool.clone());
    let present_tier = present.as_ref().and_then(BackupTier::of_pool);
    if present.is_some() && present_tier.is_none() {
        return Ok(());
    }
    let tiers = tiers_of(cx, pve, user).await?;
    match (BackupTier::strictest(tiers).pool(), present) {
        (Some(wanted), present) if present.as_ref() != Some(&wanted) => join(cx, pve, user.id, &wanted).await,
        (None, Some(present)) if before.is_backed_up() => leave(cx, pve, user.id, &present).await,
        _ => Ok(()),
    }
}

/// The tiers of the data disks that a machine uses.
async fn tiers_of(cx: &Cx, pve: &Pve, user: &VmAddress) -> Result<BTreeSet<BackupTier>> {
    let what = format!("read VM {} on node {:?}", user.id, user.node.as_str());
    let config = pve.vm_config(user).await.explain::<DataDisk>(cx, &what)?;
    let mut tiers = BTreeSet::new();
    let mut given = false;
    for (_, drive) in sight::disks(&config) {
        let owner = drive.volume().and_then(|volume| volume.owner());
        let Some(owner) = owner.filter(|owner| *owner != user.id) else {
            given |= drive.options.value("serial").is_some_and(|serial| serial.starts_with("disk-"));
            continue;
        };
        let found = pve.find_vm(owner, Some(&user.node)).await.explain::<DataDisk>(cx, &what)?;
        tiers.extend(found.and_then(|(_, config)| holder::record(&config)).map(|record| record.tier));
    }
    if given {
        for (id, _) in super::adopt::attached_to(cx, pve, user).await? {
            let found = holder::find(cx, pve, &id, Some(&user.node)).await?;
            tiers.extend(found.map(|holder| holder.record.tier));
        }
    }
    Ok(tiers)
}
