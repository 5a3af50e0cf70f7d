//! What a plan says of a machine's data disks: that each goes to one machine, what backs it up, and what will not work.

use pve_client::PoolName;
use tf_framework::prelude::*;

use super::backups;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::preflight::need;
use crate::resources::pve::data_disk::{DataDiskId, user};
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
    if !after.is_set() || unchanged && !moves {
        if before.is_none() {
            user::stays_free(cx, plan.planned);
        }
        return Ok(());
    }
    let Ok(pve) = cx.pve() else { return Ok(()) };
    let mut wanted = user::Wanted::default();
    for (slot, value) in after.as_entries().into_iter().flatten() {
        wanted.new |= value.is_unknown();
        let Some(id) = value.as_str().and_then(|text| text.parse::<DataDiskId>().ok()) else { continue };
        match user::find(cx, &pve, &id).await? {
            Some(disk) => wanted.found.push((slot.clone(), disk)),
            None => {
                let Error(messages) = user::unknown(&id).at(Path::from("data_disks").key(slot));
                messages.into_iter().for_each(|message| plan.push(message));
            }
        }
    }
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    let foresight = user::Foresight { cx, pve: &pve, cluster: &cluster };
    foresight.tell(&wanted, plan.planned.clone(), before, plan).await?;
    let pool: Option<PoolName> =
        plan.planned.attribute("pool_name").as_str().and_then(|name| name.parse().ok());
    let backed_up = wanted.found.iter().any(|(_, disk)| disk.record.tier.is_backed_up());
    if !backed_up || !user::is_own(pool.as_ref()) {
        return Ok(());
    }
    // For the companions of backup jobs.
    cx.preflight(plan, &[need("/", &["Sys.Modify"])]).await
}

/// A disk goes to one machine: two that plan to have it are told now.
fn claim(cx: &Cx, plan: &mut Plan<'_, Vm>, after: &Value) {
    let Some(creations) = cx.creations() else { return };
    let text = |name: &str| plan.planned.attribute(name).as_str().unwrap_or_default().to_owned();
    let who = match ownership::vm_id(cx.operation()) {
        Some(id) => format!("VM {id}"),
        None => format!("the new machine {:?} on node {:?}", text("name"), placement::shown(plan.planned)),
    };
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
