//! Clearing away discs that are not needed any more.
//!
//! A disc is on its storage before a drive names it, and leaves it after no drive does. What a run that was killed in
//! between leaves there is told by its name, and the next apply clears it away.

use pve_client::{Pve, StorageName, VmConfig, VolumeId};
use tf_framework::prelude::*;

use super::DiscName;
use super::apply::{ATTEMPTS, LEFT, NOTED, are_left, cluster, note, print_of};
use super::config::{inserted, own_print};
use super::name::machine;
use super::shelf::Place;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::vm::machine::{Machine, is_lost};
use crate::resources::pve::vm::model::Vm;

impl Machine<'_> {
    /// Clears away every disc of the machine that it does not use, if there may be one.
    pub(in crate::resources::pve::vm) async fn clear_unused(&self, prior: &Vm, want: &Vm) -> Result<()> {
        if !are_left(self.cx) {
            return Ok(());
        }
        let pending = self.explain(self.pve.vm_pending(&self.at).await, "read")?;
        let drives = pending.options.iter().flat_map(|option| [&option.value, &option.pending]);
        let used = drives.flatten().filter_map(|drive| drive.parse::<pve_client::Drive>().ok()?.volume());
        self.clear_everywhere(prior, &pending.merged(), &used.collect()).await?;
        note(self.cx, NOTED, print_of(want).is_some());
        note(self.cx, LEFT, false);
        Ok(())
    }

    /// Before the machine goes: clears away all its discs.
    pub(in crate::resources::pve::vm) async fn clear_all(&self, prior: &Vm, config: &VmConfig) -> Result<()> {
        let noted = self.cx.operation().private(NOTED).is_some();
        if noted || print_of(prior).is_some() || own_print(config, self.at.id).is_some() {
            self.clear_everywhere(prior, config, &BTreeSet::new()).await?;
        }
        Ok(())
    }

    async fn clear_everywhere(&self, prior: &Vm, config: &VmConfig, used: &BTreeSet<VolumeId>) -> Result<()> {
        let cluster = self.explain(cluster(self.cx, &self.pve).await, "list the storages for")?;
        let here = |storage: &StorageName| Place::of(&cluster, &self.at.node, storage);
        let mut known: Vec<Place> = Vec::new();
        if let Some(found) = inserted(config).filter(|found| found.name.vm == self.at.id) {
            let place = here(found.volume.storage());
            if !used.contains(&found.volume) {
                self.take_away(&place, &found.volume).await?;
            }
            known.push(place);
        }
        let before = prior.cloud_init.as_ref().and_then(|before| before.iso_storage_name.known());
        known.extend(before.map(here));
        let mut places = known.clone();
        let others = Place::all(&cluster, &self.at.node);
        places.extend(others.into_iter().filter(|place| !known.contains(place)));
        self.clear(&places, &known, &machine(config), used).await
    }

    /// Clears away discs of the machine. A place where there should be none may be out of order; one of the `known`
    /// may not.
    async fn clear(
        &self,
        places: &[Place],
        known: &[Place],
        machine: &str,
        used: &BTreeSet<VolumeId>,
    ) -> Result<()> {
        for place in places {
            let discs = match self.discs(place).await {
                Ok(discs) => discs,
                Err(error) if known.contains(place) => return Err(error),
                Err(_) => {
                    tracing::warn!(node = %place.node, storage = %place.storage, "the discs of a storage could not be listed");
                    continue;
                }
            };
            let own = discs.iter().filter(|disc| {
                DiscName::of(disc).is_some_and(|name| name.vm == self.at.id && name.machine == machine)
            });
            // Elsewhere the same ID is that of another file.
            let is_used =
                |disc: &VolumeId| used.contains(disc) && (place.shared || place.node == self.at.node);
            for disc in own.filter(|disc| !is_used(disc)) {
                self.take_away(place, disc).await?;
            }
        }
        Ok(())
    }

    async fn take_away(&self, place: &Place, disc: &VolumeId) -> Result<()> {
        let done = delete(&self.pve, place, disc).await;
        self.explain(done, &format!("delete the disc {disc} of"))?;
        if let Some(shelf) = self.cx.shelf() {
            shelf.take(place, disc).await;
        }
        Ok(())
    }
}

async fn delete(pve: &Pve, place: &Place, disc: &VolumeId) -> pve_client::Result<()> {
    let send = || async {
        match pve.delete_volume(&place.node, disc).await? {
            Some(task) => pve.wait(&task).await.map(drop),
            None => Ok(()),
        }
    };
    let mut done = pve.patiently(send).await;
    for _ in 1..ATTEMPTS {
        if !is_lost(&done) {
            break;
        }
        let there = pve.volumes(&place.node, &place.storage, Some("iso"), None).await?;
        if !there.iter().any(|volume| volume.id == *disc) {
            return Ok(());
        }
        done = pve.patiently(send).await;
    }
    match done {
        Err(error) if error.is_not_found() => Ok(()),
        done => done,
    }
}

/// Deletes the disc of a machine that is gone already.
pub(in crate::resources::pve::vm) async fn forget(cx: &Cx, pve: &Pve, vm: &Vm) -> Result<()> {
    let disc = vm.cloud_init.as_ref().and_then(|wish| wish.iso_volume_id.known());
    let own =
        |disc: &&VolumeId| DiscName::of(disc).is_some_and(|name| Some(&name.vm.number()) == vm.vm_id.known());
    let (Some(disc), Some(node)) = (disc.filter(own), vm.last_node()) else { return Ok(()) };
    let what = format!("delete the disc {disc}");
    let cluster = cluster(cx, pve).await.explain::<Vm>(cx, &what)?;
    delete(pve, &Place::of(&cluster, node, disc.storage()), disc).await.explain::<Vm>(cx, &what)
}
