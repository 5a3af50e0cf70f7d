//! The steps of a change, and the machine as it is between them.

use pve_client::{Params, VmAddress, VmConfig};
use tf_framework::prelude::*;

use crate::resources::pve::vm::disk::{self, Disk};
use crate::resources::pve::vm::machine::Machine;
use crate::resources::pve::vm::marker::Marker;
use crate::resources::pve::vm::model::Vm;
use crate::resources::pve::vm::named::Pair;
use crate::resources::pve::vm::{
    availability, cloud_init, config, cpu, data_disks, firmware, hotplug, migration, placement, settle,
};

/// A machine that is being changed.
pub(super) struct Changing<'a> {
    pub(super) machine: Machine<'a>,
    /// What it was when the plan was made.
    prior: &'a Vm,
    marker: Marker,
    /// Its configuration as it is now.
    pub(super) current: VmConfig,
    /// Whether it runs now.
    pub(super) running: bool,
    /// Whether high availability looks after it.
    is_managed: bool,
    /// Whether it is to be protected no more, or not while drives leave it.
    pub(super) unprotects: bool,
}

/// What was written, and what it leaves to be done.
pub(super) struct Written {
    /// Whether something changed that cloud-init reads.
    pub(super) cloud_init: bool,
    /// Slots with a disk that cannot be moved or grown before the machine has it.
    pub(super) left: BTreeSet<String>,
}

impl<'a> Changing<'a> {
    /// Looks what the machine does.
    pub(super) async fn begin(
        machine: Machine<'a>,
        prior: &'a Vm,
        marker: Marker,
        current: VmConfig,
    ) -> Result<Self> {
        let status = machine.explain(machine.pve.vm_status(&machine.at).await, "read")?;
        let (running, is_managed) = (status.running, status.ha_managed);
        Ok(Self { machine, prior, marker, current, running, is_managed, unprotects: false })
    }

    fn pair<'b>(&'b self, want: &'b Vm) -> Pair<'b, Vm> {
        Pair { prior: Some(self.prior), want: Some(want) }
    }

    async fn look(&mut self) -> Result<()> {
        self.current = self.machine.config().await?;
        Ok(())
    }

    async fn stop(&mut self, want: &Vm) -> Result<()> {
        self.machine.stop(want.shutdown_seconds()).await?;
        self.running = false;
        Ok(())
    }

    /// Stops the machine for something that it does only while it is off.
    async fn stop_for_change(&mut self, want: &Vm) -> Result<()> {
        if self.is_managed {
            return Err(availability::must_be_stopped(&self.machine.at));
        }
        if want.is_started() && !want.may_reboot() {
            return Err(must_not_stop(&self.machine));
        }
        self.stop(want).await
    }

    /// Detaches the data disks that the machine is not to have any more.
    pub(super) async fn let_data_disks_go(&mut self, want: &Vm) -> Result<()> {
        let leaves = data_disks::any_leaves(self.prior, want);
        if self.running && leaves && !hotplug::gives_disks(&self.current) {
            self.stop_for_change(want).await?;
        }
        if self.machine.detach_unwanted(self.prior, want).await? {
            self.look().await?;
        }
        Ok(())
    }

    /// Whether the machine is to be protected no more.
    pub(super) fn ends_protection(&self, want: &Vm) -> bool {
        matches!(self.pair(want).flag(|vm| &vm.protection), Edit::Clear | Edit::Set(false))
    }

    /// Ends the protection before slots are emptied: Proxmox VE takes no drive out of a protected machine, not even in the
    /// call that ends it. What is written next protects the machine again if it is to be.
    pub(super) async fn unprotect_to_empty(&mut self, want: &Vm) -> Result<()> {
        if !self.unprotects || self.current.value("protection") != Some("1") {
            return Ok(());
        }
        let vm = self.pair(want);
        let empties = !removed_disks(vm, &self.current).is_empty()
            || config::write(vm, &self.marker, &self.current).empties_a_slot();
        if !empties {
            return Ok(());
        }
        let (machine, digest) = (&self.machine, self.current.digest.as_deref());
        let key = ["protection".to_owned()];
        let write = || machine.pve.set_vm_config(&machine.at, Params::new(), &key, digest);
        let done = machine.pve.patiently(write).await;
        machine.explain(done, "unprotect")?;
        self.look().await
    }

    /// Migrates the machine if it is where it may not be. Says whether a disc was taken out of its drive for that.
    pub(super) async fn go_to_allowed_node(&mut self, want: &Vm) -> Result<bool> {
        if want.allowed_nodes().contains(&self.machine.at.node) {
            return Ok(false);
        }
        let node = placement::node_now(self.machine.cx, &self.machine.pve, want).await?;
        if self.running && want.stops_to_move() && !self.is_managed {
            self.stop(want).await?;
        }
        let ejected = self.machine.eject_disc(&self.current).await?;
        let pairs = migration::storage_pairs(want, &self.current, None);
        self.machine.migrate(&node, self.running, pairs).await?;
        self.look().await?;
        Ok(ejected)
    }

