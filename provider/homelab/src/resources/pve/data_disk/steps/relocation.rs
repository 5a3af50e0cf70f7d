//! A volume that goes to another storage through a machine that only refers to it.
//!
//! Proxmox VE copies what a running machine has on a bus, and the copy is the machine's; nobody takes a volume from a bus
//! of a running machine. So the machine is protected before, and owns the copy until it is stopped or lets go of it. The
//! volume from before is out of date as soon as the machine has the copy. The record names it before the copy is made, so
//! that nobody takes it for the disk, and it is deleted after the record knows the copy.

use super::{Step, Stuck};
use crate::resources::pve::data_disk::record::{Attachment, Relocation};
use crate::resources::pve::data_disk::sight::{Sight, UserSight};

/// The first step, if the volume is wanted on another storage than it is.
pub(super) fn begin(sight: &Sight, user: &UserSight) -> Option<Step> {
    let (at, to) = (sight.holder.record.at.as_ref()?, sight.storage.as_ref()?);
    let (_, drive) = user.bus.as_ref()?;
    if user.owns() || drive.volume()?.storage() == to {
        return None;
    }
    Some(Step::Note(Some(Attachment {
        moving: Some(Relocation { from: drive.file.clone(), to: to.clone() }),
        // A machine that is protected already stays so afterwards.
        protects: !user.protected || user.owns_others,
        ..at.clone()
    })))
}

/// The next step of a volume that the record says is on its way. One that is not to go on stays where it is, but what the
/// machine has got already is not taken from it.
pub(super) fn go_on(sight: &Sight, goes_on: bool) -> Result<Option<Step>, Stuck> {
    let holder = &sight.holder;
    let Some(at) = holder.record.at.as_ref() else { return Ok(None) };
    let Some(moving) = &at.moving else { return Ok(None) };
    let machine = sight.user.as_ref().filter(|user| user.id == at.vm);
    let Some(user) = machine.filter(|user| user.has_it()) else {
        return match &holder.bus {
            // Somebody has put it there.
            Some((_, drive)) if drive.file == moving.from => Ok(Some(Step::Note(Some(at.settled())))),
            Some(_) => Ok(Some(clear(sight, machine, at))),
            None => Err(Stuck::Unclear(moving.from.clone())),
        };
    };
    // The record knows what the machine keeps without using it: it goes back to the holder first.
    let Some((slot, drive)) = &user.bus else { return Ok(None) };
    if drive.file != moving.from {
        return Ok(Some(arrived(sight, user, at, &drive.file)));
    }
    if goes_on && sight.storage.as_ref() == Some(&moving.to) {
        if user.leaving {
            return Err(Stuck::Leaving(slot.clone()));
        }
        return Ok(Some(if user.protected {
            Step::Relocate { slot: slot.clone(), to: moving.to.clone() }
        } else {
            Step::ProtectUser
        }));
    }
    Ok(Some(if at.protects && user.protected && !user.owns_others {
        Step::UnprotectUser
    } else {
        Step::Note(Some(Attachment { protects: false, ..at.settled() }))
    }))
}

/// The machine has the copy.
fn arrived(sight: &Sight, user: &UserSight, at: &Attachment, file: &str) -> Step {
    if at.volume.as_deref() != Some(file) {
        return Step::Note(Some(Attachment { volume: Some(file.to_owned()), ..at.clone() }));
    }
    clear(sight, Some(user), at)
}

/// Deletes the volume from before, once the machine does not name it any more.
fn clear(sight: &Sight, user: Option<&UserSight>, at: &Attachment) -> Step {
    if let Some((user, entry)) = user.and_then(|user| Some((user, user.old.as_ref()?))) {
        return if user.protected { Step::UnprotectUser } else { Step::Forget(entry.clone()) };
    }
    match &sight.holder.old {
        Some(_) if sight.holder.protected => Step::Unprotect(Some(at.clone())),
        Some((entry, _)) => Step::Discard(entry.clone(), at.settled()),
        None => Step::Note(Some(at.settled())),
    }
}
