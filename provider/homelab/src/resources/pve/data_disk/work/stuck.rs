//! What is said when there is no way for a data disk.

use tf_framework::prelude::*;

use super::Work;
use crate::resources::pve::data_disk::steps::{Goal, Stuck};

impl Work<'_> {
    /// The message for a goal that cannot be reached.
    pub(in crate::resources::pve::data_disk) fn stuck(&self, goal: &Goal, stuck: &Stuck) -> Error {
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
            Stuck::Unclear(from) => (
                "Data disk is in doubt",
                format!(
                    "its volume was being copied to another storage when its machine lost it, so there may be two copies. \
                     {from:?}, which the holder keeps, is the older one; the newer one may be among the unused disks of the \
                     machine. Put the right one on the holder as `scsi0` (from the machine with \"Reassign Owner\" in the web \
                     interface), then apply again."
                ),
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
}
