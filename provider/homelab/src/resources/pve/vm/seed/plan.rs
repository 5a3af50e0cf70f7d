//! What a plan says of the documents for cloud-init: which disc they need, where it goes, and what their change costs.

use pve_client::{Cluster, StorageName, VolumeId};
use tf_framework::prelude::*;

use super::apply::are_left;
use super::shelf::Place;
use super::{DOCUMENTS, DiscName, OnChange, Print, is_unread};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::preflight::need;
use crate::presence;
use crate::resources::pve::vm::assumed::unless_changed;
use crate::resources::pve::vm::model::Vm;
use crate::resources::pve::vm::placement::{self, Placement};

/// The documents of a `cloud_init`, as far as they are known.
enum Documents {
    /// There are none.
    None,
    /// Known only after apply.
    Unknown,
    /// There are some.
    Known(Print),
}

impl Documents {
    fn of(cloud_init: &Value) -> Self {
        let values = DOCUMENTS.map(|(name, _)| cloud_init.attribute(name));
        if values.iter().any(|value| value.is_unknown()) {
            return Self::Unknown;
        }
        Print::of(values.map(Value::as_str)).map_or(Self::None, Self::Known)
    }

    fn print(&self) -> Option<&Print> {
        match self {
            Self::Known(print) => Some(print),
            _ => None,
        }
    }
}

fn at(name: &str) -> Path {
    Path::from("cloud_init").then(name)
}

