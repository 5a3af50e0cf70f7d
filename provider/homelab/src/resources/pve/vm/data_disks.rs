//! Data disks in the slots of a machine: detached before anything could hurt them, attached before it starts, and
//! backed up with it.

pub(super) mod backups;
mod foresight;
pub(super) mod privileges;

use pve_client::{PoolName, Pve, VmAddress, VmConfig, VmId, VolumeId};
use serde_json::json;
use tf_framework::prelude::*;

pub(super) use self::foresight::plan;

use self::backups::{BEGUN, DONE, FOLLOWED, is_followed};
use super::disk::{self, Disk};
use super::machine::Machine;
use super::model::Vm;
use crate::cx::Cx;
use crate::resources::pve::data_disk::DataDiskId;
use crate::resources::pve::data_disk::user::{self, Backups, Tier};

/// How often a write is tried that others get in the way of.
const ATTEMPTS: u32 = 6;

fn entries(vm: &Vm) -> impl Iterator<Item = (&String, &DataDiskId)> {
    vm.data_disks.iter().flatten()
}

/// The disks that a machine is not to have any more, or not in that slot.
fn unwanted<'a>(prior: &'a Vm, want: &'a Vm) -> impl Iterator<Item = (&'a String, &'a DataDiskId)> {
    let stays = |slot: &String, id| want.data_disks.as_ref().and_then(|disks| disks.get(slot)) == Some(id);
    entries(prior).filter(move |(slot, id)| !stays(slot, *id))
}

/// A machine without those of its disks that are data disks already: somebody has set a disk up by hand, so that the machine
/// uses the volume of another one, which becomes the holder now. It stays in its slot, also while the machine runs.
pub(super) fn without_adopted(prior: &Vm, wanted: &BTreeMap<String, DataDiskId>) -> Vm {
    let is_adopted = |slot: &String, disk: &Disk| {
        let volume = disk.volume_id.known().and_then(|volume| volume.parse::<VolumeId>().ok());
        let owner = volume.and_then(|volume| volume.owner());
        owner.is_some() && owner == wanted.get(slot).map(|id| id.holder)
    };
    let mut vm = prior.clone();
    if let Some(disks) = &mut vm.disks {
        disks.retain(|slot, disk| !is_adopted(slot, disk));
    }
    vm
}

/// The disks that a plan names, as far as it is known which ones these are.
pub(super) fn planned(planned: &Value) -> BTreeMap<String, DataDiskId> {
    let entries = planned.attribute("data_disks").as_entries().into_iter().flatten();
    entries.filter_map(|(slot, id)| Some((slot.clone(), id.as_str()?.parse().ok()?))).collect()
}

/// Whether a disk leaves its slot.
pub(super) fn any_leaves(prior: &Vm, want: &Vm) -> bool {
    unwanted(prior, want).next().is_some()
}