    /// Deletes the disks that the configuration does not name any more, unless they are only to be detached.
    pub(super) async fn delete_disks(&mut self, want: &Vm) -> Result<()> {
        let removed = removed_disks(self.pair(want), &self.current).into_iter();
        let doomed: Vec<String> =
            removed.filter(|(_, disk)| disk.deletes()).map(|(slot, _)| slot.to_owned()).collect();
        if doomed.is_empty() {
            return Ok(());
        }
        let machine = &self.machine;
        let gone = machine.pve.patiently(|| machine.pve.unlink_disks(&machine.at, &doomed, true)).await;
        machine.explain(gone, "delete disks of")?;
        self.look().await
    }

    /// Stops the machine for what it takes only while it is off.
    pub(super) async fn stop_if_needed(&mut self, want: &Vm) -> Result<()> {
        if !self.running {
            return Ok(());
        }
        if needs_stop(want, &self.current) {
            return self.stop_for_change(want).await;
        }
        if self.machine.reads_anew(self.prior, want, &self.current) {
            self.stop(want).await?;
        }
        Ok(())
    }

    /// Brings volumes and settings to what they are to be.
    pub(super) async fn write(&mut self, want: &Vm) -> Result<Written> {
        self.current = self.machine.free_slot(want, self.current.clone()).await?;
        let mut settled = self.machine.settle_volumes(want, &self.current, self.running).await?;
        if settled.any {
            self.look().await?;
            self.machine.refresh_sizes(want, &self.current).await?;
        }
        let written = self.machine.converge(self.pair(want), &self.marker, self.current.clone()).await?;
        if written.volumes {
            // New disks from images have the size of the image.
            self.look().await?;
            settled = self.machine.settle_volumes(want, &self.current, self.running).await?;
        }
        Ok(Written { cloud_init: written.cloud_init, left: settled.left })
    }

    /// Brings the machine to run or not, and restarts it if something waits for that. Says whether it was started.
    pub(super) async fn settle_power(&self, want: &Vm, new_data: bool) -> Result<bool> {
        let machine = &self.machine;
        if want.is_template() {
            if self.prior.is_template() {
                return Ok(false);
            }
            if self.running {
                machine.stop(want.shutdown_seconds()).await?;
            }
            return machine.become_template().await.map(|()| false);
        }
        match (self.running, want.is_started()) {
            // The manager decides.
            (running, wants) if self.is_managed && running != wants => return Ok(false),
            (true, false) => return machine.stop(want.shutdown_seconds()).await.map(|()| false),
            (false, true) => return machine.start().await.map(|()| true),
            (false, false) => return Ok(false),
            (true, true) => {}
        }
        let pending = machine.explain(machine.pve.vm_pending(&machine.at).await, "read")?;
        let waiting = cpu::waiting(&pending);
        if !waiting.is_empty() && want.may_reboot() {
            return machine.restart(want.shutdown_seconds(), self.is_managed).await.map(|()| true);
        }
        // A start writes the drive by itself; one that waits for it is not there yet.
        let config = pending.merged();
        let drive = cloud_init::drive(&config).filter(|(slot, _)| !waiting.contains(*slot));
        if new_data && drive.is_some() {
            let written = machine.pve.patiently(|| machine.pve.regenerate_cloud_init(&machine.at)).await;
            machine.explain(written, "write the cloud-init drive of")?;
        }
        if !waiting.is_empty() {
            machine.cx.operation().warn(waits(&machine.at, &waiting));
        }
        Ok(false)
    }

    /// Moves and grows the disks that the machine did not have before it was stopped or restarted.
    pub(super) async fn settle_the_rest(
        &self,
        want: &Vm,
        left: BTreeSet<String>,
        started: bool,
    ) -> Result<()> {
        let Some(slot) = left.first() else { return Ok(()) };
        if self.running && !started && want.is_started() {
            return Err(waits_for_disk(&self.machine.at, slot));
        }
        let config = self.machine.config().await?;
        self.machine.settle_volumes(want, &config, false).await.map(drop)
    }
}

/// The disks that the configuration does not name any more and the machine still has. A volume that somebody put in
/// the place of ours is only detached.
fn removed_disks<'a>(vm: Pair<'a, Vm>, current: &VmConfig) -> Vec<(&'a str, &'a Disk)> {
    let gone = |(slot, disk): (&'a str, Pair<'a, Disk>)| match (disk.prior, disk.want) {
        (Some(prior), None) => disk::in_slot(current, slot).map(|_| (slot, prior)),
        _ => None,
    };
    vm.of(|vm| &vm.disks).slots().into_iter().filter_map(gone).collect()
}

