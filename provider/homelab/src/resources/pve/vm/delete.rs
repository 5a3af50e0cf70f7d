//! The end of a machine: only of ours, shut down first, and with nothing but its own volumes.

use pve_client::{Error as PveError, Problem, VmConfig};
use tf_framework::prelude::*;

use super::machine::{Machine, is_lost};
use super::model::Vm;
use super::{VmReference, ownership, seed};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// See [`super::Vm`].
pub(super) async fn delete(cx: &Cx, id: &VmReference, prior: &Vm) -> Result<()> {
    let pve = cx.pve()?;
    let Some(vm_id) = id.id.or_else(|| ownership::vm_id(cx.operation())) else { return Ok(()) };
    let found = pve.find_vm(vm_id, prior.last_node()).await;
    let Some((at, config)) = found.explain::<Vm>(cx, format_args!("read VM {vm_id}"))? else {
        return seed::clear::forget(cx, &pve, prior).await;
    };
    let machine = Machine { cx, pve, at, want: None };
    ownership::demand(&machine, &config)?;
    let data_disks = machine.all_data_disks(prior, &config).await?;
    // A machine that owns a data disk for a while is protected for that, which ends when the disk is detached.
    if config.value("protection") == Some("1") && (prior.protection == Some(true) || data_disks.is_empty()) {
        return Err(protected(&machine));
    }
    if !prior.is_template() && machine.runs().await? {
        machine.stop(prior.shutdown_seconds()).await?;
    }
    machine.detach_all(data_disks).await?;
    if machine.config().await?.value("protection") == Some("1") {
        return Err(protected(&machine));
    }
    machine.clear_all(prior, &config).await?;
    destroy(&machine, &config).await
}

async fn destroy(machine: &Machine<'_>, config: &VmConfig) -> Result<()> {
    // `purge` also removes it from backup jobs, replication and high availability. Volumes that it does not own or that
    // its configuration does not name are never swept up.
    let remove = || machine.pve.delete_vm(&machine.at, true, false);
    let mut gone = machine.task("delete", remove).await;
    if is_lost(&gone) {
        // Whoever has the ID now need not be ours.
        match machine.pve.vm_config(&machine.at).await {
            Err(error) if error.is_not_found() => return Ok(()),
            now => ownership::demand(machine, &machine.explain(now, "read")?)?,
        }
        gone = machine.task("delete", remove).await;
    }
    match gone {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.problem() == Problem::InUse && config.value("template") == Some("1") => {
            Err(has_clones(machine, &error))
        }
        gone => machine.explain(gone, "delete").map(drop),
    }
}

fn protected(machine: &Machine<'_>) -> Error {
    Error::new(
        "VM is protected",
        format!(
            "The machine {} on node {:?} is protected, so it was not deleted. Set `protection = false` and apply, then \
             delete it.",
            machine.at.id,
            machine.at.node.as_str()
        ),
    )
    .at("protection")
}

fn has_clones(machine: &Machine<'_>, error: &PveError) -> Error {
    Error::new(
        "Template has linked clones",
        format!(
            "The template {} on node {:?} was not deleted: Proxmox VE says “{error}”. There are machines whose disks are \
             based on its disks. Delete those machines first, or give them disks of their own by moving each disk to \
             another storage.",
            machine.at.id,
            machine.at.node.as_str()
        ),
    )
}
