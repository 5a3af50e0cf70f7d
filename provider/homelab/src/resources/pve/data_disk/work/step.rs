//! The writes of a data disk's way, one for each step.

use pve_client::{Drive, Params, StorageName, VmAddress};
use tf_framework::prelude::*;

use super::Work;
use crate::resources::pve::data_disk::sight::Sight;
use crate::resources::pve::data_disk::steps::Step;

/// Whether a step changes the holder.
pub(super) fn changes_holder(step: &Step) -> bool {
    matches!(
        step,
        Step::Note(_)
            | Step::Unprotect(_)
            | Step::Release(_)
            | Step::Protect
            | Step::Park(..)
            | Step::Discard(..)
            | Step::Give { .. }
            | Step::TakeBack(_)
    )
}

/// Whether a step changes the machine that uses the disk.
pub(super) fn changes_user(step: &Step) -> bool {
    matches!(step, Step::Give { .. } | Step::TakeBack(_)) || !changes_holder(step)
}

/// What a step does, for messages.
pub(super) fn verb(step: &Step) -> &'static str {
    match step {
        Step::Plug(_) | Step::Give { .. } => "attach",
        Step::Unplug(_) | Step::Unlink(_) | Step::TakeBack(_) => "detach",
        Step::Park(..) => "park",
        Step::Relocate { .. } => "move",
        _ => "change",
    }
}

impl Work<'_> {
    /// Nobody else may have the volume when it comes onto a bus: a last look before the write.
    pub(super) async fn refuse_second_use(&self, step: &Step) -> Result<()> {
        if !matches!(step, Step::Plug(_) | Step::Park(..) | Step::Give { .. }) {
            return Ok(());
        }
        let sight = self.holder.sight();
        let Some(volume) = sight.volume() else { return Ok(()) };
        let target = match step {
            Step::Park(..) => None,
            _ => self.user_at().map(|at| at.id),
        };
        self.holder.refuse_other_uses(self.cx, &self.pve, volume, target).await
    }

    pub(super) async fn take_step(&self, sight: &Sight, step: &Step) -> pve_client::Result<()> {
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
                // A volume that was taken back has lost its options, and takes these to its next machine.
                let drive = self.tuned(drive).with("discard", "on");
                let set = Params::new().set(slot, drive).bool("protection", true);
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
            Step::Relocate { slot, to } => self.relocate(slot, to).await,
            Step::Forget(entry) => {
                self.write_user(Params::new().bool("protection", true), std::slice::from_ref(entry)).await
            }
            Step::Discard(entry, at) => {
                let set = Params::new().bool("protection", true);
                let record = record.moved(Some(at.clone()));
                holder.write(pve, &record, set, std::slice::from_ref(entry)).await
            }
            // The machine says no more than before.
            Step::UnprotectUser => self.write_user(Params::new(), &["protection".to_owned()]).await,
            Step::Give { from, to } => self.hand_over(&holder.at, from, self.user_at(), to).await,
            Step::TakeBack(from) => {
                let Some(user) = self.user_at() else { return Ok(()) };
                self.hand_over(user, from, Some(&holder.at), "scsi0").await
            }
            // More than one write.
            Step::Follow | Step::Fetch => Ok(()),
        }
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

    /// Copies what the machine has in a slot. The source stays: the holder has it, and the record knows.
    async fn relocate(&self, slot: &str, to: &StorageName) -> pve_client::Result<()> {
        let Some(user) = &self.user else { return Ok(()) };
        let digest = user.pending.digest.as_deref();
        let run = || async {
            let params = Params::new().set("storage", to);
            let upid = self.pve.move_disk(&user.at, slot, params, digest).await?;
            self.pve.wait(&upid).await
        };
        self.pve.patiently(run).await.map(drop)
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
}
