//! The next step of a data disk on its way: one write at a time, each of which may be the last one before a crash.
//!
//! Whatever the last step was, the disk is on a bus of at most one machine and is owned by one, and the configurations
//! say enough to go on from there. So there is no list of steps to remember, only the next one for what is seen.
//!
//! Backups go through whoever has the disk on a bus. So the machine is in the backups of the disk's tier before the holder
//! lets go, and leaves them only after the disk is back.

mod relocation;

use pve_client::{StorageName, VmId};

use super::model::Ownership;
use super::record::Attachment;
use super::sight::{Sight, UserSight};

/// Where a disk is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// With its holder.
    Parked,
    /// In a slot of a machine.
    At(VmId, String),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Record where the disk is meant to be.
    Note(Option<Attachment>),
    /// The same, and let the holder's slot be emptied.
    Unprotect(Option<Attachment>),
    /// Empty the holder's slot; the holder keeps the volume and is protected again.
    Release(String),
    /// Protect the holder.
    Protect,
    /// Put the volume back in a slot of the holder, and record where it is meant to be.
    Park(String, Option<Attachment>),
    /// Let the machine use the volume.
    Plug(String),
    /// Take the volume from a machine that only refers to it.
    Unplug(String),
    /// Give the options of a used disk their right values.
    Tune(String),
    /// Protect the machine, because it will own the volume.
    ProtectUser,
    /// End that.
    UnprotectUser,
    /// Give the volume to the machine.
    Give { from: String, to: String },
    /// Empty the slot of a machine that owns the volume; the machine keeps it and is protected again.
    Unlink(String),
    /// Take the volume back from the machine.
    TakeBack(String),
    /// Let Proxmox VE copy the volume to another storage and put the copy in the slot: the machine owns it.
    Relocate { slot: String, to: StorageName },
    /// Take the entry of the volume from before out of the machine, which does not own it, and protect that again.
    Forget(String),
    /// Delete the volume from before with the holder's entry of it, and record where the disk is.
    Discard(String, Attachment),
    /// Bring the holder to the node of the machine: only there one gives the volume to the other.
    Fetch,
    /// Let the backups of the machine follow: in before it gets the disk, out after the disk is back.
    Follow,
}

/// Why there is no next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Neither has the volume.
    Lost,
    /// Another machine has it.
    Elsewhere(VmId),
    /// Something else is in the slot.
    SlotTaken,
    /// The machine is not there.
    NoMachine,
    /// The machine lets go of it only when it stops.
    Leaving(String),
    /// It was on the way to another storage when its machine lost it, so there may be two copies.
    Unclear(String),
}

/// What an attached disk's options must be like: whether backups include it.
pub(super) fn is_tuned(sight: &Sight, user: &UserSight) -> bool {
    let Some((_, drive)) = &user.bus else { return true };
    let record = &sight.holder.record;
    let backed_up = drive.options.truth("backup").unwrap_or(true);
    backed_up == record.tier.is_backed_up() && drive.options.value("serial") == Some(&record.serial)
}

/// Whether a parked disk's options are right.
fn is_parked_well(sight: &Sight) -> bool {
    let Some((_, drive)) = &sight.holder.bus else { return false };
    let record = &sight.holder.record;
    drive.options.value("serial") == Some(&record.serial)
        && drive.options.truth("backup").unwrap_or(true) == record.tier.is_backed_up()
}

/// The next step to a goal; none when the disk is there.
pub(super) fn next(goal: &Goal, sight: &Sight) -> Result<Option<Step>, Stuck> {
    match goal {
        Goal::Parked => to_park(sight),
        Goal::At(vm, slot) => to_machine(*vm, slot, sight),
    }
}

fn to_park(sight: &Sight) -> Result<Option<Step>, Stuck> {
    let holder = &sight.holder;
    let at = holder.record.at.as_ref();
    if let Some(step) = relocation::go_on(sight, false)? {
        return Ok(Some(step));
    }
    if let Some(user) = sight.user.as_ref().filter(|user| user.has_it()) {
        return leave(sight, user).map(Some);
    }
    if holder.volume().is_none() {
        return Err(Stuck::Lost);
    }
    if let Some(user) = &sight.user
        && at.is_some_and(|at| at.protects)
        && user.protected
        && !user.owns_others
    {
        return Ok(Some(Step::UnprotectUser));
    }
    let slot = holder.bus.as_ref().map_or("scsi0", |(slot, _)| slot.as_str());
    if holder.bus.is_none() || !holder.protected || !is_parked_well(sight) {
        // The record names the machine until its backups are right too.
        let kept = at.filter(|_| !sight.backups_follow).cloned();
        return Ok(Some(Step::Park(slot.to_owned(), kept)));
    }
    Ok(match at {
        Some(_) if !sight.backups_follow => Some(Step::Follow),
        Some(_) => Some(Step::Note(None)),
        None => None,
    })
}

/// Takes the volume from a machine.
fn leave(sight: &Sight, user: &UserSight) -> Result<Step, Stuck> {
    let at = sight.holder.record.at.as_ref();
    if user.owns() && user.elsewhere {
        return Ok(Step::Fetch);
    }
    let Some((slot, drive)) = &user.bus else {
        return Ok(Step::TakeBack(user.unused.clone().unwrap_or_default()));
    };
    if user.leaving {
        return Err(Stuck::Leaving(slot.clone()));
    }
    if !user.owns() {
        // Proxmox VE takes nothing from a protected machine; whoever asked for this protects it again.
        return Ok(if user.protected { Step::UnprotectUser } else { Step::Unplug(slot.clone()) });
    }
    if !user.running {
        return Ok(Step::TakeBack(slot.clone()));
    }
    // A running machine has to let go of the slot first, and then only the record knows which volume it was.
    if at.and_then(|at| at.volume.as_ref()) != Some(&drive.file) {
        let before = at.cloned().unwrap_or_else(|| Attachment::new(user.id, slot));
        return Ok(Step::Note(Some(Attachment { volume: Some(drive.file.clone()), ..before })));
    }
    Ok(if user.protected { Step::UnprotectUser } else { Step::Unlink(slot.clone()) })
}

