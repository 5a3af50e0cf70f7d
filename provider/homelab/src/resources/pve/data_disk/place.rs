//! Where a data disk is when a machine gets it, and what the plan of that machine says of it: whether it can be there, and
//! whose it will be.

use pve_client::{NodeName, StorageName, VmId};
use tf_framework::prelude::*;

use super::foresight::Foresight;
use super::holder::Holder;
use super::model::{DataDisk, Ownership};
use super::ties::NewDisk;
use crate::cx::Cx;
use crate::resources::pve::vm::Vm;

const CHANGES_OWNER: &str = "Volume changes its owner";

/// What that costs.
const GIVEN: &str = "the volume is given to the machine and renamed, and the machine is protected while it owns it, because whoever deletes \
     the machine deletes the volume. When a running machine gives it back, its options are lost on the way and set again.";

/// Where a parked disk is after the change of it that the same run plans.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Its node.
    pub node: NodeName,
    /// Its storage.
    pub storage: StorageName,
    /// Who owns it then, once a machine uses it.
    pub ownership: Ownership,
}

/// Notes where a plan brings a parked disk: machines that get it come after.
pub(super) fn note(cx: &Cx, prior: &DataDisk, plan: &Plan<'_, DataDisk>) {
    let text = |name: &str| plan.planned.attribute(name).as_str();
    let (Some(ties), Some(id), None) = (cx.ties(), prior.id.known(), prior.user()) else { return };
    let (Some(node), Some(storage)) = (text("node_name"), text("storage_name")) else { return };
    let ownership = text("ownership").and_then(|text| text.parse().ok());
    if let (Ok(node), Ok(storage), Some(ownership)) = (node.parse(), storage.parse(), ownership) {
        ties.goes(id.clone(), Place { node, storage, ownership });
    }
}

/// What it costs when a disk that the run makes is given to the machine.
pub(super) fn tell_of_given(new: &[NewDisk], plan: &mut Plan<'_, Vm>) {
    let names: Vec<String> =
        new.iter().filter(|disk| disk.is_given).map(|disk| format!("{:?}", disk.name)).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        let detail = format!(
            "Among the data disks that are made in this run, these have `ownership = \"transfer\"`: {names}. If the machine \
             gets one, {GIVEN}"
        );
        plan.warn("data_disks", CHANGES_OWNER, detail);
    }
}

impl Foresight<'_> {
    /// Whether a holder's volume is where no other node sees it, and stays there.
    pub(super) fn ties(&self, holder: &Holder) -> bool {
        self.ownership(holder) == Ownership::Holder
            && self.cluster.nodes.len() > 1
            && self.only_node(holder).is_some()
    }

    fn planned(&self, holder: &Holder) -> Option<Place> {
        self.cx.ties()?.place_of(&holder.id().to_string())
    }

    fn ownership(&self, holder: &Holder) -> Ownership {
        self.planned(holder).map_or(holder.record.ownership, |place| place.ownership)
    }

    /// The node that sees the disk's storage, if it is the only one.
    fn only_node(&self, holder: &Holder) -> Option<NodeName> {
        let (node, storage) = match self.planned(holder) {
            Some(place) => (place.node, place.storage),
            None => (holder.at.node.clone(), holder.storage()?),
        };
        (self.cluster.is_shared(&storage) == Some(false)).then_some(node)
    }

    /// Whether the disk can be where the machine is, and is free.
    pub(super) fn place(
        &self,
        slot: &str,
        holder: &Holder,
        node: Option<&NodeName>,
        vm: Option<VmId>,
        plan: &mut Plan<'_, Vm>,
    ) {
        let path = Path::from("data_disks").key(slot);
        let called = holder.called();
        let recorded = holder.record.at.as_ref().map(|at| at.vm);
        if let (Some(node), Some(only)) = (node, self.only_node(holder))
            && *node != only
        {
            let advice = if vm.is_some() && recorded == vm {
                "A migration does not take it along, because it belongs to its holder. Take it out of `data_disks` and apply, \
                 set `node_name` of both, and attach it again; or move the disk to shared storage first."
            } else {
                "Put both on one node with `node_name`, or the disk on shared storage."
            };
            let detail = format!(
                "The {called} is on a storage that only node {:?} sees, and the machine is to be on node {:?}. {advice}",
                only.as_str(),
                node.as_str()
            );
            plan.error(path.clone(), "Data disk is on another node", detail);
        }
        // One that somebody has deleted lets go of nothing any more.
        let elsewhere = recorded.filter(|user| Some(*user) != vm && self.cluster.guest(*user).is_some());
        if let Some(user) = elsewhere {
            let detail = format!(
                "VM {user} uses the {called} now. It can be attached once that machine has let go of it: if this apply takes \
                 it out of that machine's `data_disks`, or destroys that machine, this one gets it then; one that replaces \
                 that machine with `create_before_destroy` starts without it."
            );
            plan.warn(path.clone(), "Data disk is in use", detail);
        }
        if self.ownership(holder) == Ownership::Transfer {
            let detail = format!("The {called} has `ownership = \"transfer\"`: {GIVEN}");
            plan.warn(path, CHANGES_OWNER, detail);
        }
    }
}
