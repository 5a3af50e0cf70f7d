//! Putting discs where they are needed, and looking whether they still are there.

use std::sync::Arc;

use pve_client::{Checksum, Cluster, Content, Params, Pve, VmAddress, VmConfig, VolumeId};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tf_framework::prelude::*;

use super::config::{inserted, own_print};
use super::name::machine;
use super::shelf::Place;
use super::{DiscName, OnChange, Print, contents, is_unread, short};
use crate::cx::Cx;
use crate::errors;
use crate::resources::pve::vm::cloud_init::{self, CloudInit};
use crate::resources::pve::vm::machine::{Machine, is_lost};
use crate::resources::pve::vm::model::Vm;
use crate::resources::pve::vm::named::Pair;

/// How often a call is sent whose answer is lost.
pub(super) const ATTEMPTS: u32 = 4;

/// Kept beside the state: there may be a disc of the machine.
pub(super) const NOTED: &str = "discs";
/// Kept beside the state: at the last look there were discs that no drive names.
pub(super) const LEFT: &str = "discs_left";

/// Whether discs were left by an interrupted apply.
pub(super) fn are_left(cx: &Cx) -> bool {
    cx.operation().private(LEFT).is_some()
}

/// Notes that a machine may have discs that this run did not make.
pub(in crate::resources::pve::vm) fn may_be_left(cx: &Cx) {
    note(cx, LEFT, true);
}

pub(super) fn note(cx: &Cx, key: &str, holds: bool) {
    cx.operation().set_private(key, if holds { true.into() } else { Json::Null });
}

pub(super) fn print_of(vm: &Vm) -> Option<Print> {
    vm.cloud_init.as_ref().and_then(CloudInit::print)
}

pub(super) async fn cluster(cx: &Cx, pve: &Pve) -> pve_client::Result<Arc<Cluster>> {
    match cx.creations() {
        Some(creations) => creations.at_first(pve).await,
        None => pve.cluster().await,
    }
}

impl Vm {
    /// Whether it gets a disc with documents.
    pub(in crate::resources::pve::vm) fn has_documents(&self) -> bool {
        print_of(self).is_some()
    }
}