/// See the module. Says whether the machine is restarted for it.
pub(in crate::resources::pve::vm) async fn plan(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<bool> {
    let after = plan.planned.attribute("cloud_init").clone();
    let prior = before.map_or(&Value::Null, |before| before.attribute("cloud_init"));
    let restarts = match Documents::of(&after) {
        _ if !after.is_set() => false,
        Documents::None => {
            native(plan, prior);
            false
        }
        wanted => {
            let before = before.unwrap_or(&Value::Null);
            documents(cx, [before, prior], &wanted, placement, plan).await?
        }
    };
    // Last, because it makes an update of what would be none.
    if before.is_some() && are_left(cx) {
        leftovers(plan);
    }
    Ok(restarts)
}

fn leftovers(plan: &mut Plan<'_, Vm>) {
    plan.mark_unknown("pending_changes");
    plan.push(Diagnostic::warning(
        "Cloud-init disc was left",
        "An apply was interrupted after it had replaced the machine's cloud-init disc, and before it had deleted the old \
         one. The apply deletes it.",
    ));
}

/// Without documents the drive is Proxmox VE's own.
fn native(plan: &mut Plan<'_, Vm>, prior: &Value) {
    if plan.config.at(&at("iso_storage_name")).is_null() {
        plan.set(at("iso_storage_name"), Value::Null);
    }
    plan.set(at("iso_volume_id"), Value::Null);
    let had_disc = !matches!(Documents::of(prior), Documents::None);
    if had_disc && plan.config.at(&at("storage_name")).is_null() {
        plan.mark_unknown(at("storage_name"));
    }
}

async fn documents(
    cx: &Cx,
    [before, prior]: [&Value; 2],
    wanted: &Documents,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<bool> {
    if plan.config.at(&at("storage_name")).is_null() {
        plan.set(at("storage_name"), Value::Null);
    }
    let had = Documents::of(prior);
    let changes = wanted.print().is_none() || wanted.print() != had.print();
    let on_change = OnChange::of(plan.planned.at(&at("user_data_change")).as_str());
    if on_change == OnChange::Replace && had.print().is_some() && changes {
        replace(prior, plan);
    }
    let disc = own_disc(prior, plan);
    let ignored = on_change == OnChange::Ignore && had.print().is_some();
    let is_right = disc.as_ref().is_some_and(|(_, name)| ignored || Some(&name.print) == wanted.print());
    if is_right && !placement.moves && !storage_changes(prior, plan) {
        keep_documents([before, prior], on_change, plan);
        return Ok(false);
    }
    let cluster = match cx.pve() {
        Ok(pve) => Some(pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?),
        // Without a connection there is nothing to look at, and a plan needs none.
        Err(_) => None,
    };
    let moves_along = |cluster: &Cluster| {
        disc.as_ref().is_some_and(|(disc, _)| cluster.is_shared(disc.storage()) == Some(true))
    };
    if is_right && !storage_changes(prior, plan) && cluster.as_deref().is_some_and(moves_along) {
        keep_documents([before, prior], on_change, plan);
        return Ok(false);
    }
    plan.mark_unknown(at("iso_volume_id"));
    if let Some(cluster) = cluster {
        storage(cx, &cluster, placement, plan);
    }
    privileges(cx, plan).await?;
    Ok(changes && on_change == OnChange::Reboot && restart(before, plan))
}

/// The machine's own disc, if the state has that in its drive.
fn own_disc(prior: &Value, plan: &Plan<'_, Vm>) -> Option<(VolumeId, DiscName)> {
    let disc: VolumeId = prior.attribute("iso_volume_id").as_str()?.parse().ok()?;
    let name = DiscName::of(&disc)?;
    let vm_id = plan.planned.attribute("vm_id").as_number().and_then(Number::to_i64);
    (Some(i64::from(name.vm.number())) == vm_id).then_some((disc, name))
}

fn storage_changes(prior: &Value, plan: &Plan<'_, Vm>) -> bool {
    prior.attribute("iso_storage_name") != plan.planned.at(&at("iso_storage_name"))
}

/// Plans the documents as the state has them, where they are the same or their change does not matter.
fn keep_documents([before, prior]: [&Value; 2], on_change: OnChange, plan: &mut Plan<'_, Vm>) {
    for (name, _) in DOCUMENTS {
        let (old, wanted) = (prior.attribute(name), plan.config.at(&at(name)));
        let Some(text) = old.as_str().filter(|_| !wanted.is_null()) else { continue };
        if on_change == OnChange::Ignore || is_unread(text) {
            plan.set(at(name), old.clone());
        }
    }
    unless_changed(before, plan);
}

fn replace(prior: &Value, plan: &mut Plan<'_, Vm>) {
    for (name, _) in DOCUMENTS {
        if prior.attribute(name) != plan.planned.at(&at(name)) {
            plan.require_replace(at(name));
        }
    }
}

/// Chooses the storage of the disc, or looks at the one that was chosen.
fn storage(cx: &Cx, cluster: &Cluster, placement: &Placement, plan: &mut Plan<'_, Vm>) {
    let Some(node) = &placement.node else { return };
    let here: Vec<_> = cluster.storages.iter().filter(|found| found.node == *node).collect();
    if here.is_empty() {
        return;
    }
    let path = at("iso_storage_name");
    let takes = |name: &str| {
        here.iter().find(|found| found.name.as_str() == name).map(|found| found.content.contains("iso"))
    };
    let chosen = plan.planned.at(&path).as_str().map(str::to_owned);
    if plan.config.at(&path).is_null() {
        if chosen.as_deref().and_then(takes) == Some(true) {
            return;
        }
        match Place::first(cluster, node) {
            // The node is chosen again when the plan is applied.
            Some(first)
                if plan.planned.attribute("nodes").is_set() && cluster.is_shared(&first) != Some(true) =>
            {
                plan.mark_unknown(path);
            }
            Some(first) => plan.set(path, first.to_string()),
            None => plan.push(no_storage(node.as_str())),
        }
        return;
    }
    let Some(chosen) = chosen else { return };
    let problem = presence::storage_problem(cx, cluster, node, &chosen, presence::DISCS);
    problem.into_iter().for_each(|problem| plan.push(problem.at(path.clone())));
}

/// The message for a node on which no disc can be kept.
pub(super) fn no_storage(node: &str) -> Diagnostic {
    Diagnostic::error(
        "No storage for discs",
        format!(
            "The documents for cloud-init go to the machine on a disc, and the node {node:?} has no storage that takes \
             discs and that this login may see. Add `iso` to the content of a storage, or set `iso_storage_name` to one \
             that is made before."
        ),
    )
    .at("cloud_init.iso_storage_name")
}

/// Tells that a running machine reads its new documents at a start. Says whether the apply brings that.
fn restart(before: &Value, plan: &mut Plan<'_, Vm>) -> bool {
    let runs = |vm: &Value| vm.attribute("started").as_bool() == Some(true);
    if !runs(before) || !runs(plan.planned) {
        return false;
    }
    let id = before.attribute("vm_id").as_number().map(ToString::to_string).unwrap_or_default();
    let node = placement::shown(before);
    let may_reboot = plan.planned.attribute("reboot_when_needed").as_bool() != Some(false);
    let what = if !may_reboot {
        "It gets the new ones at its next start, because `reboot_when_needed` is `false`."
    } else {
        "It is shut down and started again during the apply, because `user_data_change` is `reboot`; cloud-init then takes \
         it for a new machine, unless `meta_data` has an `instance-id` that stays the same."
    };
    plan.warn(
        "cloud_init",
        "Restart is needed",
        format!(
            "VM {id} on node {node:?} runs, and reads the documents for cloud-init when it starts. {what}"
        ),
    );
    may_reboot
}

/// Putting a disc on a storage and taking it off again are two privileges (pve-storage 9.1.7, `Content.pm`).
async fn privileges(cx: &Cx, plan: &mut Plan<'_, Vm>) -> Result<()> {
    let storage: Option<StorageName> =
        plan.planned.at(&at("iso_storage_name")).as_str().and_then(|name| name.parse().ok());
    let Some(storage) = storage else { return Ok(()) };
    let path = format!("/storage/{storage}");
    let needs = [need(&*path, &["Datastore.AllocateTemplate"]), need(&*path, &["Datastore.Allocate"])];
    cx.preflight(plan, &needs).await
}
