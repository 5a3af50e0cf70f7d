//! What an earlier apply began and could not end: the next plan ends it, although no setting differs any more.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::marker::Marker;
use super::model::Vm;
use super::named::Pair;
use super::{config, ownership};
use crate::cx::Cx;

/// Makes the plan an update when the machine is marked as being made, or waits for a restart with a setting of ours.
/// Says whether it is restarted.
pub(super) fn check(cx: &Cx, plan: &mut Plan<'_, Vm>) -> bool {
    let Some(prior) = &plan.prior else { return false };
    let waiting = waiting(prior, plan.want().as_ref());
    let id = prior.vm_id.known().copied().unwrap_or_default();
    if ownership::is_incomplete(cx.operation()) {
        plan.mark_unknown("pending_changes");
        plan.push(Diagnostic::warning(
            "VM is marked as incomplete",
            format!(
                "The last line of the description of VM {id} still says that it is being made, because an apply was \
                 interrupted. The apply mends that."
            ),
        ));
    }
    let restarts = !waiting.is_empty();
    if restarts {
        plan.mark_unknown("pending_changes");
        plan.warn(
            "pending_changes",
            "Restart is needed",
            format!(
                "VM {id} runs with old settings: {} wait for a restart that an earlier apply did not come to. The \
                 machine is restarted during the apply, because `reboot_when_needed` is `true`.",
                waiting.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
            ),
        );
    }
    restarts
}

/// The settings of the configuration that wait for a restart which it allows. What others left waiting is not looked at.
fn waiting(prior: &Vm, want: Option<&Vm>) -> Vec<String> {
    let Some(want) = want.filter(|want| want.is_started() && want.may_reboot() && !want.is_template()) else {
        return Vec::new();
    };
    let Some(pending) = prior.pending_changes.known().filter(|pending| !pending.is_empty()) else {
        return Vec::new();
    };
    let (nothing, marker) = (VmConfig::default(), Marker::complete(""));
    let Ok((named, _)) = config::write(Pair { prior: None, want: Some(want) }, &marker, &nothing).finish()
    else {
        return Vec::new();
    };
    pending.iter().filter(|key| named.value(key).is_some()).cloned().collect()
}
