//! Taking a data disk where it is to be, step by step, and looking again after each.

use pve_client::{Drive, Error as PveError, NodeName, Params, Pve, Turn, VmAddress, VmId, VmPending};
use tf_framework::prelude::*;

use super::holder::{self, Holder};
use super::id::DataDiskId;
use super::model::DataDisk;
use super::record::Attachment;
use super::sight::{Sight, UserSight};
use super::steps::{self, Goal, Step, Stuck};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// No way has more steps than this, retries included.
const MOST_STEPS: usize = 40;

/// How often the answer of a step may be lost, or others may get in its way.
const ATTEMPTS: usize = 6;

/// A machine at an address, as it was read last.
struct User {
    at: VmAddress,
    pending: VmPending,
    running: bool,
}

/// One disk at work. While it lives, no other operation of this run moves the disk.
pub(in crate::resources::pve) struct Work<'a> {
    cx: &'a Cx,
    pve: Pve,
    /// The holder as it was read last.
    pub(super) holder: Holder,
    user: Option<User>,
    _turn: pve_client::Taken,
}

impl<'a> Work<'a> {
    /// Waits until no other operation works on the disk, and finds it.
    pub(in crate::resources::pve) async fn begin(
        cx: &'a Cx,
        pve: &Pve,
        id: &DataDiskId,
        hint: Option<&NodeName>,
    ) -> Result<Option<Self>> {
        let turn = pve.take(Turn::File(format!("/data-disks/{id}"))).await;
        let turn = turn.explain::<DataDisk>(cx, format_args!("wait for data disk {id}"))?;
        let Some(holder) = holder::find(cx, pve, id, hint).await? else { return Ok(None) };
        Ok(Some(Self { cx, pve: pve.clone(), holder, user: None, _turn: turn }))
    }

    /// The holder as it was read last.
    pub(in crate::resources::pve) fn holder(&self) -> &Holder {
        &self.holder
    }

    fn explain<T>(&self, result: pve_client::Result<T>, verb: &str) -> Result<T> {
        result.explain::<DataDisk>(self.cx, format_args!("{verb} the {}", self.holder.called()))
    }

    /// Reads the machine that a goal is about, or that the record names. `known` is where the caller has it.
    async fn look(&mut self, goal: Option<&Goal>, known: Option<&VmAddress>) -> Result<Sight> {
        let recorded = self.holder.record.at.as_ref().map(|at| at.vm);
        let mut wanted: Vec<(VmId, String)> = Vec::new();
        if let Some(at) = &self.holder.record.at {
            wanted.push((at.vm, at.slot.clone()));
        }
        if let Some(Goal::At(vm, slot)) = goal {
            wanted.retain(|(recorded, _)| recorded != vm);
            wanted.push((*vm, slot.clone()));
        }
        let holder = self.holder.sight();
        let mut user = None;
        for (vm, slot) in wanted {
            let Some(found) = self.user(vm, known).await? else { continue };
            let mut sight = UserSight::of(vm, &found.pending, found.running, &holder, &slot);
            if sight.owns() && !found.running {
                let status = self.pve.vm_status(&found.at).await;
                sight.running = self.explain(status, "read the machine of")?.running;
            }
            let has_it = sight.has_it();
            self.user = Some(found);
            user = Some(sight);
            if has_it && recorded == Some(vm) {
                break;
            }
        }
        Ok(Sight { holder, user })
    }