impl Machine<'_> {
    /// Detaches the disks that the machine is not to have any more, or not in that slot. Says whether any was.
    pub(super) async fn detach_unwanted(&self, prior: &Vm, want: &Vm) -> Result<bool> {
        let mut detached = false;
        for (slot, id) in unwanted(prior, want) {
            detached |= user::detach(self.cx, &self.pve, &self.at, id, true).await?.is_some();
            let mut left = noted(self.cx);
            left.remove(slot);
            note(self.cx, &left);
        }
        Ok(detached)
    }

    /// Detaches every disk that the machine has, before it goes.
    pub(super) async fn detach_all(&self, ids: impl IntoIterator<Item = DataDiskId>) -> Result<()> {
        for id in ids {
            user::detach(self.cx, &self.pve, &self.at, &id, false).await?;
        }
        if let Some(creations) = self.cx.creations() {
            creations.forget_claims(&format!("VM {}", self.at.id));
        }
        Ok(())
    }

    /// The disks of a machine that is to go: those of the state, and whatever else its configuration has.
    pub(super) async fn all_data_disks(&self, prior: &Vm, config: &VmConfig) -> Result<BTreeSet<DataDiskId>> {
        let present = user::present(self.cx, &self.pve, &self.at, config).await?;
        Ok(entries(prior).map(|(_, id)| id.clone()).chain(present.into_values()).collect())
    }

    /// Attaches the disks that the machine is to have, and sees to it that backups include them. `prior` is missing
    /// when the machine is new.
    pub(super) async fn attach_data_disks(&self, prior: Option<&Vm>, want: &Vm) -> Result<()> {
        // One that lost its disks in an apply that went no further has none in its state, but a note.
        let had_any = prior.is_some_and(|prior| prior.data_disks.is_some()) || is_followed(self.cx);
        let mut backups = match (&want.pool_name, prior) {
            (Some(pool), _) => Backups::in_pool(Some(pool.clone())),
            (None, None) => Backups::in_pool(None),
            (None, Some(_)) => Backups::default(),
        };
        if entries(want).next().is_some() {
            self.cx.operation().set_private(FOLLOWED, BEGUN.into());
        }
        let mut tiers = BTreeSet::new();
        let mut awaited = serde_json::Map::new();
        for (slot, id) in entries(want) {
            let attached =
                user::attach(self.cx, &self.pve, &self.at, (slot, id), &mut backups, prior.is_none())
                    .await
                    .map_err(|error| error.at(Path::from("data_disks").key(slot)))?;
            tiers.insert(attached.tier);
            if !attached.now {
                awaited.insert(slot.clone(), json!(id.to_string()));
            }
        }
        if !awaited.is_empty() {
            self.cx.operation().set_private(AWAITED, awaited.into());
        }
        if tiers.is_empty() && !had_any {
            return Ok(());
        }
        let strictest = Tier::strictest(tiers);
        let chosen = want.pool_name.as_ref();
        if chosen.is_none() || user::is_own(chosen) {
            backups.settle(self.cx, &self.pve, self.at.id, strictest).await?;
        }
        self.leave_others_out(want, strictest.is_backed_up()).await?;
        let followed = entries(want).next().map_or(serde_json::Value::Null, |_| DONE.into());
        self.cx.operation().set_private(FOLLOWED, followed);
        Ok(())
    }

    /// Lets a machine that was stopped give back what it got when a volume moved to another storage.
    pub(super) async fn give_data_disks_back(&self, prior: &Vm, want: &Vm) -> Result<()> {
        if entries(want).next().is_none() {
            return Ok(());
        }
        let config = self.config().await?;
        if entries(want).any(|(slot, _)| owner(&config, slot) == Some(self.at.id)) {
            self.attach_data_disks(Some(prior), want).await?;
        }
        Ok(())
    }

    /// Sees to it, before the machine leaves its pool for `pool`, that backups include its data disks there too. Says
    /// whether it was put where it is to be.
    pub(super) async fn prepare_pool(&self, pool: Option<&PoolName>) -> Result<bool> {
        let tiers = user::tiers_of(self.cx, &self.pve, &self.at).await?;
        let strictest = Tier::strictest(tiers);
        if !strictest.is_backed_up() {
            return Ok(false);
        }
        if user::is_own(pool) {
            let mut backups = Backups::in_pool(pool.cloned());
            backups.tighten(self.cx, &self.pve, self.at.id, strictest).await?;
            return Ok(false);
        }
        if pool.is_none() {
            Backups::in_pool(None).tighten(self.cx, &self.pve, self.at.id, strictest).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Takes away what backed the machine up in the pool of the user's own that it has left.
    pub(super) async fn forget_companions(&self) -> Result<()> {
        user::forget_companions(self.cx, &self.pve, self.at.id).await
    }
}

/// What is wanted, with the protection that a machine has while it owns the volume of a data disk; nothing when it owns none.
pub(super) fn guarded(prior: &Vm, want: &Vm, id: VmId, current: &VmConfig) -> Option<Vm> {
    // A disk of the machine itself may still be in the slot that a data disk is to have.
    let is_own = |slot: &str| prior.disks.as_ref().is_some_and(|disks| disks.contains_key(slot));
    let owns = entries(want).any(|(slot, _)| !is_own(slot) && owner(current, slot) == Some(id));
    (owns && want.protection != Some(true)).then(|| Vm { protection: Some(true), ..want.clone() })
}

/// Whose volume is in a slot.
fn owner(config: &VmConfig, slot: &str) -> Option<VmId> {
    disk::in_slot(config, slot)?.volume()?.owner()
}

/// What the machine had when it was read last, kept beside the state.
const NOTED: &str = "data_disks";

fn noted(cx: &Cx) -> BTreeMap<String, DataDiskId> {
    disks_in(cx, NOTED)
}

fn disks_in(cx: &Cx, key: &str) -> BTreeMap<String, DataDiskId> {
    let noted = cx.operation().private(key);
    let entries = noted.as_ref().and_then(serde_json::Value::as_object).into_iter().flatten();
    entries.filter_map(|(slot, id)| Some((slot.clone(), id.as_str()?.parse().ok()?))).collect()
}

fn note(cx: &Cx, disks: &BTreeMap<String, DataDiskId>) {
    let entries: serde_json::Map<String, serde_json::Value> =
        disks.iter().map(|(slot, id)| (slot.clone(), id.to_string().into())).collect();
    let noted = if entries.is_empty() { serde_json::Value::Null } else { entries.into() };
    cx.operation().set_private(NOTED, noted);
    if !disks.is_empty() && !is_followed(cx) {
        cx.operation().set_private(FOLLOWED, DONE.into());
    }
}

/// Disks that a machine was made without, because another one has them until it is destroyed; kept beside the state until
/// the next read.
const AWAITED: &str = "awaited_data_disks";

fn awaited(cx: &Cx) -> BTreeMap<String, DataDiskId> {
    let awaited = disks_in(cx, AWAITED);
    if cx.operation().created_id().is_some() {
        return awaited;
    }
    if !awaited.is_empty() {
        cx.operation().set_private(AWAITED, serde_json::Value::Null);
    }
    BTreeMap::new()
}

/// Adds the data disks to what was read of a machine, and takes out what is so only because of them.
pub(super) async fn read(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    config: &VmConfig,
    prior: Option<&Vm>,
    vm: &mut Vm,
) -> Result<()> {
    // A change that failed half-way keeps what is still there, though the configuration names it no more.
    let stated = prior.map(|prior| {
        let mut stated = noted(cx);
        stated.extend(prior.data_disks.clone().unwrap_or_default());
        Some(stated).filter(|stated| prior.data_disks.is_some() || !stated.is_empty())
    });
    let mut found = user::read(cx, pve, at, config, stated.as_ref().map(Option::as_ref)).await?;
    if let Some(found) = &mut found {
        found.extend(awaited(cx));
    }
    let is_stated = prior.is_none_or(|prior| prior.data_disks.is_some());
    vm.data_disks = found.filter(|found| is_stated || !found.is_empty());
    note(cx, &vm.data_disks.clone().unwrap_or_default());
    let Some(slots) = vm.data_disks.as_ref().filter(|slots| !slots.is_empty()) else { return Ok(()) };
    if slots.keys().any(|slot| owner(config, slot) == Some(at.id)) && vm.protection == Some(true) {
        vm.protection = prior.and_then(|prior| prior.protection);
    }
    if prior.is_some() {
        return Ok(());
    }
    if let Some(disks) = &mut vm.disks {
        disks.retain(|slot, _| !slots.contains_key(slot));
    }
    // An import names nothing that is empty.
    vm.disks = vm.disks.take().filter(|disks| !disks.is_empty());
    if vm.pool_name.as_ref().and_then(Tier::of_pool).is_some() {
        vm.pool_name = None;
    }
    Ok(())
}
