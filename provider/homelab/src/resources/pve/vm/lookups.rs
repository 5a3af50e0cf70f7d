//! What the cluster says about a plan: one list, which all plans of a run share, and two more calls in rare cases.

use pve_client::{Cluster, Guest, GuestKind, NodeName, Pve, VmAddress, VmId};
use tf_framework::prelude::*;

use super::fingerprint::fingerprint;
use super::model::Vm;
use super::placement::Placement;
use super::plan::no_template;
use super::{capacity, carry, config, inherited, known_as, migration, ownership, takeover};
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;
use crate::presence;

/// Checks a create, a move to another node, and whether there is room for what a change adds. Says whether the apply
/// migrates a clone that it has made.
pub(super) async fn check(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<bool> {
    let Some(node) = &placement.node else { return Ok(false) };
    let is_new_here = before.is_none() || placement.moves;
    if !is_new_here && !capacity::asks(before, plan.planned, node) {
        return Ok(false);
    }
    // Without a connection there is nothing to look at, and a plan needs none.
    let Ok(pve) = cx.pve() else { return Ok(false) };
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    capacity::check(cx, &cluster, placement, before, plan);
    if !is_new_here {
        return Ok(false);
    }
    check_nodes(&cluster, node, plan);
    if let Some(before) = before {
        migration::check(&cluster, before, node, plan);
        return Ok(false);
    }
    check_id(cx, &pve, &cluster, plan).await?;
    check_name(cx, &cluster, plan);
    check_source(cx, &pve, &cluster, node, plan).await
}

/// The node has to be up; of a list it is enough that each exists.
fn check_nodes(cluster: &Cluster, node: &NodeName, plan: &mut Plan<'_, Vm>) {
    let listed = plan.planned.attribute("nodes").clone();
    let Some(list) = listed.as_elements() else {
        return check_node(cluster, node.as_str(), "node_name", plan);
    };
    for (index, listed) in list.iter().enumerate().filter_map(|(index, value)| Some((index, value.as_str()?)))
    {
        if !cluster.nodes.iter().any(|found| found.online && found.name.as_str() == listed) {
            check_node(cluster, listed, Path::from("nodes").index(index), plan);
        }
    }
}

fn check_node(cluster: &Cluster, node: &str, path: impl Into<Path>, plan: &mut Plan<'_, Vm>) {
    let path = path.into();
    let Some(problem) = presence::node_problem(cluster, node) else { return };
    // A list may name nodes that are down.
    if path == Path::from("node_name") || !cluster.nodes.iter().any(|found| found.name.as_str() == node) {
        plan.push(problem.at(path));
    }
}

async fn check_id(cx: &Cx, pve: &Pve, cluster: &Cluster, plan: &mut Plan<'_, Vm>) -> Result<()> {
    let id = plan.planned.attribute("vm_id").as_number().and_then(Number::to_i64);
    let Some(id) = id.and_then(|id| VmId::try_from(id).ok()) else { return Ok(()) };
    let Some(guest) = cluster.guest(id) else { return Ok(()) };
    // When a machine is replaced, its ID is that of the one that goes first.
    if ownership::vm_id(cx.operation()) == Some(id) || cx.manages(&known_as(id)) {
        return Ok(());
    }
    let at = VmAddress::new(guest.node.clone(), id);
    let name = guest.name.as_ref().map(|name| format!(" ({name:?})")).unwrap_or_default();
    let object = format!("VM {id}{name} on node {:?}", guest.node.as_str());
    let marker = match guest.kind {
        GuestKind::Container => None,
        GuestKind::Vm => match pve.vm_config(&at).await {
            // While it is made, nothing tells by whom; an interrupted apply of ours may be about to end. The create waits.
            Ok(found) if takeover::is_being_made(&found) => return Ok(()),
            Ok(found) => config::marker(&found),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error).explain::<Vm>(cx, format_args!("read VM {id}")),
        },
    };
    match (marker, plan.want()) {
        (None, _) => {
            let Error(messages) = errors::not_ours::<Vm>(object, &at).at("vm_id");
            messages.into_iter().for_each(|message| plan.push(message));
        }
        (Some(marker), Some(want)) if marker.creating.as_deref() == Some(&*fingerprint(&want)) => {}
        (Some(_), _) => plan.warn(
            "vm_id",
            "VM ID is taken",
            format!(
                "There is already a {object}, made by this provider, that the state does not know, so the creation will \
                 fail. To manage it here, import it:\n\n  {}",
                errors::import_command::<Vm>(&at)
            ),
        ),
    }
    Ok(())
}