    /// Reads a machine; nothing when there is none.
    async fn user(&self, vm: VmId, known: Option<&VmAddress>) -> Result<Option<User>> {
        let read = |at: VmAddress| async move {
            match self.pve.vm_pending(&at).await {
                Ok(pending) => Ok(Some(User { at, pending, running: false })),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        };
        let before = self.user.as_ref().map(|user| &user.at);
        if let Some(at) = known.into_iter().chain(before).find(|at| at.id == vm)
            && let Some(found) = self.explain(read(at.clone()).await, "read the machine of")?
        {
            return Ok(Some(found));
        }
        match self.explain(self.pve.find_vm(vm, Some(&self.holder.at.node)).await, "find the machine of")? {
            Some((at, _)) => self.explain(read(at).await, "read the machine of"),
            None => Ok(None),
        }
    }

    /// What there is, without changing anything.
    pub(super) async fn sight(&mut self) -> Result<Sight> {
        self.look(None, None).await
    }

    /// Takes the disk to a goal. `known` is where the caller has the machine of the goal.
    pub(super) async fn bring(&mut self, goal: &Goal, known: Option<&VmAddress>) -> Result<Sight> {
        match self.attempt(goal, known).await? {
            Ok(sight) => Ok(sight),
            Err(stuck) => Err(self.stuck(goal, &stuck)),
        }
    }

    /// The same; the inner error is why there is no way.
    pub(super) async fn attempt(
        &mut self,
        goal: &Goal,
        known: Option<&VmAddress>,
    ) -> Result<Result<Sight, Stuck>> {
        let mut lost: Option<Step> = None;
        let mut failures = 0;
        for _ in 0..MOST_STEPS {
            let sight = self.look(Some(goal), known).await?;
            let step = match steps::next(goal, &sight) {
                Ok(Some(step)) => step,
                Ok(None) => return Ok(Ok(sight)),
                Err(stuck) => return Ok(Err(stuck)),
            };
            tracing::debug!(disk = %self.holder.id(), ?step, "next step of a data disk");
            let done = self.take_step(&sight, &step).await;
            match done {
                Ok(()) => {}
                Err(error) if failures < ATTEMPTS && (is_passing(&error) || lost.as_ref() == Some(&step)) => {
                    failures += 1;
                    if matches!(error, PveError::MaybeApplied { .. }) {
                        self.await_moves().await?;
                        lost = Some(step);
                    }
                }
                Err(error) => return self.explain(Err(error), verb(&step)),
            }
            let read = self.holder.refresh(&self.pve).await;
            self.explain(read, "read")?;
        }
        Err(Error::new(
            "Data disk does not settle",
            format!(
                "The {} was changed {MOST_STEPS} times and is still not where it is to be, so somebody else keeps \
                 changing it or its machine. Look at the tasks of the node, then apply again.",
                self.holder.called()
            ),
        ))
    }

    /// A move whose answer was lost may still be going on.
    async fn await_moves(&self) -> Result<()> {
        let running = self.pve.running_tasks(&self.holder.at.node).await;
        for task in self.explain(running, "read the tasks of")? {
            if task.kind() == "qmmove"
                && task.object().split(['-', '>']).any(|part| part == self.holder.at.id.to_string())
            {
                // How it ended shows in what is there.
                let ended = self.pve.wait(&task).await;
                tracing::debug!(task = %task, ok = ended.is_ok(), "waited for a move whose answer was lost");
            }
        }
        Ok(())
    }

    async fn take_step(&self, sight: &Sight, step: &Step) -> pve_client::Result<()> {
        let (holder, pve) = (&self.holder, &self.pve);
        let record = &holder.record;
        match step {
            Step::Note(at) => holder.write(pve, &record.moved(at.clone()), Params::new(), &[]).await,
            Step::Unprotect(at) => {
                holder
                    .write(pve, &record.moved(at.clone()), Params::new().bool("protection", false), &[])
                    .await
            }
            Step::Release(slot) => {
                holder
                    .write(pve, record, Params::new().bool("protection", true), std::slice::from_ref(slot))
                    .await
            }
            Step::Protect => holder.write(pve, record, Params::new().bool("protection", true), &[]).await,
            Step::Park(slot, at) => {
                let present = sight.holder.bus.as_ref().map(|(_, drive)| drive.clone());
                let drive = present.unwrap_or_else(|| Drive::new(sight.holder.volume().unwrap_or_default()));
                let set = Params::new().set(slot, self.tuned(drive)).bool("protection", true);
                holder.write(pve, &record.moved(at.clone()), set, &[]).await
            }
            Step::Plug(slot) => {
                let drive = Drive::new(sight.holder.volume().unwrap_or_default()).with("discard", "on");
                self.write_user(Params::new().set(slot, self.tuned(drive)), &[]).await
            }
            Step::Tune(slot) => {
                let Some((_, drive)) = sight.user.as_ref().and_then(|user| user.bus.clone()) else {
                    return Ok(());
                };
                self.write_user(Params::new().set(slot, self.tuned(drive)), &[]).await
            }
            Step::Unplug(slot) => self.write_user(Params::new(), std::slice::from_ref(slot)).await,
            Step::Unlink(slot) => {
                self.write_user(Params::new().bool("protection", true), std::slice::from_ref(slot)).await
            }
            Step::ProtectUser => self.write_user(Params::new().bool("protection", true), &[]).await,
            Step::UnprotectUser => self.write_user(Params::new().bool("protection", false), &[]).await,
            Step::Give { from, to } => self.hand_over(&holder.at, from, self.user_at(), to).await,
            Step::TakeBack(from) => {
                let Some(user) = self.user_at() else { return Ok(()) };
                self.hand_over(user, from, Some(&holder.at), "scsi0").await
            }
        }
    }

    fn user_at(&self) -> Option<&VmAddress> {
        self.user.as_ref().map(|user| &user.at)
    }

    /// A drive with the options that the disk has to have; others stay.
    fn tuned(&self, drive: Drive) -> Drive {
        let record = &self.holder.record;
        drive.with("serial", &record.serial).with("backup", u8::from(record.tier.is_backed_up()))
    }

    async fn write_user(&self, set: Params, delete: &[String]) -> pve_client::Result<()> {
        let Some(user) = &self.user else { return Ok(()) };
        let digest = user.pending.digest.as_deref();
        self.pve.patiently(|| self.pve.set_vm_config(&user.at, set.clone(), delete, digest)).await
    }

    async fn hand_over(
        &self,
        source: &VmAddress,
        from: &str,
        target: Option<&VmAddress>,
        to: &str,
    ) -> pve_client::Result<()> {
        let Some(target) = target else { return Ok(()) };
        let params = Params::new().set("target-vmid", target.id).set("target-disk", to);
        let run = || async {
            let upid = self.pve.move_disk(source, from, params.clone(), None).await?;
            self.pve.wait(&upid).await
        };
        self.pve.patiently(run).await.map(drop)
    }

    pub(super) fn stuck(&self, goal: &Goal, stuck: &Stuck) -> Error {
        let called = self.holder.called();
        let wanted = match goal {
            Goal::Parked => "parked".to_owned(),
            Goal::At(vm, slot) => format!("attached to VM {vm} as {slot:?}"),
        };
        let (summary, why) = match stuck {
            Stuck::Lost => (
                "Data disk has no volume",
                "neither its holder nor the machine that used it has the volume. Somebody has taken or deleted it: look \
                 at the content of the storage, and put the volume back as `scsi0` of the holder, or restore a backup."
                    .to_owned(),
            ),
            Stuck::Elsewhere(vm) => (
                "Data disk is attached elsewhere",
                format!(
                    "VM {vm} uses it, and two machines that write to one volume destroy what is on it. Take the disk out \
                     of `data_disks` of that machine and apply. If this apply does that too, apply again."
                ),
            ),
            Stuck::SlotTaken => (
                "Slot is taken",
                "something else is in that slot. Choose another slot, or take out what is there.".to_owned(),
            ),
            Stuck::NoMachine => ("Machine does not exist", "there is no such machine.".to_owned()),
            Stuck::Leaving(slot) => (
                "Data disk is still in use",
                format!(
                    "its machine runs and lets go of the slot {slot:?} only when it stops, because it cannot unplug disks \
                     while it runs. Stop the machine, then apply again."
                ),
            ),
        };
        Error::new(summary, format!("The {called} cannot be {wanted}: {why}"))
    }

    /// The address of the machine that has the disk, and its slot; the holder's if it is parked.
    pub(super) fn bus(&self, sight: &Sight) -> Option<(VmAddress, String, Drive)> {
        let used = sight.user.as_ref().and_then(|user| user.bus.clone()).zip(self.user_at());
        if let Some(((slot, drive), at)) = used {
            return Some((at.clone(), slot, drive));
        }
        sight.holder.bus.clone().map(|(slot, drive)| (self.holder.at.clone(), slot, drive))
    }

    /// Where the disk is meant to be, judged by what is there: where it is used, else parked.
    pub(super) fn settled_goal(sight: &Sight) -> Goal {
        match sight.user.as_ref().and_then(|user| Some((user, user.bus.as_ref()?))) {
            Some((user, (slot, _))) if !user.leaving => Goal::At(user.id, slot.clone()),
            _ => Goal::Parked,
        }
    }

    /// Where a record says the disk is.
    pub(super) fn recorded(&self) -> Option<&Attachment> {
        self.holder.record.at.as_ref()
    }
}

/// Whether another look and another try may help.
fn is_passing(error: &PveError) -> bool {
    matches!(error, PveError::Conflict { .. } | PveError::MaybeApplied { .. })
}

fn verb(step: &Step) -> &'static str {
    match step {
        Step::Plug(_) | Step::Give { .. } => "attach",
        Step::Unplug(_) | Step::Unlink(_) | Step::TakeBack(_) => "detach",
        Step::Park(..) => "park",
        _ => "change",
    }
}
