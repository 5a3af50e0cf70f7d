//! Taking a data disk where it is to be, step by step, and looking again after each.

mod step;
mod stuck;

use pve_client::{
    Drive, Error as PveError, NodeName, Pve, StorageName, Turn, Upid, VmAddress, VmId, VmPending,
};
use tf_framework::prelude::*;

use super::companions;
use super::coverage::Backups;
use super::holder::{self, Holder};
use super::id::DataDiskId;
use super::model::DataDisk;
use super::record::Attachment;
use super::sight::{Sight, UserSight};
use super::steps::{self, Goal, Step, Stuck};
use super::tier::BackupTier;
use super::update;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// No way has more steps than this, retries included.
const MOST_STEPS: usize = 40;

/// How often the answer of a step may be lost, or others may get in its way.
const ATTEMPTS: usize = 6;

/// A machine at an address, as it was read last.
#[derive(Clone)]
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
    /// What is known of the backups of the machine that the disk goes to.
    pub(super) backups: Backups,
    /// Whether the machine that the disk leaves stays. The backups of one that is about to go need not change.
    pub(super) machine_stays: bool,
    /// The storage on which an attached volume is wanted, if that is known.
    pub(super) storage: Option<StorageName>,
    /// Whether the machine is protected because of another data disk that it does not own yet.
    pub(super) protected_for_another: bool,
    user: Option<User>,
    /// Machines as they were read since the last step that changed one; nothing for one that is not there.
    read: BTreeMap<VmId, Option<User>>,
    /// The machine whose backups are as the goal needs them.
    follows: Option<VmId>,
    /// Whether a copy that an earlier apply began is known to have ended.
    awaited: bool,
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
        Ok(Some(Self {
            cx,
            pve: pve.clone(),
            holder,
            backups: Backups::default(),
            machine_stays: true,
            storage: None,
            protected_for_another: false,
            user: None,
            read: BTreeMap::new(),
            follows: None,
            awaited: false,
            _turn: turn,
        }))
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
            sight.elsewhere = found.at.node != self.holder.at.node;
            if sight.owns() && !found.running {
                let status = self.pve.vm_status(&found.at).await;
                sight.running = self.explain(status, "read the machine of")?.running;
            }
            sight.owns_others |= self.protected_for_another;
            let has_it = sight.has_it();
            self.user = Some(found);
            user = Some(sight);
            if has_it && recorded == Some(vm) {
                break;
            }
        }
        let storage = self.storage.clone();
        Ok(Sight { holder, user, backups_follow: self.backups_follow(goal), storage })
    }

    /// Whether the backups of the machine that the record names are as they have to be.
    fn backups_follow(&self, goal: Option<&Goal>) -> bool {
        let record = &self.holder.record;
        let Some(at) = &record.at else { return true };
        let goes = matches!(goal, Some(Goal::Parked)) && !self.machine_stays;
        goes || !record.tier.is_backed_up() || self.follows == Some(at.vm)
    }

    /// Reads a machine, unless it was read since the last step that changed one; nothing when there is none.
    async fn user(&mut self, vm: VmId, known: Option<&VmAddress>) -> Result<Option<User>> {
        if let Some(read) = self.read.get(&vm) {
            return Ok(read.clone());
        }
        let found = self.read_user(vm, known).await?;
        self.read.insert(vm, found.clone());
        Ok(found)
    }

    async fn read_user(&self, vm: VmId, known: Option<&VmAddress>) -> Result<Option<User>> {
        let read = |at: VmAddress| async move {
            match self.pve.vm_pending(&at).await {
                Ok(pending) => Ok(Some(User { at, pending, running: false })),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(error),
            }
        };
        let before = self.user.as_ref().map(|user| user.at.clone());
        let told = known.cloned().into_iter().chain(before).find(|at| at.id == vm);
        let likely = match told {
            Some(at) => Some(at),
            None => {
                let cluster = self.explain(self.pve.cluster().await, "find the machine of")?;
                cluster.guest(vm).map(|guest| VmAddress::new(guest.node.clone(), vm))
            }
        };
        if let Some(at) = likely
            && let Some(found) = self.explain(read(at).await, "read the machine of")?
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
            if self.is_moving() && !self.awaited {
                self.await_moves().await?;
                self.awaited = true;
                self.read.clear();
                continue;
            }
            let step = match steps::next(goal, &sight) {
                Ok(Some(step)) => step,
                Ok(None) => return Ok(Ok(sight)),
                Err(stuck) => return Ok(Err(stuck)),
            };
            tracing::debug!(disk = %self.holder.id(), ?step, "next step of a data disk");
            match step {
                Step::Follow => {
                    self.follow(goal).await?;
                    continue;
                }
                Step::Fetch => {
                    self.fetch().await?;
                    continue;
                }
                _ => {}
            }
            self.refuse_second_use(&step).await?;
            let done = self.take_step(&sight, &step).await;
            let failed = done.is_err();
            match done {
                Ok(()) => {}
                Err(error) if failures < ATTEMPTS && (is_passing(&error) || lost.as_ref() == Some(&step)) => {
                    failures += 1;
                    if matches!(error, PveError::MaybeApplied { .. }) {
                        self.await_moves().await?;
                        lost = Some(step.clone());
                    }
                }
                Err(error) if gives_back(goal, &sight, &step) => {
                    self.tell_of_the_rest(&sight, &error);
                    return Ok(Ok(sight));
                }
                Err(error) => return self.explain(Err(error), step::verb(&step)),
            }
            if failed || step::changes_user(&step) {
                self.read.clear();
            }
            if failed || step::changes_holder(&step) {
                let read = self.holder.refresh(&self.pve).await;
                self.explain(read, "read")?;
            }
        }
        Err(self.unsettled())
    }

    fn unsettled(&self) -> Error {
        Error::new(
            "Data disk does not settle",
            format!(
                "The {} was changed {MOST_STEPS} times and is still not where it is to be, so somebody else keeps \
                 changing it or its machine. Look at the tasks of the node, then apply again.",
                self.holder.called()
            ),
        )
    }

    /// Lets the backups of the machine that the record names follow the disk.
    async fn follow(&mut self, goal: &Goal) -> Result<()> {
        let Some(vm) = self.holder.record.at.as_ref().map(|at| at.vm) else { return Ok(()) };
        let (cx, pve, tier) = (self.cx, self.pve.clone(), self.holder.record.tier);
        if matches!(goal, Goal::At(target, _) if *target == vm) {
            self.backups.tighten(cx, &pve, vm, tier).await?;
        } else {
            match self.user(vm, None).await? {
                Some(user) => Backups::default().after(cx, &pve, &user.at, tier).await?,
                // A machine that is gone may have left its companions behind.
                None => companions::settle(cx, &pve, vm, BackupTier::NONE, true).await?,
            }
        }
        self.follows = Some(vm);
        Ok(())
    }

    /// Brings the holder to the node of the machine. It has the volume on shared storage, or not at all.
    async fn fetch(&mut self) -> Result<()> {
        let Some(node) = self.user_at().map(|at| at.node.clone()) else { return Ok(()) };
        update::migrate(self.cx, &self.pve, &mut self.holder, &node).await
    }

    /// A move that nobody waits for, because an answer was lost or an apply died, may still be going on. Says whether one
    /// was.
    pub(super) async fn await_moves(&self) -> Result<bool> {
        let mut any = false;
        let mut places = vec![self.holder.at.clone()];
        places.extend(self.user_at().cloned());
        let nodes: BTreeSet<&NodeName> = places.iter().map(|at| &at.node).collect();
        for node in nodes {
            let moves = |task: &Upid| {
                let about =
                    |at: &VmAddress| task.object().split(['-', '>']).any(|part| part == at.id.to_string());
                task.kind() == "qmmove" && places.iter().any(about)
            };
            let awaited = self.pve.await_tasks(node, moves).await;
            any |= self.explain(awaited, "wait for a move of")?;
        }
        Ok(any)
    }

    /// A machine that is stopped keeps the volume if it cannot give it back now.
    fn tell_of_the_rest(&self, sight: &Sight, error: &PveError) {
        let user = sight.user.as_ref().map(|user| user.id.to_string()).unwrap_or_default();
        self.cx.operation().warn(Diagnostic::warning(
            "Volume stays with machine",
            format!(
                "The volume of the {} belongs to VM {user} since it went to another storage while that machine ran, and \
                 could not be given back to the holder: {error}. The machine stays protected, and the next apply that \
                 finds it stopped tries again.",
                self.holder.called()
            ),
        ));
    }

    fn user_at(&self) -> Option<&VmAddress> {
        self.user.as_ref().map(|user| &user.at)
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

    /// Whether the record says that the volume is on its way to another storage.
    pub(super) fn is_moving(&self) -> bool {
        self.holder.record.moving().is_some()
    }

    /// Where a record says the disk is.
    pub(super) fn recorded(&self) -> Option<&Attachment> {
        self.holder.record.at.as_ref()
    }

    /// Forgets what was read of machines, because something else was changed.
    pub(super) fn forget(&mut self) {
        self.read.clear();
    }
}

/// Whether another look and another try may help.
fn is_passing(error: &PveError) -> bool {
    matches!(error, PveError::Conflict { .. } | PveError::MaybeApplied { .. })
}

/// Whether a step only gives the volume back to the holder of a disk that is where it is to be.
fn gives_back(goal: &Goal, sight: &Sight, step: &Step) -> bool {
    let slot = sight.user.as_ref().and_then(|user| Some(&user.bus.as_ref()?.0));
    matches!((goal, step), (Goal::At(_, wanted), Step::TakeBack(from)) if from == wanted && slot == Some(wanted))
}
