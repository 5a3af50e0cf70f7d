//! The last write of a create: the mark says that the machine is complete.

use pve_client::{Error as PveError, Params, Pve, VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::config;
use super::marker::Marker;
use super::observe::Observed;
use crate::cx::Cx;

/// How often a write is tried that others get in the way of.
const ATTEMPTS: u32 = 4;

/// Marks a machine as complete. It is the last thing that a create does, after the machine was read for the state, so
/// that hardly anything can come between the mark and the state: whatever the state does not know is still marked as
/// being made, and the next apply finds it.
pub(super) async fn complete(cx: &Cx, pve: &Pve, found: Observed) {
    if let Err(error) = attempt(pve, &found.at, found.config).await {
        cx.operation().warn(Diagnostic::warning(
            "VM is marked as incomplete",
            format!(
                "The machine {} on node {:?} is complete, but the last line of its description still says that it is \
                 being made, because it could not be written: {}. The next change of the machine mends that.",
                found.at.id,
                found.at.node.as_str(),
                api_core::chain(&error),
            ),
        ));
    }
}

async fn attempt(pve: &Pve, at: &VmAddress, mut config: VmConfig) -> pve_client::Result<()> {
    for _ in 0..ATTEMPTS {
        let (text, Some(Marker { nonce, creating: Some(_) })) = split(&config) else { return Ok(()) };
        let set = Params::new().set("description", Marker::complete(&nonce).on(text.as_deref()));
        let written =
            pve.patiently(|| pve.set_vm_config(at, set.clone(), &[], config.digest.as_deref())).await;
        match written {
            Ok(()) => return Ok(()),
            Err(PveError::Conflict { .. } | PveError::MaybeApplied { .. }) => {}
            Err(error) => return Err(error),
        }
        config = pve.vm_config(at).await?;
    }
    if config::marker(&config).is_none_or(|marker| marker.creating.is_none()) {
        return Ok(());
    }
    Err(PveError::Conflict { message: "somebody else keeps changing it".into() })
}

fn split(config: &VmConfig) -> (Option<String>, Option<Marker>) {
    config.value("description").map(Marker::split).unwrap_or_default()
}
