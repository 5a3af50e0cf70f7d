//! Changing a machine: as much as possible while it runs, and never one that is not ours.

use pve_client::{Params, VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::disk::{self, Disk};
use super::machine::Machine;
use super::marker::{self, Marker};
use super::model::Vm;
use super::named::Pair;
use super::{
    VmReference, availability, cloud_init, cpu, data_disks, firmware, hotplug, migration, ownership,
    placement, settle, wishes,
};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::data_disk::user::is_own;

/// What a machine does when its settings are written.
#[derive(Clone, Copy, Debug)]
struct Power {
    running: bool,
    /// Whether high availability looks after it.
    is_managed: bool,
    /// Whether something that cloud-init reads changed.
    new_data: bool,
}

/// See [`super::Vm`].
#[expect(
    clippy::too_many_lines,
    reason = "the steps of an update, in the order that keeps what is there safe"
)]
pub(super) async fn update(cx: &Cx, id: &VmReference, change: Change<'_, Vm>) -> Result<()> {
    let Change { prior, want } = change;
    let (mut machine, mut current) = find(cx, id, prior, want).await?;
    let marker = mark(cx, &machine, &current)?;
    let status = machine.explain(machine.pve.vm_status(&machine.at).await, "read")?;
    let mut running = status.running;

    if running && data_disks::any_leaves(prior, want) && !hotplug::gives_disks(&current) {
        machine.stop_for_change(want, status.ha_managed).await?;
        running = false;
    }
    if machine.detach_unwanted(prior, want).await? {
        current = machine.config().await?;
    }
    let vm = Pair { prior: Some(prior), want: Some(want) };
    let guarded = data_disks::guarded(prior, want, machine.at.id, &current);
    let ends = guarded.is_some() || matches!(vm.flag(|vm| &vm.protection), Edit::Clear | Edit::Set(false));
    let want = guarded.as_ref().unwrap_or(want);
    let vm = Pair { prior: Some(prior), want: Some(want) };
    let removed = removed_disks(vm, &current);
    if ends {
        current = unprotect_to_empty(&machine, vm, &marker, current).await?;
    }
    let mut ejected = false;
    if !want.allowed_nodes().contains(&machine.at.node) {
        let node = placement::node_now(cx, &machine.pve, want).await?;
        if running && want.stops_to_move() && !status.ha_managed {
            machine.stop(want.shutdown_seconds()).await?;
            running = false;
        }
        ejected = machine.eject_disc(&current).await?;
        let pairs = migration::storage_pairs(want, &current, None);
        machine.migrate(&node, running, pairs).await?;
        current = machine.config().await?;
    }
    let doomed: Vec<String> =
        removed.iter().filter(|(_, disk)| disk.deletes()).map(|(slot, _)| (*slot).to_owned()).collect();
    if !doomed.is_empty() {
        let gone = machine.pve.patiently(|| machine.pve.unlink_disks(&machine.at, &doomed, true)).await;
        machine.explain(gone, "delete disks of")?;
        current = machine.config().await?;
    }
    let provided = machine.provide_other_disc(prior, want, &current, ejected).await?;
    let want = provided.as_ref().unwrap_or(want);
    let vm = Pair { prior: Some(prior), want: Some(want) };
    if ends {
        current = unprotect_to_empty(&machine, vm, &marker, current).await?;
    }
    if running && needs_stop(want, &current) {
        machine.stop_for_change(want, status.ha_managed).await?;
        running = false;
    } else if running && machine.reads_anew(prior, want, &current) {
        machine.stop(want.shutdown_seconds()).await?;
        running = false;
    }
    current = machine.free_slot(want, current).await?;
    let mut settled = machine.settle_volumes(want, &current, running).await?;
    if settled.any {
        current = machine.config().await?;
        machine.refresh_sizes(want, &current).await?;
    }
    let written = machine.converge(vm, &marker, current).await?;
    if written.volumes {
        // New disks from images have the size of the image.
        settled = machine.settle_volumes(want, &machine.config().await?, running).await?;
    }
    change_pool(&machine, prior, want).await?;
    machine.attach_data_disks(Some(prior), want).await?;
    let power = Power { running, is_managed: status.ha_managed, new_data: written.cloud_init };
    let fresh = machine.settle_power(prior, want, power).await?;
    machine.settle_the_rest(want, settled.left, running && !fresh && want.is_started()).await?;
    if power.running && !want.is_started() {
        machine.give_data_disks_back(prior, want).await?;
    }
    machine.clear_unused(prior, want).await?;
    if fresh || want.addresses.is_unknown() {
        machine.wait_for_guest(want).await?;
    }
    wishes::after_update(&machine, prior).await
}

/// The machine of the state, wherever it is now.
async fn find<'a>(cx: &'a Cx, id: &VmReference, prior: &Vm, want: &'a Vm) -> Result<(Machine<'a>, VmConfig)> {
    let pve = cx.pve()?;
    let what = format!("read VM {id}");
    let found = match id.id {
        Some(id) => pve.find_vm(id, prior.last_node()).await.explain::<Vm>(cx, what)?,
        None => None,
    };
    let Some((at, config)) = found else {
        return Err(Error::new(
            "VM is gone",
            format!(
                "The machine {id} was there when the plan was made, and is on no node now: somebody deleted it. Plan \
                 again to make a new one."
            ),
        ));
    };
    let machine = Machine { cx, pve, at, want: Some(want) };
    ownership::demand(&machine, &config)?;
    Ok((machine, config))
}

