//! Bringing a machine's configuration and volumes to what is wanted, in steps that can be repeated.

use pve_client::{Drive, Error as PveError, Params, PoolEdit, PoolName, Size, StorageName, VmConfig};
use tf_framework::prelude::*;

use super::disk::{self, Disk};
use super::machine::{Machine, is_lost};
use super::marker::Marker;
use super::model::Vm;
use super::named::Pair;
use super::{cloud_init, config};

/// How often a write is tried that others get in the way of.
const ATTEMPTS: u32 = 6;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Whether something that cloud-init reads changed.
    pub cloud_init: bool,
    /// Whether volumes were made.
    pub volumes: bool,
}

/// What became of volumes.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Whether one was moved, converted or grown.
    pub any: bool,
    /// Slots with a disk for which that has to wait until the machine has it.
    pub left: BTreeSet<String>,
}

impl Machine<'_> {
    /// Writes the configuration, guarded by its digest: when somebody else was faster it is read, merged and written
    /// again, and so it is when the answer was lost.
    pub(super) async fn converge(
        &self,
        mut vm: Pair<'_, Vm>,
        marker: &Marker,
        mut current: VmConfig,
    ) -> Result<Written> {
        let mut written = Written::default();
        let mut failed = PveError::Conflict { message: "somebody else keeps changing it".into() };
        for _ in 0..ATTEMPTS {
            let writes = config::write(vm, marker, &current);
            if writes.is_empty() {
                return Ok(written);
            }
            written.cloud_init |= writes.touches(cloud_init::is_setting);
            let (long, adds_cdrom) = (writes.allocates(), writes.adds_cdrom());
            let again = writes.is_written_again();
            written.volumes |= long;
            let (set, delete) = writes.finish()?;
            match self.write(set, &delete, current.digest.as_deref(), long).await {
                Ok(()) if again => current = self.config().await?,
                // Proxmox VE adds a new CD drive to an order of booting that was given, so that is looked at again.
                Ok(()) if adds_cdrom && vm.want.is_some_and(|vm| vm.boot_order.known().is_some()) => {
                    vm.prior = vm.want;
                    current = self.config().await?;
                }
                Ok(()) => return Ok(written),
                Err(error @ PveError::Rejected { .. }) => {
                    // What a running machine cannot do now may be waiting for its next start.
                    let now = self.config().await?;
                    let waits = config::write(vm, marker, &now).is_empty();
                    return if waits { Ok(written) } else { self.explain(Err(error), "configure") };
                }
                Err(error @ (PveError::Conflict { .. } | PveError::MaybeApplied { .. })) => {
                    failed = error;
                    current = self.config().await?;
                }
                Err(error) => return self.explain(Err(error), "configure"),
            }
        }
        self.explain(Err(failed), "configure")
    }

    async fn write(
        &self,
        set: Params,
        delete: &[String],
        digest: Option<&str>,
        long: bool,
    ) -> pve_client::Result<()> {
        if !long {
            return self
                .pve
                .patiently(|| self.pve.set_vm_config(&self.at, set.clone(), delete, digest))
                .await;
        }
        let _turns = self.turns_at_storages().await?;
        let task = self.pve.patiently(|| async {
            let task = self.pve.set_vm_config_task(&self.at, set.clone(), delete, digest).await?;
            match task {
                Some(upid) => self.pve.wait(&upid).await.map(Some),
                None => Ok(None),
            }
        });
        if let Some(warning) =
            task.await?.and_then(|done| crate::errors::task_warnings(&done, &self.what("configure")))
        {
            self.cx.operation().warn(warning);
        }
        Ok(())
    }

    /// Waits for a turn at each storage that images are copied to.
    pub(super) async fn turns_at_storages(&self) -> pve_client::Result<Vec<pve_client::Taken>> {
        let disks = self.want.and_then(|vm| vm.disks.as_ref()).into_iter().flatten();
        let importing = disks.filter(|(_, disk)| disk.import_from.is_some());
        let storages: BTreeSet<StorageName> =
            importing.filter_map(|(_, disk)| disk.storage_name.known().cloned()).collect();
        let mut turns = Vec::new();
        for storage in storages {
            turns.push(self.pve.take(pve_client::Turn::Storage(storage)).await?);
        }
        Ok(turns)
    }

    /// Moves, converts and grows what is not as wanted, and says what it did. Each works while the machine runs, if the
    /// machine has the disk by then. It comes before other changes of a disk: those may wait for the next start, and what
    /// waits would still name the old volume and the old size.
    pub(super) async fn settle_volumes(&self, want: &Vm, config: &VmConfig, runs: bool) -> Result<Settled> {
        let mut settled = Settled::default();
        let to_come =
            if runs && is_unsettled(want, config) { self.slots_to_come().await? } else { BTreeSet::new() };
        for (slot, disk) in want.disks.iter().flatten() {
            let Some(present) = disk::in_slot(config, slot) else { continue };
            if to_come.contains(slot) {
                if moves(&present, disk) || grows(&present, disk) {
                    settled.left.insert(slot.clone());
                }
                continue;
            }
            let sizes = present.size().map(Size::gib_rounded_up).zip(disk.size_gib.known().copied());
            if let Some(problem) =
                sizes.and_then(|(has, wants)| disk::shrinks(slot, has, wants, &self.at.to_string()))
            {
                return Err(problem.into());
            }
            let format = disk.format.known().map(String::as_str);
            settled.any |= self.move_volume(slot, &present, disk.storage_name.known(), format).await?;
            settled.any |= self.grow(slot, &present, disk).await?;
        }
        if let (Some(efi), Some(present)) = (&want.efi_disk, drive(config, super::firmware::EFI)) {
            let format = efi.format.known().map(String::as_str);
            settled.any |=
                self.move_volume(super::firmware::EFI, &present, efi.storage_name.known(), format).await?;
        }
        if let (Some(tpm), Some(present)) = (&want.tpm_state, drive(config, super::firmware::TPM)) {
            settled.any |=
                self.move_volume(super::firmware::TPM, &present, tpm.storage_name.known(), None).await?;
        }
        Ok(settled)
    }

    /// Slots whose drive a running machine gets only at its next start.
    async fn slots_to_come(&self) -> Result<BTreeSet<String>> {
        let pending = self.explain(self.pve.vm_pending(&self.at).await, "read")?;
        let file = |text: &Option<String>| text.as_deref()?.parse::<Drive>().ok().map(|drive| drive.file);
        let comes = pending
            .options
            .into_iter()
            .filter(|option| option.pending.is_some() && file(&option.pending) != file(&option.value));
        Ok(comes.map(|option| option.key).collect())
    }

    /// Takes the cloud-init drive out of a slot that it has to leave.
    pub(super) async fn free_slot(&self, want: &Vm, config: VmConfig) -> Result<VmConfig> {
        let Some(slot) = cloud_init::slot_to_leave(want.cloud_init.as_ref(), &config) else {
            return Ok(config);
        };
        let (delete, digest) = ([slot.to_owned()], config.digest.as_deref());
        let remove = || self.pve.set_vm_config(&self.at, Params::new(), &delete, digest);
        let removed = self.pve.patiently(remove).await;
        self.explain(removed, "take the cloud-init drive out of")?;
        self.config().await
    }

    /// Writes drives again whose waiting change still has the size from before they grew; Proxmox VE puts in the
    /// real one.
    pub(super) async fn refresh_sizes(&self, want: &Vm, config: &VmConfig) -> Result<()> {
        let stale = want.disks.iter().flatten().filter_map(|(slot, disk)| {
            let present = disk::in_slot(config, slot)?;
            (present.size()? < Size::gib(*disk.size_gib.known()?)).then_some((slot, present))
        });
        let mut set = Params::new();
        for (slot, drive) in stale {
            set.push(slot, drive);
        }
        if set.is_empty() {
            return Ok(());
        }
        let digest = config.digest.as_deref();
        let written = self.pve.patiently(|| self.pve.set_vm_config(&self.at, set.clone(), &[], digest)).await;
        self.explain(written, "configure")
    }

    async fn move_volume(
        &self,
        slot: &str,
        present: &Drive,
        storage: Option<&StorageName>,
        format: Option<&str>,
    ) -> Result<bool> {
        let Some((storage, converts)) = destination(present, storage, format) else { return Ok(false) };
        let params = Params::new().set("storage", &storage).opt("format", converts).flag("delete", true);
        let verb = format!("move disk {slot} to storage {:?} of", storage.as_str());
        let _turn = self.explain(self.pve.take(pve_client::Turn::Storage(storage.clone())).await, &verb)?;
        let moved = self.task(&verb, || self.pve.move_disk(&self.at, slot, params.clone(), None)).await;
        if is_lost(&moved) {
            let now = drive(&self.config().await?, slot);
            if now.as_ref().is_some_and(|now| now.file != present.file) {
                return Ok(true);
            }
        }
        self.explain(moved, &verb).map(|_| true)
    }

    async fn grow(&self, slot: &str, present: &Drive, want: &Disk) -> Result<bool> {
        let Some(wanted) = want.size_gib.known().filter(|_| grows(present, want)) else { return Ok(false) };
        let verb = format!("grow disk {slot} of");
        let size = Size::gib(*wanted).to_string();
        let grow = || self.pve.resize_disk(&self.at, slot, &size, None);
        let mut grown = self.task(&verb, grow).await;
        if is_lost(&grown) {
            // A size that is there already is fine, so this can be sent again.
            grown = self.task(&verb, grow).await;
        }
        self.explain(grown, &verb).map(|_| true)
    }

    /// Puts the machine into a pool, out of whatever other one it is in.
    pub(super) async fn join_pool(&self, pool: &PoolName) -> Result<()> {
        let edit = PoolEdit { vms: [self.at.id].into(), allow_move: true, ..PoolEdit::default() };
        let joined = self.pve.edit_pool(pool, &edit).await;
        // One that is there already, for example after an answer was lost, is refused.
        match joined {
            Err(error) if error.problem() == pve_client::Problem::Member => Ok(()),
            Err(PveError::MaybeApplied { .. }) => match self.pve.edit_pool(pool, &edit).await {
                Err(error) if error.problem() == pve_client::Problem::Member => Ok(()),
                again => self.explain(again, "change the pool of"),
            },
            joined => self.explain(joined, "change the pool of"),
        }
    }

    /// Takes the machine out of a pool.
    pub(super) async fn leave_pool(&self, pool: &PoolName) -> Result<()> {
        let edit = PoolEdit { vms: [self.at.id].into(), remove: true, ..PoolEdit::default() };
        match self.pve.edit_pool(pool, &edit).await {
            Err(error) if error.is_not_found() || error.problem() == pve_client::Problem::NotMember => Ok(()),
            left => self.explain(left, "change the pool of"),
        }
    }
}

