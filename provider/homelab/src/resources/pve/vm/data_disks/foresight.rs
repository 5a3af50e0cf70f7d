//! What a plan says of a machine's data disks: that each goes to one machine, what backs it up, and what will not work.

use pve_client::Pve;
use tf_framework::prelude::*;

use super::privileges::Handling;
use super::{backups, privileges};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::data_disk::DataDiskId;
use crate::resources::pve::data_disk::user::{self, Wanted};
use crate::resources::pve::vm::model::Vm;
use crate::resources::pve::vm::{ownership, placement};

/// What a plan says of data disks that come or go: what backs them up, and what will not work with them.
pub(in crate::resources::pve::vm) async fn plan(
    cx: &Cx,
    before: Option<&Value>,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    backups::plan(cx, before, plan);
    let after = plan.planned.attribute("data_disks").clone();
    let unchanged = before.map_or(after.is_null(), |before| *before.attribute("data_disks") == after);
    let moves = before.is_some_and(|before| {
        placement::moves(before, plan.planned)
            || ["pool_name", "nodes"]
                .iter()
                .any(|name| before.attribute(name) != plan.planned.attribute(name))
    });
    claim(cx, plan, &after);
    if after.is_unknown() || unchanged && !moves {
        if before.is_none() {
            user::stays_free(cx, plan.planned);
        }
        return Ok(());
    }
    let Ok(pve) = cx.pve() else { return Ok(()) };
    let wanted = wanted(cx, &pve, &after, plan).await?;
    let what = "list what is in the cluster";
    if after.is_set() {
        let cluster = pve.cluster().await.explain::<Vm>(cx, what)?;
        let foresight = user::Foresight { cx, pve: &pve, cluster: &cluster };
        foresight.tell(&wanted, plan.planned.clone(), before, plan).await?;
    }
    if cx.may_everywhere(&privileges::ALL).await {
        return Ok(());
    }
    let cluster = pve.cluster().await.explain::<Vm>(cx, what)?;
    let had = plan.prior.as_ref().and_then(|prior| prior.data_disks.clone()).unwrap_or_default();
    let stays = |(slot, id): &(String, DataDiskId)| after_at(&after, slot) == Some(id.to_string());
    let kept: BTreeMap<String, DataDiskId> = had.into_iter().filter(stays).collect();
    let leaving = privileges::leaving(cx, &pve, plan.prior.as_ref(), &kept).await?;
    let handling = Handling {
        cluster: &cluster,
        vm: ownership::vm_id(cx.operation()).or_else(|| user::id_of(plan.planned)),
        pool: plan.planned.attribute("pool_name").as_str().and_then(|name| name.parse().ok()),
        wanted: &wanted,
        kept: &kept,
        leaving: &leaving,
    };
    cx.preflight(plan, &handling.needs()).await
}

fn after_at(after: &Value, slot: &str) -> Option<String> {
    let (_, id) = after.as_entries()?.iter().find(|(found, _)| found.as_str() == slot)?;
    id.as_str().map(str::to_owned)
}

/// The disks that the machine is to have. One that is not there is an error of the plan.
async fn wanted(cx: &Cx, pve: &Pve, after: &Value, plan: &mut Plan<'_, Vm>) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    for (slot, value) in after.as_entries().into_iter().flatten() {
        wanted.new |= value.is_unknown();
        let Some(id) = value.as_str().and_then(|text| text.parse::<DataDiskId>().ok()) else { continue };
        match user::find(cx, pve, &id).await? {
            Some(disk) => wanted.found.push((slot.clone(), disk)),
            None => {
                let Error(messages) = user::unknown(&id).at(Path::from("data_disks").key(slot));
                messages.into_iter().for_each(|message| plan.push(message));
            }
        }
    }
    if let Some(ties) = cx.ties().filter(|_| wanted.new) {
        let node = plan.planned.attribute("node_name").as_str().and_then(|name| name.parse().ok());
        wanted.possible = ties.new_disks(node.as_ref());
    }
    Ok(wanted)
}

/// A disk goes to one machine: two that plan to have it are told now.
fn claim(cx: &Cx, plan: &mut Plan<'_, Vm>, after: &Value) {
    let Some(creations) = cx.creations() else { return };
    let text = |name: &str| plan.planned.attribute(name).as_str().unwrap_or_default().to_owned();
    let who = match ownership::vm_id(cx.operation()) {
        Some(id) => format!("VM {id}"),
        None => format!("the new machine {:?} on node {:?}", text("name"), placement::shown(plan.planned)),
    };
    let new = after.as_entries().into_iter().flatten().filter(|(_, value)| value.is_unknown()).count();
    if new > 0
        && let Some((slots, made)) = cx.ties().and_then(|ties| ties.claim_new(&who, new))
    {
        plan.error("data_disks", "Data disk is used twice", twice_among_new(slots, made));
    }
    for (slot, value) in after.as_entries().into_iter().flatten() {
        let Some(id) = value.as_str() else { continue };
        let Some(other) = creations.claim(id, &who) else { continue };
        plan.error(
            Path::from("data_disks").key(slot),
            "Data disk is used twice",
            format!(
                "The data disk {id} is to be attached to {other} too. Two machines that write to one volume destroy what \
                 is on it, and Proxmox VE does not stop them. Attach it to one of them only."
            ),
        );
    }
}

/// The message for machines that have more slots for new disks than there are new disks.
fn twice_among_new(slots: usize, made: usize) -> String {
    let disks = if made == 1 { "1 data disk".to_owned() } else { format!("{made} data disks") };
    format!(
        "This run makes {disks}, and {slots} slots of machines are to have one of these, so one is to be attached twice. Two \
         slots that write to one volume destroy what is on it, and Proxmox VE does not stop them. Give each slot a disk of its \
         own. If one of the disks is made through another provider block, apply that disk first."
    )
}
