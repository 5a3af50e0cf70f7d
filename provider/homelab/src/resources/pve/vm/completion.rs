//! The last write of a create: the mark says that the machine is complete.

use pve_client::{Error as PveError, Params, Pve, VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::marker::{Made, Marker};
use super::observe::Observed;
use super::{config, fingerprint, ownership};
use crate::cx::Cx;

/// How often a write is tried that others get in the way of.
const ATTEMPTS: u32 = 4;

/// Marks a machine as complete. It is the last thing that a create does, after the machine was read for the state.
///
/// A provider that is killed right after this write leaves a complete machine that no state knows. So the mark says for
/// a while what was made and from where, and a create of the same takes the machine over instead of making another.
pub(super) async fn complete(cx: &Cx, pve: &Pve, found: Observed) {
    let made = |creating: &str| fingerprint::made_now(creating);
    write(cx, pve, found, made).await;
}

/// Marks a machine whose creation failed, and which the state knows from now on, as one that is not to be finished.
pub(super) async fn give_up(cx: &Cx, pve: &Pve, found: Observed) {
    write(cx, pve, found, |_| None).await;
}

async fn write(cx: &Cx, pve: &Pve, found: Observed, made: impl Fn(&str) -> Option<Made>) {
    let Err(error) = attempt(pve, &found.at, found.config, made).await else {
        return ownership::completed(cx.operation());
    };
    cx.operation().warn(Diagnostic::warning(
        "VM is marked as incomplete",
        format!(
            "The machine {} on node {:?} is complete, but the last line of its description still says that it is being \
             made, because it could not be written: {}. The next apply mends that.",
            found.at.id,
            found.at.node.as_str(),
            api_core::chain(&error),
        ),
    ));
}

async fn attempt(
    pve: &Pve,
    at: &VmAddress,
    mut config: VmConfig,
    made: impl Fn(&str) -> Option<Made>,
) -> pve_client::Result<()> {
    for _ in 0..ATTEMPTS {
        let (text, Some(Marker { nonce, creating: Some(creating), .. })) = split(&config) else {
            return Ok(());
        };
        let mark = Marker { made: made(&creating), ..Marker::complete(&nonce) };
        let set = Params::new().set("description", mark.on(text.as_deref()));
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
