//! Machines that are there already: somebody else's, which are left alone, and what an interrupted apply of ours left
//! half-made, which is finished.

use std::time::Duration;

use api_core::Pace;
use pve_client::{Cluster, Guest, GuestKind, Params, Upid, VmAddress, VmConfig, VmId};
use tf_framework::prelude::*;

use super::create::Create;
use super::creations::Held;
use super::marker::{self, Marker};
use super::model::Vm;
use super::{config, ownership, seed};
use crate::errors::{self, Explain as _};

/// How long the lock of a machine that is being made may outlive its task.
const SETTLING: Duration = Duration::from_secs(3);

/// The machine that has an ID.
pub(super) struct Resident {
    at: VmAddress,
    config: VmConfig,
}

impl Resident {
    /// The nonce of its mark.
    pub(super) fn nonce(&self) -> Option<String> {
        config::marker(&self.config).map(|marker| marker.nonce)
    }

    fn name(&self) -> String {
        self.config.value("name").map(|name| format!(" ({name:?})")).unwrap_or_default()
    }

    /// The message that names it and the way to manage it.
    pub(super) fn not_ours(&self) -> Error {
        errors::not_ours::<Vm>(
            format!("VM {}{} on node {:?}", self.at.id, self.name(), self.at.node.as_str()),
            &self.at,
        )
        .at("vm_id")
    }

    /// Makes it ours, if it is what an interrupted create of the same wish left behind.
    pub(super) async fn takeover(&self, create: &Create<'_>) -> Result<Option<VmAddress>> {
        let left = config::marker(&self.config).is_some_and(|marker| is_left(&marker, create));
        if !left || !create.may_be_on(&self.at.node) {
            return Ok(None);
        }
        claim(create, &self.at, &self.config).await
    }
}

/// Whether a mark is that of an interrupted create of the same wish.
fn is_left(marker: &Marker, create: &Create<'_>) -> bool {
    marker.creating.as_deref() == Some(&*create.fingerprint)
}

/// Writes our own mark, so that whoever began the machine, should he still live, sees that it is not his any more.
async fn claim(create: &Create<'_>, at: &VmAddress, found: &VmConfig) -> Result<Option<VmAddress>> {
    let Ok(nonce) = marker::nonce() else { return Ok(None) };
    let text = found.value("description").map(Marker::split).and_then(|(text, _)| text);
    let mark = Marker::creating(nonce.clone(), create.fingerprint.clone());
    let set = Params::new().set("description", mark.on(text.as_deref()));
    let digest = found.digest.as_deref();
    let written = create.pve.patiently(|| create.pve.set_vm_config(at, set.clone(), &[], digest)).await;
    let written = match written {
        Err(pve_client::Error::Conflict { .. }) => return Ok(None),
        Err(pve_client::Error::MaybeApplied { .. }) => {
            let now = create.pve.vm_config(at).await;
            match now.explain::<Vm>(create.cx, format_args!("read VM {}", at.id))? {
                now if config::marker(&now).is_some_and(|marker| marker.nonce == nonce) => Ok(()),
                _ => return Ok(None),
            }
        }
        written => written,
    };
    written
        .explain::<Vm>(create.cx, format_args!("take over VM {} on node {:?}", at.id, at.node.as_str()))?;
    tracing::info!(vm_id = at.id.number(), "taking over what an interrupted apply left");
    ownership::begin(create.cx.operation(), &nonce, at.id);
    seed::apply::may_be_left(create.cx);
    create.cx.operation().created(&at.id);
    if let Some(pool) = &create.want.pool_name {
        create.machine(at.clone()).join_pool(pool).await?;
    }
    Ok(Some(at.clone()))
}

/// The machine that has an ID, once no task makes it any more.
pub(super) async fn resident(create: &Create<'_>, id: VmId) -> Result<Option<Resident>> {
    let what = format!("read VM {id}");
    let node = create.first_node();
    let found = create.pve.find_vm(id, Some(node)).await.explain::<Vm>(create.cx, &what)?;
    let Some((mut at, mut config)) = found else { return Ok(None) };
    if is_being_made(&config) {
        config = settled(create, &at, config).await.explain::<Vm>(create.cx, &what)?;
    }
    if is_being_carried(create, &config) {
        let machine = create.machine(at.clone());
        machine.until_migrated().await.explain::<Vm>(create.cx, &what)?;
        let found = create.pve.find_vm(id, Some(&create.node)).await.explain::<Vm>(create.cx, &what)?;
        let Some(now) = found else { return Ok(None) };
        (at, config) = now;
    }
    Ok(Some(Resident { at, config }))
}