impl Machine<'_> {
    /// Puts the wanted disc on its storage, unless the machine has it, and answers what is wanted with that disc in it;
    /// nothing when the plan knows the disc already. `ejected`: the drive was emptied to move the machine.
    pub(in crate::resources::pve::vm) async fn provide_disc(
        &self,
        want: &Vm,
        current: &VmConfig,
        ejected: bool,
    ) -> Result<Option<Vm>> {
        let Some((wish, print)) = want.cloud_init.as_ref().and_then(|wish| Some((wish, wish.print()?)))
        else {
            return Ok(None);
        };
        if wish.iso_volume_id.known().is_some() && !ejected {
            return Ok(None);
        }
        let cluster = self.explain(cluster(self.cx, &self.pve).await, "list the storages for")?;
        let storage = match wish.iso_storage_name.known() {
            Some(storage) => storage.clone(),
            None => Place::first(&cluster, &self.at.node)
                .ok_or_else(|| Error::from(super::plan::no_storage(self.at.node.as_str())))?,
        };
        let place = Place::of(&cluster, &self.at.node, &storage);
        let disc = DiscName { vm: self.at.id, machine: machine(current), print };
        let volume = match self.present(wish, &disc, &place, current).await? {
            Some(present) => present,
            None => self.upload(want, wish, &disc, &place).await?,
        };
        let mut want = want.clone();
        if let Some(wish) = &mut want.cloud_init {
            wish.iso_volume_id = volume.into();
        }
        Ok(Some(want))
    }

    /// Gives a machine that was just made empty its disc.
    pub(in crate::resources::pve::vm) async fn insert_first_disc(
        &self,
        want: &Vm,
        config: VmConfig,
    ) -> Result<()> {
        let Some(whole) = self.provide_disc(want, &config, false).await? else { return Ok(()) };
        let Some(marker) = crate::resources::pve::vm::config::marker(&config) else { return Ok(()) };
        self.converge(Pair { prior: None, want: Some(&whole) }, &marker, config).await.map(drop)
    }

    /// The disc in the drive, if it is right and still there.
    async fn present(
        &self,
        wish: &CloudInit,
        disc: &DiscName,
        place: &Place,
        current: &VmConfig,
    ) -> Result<Option<VolumeId>> {
        let Some(found) = inserted(current) else { return Ok(None) };
        let is_own = found.name.vm == disc.vm && *found.volume.storage() == place.storage;
        let is_right = found.name.print == disc.print || wish.on_change() == OnChange::Ignore;
        if !is_own || !is_right {
            return Ok(None);
        }
        Ok(self.discs(place).await?.contains(&found.volume).then_some(found.volume))
    }

    pub(super) async fn discs(&self, place: &Place) -> Result<BTreeSet<VolumeId>> {
        let Some(shelf) = self.cx.shelf() else { return Ok(BTreeSet::new()) };
        let what = format!("list the discs on storage {:?} of", place.storage.as_str());
        self.explain(shelf.at(&self.pve, place).await, &what)
    }

    async fn upload(&self, want: &Vm, wish: &CloudInit, disc: &DiscName, place: &Place) -> Result<VolumeId> {
        if wish.documents().into_iter().flatten().any(is_unread) {
            return Err(unread(self));
        }
        let image = contents(wish, want.name.as_deref(), &disc.machine).image().map_err(|error| {
            Error::new(
                "Documents are too large",
                format!("No disc can be made of the documents: {error}. Have the guest fetch what is large."),
            )
            .at("cloud_init")
        })?;
        let volume = disc
            .on(&place.storage)
            .ok_or_else(|| Error::from(Diagnostic::bug("A disc has no valid name.")))?;
        let checksum = short(Sha256::new().chain_update(&image), 32);
        let checksum: Checksum =
            format!("sha256:{checksum}").parse().map_err(|error| Error::from(Diagnostic::bug(error)))?;
        let (content, file) = (Content::bytes(image), disc.to_string());
        note(self.cx, NOTED, true);
        let send = || async {
            let (node, storage) = (&place.node, &place.storage);
            let task = self.pve.upload(node, storage, "iso", &file, Some(&checksum), content.clone()).await?;
            self.pve.wait(&task).await
        };
        // The same bytes under a name that is ours alone: sending them again does no harm.
        let mut sent = self.pve.patiently(send).await;
        for _ in 1..ATTEMPTS {
            if !is_lost(&sent) {
                break;
            }
            sent = self.pve.patiently(send).await;
        }
        let what = format!("put the cloud-init disc on storage {:?} for", place.storage.as_str());
        let done = self.explain(sent, &what).map_err(|error| error.at("cloud_init.iso_storage_name"))?;
        if let Some(warning) = errors::task_warnings(&done, &self.what(&what)) {
            self.cx.operation().warn(warning);
        }
        if let Some(shelf) = self.cx.shelf() {
            shelf.put(place, &volume).await;
        }
        Ok(volume)
    }

    /// Whether a running machine has to be off while it gets the disc, so that it never runs on with data that it has
    /// not read.
    pub(in crate::resources::pve::vm) fn reads_anew(
        &self,
        prior: &Vm,
        want: &Vm,
        current: &VmConfig,
    ) -> bool {
        let Some(wish) = &want.cloud_init else { return false };
        let Some(wanted) = wish.print() else { return false };
        if wish.on_change() != OnChange::Reboot || !want.is_started() || !want.may_reboot() {
            return false;
        }
        match own_print(current, self.at.id) {
            Some(present) => present != wanted,
            // A disc that somebody took out is only put back.
            None => cloud_init::drive(current).is_some() || print_of(prior).as_ref() != Some(&wanted),
        }
    }

    /// Empties the drive if its disc is on a storage that other nodes do not see: Proxmox VE does not move such a
    /// machine. Says whether it did.
    pub(in crate::resources::pve::vm) async fn eject_disc(&self, current: &VmConfig) -> Result<bool> {
        let Some(found) = inserted(current) else { return Ok(false) };
        let cluster = self.explain(cluster(self.cx, &self.pve).await, "list the storages for")?;
        if Place::of(&cluster, &self.at.node, found.volume.storage()).shared {
            return Ok(false);
        }
        let set = Params::new().set(found.slot, "none,media=cdrom");
        let (mut digest, mut emptied) = (current.digest.clone(), Ok(()));
        for _ in 0..ATTEMPTS {
            emptied = self
                .pve
                .patiently(|| self.pve.set_vm_config(&self.at, set.clone(), &[], digest.as_deref()))
                .await;
            if !matches!(
                emptied,
                Err(pve_client::Error::Conflict { .. } | pve_client::Error::MaybeApplied { .. })
            ) {
                break;
            }
            digest = self.config().await?.digest;
        }
        self.explain(emptied, "take the cloud-init disc out of").map(|()| true)
    }

    /// As [`Self::provide_disc`] in an update, which owes to clear away the disc before it from then on.
    pub(in crate::resources::pve::vm) async fn provide_other_disc(
        &self,
        prior: &Vm,
        want: &Vm,
        current: &VmConfig,
        ejected: bool,
    ) -> Result<Option<Vm>> {
        let had_disc = print_of(prior).is_some() || own_print(current, self.at.id).is_some();
        let settled = match &want.cloud_init {
            Some(wish) if wish.print().is_some() => wish.iso_volume_id.known().is_some() && !ejected,
            _ => !had_disc,
        };
        if !settled {
            note(self.cx, LEFT, true);
        }
        self.provide_disc(want, current, ejected).await
    }
}