fn to_machine(vm: VmId, slot: &str, sight: &Sight) -> Result<Option<Step>, Stuck> {
    let holder = &sight.holder;
    let Some(user) = &sight.user else { return Err(Stuck::NoMachine) };
    if user.id != vm {
        return if user.has_it() { Err(Stuck::Elsewhere(user.id)) } else { Err(Stuck::NoMachine) };
    }
    if let Some(step) = relocation::go_on(sight, true)? {
        return Ok(Some(step));
    }
    let recorded = holder.record.at.as_ref();
    // Whoever had it before is done with first, because the record is all that remembers them.
    if recorded.is_some_and(|at| at.vm != vm) && !sight.backups_follow {
        return Ok(Some(Step::Follow));
    }
    let is_noted = recorded.is_some_and(|at| at.is_at(vm, slot));
    let note =
        Some(recorded.filter(|at| at.is_at(vm, slot)).cloned().unwrap_or_else(|| Attachment::new(vm, slot)));
    match (&user.bus, &holder.bus) {
        (Some((used, _)), _) if used != slot => return leave(sight, user).map(Some),
        (Some((used, _)), _) if user.leaving => return Err(Stuck::Leaving(used.clone())),
        // Used by both: the machine goes on, and the holder, which never runs, lets go.
        (_, Some((own, _))) if user.bus.is_some() || holder.record.ownership == Ownership::Holder => {
            if user.slot_taken {
                return Err(Stuck::SlotTaken);
            }
            return Ok(Some(if holder.protected || !is_noted {
                Step::Unprotect(note)
            } else if !sight.backups_follow {
                Step::Follow
            } else {
                Step::Release(own.clone())
            }));
        }
        (Some(_), _) => return attached(note, is_noted, sight, user),
        (None, _) => {}
    }
    if user.unused.is_some() {
        return leave(sight, user).map(Some);
    }
    if user.slot_taken {
        return Err(Stuck::SlotTaken);
    }
    match holder.record.ownership {
        Ownership::Holder if holder.unused.is_none() => Err(Stuck::Lost),
        Ownership::Holder if !is_noted => Ok(Some(Step::Note(note))),
        Ownership::Holder if !holder.protected => Ok(Some(Step::Protect)),
        Ownership::Holder if !sight.backups_follow => Ok(Some(Step::Follow)),
        Ownership::Holder => Ok(Some(Step::Plug(slot.to_owned()))),
        Ownership::Transfer => give(note, is_noted, slot, sight, user),
    }
}

/// The machine uses the disk; the rest is to be right too.
fn attached(
    note: Option<Attachment>,
    is_noted: bool,
    sight: &Sight,
    user: &UserSight,
) -> Result<Option<Step>, Stuck> {
    let slot = user.bus.as_ref().map(|(slot, _)| slot.clone()).unwrap_or_default();
    let record = &sight.holder.record;
    if !is_noted {
        return Ok(Some(Step::Note(note)));
    }
    if !sight.holder.protected {
        return Ok(Some(Step::Protect));
    }
    let is_given = user.owns() && !user.leaving;
    if is_given && !user.running && record.ownership == Ownership::Holder {
        // It went to another storage while the machine ran; one that is stopped gives it back.
        return leave(sight, user).map(Some);
    }
    if user.owns() && !user.protected {
        return Ok(Some(Step::ProtectUser));
    }
    if let Some(at) = record.at.as_ref().filter(|at| !user.owns() && (at.protects || at.volume.is_some())) {
        let ends = at.protects && user.protected && !user.owns_others;
        let note = Step::Note(Some(Attachment::new(at.vm, &at.slot)));
        return Ok(Some(if ends { Step::UnprotectUser } else { note }));
    }
    if !is_tuned(sight, user) {
        return Ok(Some(Step::Tune(slot)));
    }
    Ok(relocation::begin(sight, user))
}

/// Gives the volume away, with its options.
fn give(
    note: Option<Attachment>,
    is_noted: bool,
    slot: &str,
    sight: &Sight,
    user: &UserSight,
) -> Result<Option<Step>, Stuck> {
    let holder = &sight.holder;
    // The record says whether the machine was protected for this.
    let kept = holder.record.at.clone();
    let Some((own, _)) = &holder.bus else {
        return if holder.unused.is_some() {
            Ok(Some(Step::Park("scsi0".to_owned(), kept)))
        } else {
            Err(Stuck::Lost)
        };
    };
    if !is_parked_well(sight) {
        return Ok(Some(Step::Park(own.clone(), kept)));
    }
    if !is_noted {
        // A machine that is protected already stays so afterwards.
        let note = note.map(|at| Attachment { protects: !user.protected || user.owns_others, ..at });
        return Ok(Some(Step::Note(note)));
    }
    if !user.protected {
        return Ok(Some(Step::ProtectUser));
    }
    if !sight.backups_follow {
        return Ok(Some(Step::Follow));
    }
    if user.elsewhere {
        return Ok(Some(Step::Fetch));
    }
    Ok(Some(Step::Give { from: own.clone(), to: slot.to_owned() }))
}

#[cfg(test)]
mod tests;