fn check_name(cx: &Cx, cluster: &Cluster, plan: &mut Plan<'_, Vm>) {
    let Some(name) = plan.planned.attribute("name").as_str().map(str::to_owned) else { return };
    let ours = ownership::vm_id(cx.operation());
    // What the state knows is about to be replaced, or there are to be two of that name.
    let same = cluster.guests.iter().find(|guest| {
        guest.name.as_deref() == Some(&name) && Some(guest.id) != ours && !cx.manages(&known_as(guest.id))
    });
    let Some(guest) = same else { return };
    let at = VmAddress::new(guest.node.clone(), guest.id);
    plan.warn(
        "name",
        "Name is used already",
        format!(
            "There is already a guest named {name:?}: {} on node {:?}. If an apply of this configuration was interrupted \
             while it made that guest, the next one finishes it. Otherwise there will be two of that name. To manage the \
             present one here instead, import it:\n\n  {}",
            guest.id,
            guest.node.as_str(),
            errors::import_command::<Vm>(&at)
        ),
    );
}

async fn check_source(
    cx: &Cx,
    pve: &Pve,
    cluster: &Cluster,
    node: &NodeName,
    plan: &mut Plan<'_, Vm>,
) -> Result<bool> {
    let Some(id) = wanted_source(cx, pve, node, plan).await? else { return Ok(false) };
    let at = match cluster.guest(id) {
        Some(Guest { kind: GuestKind::Container, .. }) => {
            plan.error(
                "clone.vm_id",
                "Not a VM",
                format!("The guest {id} is a container, and only a VM can be cloned to a VM."),
            );
            return Ok(false);
        }
        Some(guest) => {
            if !guest.template && plan.planned.at(&"clone.full".into()).as_bool() == Some(false) {
                plan.error(
                    "clone.full",
                    "Not a template",
                    format!("Only the disks of a template can be used without copying them, and VM {id} is none. Remove `full`, or set it to `true`."),
                );
            }
            VmAddress::new(guest.node.clone(), id)
        }
        None if cx.expects(&Expected::Vm(id)) => return Ok(false),
        // The list may be behind by a moment.
        None => match pve.find_vm(id, None).await.explain::<Vm>(cx, format_args!("find VM {id}"))? {
            Some((at, _)) => at,
            None => {
                plan.push(no_template(id));
                return Ok(false);
            }
        },
    };
    check_config(cx, pve, cluster, &at, node, plan).await
}

/// The machine to clone, if that is known. A template may be made in the same run, so one that is not there yet is only
/// worth a warning.
async fn wanted_source(cx: &Cx, pve: &Pve, node: &NodeName, plan: &mut Plan<'_, Vm>) -> Result<Option<VmId>> {
    let clone = plan.planned.attribute("clone");
    if let Some(id) = clone.attribute("vm_id").as_number().and_then(Number::to_i64) {
        return Ok(VmId::try_from(id).ok());
    }
    let text = |name: &str| clone.attribute(name).as_str().map(str::to_owned);
    let (template_name, template_tag) = (text("template_name"), text("template_tag"));
    if template_name.is_none() && template_tag.is_none() {
        return Ok(None);
    }
    let wanted = super::clone::Clone { template_name, template_tag, ..super::clone::Clone::default() };
    let found = wanted.find(pve, node).await.explain::<Vm>(cx, "list the templates")?;
    if found.is_none() {
        plan.warn(
            wanted.argument(),
            "Template is not there yet",
            format!(
                "{} Unless this run makes one first, making the machine will fail.",
                wanted.nothing_found()
            ),
        );
    }
    Ok(found)
}

/// What has to be known of the source itself: what the clone has from it and names in part, and drives that another node does
/// not see. Says whether the clone has to be carried there.
async fn check_config(
    cx: &Cx,
    pve: &Pve,
    cluster: &Cluster,
    source: &VmAddress,
    node: &NodeName,
    plan: &mut Plan<'_, Vm>,
) -> Result<bool> {
    let questions = inherited::questions(None, plan);
    let is_elsewhere = source.node != *node;
    if questions.is_empty() && !is_elsewhere {
        return Ok(false);
    }
    let what = format!("read VM {} on node {:?}", source.id, source.node.as_str());
    let found = match cx.memory() {
        Some(memory) => memory.source(pve, source).await,
        None => pve.vm_config(source).await.map(Into::into),
    };
    let found = match found {
        Err(error) if error.is_not_found() => return Ok(false),
        found => found.explain::<Vm>(cx, what)?,
    };
    inherited::ask(&questions, &found, plan);
    Ok(is_elsewhere && carry::check(cluster, source, &found, node, plan))
}
