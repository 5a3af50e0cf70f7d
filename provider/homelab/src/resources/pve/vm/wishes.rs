//! What machines are to do once the manager of high availability lets go of them.
//!
//! While the manager looks after a machine, it decides whether that runs. The end of its HA resource may be planned before
//! the machine, which then is planned as its configuration says, or after it: then the end of the HA resource knows, and
//! lets the machine do it, or does it itself if the machine is not changed. When a CLI applies a change it plans that once
//! more, in another process, and wants to hear the same; the end of an object it does not plan again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use pve_client::{Pve, VmAddress, VmId};
use serde_json::{Value as Json, json};
use tf_framework::prelude::*;

use super::machine::Machine;
use super::model::Vm;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::preflight::{Need, changes, need};

/// A wish, kept beside the planned state of the machine or of its HA resource.
const WISH: &str = "power_wish";

/// Whether a machine is to run, as its configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    running: bool,
    shutdown_seconds: u32,
    /// Whether the machine itself is changed in the same apply.
    acts: bool,
}

/// What the plans, and then the applies, of a run tell each other of this.
#[derive(Debug, Default)]
pub(crate) struct Wishes(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// What the manager keeps machines from.
    wishes: BTreeMap<VmId, Wish>,
    /// Machines that are planned to be taken from the manager.
    freed: BTreeSet<VmId>,
    /// Machines that this apply has taken from the manager, and whose plan did not know.
    released: BTreeSet<VmId>,
    /// Machines that were changed while they still had the manager.
    left: BTreeSet<VmId>,
    /// Whether machines ran when their plan was made, for the answer that has to say what the plan said.
    planned: BTreeMap<VmId, bool>,
}

impl Wishes {
    fn told<T>(&self, tell: impl FnOnce(&mut Told) -> T) -> T {
        tell(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wish {
    fn noted(operation: &Operation) -> Option<Self> {
        let noted = operation.private(WISH)?;
        Some(Self {
            running: noted.get("running")?.as_bool()?,
            shutdown_seconds: u32::try_from(noted.get("shutdown_seconds")?.as_u64()?).ok()?,
            acts: noted.get("acts")?.as_bool()?,
        })
    }

    fn note(self, operation: &Operation) {
        let Self { running, shutdown_seconds, acts } = self;
        let noted = json!({ "running": running, "shutdown_seconds": shutdown_seconds, "acts": acts });
        operation.set_private(WISH, noted);
    }

    async fn fulfil(self, machine: &Machine<'_>) -> Result<()> {
        if self.running { machine.start().await } else { machine.stop(self.shutdown_seconds).await }
    }
}

/// Notes at the end of a machine's plan what the manager keeps it from, if anything.
pub(super) fn plan(cx: &Cx, kept_from: Option<bool>, plan: &Plan<'_, Vm>) {
    let operation = cx.operation();
    operation.set_private(WISH, Json::Null);
    let (Some(running), Some(prior)) = (kept_from, &plan.prior) else { return };
    let want = plan.want();
    let shutdown_seconds = want.as_ref().unwrap_or(prior).shutdown_seconds();
    let wish = Wish { running, shutdown_seconds, acts: changes(plan) };
    wish.note(operation);
    if let (Some(wishes), Some(vm)) = (cx.wishes(), super::ownership::vm_id(operation)) {
        wishes.told(|told| told.wishes.insert(vm, wish));
    }
}

/// Whether a plan of this run takes a machine from the manager.
pub(super) fn is_freed(cx: &Cx, vm: VmId) -> bool {
    cx.wishes().is_some_and(|wishes| wishes.told(|told| told.freed.contains(&vm)))
}

/// Whether the plan of a machine that the manager has no more did not know that yet.
pub(super) fn is_released(cx: &Cx, vm: VmId) -> bool {
    cx.wishes().is_some_and(|wishes| wishes.told(|told| told.released.contains(&vm)))
}

/// Notes at the plan of an HA resource's end that the manager lets go of a machine, and says what that machine does then.
/// What that needs is the answer.
pub(in crate::resources::pve) fn freed<M: SchemaModel>(
    cx: &Cx,
    vm: VmId,
    plan: &mut Plan<'_, M>,
) -> Option<Need> {
    let wish = cx.wishes()?.told(|told| {
        told.freed.insert(vm);
        told.wishes.get(&vm).copied()
    })?;
    wish.note(cx.operation());
    let (summary, verb) =
        if wish.running { ("Machine is started", "starts") } else { ("Machine is stopped", "stops") };
    plan.push(Diagnostic::warning(
        summary,
        format!(
            "The configuration of VM {vm} has `started = {}`, and the manager of high availability has kept it from that. \
             Once this takes the machine from the manager, the apply {verb} it.",
            wish.running
        ),
    ));
    Some(need(format!("/vms/{vm}"), &["VM.PowerMgmt"]))
}

/// Does, after the manager has let go of a machine, what the configuration of that says, unless the machine does it itself.
pub(in crate::resources::pve) async fn after_manager(cx: &Cx, pve: &Pve, vm: VmId) -> Result<()> {
    let Some(wish) = Wish::noted(cx.operation()) else { return Ok(()) };
    cx.operation().set_private(WISH, Json::Null);
    let was_left = cx.wishes().is_some_and(|wishes| {
        wishes.told(|told| {
            told.released.insert(vm);
            told.left.contains(&vm)
        })
    });
    if wish.acts && !was_left {
        return Ok(());
    }
    let found = pve.find_vm(vm, None).await.explain::<Vm>(cx, format_args!("find VM {vm}"))?;
    let Some((at, _)): Option<(VmAddress, _)> = found else { return Ok(()) };
    let machine = Machine { cx, pve: pve.clone(), at, want: None };
    if machine.runs().await? == wish.running { Ok(()) } else { wish.fulfil(&machine).await }
}

/// Does the same at the end of a machine's update. The plan could not say so: the answer has what it said, and the next
/// refresh what is.
pub(super) async fn after_update(machine: &Machine<'_>, prior: &Vm) -> Result<()> {
    let operation = machine.cx.operation();
    let Some(wish) = Wish::noted(operation) else { return Ok(()) };
    operation.set_private(WISH, Json::Null);
    let Some(wishes) = machine.cx.wishes() else { return Ok(()) };
    let status = machine.explain(machine.pve.vm_status(&machine.at).await, "read")?;
    if status.ha_managed {
        wishes.told(|told| told.left.insert(machine.at.id));
    } else if status.running != wish.running {
        wish.fulfil(machine).await?;
        wishes.told(|told| told.planned.insert(machine.at.id, prior.is_started()));
    }
    Ok(())
}

/// Whether a machine that was just changed is to be told as running, because its plan said so.
pub(super) fn as_planned(cx: &Cx, vm: VmId) -> Option<bool> {
    cx.wishes()?.told(|told| told.planned.remove(&vm))
}