/// While a machine is made, its configuration is only a lock.
pub(super) fn is_being_made(config: &VmConfig) -> bool {
    matches!(config.value("lock"), Some("create" | "clone"))
}

/// Whether an interrupted create of the same wish has begun to take the machine to its node.
fn is_being_carried(create: &Create<'_>, config: &VmConfig) -> bool {
    config.value("lock") == Some("migrate")
        && config::marker(config).is_some_and(|marker| is_left(&marker, create))
}

/// Waits for the tasks that may be making a machine, and reads it again.
async fn settled(create: &Create<'_>, at: &VmAddress, config: VmConfig) -> pve_client::Result<VmConfig> {
    let source = create.source.as_ref().map(|source| &source.at);
    let node = source.map_or(&at.node, |source| &source.node);
    let ours = create.pve.client().identity();
    let makes_it = |task: &Upid| match (task.kind(), source) {
        ("qmclone", Some(source)) => task.object() == source.id.to_string(),
        ("qmcreate", None) => task.object() == at.id.to_string(),
        _ => false,
    };
    create.pve.await_tasks(node, |task| makes_it(task) && task.user() == ours).await?;
    // The lock goes a moment after the task. One that stays is that of somebody else.
    let scope = create.pve.scope().at_most(SETTLING);
    let read = api_core::poll(&scope, Pace::default(), || async {
        let now = create.pve.vm_config(at).await?;
        Ok((!is_being_made(&now)).then_some(now))
    });
    match read.await {
        Ok(now) => Ok(now),
        Err(pve_client::Error::TimedOut { .. }) => {
            create.pve.scope().check().map(|()| config).map_err(Into::into)
        }
        Err(error) if error.is_not_found() => Ok(VmConfig::default()),
        Err(error) => Err(error),
    }
}

/// Looks for what an interrupted apply of the same wish left behind, and takes it over. Each such machine goes to one
/// create only, and a machine of somebody else to none.
pub(super) async fn leftover<'a>(create: &Create<'a>) -> Result<Option<(VmAddress, Held<'a>)>> {
    let cluster = create.creations.at_first(&create.pve).await.explain::<Vm>(create.cx, "list the guests")?;
    let mut looked = create.creations.looked().lock().await;
    for guest in candidates(&cluster, create) {
        if create.creations.holds(guest.id) {
            continue;
        }
        let marker = match looked.get(&guest.id) {
            Some(known) => known.clone(),
            None => {
                let found = resident(create, guest.id).await?;
                let marker = found.and_then(|found| config::marker(&found.config));
                looked.insert(guest.id, marker.clone());
                marker
            }
        };
        if !marker.is_some_and(|marker| is_left(&marker, create)) {
            continue;
        }
        let Some(held) = create.creations.hold(guest.id) else { continue };
        if let Some(found) = resident(create, guest.id).await?
            && let Some(at) = found.takeover(create).await?
        {
            return Ok(Some((at, held)));
        }
    }
    Ok(None)
}

/// The machines that may be left over: on one of the right nodes, and with the right name as far as the list has one yet.
fn candidates<'c>(cluster: &'c Cluster, create: &'c Create<'_>) -> impl Iterator<Item = &'c Guest> {
    let name = &create.want.name;
    cluster.guests.iter().filter(move |guest| {
        let named = match (&guest.name, name) {
            (None, _) => true,
            // A machine has its name only once it is complete. Until then, lists that were made in between call it by
            // its number.
            (Some(found), Some(name)) => found == name || *found == format!("VM {}", guest.id),
            // What Proxmox VE calls a machine that nobody named.
            (Some(found), None) => found.starts_with("VM ") || found.starts_with("Copy-of-VM-"),
        };
        guest.kind == GuestKind::Vm && create.may_be_on(&guest.node) && named
    })
}