/// The mark of the machine; one that was imported gets its first.
fn mark(cx: &Cx, machine: &Machine<'_>, current: &VmConfig) -> Result<Marker> {
    ownership::note(cx.operation(), current, machine.at.id);
    let nonce = match ownership::nonce(cx.operation()) {
        Some(nonce) => nonce,
        None => marker::new_nonce()?,
    };
    let marker = Marker::complete(&nonce);
    ownership::mark(cx.operation(), &marker);
    Ok(marker)
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

/// Ends the protection before slots are emptied: Proxmox VE takes no drive out of a protected machine, not even in the call
/// that ends it. What is written next protects the machine again if it is to be.
async fn unprotect_to_empty(
    machine: &Machine<'_>,
    vm: Pair<'_, Vm>,
    marker: &Marker,
    current: VmConfig,
) -> Result<VmConfig> {
    if current.value("protection") != Some("1") {
        return Ok(current);
    }
    let empties = !removed_disks(vm, &current).is_empty()
        || super::config::write(vm, marker, &current).empties_a_slot();
    if !empties {
        return Ok(current);
    }
    let key = ["protection".to_owned()];
    let digest = current.digest.as_deref();
    let done =
        machine.pve.patiently(|| machine.pve.set_vm_config(&machine.at, Params::new(), &key, digest)).await;
    machine.explain(done, "unprotect")?;
    machine.config().await
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

/// Changes the pool. Data disks that stay attached are backed up all the time.
async fn change_pool(machine: &Machine<'_>, prior: &Vm, want: &Vm) -> Result<()> {
    if prior.pool_name == want.pool_name {
        return Ok(());
    }
    let keeps_disks = want.data_disks.as_ref().is_some_and(|disks| !disks.is_empty());
    let placed = keeps_disks && machine.prepare_pool(want.pool_name.as_ref()).await?;
    match (&prior.pool_name, &want.pool_name) {
        (_, Some(pool)) => machine.join_pool(pool).await?,
        (Some(pool), None) if !placed => machine.leave_pool(pool).await?,
        _ => {}
    }
    if keeps_disks && prior.pool_name.is_some() && !is_own(want.pool_name.as_ref()) {
        machine.forget_companions().await?;
    }
    Ok(())
}

impl Machine<'_> {
    /// Stops the machine for something that it does only while it is off.
    async fn stop_for_change(&self, want: &Vm, is_managed: bool) -> Result<()> {
        if is_managed {
            return Err(availability::must_be_stopped(&self.at));
        }
        if want.is_started() && !want.may_reboot() {
            return Err(must_not_stop(self));
        }
        self.stop(want.shutdown_seconds()).await
    }

    /// Moves and grows the disks that the machine did not have before it was stopped or restarted. `runs_on`: it was
    /// neither.
    async fn settle_the_rest(&self, want: &Vm, left: BTreeSet<String>, runs_on: bool) -> Result<()> {
        let Some(slot) = left.first() else { return Ok(()) };
        if runs_on {
            return Err(waits_for_disk(&self.at, slot));
        }
        let config = self.config().await?;
        self.settle_volumes(want, &config, false).await.map(drop)
    }

    /// Turns the machine into a template.
    pub(super) async fn become_template(&self) -> Result<()> {
        let made = self.task("make a template of", || self.pve.make_template(&self.at)).await;
        if super::machine::is_lost(&made) && self.config().await?.value("template") == Some("1") {
            return Ok(());
        }
        self.explain(made, "make a template of").map(drop)
    }

    /// Brings the machine to run or not, and restarts it if something waits for that. Says whether it was started.
    async fn settle_power(&self, prior: &Vm, want: &Vm, power: Power) -> Result<bool> {
        let Power { running, is_managed, new_data } = power;
        if want.is_template() {
            if prior.is_template() {
                return Ok(false);
            }
            if running {
                self.stop(want.shutdown_seconds()).await?;
            }
            return self.become_template().await.map(|()| false);
        }
        match (running, want.is_started()) {
            // The manager decides.
            (running, wants) if is_managed && running != wants => return Ok(false),
            (true, false) => return self.stop(want.shutdown_seconds()).await.map(|()| false),
            (false, true) => return self.start().await.map(|()| true),
            (false, false) => return Ok(false),
            (true, true) => {}
        }
        let pending = self.explain(self.pve.vm_pending(&self.at).await, "read")?;
        let waiting = cpu::waiting(&pending);
        if !waiting.is_empty() && want.may_reboot() {
            return self.restart(want.shutdown_seconds(), is_managed).await.map(|()| true);
        }
        // A start writes the drive by itself; one that waits for it is not there yet.
        let config = pending.merged();
        let drive = cloud_init::drive(&config).filter(|(slot, _)| !waiting.contains(*slot));
        if new_data && drive.is_some() {
            let written = self.pve.patiently(|| self.pve.regenerate_cloud_init(&self.at)).await;
            self.explain(written, "write the cloud-init drive of")?;
        }
        if !waiting.is_empty() {
            self.cx.operation().warn(waits(&self.at, &waiting));
        }
        Ok(false)
    }
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

    #[test]
    fn a_disk_in_the_place_of_a_cd_drive_needs_a_stopped_machine() {
        let values = [("scsi0", "a1:vm-100-disk-0,size=1G"), ("sata0", "none,media=cdrom")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let current = VmConfig { values, digest: None };
        let found = super::super::config::read(
            super::super::named::Named::Everything,
            &current,
            Vm::nothing("pve1".parse().unwrap()),
        );
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
        let values = [("scsi0", "a1:vm-100-disk-0,size=1G"), ("ide2", "none,media=cdrom")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let current = VmConfig { values, digest: None };
        let found = super::super::config::read(
            super::super::named::Named::Everything,
            &current,
            Vm::nothing("pve1".parse().unwrap()),
        );
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