/// Looks whether the disc of a machine is still there, and whether there are others of it.
pub(in crate::resources::pve::vm) async fn read(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    config: &VmConfig,
    waiting: &BTreeSet<String>,
    vm: &mut Vm,
) {
    let has_documents = print_of(vm).is_some();
    let noted = cx.operation().private(NOTED).is_some();
    let (Some(shelf), true) = (cx.shelf(), has_documents || noted) else { return };
    let wish = vm.cloud_init.as_mut();
    let disc = wish.as_ref().and_then(|wish| wish.iso_volume_id.known().cloned());
    let storage = wish.as_ref().and_then(|wish| wish.iso_storage_name.known().cloned());
    let Some(storage) = disc.as_ref().map(|disc| disc.storage().clone()).or(storage) else { return };
    let Ok(cluster) = cluster(cx, pve).await else { return };
    let place = Place::of(&cluster, &at.node, &storage);
    if let Some(disc) = &disc
        && shelf.has_made(&place, disc).await
    {
        return;
    }
    // Whoever cannot be asked is not taken for empty.
    let Ok(discs) = shelf.at(pve, &place).await else { return };
    let machine = machine(config);
    let is_own = |found: &VolumeId| {
        DiscName::of(found).is_some_and(|name| name.vm == at.id && name.machine == machine)
    };
    if let (Some(wish), Some(disc)) = (wish, &disc)
        && DiscName::of(disc).is_some()
        && !discs.contains(disc)
    {
        wish.iso_volume_id = Computed::Null;
    }
    // A drive that changes only at the next start uses its disc until then.
    let waits = waiting.iter().any(|key| crate::resources::pve::vm::slot::is_cdrom(key));
    note(cx, LEFT, !waits && discs.iter().any(|found| is_own(found) && Some(found) != disc.as_ref()));
    note(cx, NOTED, true);
}

fn unread(machine: &Machine<'_>) -> Error {
    Error::new(
        "Documents are not known",
        format!(
            "VM {} on node {:?} was imported, and what is on its cloud-init disc cannot be read back, so no other disc was \
             made. Plan again: the documents are then taken from the configuration.",
            machine.at.id,
            machine.at.node.as_str()
        ),
    )
    .at("cloud_init")
}