/// Where a volume has to go, and the format that it has to get; nothing if it is right.
fn destination<'a>(
    present: &Drive,
    storage: Option<&StorageName>,
    format: Option<&'a str>,
) -> Option<(StorageName, Option<&'a str>)> {
    let volume = present.volume()?;
    let converts = format.filter(|wanted| *wanted != disk::format(present));
    let moves = storage.is_some_and(|storage| storage != volume.storage());
    (moves || converts.is_some()).then(|| (storage.unwrap_or(volume.storage()).clone(), converts))
}

fn moves(present: &Drive, want: &Disk) -> bool {
    destination(present, want.storage_name.known(), want.format.known().map(String::as_str)).is_some()
}

/// A size that is not a whole number of GiB reads as the next larger one; only a new disk can be below it.
fn grows(present: &Drive, want: &Disk) -> bool {
    present.size().zip(want.size_gib.known()).is_some_and(|(size, wanted)| size < Size::gib(*wanted))
}

fn is_unsettled(want: &Vm, config: &VmConfig) -> bool {
    let mut disks = want.disks.iter().flatten();
    disks.any(|(slot, disk)| {
        disk::in_slot(config, slot).is_some_and(|present| moves(&present, disk) || grows(&present, disk))
    })
}

/// The drive of a wire key.
pub(super) fn drive(config: &VmConfig, key: &str) -> Option<Drive> {
    config.value(key)?.parse().ok()
}
