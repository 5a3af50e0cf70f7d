//! High availability: while its manager looks after a machine, the manager says whether the machine runs.

use pve_client::VmAddress;
use tf_framework::prelude::*;

use super::foresight::same_settings;
use super::model::Vm;
use super::{ownership, wishes};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// State that the manager is asked to keep a machine in; nothing if it does not look after it.
async fn asked_for(cx: &Cx) -> Result<Option<String>> {
    // Without a connection there is nothing to look at, and a plan needs none.
    let (Ok(pve), Some(id)) = (cx.pve(), ownership::vm_id(cx.operation())) else { return Ok(None) };
    if wishes::is_freed(cx, id) {
        return Ok(None);
    }
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    let guest = cluster.guest(id);
    Ok(guest.and_then(|guest| guest.ha_state.clone()).filter(|state| state != "ignored"))
}

/// Leaves it to the manager whether a machine runs: a plan that wants something else would be undone by it, and would
/// change what it was told by others. Says what it is kept from.
pub(super) async fn power(cx: &Cx, before: &Value, plan: &mut Plan<'_, Vm>) -> Result<Option<bool>> {
    let runs = |vm: &Value| vm.attribute("started").as_bool();
    let (Some(had), Some(wants)) = (runs(before), runs(plan.planned)) else { return Ok(None) };
    if had == wants {
        return Ok(None);
    }
    if ownership::vm_id(cx.operation()).is_some_and(|id| wishes::is_released(cx, id)) {
        plan.set("started", had);
        return Ok(Some(wants));
    }
    let Some(state) = asked_for(cx).await? else { return Ok(None) };
    plan.set("started", had);
    if !plan.config.attribute("started").is_null() && wants != (state == "started") {
        plan.warn(
            "started",
            "High availability decides",
            format!(
                "The manager of high availability is asked to keep this machine {state:?}, so `started` has no effect, unless \
                 this apply takes the machine from the manager. Set the `state` of its `homelab_pve_ha_resource` instead and \
                 remove `started`, or set that state to `ignored`."
            ),
        );
    }
    restore(before, plan);
    Ok(Some(wants))
}

/// A plan in which nothing else changes is none: what it left open because of the difference is known.
fn restore(before: &Value, plan: &mut Plan<'_, Vm>) {
    let Some(known) = before.as_entries() else { return };
    let unchanged = known.iter().all(|(name, old)| same_settings(old, plan.planned.attribute(name)));
    if unchanged && plan.config.is_fully_known() {
        for (name, old) in known {
            plan.set(name.as_str(), old.clone());
        }
    }
}

/// Tells that the manager loses a machine that is destroyed.
pub(super) async fn destroy(cx: &Cx, plan: &mut Plan<'_, Vm>) -> Result<()> {
    if asked_for(cx).await?.is_some() {
        plan.push(Diagnostic::warning(
            "HA resource goes too",
            "The manager of high availability looks after this machine. It is asked to stop it, and with the machine its HA \
             resource is removed, unless that is destroyed before.",
        ));
    }
    Ok(())
}

/// The message for a change that only a stopped machine takes.
pub(super) fn must_be_stopped(at: &VmAddress) -> Error {
    Error::new(
        "VM has to be stopped",
        format!(
            "VM {} on node {:?} runs, and the manager of high availability keeps it running. Proxmox VE changes the storage \
             of `tpm_state` and `cloud_init.slot` only while a machine is stopped, and without `disk` in `hotplug` a data disk \
             leaves only then. Set the `state` of its HA resource to \
             `stopped`, apply this change, and set it to `started` again.",
            at.id,
            at.node.as_str()
        ),
    )
}
