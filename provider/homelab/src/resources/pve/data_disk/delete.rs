//! The end of a data disk: never while it is in use or protected, and never of a holder that is not the one.

use tf_framework::prelude::*;

use super::create;
use super::id::DataDiskReference;
use super::model::DataDisk;
use super::steps::Goal;
use super::work::Work;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// How often a write is tried that others get in the way of.
const ATTEMPTS: usize = 6;

/// See [`super::DataDisk`].
pub(super) async fn delete(cx: &Cx, id: &DataDiskReference, prior: &DataDisk) -> Result<()> {
    let id = match id {
        DataDiskReference::Id(id) => Some(id.clone()),
        _ => create::noted(cx),
    };
    let Some(id) = id else { return Ok(()) };
    let pve = cx.pve()?;
    let Some(mut work) = Work::begin(cx, &pve, &id, Some(&prior.node_name)).await? else { return Ok(()) };
    if prior.is_protected() && !create::is_unfinished(cx) {
        return Err(protected(&prior.name).into());
    }
    work.holder.look_for_user(cx, &pve).await?;
    let sight = work.sight().await?;
    if let Some(user) = sight.user.as_ref().filter(|user| user.has_it()) {
        return Err(attached(&work.holder().called(), user.id));
    }
    let lost = sight.holder.volume().is_none() && sight.holder.old.is_none();
    if !lost && (work.recorded().is_some() || sight.holder.bus.is_none()) {
        // What an interrupted apply left: once it is parked, it is known that nobody has it.
        work.bring(&Goal::Parked, None).await?;
    }
    let what = format!("delete the {}", work.holder().called());
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        if work.holder.config.value("protection") == Some("1") {
            let record = work.holder.record.clone();
            let set = pve_client::Params::new().bool("protection", false);
            match work.holder.write(&pve, &record, set, &[]).await {
                Ok(()) | Err(pve_client::Error::Conflict { .. } | pve_client::Error::MaybeApplied { .. }) => {
                }
                Err(error) => return Err(error).explain::<DataDisk>(cx, &what),
            }
        } else {
            let at = work.holder.at.clone();
            let run = || async {
                let upid = pve.delete_vm(&at, true, false).await?;
                pve.wait(&upid).await
            };
            match pve.patiently(run).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error @ pve_client::Error::MaybeApplied { .. }) => failed = Some(error),
                Err(error) if error.problem() == pve_client::Problem::Protected => failed = Some(error),
                Err(error) => return Err(error).explain::<DataDisk>(cx, &what),
            }
        }
        // Whoever has the number now need not be ours.
        match super::holder::find(cx, &pve, &id, Some(&work.holder.at.node)).await? {
            None => return Ok(()),
            Some(now) => work.holder = now,
        }
    }
    failed.map_or(Ok(()), Err).explain::<DataDisk>(cx, &what)
}

/// The message for a disk that must not be destroyed.
pub(super) fn protected(name: &str) -> Diagnostic {
    Diagnostic::error(
        "Data disk is protected",
        format!(
            "The data disk {name:?} is not destroyed, because `deletion_protection` is `true`. If everything on it may be \
             lost, set it to `false` and apply, then destroy it."
        ),
    )
    .at("deletion_protection")
}

fn attached(called: &str, vm: pve_client::VmId) -> Error {
    Error::new(
        "Data disk is in use",
        format!(
            "The {called} is not destroyed, because VM {vm} uses it. Take it out of `data_disks` of that machine and \
             apply, then destroy it."
        ),
    )
}
