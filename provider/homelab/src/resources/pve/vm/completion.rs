//! The last write of a create: the mark says that the machine is complete.
//!
//! It comes after the answer, when the state knows of the machine. Whatever the state does not know of is still marked
//! as being made, so an apply that is killed at any moment leaves nothing that the next one would not find.

use std::time::Duration;

use pve_client::{Error as PveError, Params, Pve, Scope, VmAddress, VmConfig};

use super::config;
use super::marker::Marker;
use super::ownership;
use crate::cx::Cx;

/// How often a write is tried that others get in the way of.
const ATTEMPTS: u32 = 4;

/// How long it may take. The process ends soon after the last answer; what is not done then is done by a refresh.
const LIMIT: Duration = Duration::from_secs(10);

/// Marks a machine as complete once the state knows of it.
pub(super) fn later(cx: &Cx, pve: &Pve, at: VmAddress, found: VmConfig) {
    let client = pve.client().clone();
    cx.operation().afterwards(async move {
        // The end of the operation, or of its time, does not end this.
        complete(&client.scoped(Scope::cleanup(LIMIT)), &at, found).await;
    });
}

/// Marks a machine as complete that an earlier run did not get to mark, though the state knows of it.
pub(super) async fn mend(cx: &Cx, pve: &Pve, at: &VmAddress, found: &VmConfig) {
    let marker = config::marker(found).filter(|marker| marker.creating.is_some());
    let known = marker.is_some_and(|marker| ownership::nonce(cx.operation()).as_ref() == Some(&marker.nonce));
    // Where it may not be written, the next plan is an update that does it.
    if known && complete(pve, at, found.clone()).await {
        ownership::completed(cx.operation());
    }
}

async fn complete(pve: &Pve, at: &VmAddress, found: VmConfig) -> bool {
    let done = attempt(pve, at, found).await;
    if let Err(error) = &done {
        tracing::warn!(vm = %at, error = api_core::chain(error), "the mark of a complete machine was not written");
    }
    done.is_ok()
}

async fn attempt(pve: &Pve, at: &VmAddress, mut config: VmConfig) -> pve_client::Result<()> {
    for _ in 0..ATTEMPTS {
        let (text, Some(Marker { nonce, creating: Some(_) })) = split(&config) else { return Ok(()) };
        let set = Params::new().set("description", Marker::complete(&nonce).on(text.as_deref()));
        let digest = config.digest.as_deref();
        match pve.patiently(|| pve.set_vm_config(at, set.clone(), &[], digest)).await {
            Ok(()) => return Ok(()),
            Err(PveError::Conflict { .. } | PveError::MaybeApplied { .. }) => {}
            Err(error) => return Err(error),
        }
        config = pve.vm_config(at).await?;
    }
    Err(PveError::Conflict { message: "somebody else keeps changing it".into() })
}

fn split(config: &VmConfig) -> (Option<String>, Option<Marker>) {
    config.value("description").map(Marker::split).unwrap_or_default()
}