/// Whether something changes that Proxmox VE does only with a stopped machine, not even for its next start: the storage
/// of the state of the TPM, the slot of the cloud-init drive, and a disk in the place of a CD drive or the other way round.
fn needs_stop(want: &Vm, current: &VmConfig) -> bool {
    let wanted = want.tpm_state.as_ref().and_then(|tpm| tpm.storage_name.known());
    let present = settle::drive(current, firmware::TPM).and_then(|drive| drive.volume());
    let tpm = matches!((wanted, present), (Some(wanted), Some(present)) if wanted != present.storage());
    tpm || cloud_init::slot_to_leave(want.cloud_init.as_ref(), current).is_some()
        || changes_kind(want, current)
}

/// Whether a slot gets a disk that has a CD drive now, or the other way round: a running machine cannot change the kind of
/// its medium (qemu-server 9.2.6, `QemuServer.pm`).
fn changes_kind(want: &Vm, current: &VmConfig) -> bool {
    let is_cdrom = |slot: &str| settle::drive(current, slot).map(|drive| drive.is_cdrom());
    let mut disks = want.disks.iter().flatten().map(|(slot, _)| slot);
    let mut cdroms = want.cdroms.iter().flatten().map(|(slot, _)| slot);
    disks.any(|slot| is_cdrom(slot) == Some(true)) || cdroms.any(|slot| is_cdrom(slot) == Some(false))
}

fn must_not_stop(machine: &Machine<'_>) -> Error {
    Error::new(
        "VM has to be stopped",
        format!(
            "VM {} on node {:?} runs, and Proxmox VE changes the storage of `tpm_state`, `cloud_init.slot`, and a CD drive \
             into a disk or back only while a machine is stopped, and without `disk` in `hotplug` a data disk leaves only \
             then. It was not stopped, because `reboot_when_needed` is `false`. Stop it by hand, or set \
             `reboot_when_needed` to `true`, and apply again.",
            machine.at.id,
            machine.at.node.as_str()
        ),
    )
    .at("reboot_when_needed")
}

/// The error for a disk that cannot become what it is to be before the machine has it.
fn waits_for_disk(at: &VmAddress, slot: &str) -> Error {
    Error::new(
        "Disk waits for a restart",
        format!(
            "The machine {} on node {:?} gets the disk {slot:?} only when it is restarted, and until then Proxmox VE neither \
             grows nor moves it. It was not restarted, because `reboot_when_needed` is `false`. Restart it by hand, or set \
             `reboot_when_needed` to `true`, and apply again.",
            at.id,
            at.node.as_str()
        ),
    )
    .at(Path::from("disks").key(slot))
}

fn waits(at: &VmAddress, waiting: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        "Change waits for a restart",
        format!(
            "The machine {} on node {:?} runs with its old settings until it is restarted: {} wait. It was not restarted, \
             because `reboot_when_needed` is `false`.",
            at.id,
            at.node.as_str(),
            waiting.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
        ),
    )
    .at("pending_changes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::pve::vm::named::Named;

    /// A machine with a disk and a CD drive, as Proxmox VE has it and as it is read.
    fn machine_with_cd_in(slot: &str) -> (VmConfig, Vm) {
        let values = [("scsi0", "a1:vm-100-disk-0,size=1G"), (slot, "none,media=cdrom")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let current = VmConfig { values, digest: None };
        let found = config::read(Named::Everything, &current, Vm::nothing("pve1".parse().unwrap()));
        (current, found)
    }

    #[test]
    fn a_disk_in_the_place_of_a_cd_drive_needs_a_stopped_machine() {
        let (current, found) = machine_with_cd_in("sata0");
        assert!(!needs_stop(&found, &current));
        let mut disk = found.clone();
        let one = found.disks.as_ref().unwrap()["scsi0"].clone();
        disk.disks.as_mut().unwrap().insert("sata0".to_owned(), one);
        assert!(needs_stop(&disk, &current));
        let mut drive = found.clone();
        let one = found.cdroms.as_ref().unwrap()["sata0"].clone();
        drive.cdroms.as_mut().unwrap().insert("scsi0".to_owned(), one);
        assert!(needs_stop(&drive, &current));
    }

    #[test]
    fn only_disks_that_are_still_there_are_removed() {
        let (current, found) = machine_with_cd_in("ide2");
        let mut before = found.clone();
        let disks = before.disks.as_mut().unwrap();
        let one = disks["scsi0"].clone();
        disks.insert("scsi5".to_owned(), one);
        let after = Vm::nothing("pve1".parse().unwrap());
        let pair = Pair { prior: Some(&before), want: Some(&after) };
        let removed: Vec<&str> = removed_disks(pair, &current).into_iter().map(|(slot, _)| slot).collect();
        assert_eq!(removed, ["scsi0"]);
    }
}
