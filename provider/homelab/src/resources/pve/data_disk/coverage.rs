//! Who backs up a machine that uses data disks: its backups include a disk before it comes, and until it is back.
//!
//! A machine is in one pool only. One whose pool the user does not choose is put into the pool of the strictest tier among
//! its disks. One in a pool of the user's own stays there, and each job of the tier gets a companion for it.

use pve_client::{Error as PveError, PoolEdit, PoolName, Problem, Pve, VmAddress, VmId};
use tf_framework::prelude::*;

use super::holder::{self, Holder};
use super::model::DataDisk;
use super::tier::BackupTier;
use super::{companions, sight};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// Puts a holder into the pool of its tier.
pub(super) async fn place_holder(cx: &Cx, pve: &Pve, holder: &Holder, tier: BackupTier) -> Result<()> {
    let present = pool_now(cx, pve, holder.at.id).await?;
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

/// What is known of the backups of a machine that uses data disks.
#[derive(Clone, Debug, Default)]
pub(in crate::resources::pve) struct Backups {
    /// Its pool, once that was read.
    pool: Option<Option<PoolName>>,
}

impl Backups {
    /// Those of a machine whose pool is known.
    pub(in crate::resources::pve) fn in_pool(pool: Option<PoolName>) -> Self {
        Self { pool: Some(pool) }
    }

    /// Whether it is known to be in a pool of the user's own.
    pub(super) fn is_in_own_pool(&self) -> bool {
        is_own(self.pool.as_ref().and_then(Option::as_ref))
    }

    async fn pool(&mut self, cx: &Cx, pve: &Pve, vm: VmId) -> Result<Option<PoolName>> {
        if self.pool.is_none() {
            self.pool = Some(pool_now(cx, pve, vm).await?);
        }
        Ok(self.pool.clone().flatten())
    }

    /// Sees to it that a disk of a tier is backed up with the machine; rules that are stricter stay.
    pub(in crate::resources::pve) async fn tighten(
        &mut self,
        cx: &Cx,
        pve: &Pve,
        vm: VmId,
        tier: BackupTier,
    ) -> Result<()> {
        let pool = self.pool(cx, pve, vm).await?;
        if is_own(pool.as_ref()) {
            return companions::settle(cx, pve, vm, tier, false).await;
        }
        let present = pool.as_ref().and_then(BackupTier::of_pool).unwrap_or(BackupTier::NONE);
        match tier.pool() {
            Some(wanted) if BackupTier::strictest([present, tier]) != present => {
                join(cx, pve, vm, &wanted).await?;
                self.pool = Some(Some(wanted));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives the machine the backups of a tier and no others.
    pub(in crate::resources::pve) async fn settle(
        &mut self,
        cx: &Cx,
        pve: &Pve,
        vm: VmId,
        tier: BackupTier,
    ) -> Result<()> {
        let pool = self.pool(cx, pve, vm).await?;
        if is_own(pool.as_ref()) {
            return companions::settle(cx, pve, vm, tier, true).await;
        }
        match (tier.pool(), pool) {
            (Some(wanted), pool) if pool.as_ref() != Some(&wanted) => {
                join(cx, pve, vm, &wanted).await?;
                self.pool = Some(Some(wanted));
            }
            (None, Some(present)) => {
                leave(cx, pve, vm, &present).await?;
                self.pool = Some(None);
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives a machine the backups that the disks need which it has now, after one of the tier `before` has left or has
    /// another tier. A pool of a stricter tier is there for another reason, and stays.
    pub(super) async fn after(
        &mut self,
        cx: &Cx,
        pve: &Pve,
        machine: &VmAddress,
        before: BackupTier,
    ) -> Result<()> {
        let tier = BackupTier::strictest(tiers_of(cx, pve, machine).await?);
        let pool = self.pool(cx, pve, machine.id).await?;
        if is_own(pool.as_ref()) || pool == before.pool() {
            return self.settle(cx, pve, machine.id, tier).await;
        }
        self.tighten(cx, pve, machine.id, tier).await
    }
}

/// Whether a pool is one that the user has chosen.
pub(in crate::resources::pve) fn is_own(pool: Option<&PoolName>) -> bool {
    pool.is_some_and(|pool| BackupTier::of_pool(pool).is_none())
}

async fn pool_now(cx: &Cx, pve: &Pve, vm: VmId) -> Result<Option<PoolName>> {
    let cluster = pve.cluster_now().await.explain::<DataDisk>(cx, "list the guests")?;
    Ok(cluster.guest(vm).and_then(|guest| guest.pool.clone()))
}

/// Puts a machine into a pool, out of whatever other one it is in.
async fn join(cx: &Cx, pve: &Pve, vm: VmId, pool: &PoolName) -> Result<()> {
    let edit = PoolEdit { vms: [vm].into(), allow_move: true, ..PoolEdit::default() };
    let what = format!("put VM {vm} into pool {:?}", pool.as_str());
    edit_twice(pve, pool, &edit, Problem::Member).await.explain::<DataDisk>(cx, what)
}

/// Takes a machine out of a pool.
async fn leave(cx: &Cx, pve: &Pve, vm: VmId, pool: &PoolName) -> Result<()> {
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

/// The tiers of the data disks that a machine has on its buses.
pub(in crate::resources::pve) async fn tiers_of(
    cx: &Cx,
    pve: &Pve,
    user: &VmAddress,
) -> Result<BTreeSet<BackupTier>> {
    let what = format!("read VM {} on node {:?}", user.id, user.node.as_str());
    let config = match pve.vm_config(user).await {
        Err(error) if error.is_not_found() => return Ok(BTreeSet::new()),
        config => config.explain::<DataDisk>(cx, &what)?,
    };
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
