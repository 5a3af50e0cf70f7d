//! Finding a machine and reading it, with two calls when it is where it was, and one when it was just started.

use pve_client::{Error as PveError, NodeName, Pve, VmAddress, VmConfig, VmId};
use serde_json::Value as Json;
use tf_framework::prelude::*;

use super::model::{SHUTDOWN_SECONDS, Vm};
use super::named::Named;
use super::{VmReference, completion, config, cpu, data_disks, ownership, seed, wait_for, wishes};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// Noted while a create of ours has just started the machine: its task said so, and need not be asked again.
const STARTED: &str = "started";

/// A machine as it is now.
#[derive(Debug)]
pub(super) struct Observed {
    /// Where it is.
    pub at: VmAddress,
    /// Its configuration, with what waits for a start.
    pub config: VmConfig,
    /// The wire names of what waits.
    pub waiting: BTreeSet<String>,
    /// Whether QEMU runs.
    pub running: bool,
}

/// Notes that the task that started a new machine has succeeded.
pub(super) fn started(operation: &Operation) {
    operation.set_private(STARTED, Json::Bool(true));
}

/// Whether this very operation has made and started the machine.
fn is_started(operation: &Operation) -> bool {
    let noted = operation.private(STARTED).is_some();
    operation.set_private(STARTED, Json::Null);
    noted && operation.created_id().is_some()
}

async fn at(pve: &Pve, at: VmAddress, started: bool) -> pve_client::Result<Observed> {
    let running =
        async { if started { Ok(true) } else { pve.vm_status(&at).await.map(|status| status.running) } };
    let (pending, running) = tokio::try_join!(pve.vm_pending(&at), running)?;
    let waiting = cpu::waiting(&pending);
    Ok(Observed { at, config: pending.merged(), waiting, running })
}

/// Whether another node could have the machine, after the one where it was failed to say.
pub(super) fn may_have_moved(error: &PveError) -> bool {
    error.is_not_found() || matches!(error, PveError::NeverSent { .. } | PveError::Refused { .. })
}

/// Reads a machine: where it was last, else where the cluster says it is, else wherever it is found.
async fn machine(
    pve: &Pve,
    id: VmId,
    hint: Option<&NodeName>,
    started: bool,
) -> pve_client::Result<Option<Observed>> {
    let mut failed = None;
    if let Some(node) = hint {
        match at(pve, VmAddress::new(node.clone(), id), started).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if may_have_moved(&error) => failed = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (pve.locate(id).await?, failed) {
        (Some(seen), _) if Some(&seen.node) != hint => match at(pve, seen, started).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        },
        // The node that has it cannot say more.
        (_, Some(error)) if !error.is_not_found() => return Err(error),
        _ => {}
    }
    // The list may be behind by a moment; only the nodes themselves know that a machine is gone.
    pve.client().forget_guests();
    match pve.find_vm(id, None).await? {
        Some((found, _)) => match at(pve, found, started).await {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        },
        None => Ok(None),
    }
}

/// The state of a machine; nothing when it is gone.
pub(super) async fn read(cx: &Cx, id: &VmReference, prior: Option<&Vm>) -> Result<Option<Vm>> {
    let pve = cx.pve()?;
    let operation = cx.operation();
    let Some(vm_id) = id.id.or_else(|| ownership::vm_id(operation)) else {
        return Err(Error::new(
            "VM has no ID",
            "The state of this machine has no ID, because its creation ended before there was one. Remove it from the \
             state with `tofu state rm` and apply again.",
        ));
    };
    let hint = prior.and_then(Vm::last_node).or(id.node.as_ref());
    let found = machine(&pve, vm_id, hint, is_started(operation)).await;
    let found = found.explain::<Vm>(cx, format_args!("read VM {vm_id}"))?;
    let Some(found) = found else { return Ok(None) };
    if !ownership::is_ours(operation, &found.config) {
        ownership::warn_replaced(cx, &found.at);
        return Ok(None);
    }
    ownership::note(operation, &found.config, vm_id);
    let pool_name = pool(&pve, cx, vm_id, prior).await?;
    let mut vm = state(found.at.id, prior, &found, pool_name);
    if let Some(planned) = wishes::as_planned(cx, vm_id) {
        vm.started = planned.into();
    }
    vm.addresses = wait_for::read(cx, prior);
    seed::apply::read(cx, &pve, &found.at, &found.config, &found.waiting, &mut vm).await;
    data_disks::read(cx, &pve, &found.at, &found.config, prior, &mut vm).await?;
    if operation.created_id().is_some() {
        completion::later(cx, &pve, found.at, found.config);
    } else {
        completion::mend(cx, &pve, &found.at, &found.config).await;
    }
    Ok(Some(vm))
}

/// The pool of a machine, if the state names one or there is no state.
async fn pool(pve: &Pve, cx: &Cx, id: VmId, prior: Option<&Vm>) -> Result<Option<pve_client::PoolName>> {
    let named = prior.map(|prior| prior.pool_name.as_ref());
    match named {
        Some(None) => Ok(None),
        // A create is accepted only into the pool it names, and the list may be behind.
        Some(Some(pool)) if cx.operation().created_id().is_some() => Ok(Some(pool.clone())),
        _ => {
            let cluster = pve.cluster().await.explain::<Vm>(cx, format_args!("read the pool of VM {id}"))?;
            Ok(cluster.guest(id).and_then(|guest| guest.pool.clone()))
        }
    }
}

fn state(id: VmId, prior: Option<&Vm>, found: &Observed, pool_name: Option<pve_client::PoolName>) -> Vm {
    let rest = Vm {
        // Whoever gave a list did not ask for a node.
        node_name: prior.is_none_or(|prior| prior.node_name.is_some()).then(|| found.at.node.clone()),
        nodes: prior.and_then(|prior| prior.nodes.clone()),
        current_node: found.at.node.clone().into(),
        vm_id: id.number().into(),
        pool_name,
        started: found.running.into(),
        migration: prior.and_then(|prior| prior.migration.clone()),
        wait_for: prior.and_then(|prior| prior.wait_for.clone()),
        pending_changes: found.waiting.clone().into(),
        reboot_when_needed: prior.map_or(true.into(), |prior| prior.reboot_when_needed.clone()),
        shutdown_timeout_seconds: prior
            .map_or(SHUTDOWN_SECONDS.into(), |prior| prior.shutdown_timeout_seconds.clone()),
        ..Vm::nothing(found.at.node.clone())
    };
    config::read(Named::by(prior), &found.config, rest)
}
