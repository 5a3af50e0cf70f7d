//! The machines that this run of the provider is making: their IDs are taken, and nobody else may finish them.

use std::sync::{Arc, Mutex, PoisonError};

use pve_client::{Cluster, Pve, VmId};
use tf_framework::prelude::*;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use super::marker::Marker;

/// After so many IDs that were taken though the list does not show them, Proxmox VE is asked for a free one.
const GUESSES: usize = 3;

/// What the creates of one run of the provider share.
#[derive(Debug, Default)]
pub(crate) struct Creations {
    held: Mutex<BTreeSet<VmId>>,
    first: OnceCell<Arc<Cluster>>,
    looked: AsyncMutex<BTreeMap<VmId, Option<Marker>>>,
    claims: Mutex<BTreeMap<String, String>>,
}

impl Creations {
    /// The cluster as this run saw it first. What an earlier run left behind is in it, and IDs that are taken since
    /// are found out by trying, so it need not be read again for each create.
    pub(in crate::resources::pve) async fn at_first(&self, pve: &Pve) -> pve_client::Result<Arc<Cluster>> {
        self.first.get_or_try_init(|| pve.cluster()).await.cloned()
    }

    /// The marks of machines that were looked at. Held while one create looks, so that no two take over the same.
    pub(super) fn looked(&self) -> &AsyncMutex<BTreeMap<VmId, Option<Marker>>> {
        &self.looked
    }

    /// Notes that somebody plans to have a data disk, and says who else does.
    pub(super) fn claim(&self, disk: &str, who: &str) -> Option<String> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let claimant = claims.entry(disk.to_owned()).or_insert_with(|| who.to_owned());
        (claimant != who).then(|| claimant.clone())
    }

    /// Forgets what a machine claimed that goes: another one may take its place in the same run.
    pub(super) fn forget_claims(&self, who: &str) {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, claimant| claimant != who);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeSet<VmId>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a create of this run has the ID.
    pub(super) fn holds(&self, id: VmId) -> bool {
        self.held().contains(&id)
    }

    /// Holds an ID, unless it is held.
    pub(in crate::resources::pve) fn hold(&self, id: VmId) -> Option<Held<'_>> {
        self.held().insert(id).then(|| Held { creations: self, id, kept: false })
    }

    /// Holds a free ID; nothing when there is none. `guesses` is how many were tried that the list does not show: after
    /// a few, Proxmox VE is asked.
    pub(in crate::resources::pve) async fn next(
        &self,
        pve: &Pve,
        taken: &BTreeSet<VmId>,
        guesses: usize,
    ) -> pve_client::Result<Option<Held<'_>>> {
        if guesses >= GUESSES
            && let Some(held) = self.hold(pve.next_id().await?)
        {
            return Ok(Some(held));
        }
        Ok(self.hold_free(taken))
    }

    /// Holds the lowest ID that is neither held nor taken.
    fn hold_free(&self, taken: &BTreeSet<VmId>) -> Option<Held<'_>> {
        let mut held = self.held();
        let free = (100..=999_999_999)
            .filter_map(|number| VmId::new(number).ok())
            .find(|id| !taken.contains(id) && !held.contains(id))?;
        held.insert(free);
        Some(Held { creations: self, id: free, kept: false })
    }
}

/// An ID that is held; dropping it frees it, unless a machine has it now.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    creations: &'a Creations,
    id: VmId,
    kept: bool,
}

impl Held<'_> {
    /// The ID.
    pub(in crate::resources::pve) fn id(&self) -> VmId {
        self.id
    }

    /// Holds it for as long as the provider runs: it is that of a machine.
    pub(in crate::resources::pve) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.creations.held().remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_creates_never_hold_the_same_id() {
        let creations = Creations::default();
        let id = |number| VmId::new(number).unwrap();
        let taken = BTreeSet::from([id(100), id(102)]);
        let first = creations.hold_free(&taken).unwrap();
        let second = creations.hold_free(&taken).unwrap();
        assert_eq!((first.id(), second.id()), (id(101), id(103)));
        assert!(creations.hold(id(101)).is_none());
        drop(first);
        creations.hold(id(101)).unwrap().keep();
        assert!(creations.holds(id(101)));
    }
}
