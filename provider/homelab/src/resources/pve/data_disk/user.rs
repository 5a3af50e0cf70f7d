//! What a machine does with data disks: attach, detach, and know them again in its configuration.

use std::time::Duration;

use pve_client::{Drive, Params, Pve, VmAddress, VmConfig, VmId};
use tf_framework::prelude::*;

use super::adopt::attached_to;
use super::holder::{self, Holder};
use super::id::DataDiskId;
use super::model::DataDisk;
use super::record::{Record, Successor};
use super::steps::{Goal, Stuck};
use super::tier::BackupTier;
use super::work::Work;
use super::{companions, sight, storage, update};
use crate::cx::Cx;
use crate::errors::Explain as _;

pub(in crate::resources::pve) use super::coverage::{Backups, is_own, tiers_of};
pub(in crate::resources::pve) use super::foresight::{Foresight, Wanted};
pub(in crate::resources::pve) use super::privileges::on_guest;
pub(in crate::resources::pve) use super::tier::BackupTier as Tier;
pub(in crate::resources::pve) use super::ties::{id_of, stays_free};

/// How often a disk is tried that another machine of the same apply may be about to let go of, and how long apart.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// How often a new machine tries before it waits in the record. With `create_before_destroy`, the one whose place it takes
/// lets go only after it is there.
const TRIES_OF_NEW: u32 = 4;

/// How an attach ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::resources::pve) struct Attached {
    /// The tier of the disk.
    pub tier: BackupTier,
    /// Whether the machine has it; otherwise it gets it when the present one lets go.
    pub now: bool,
}

/// Attaches a disk to a slot of a machine, after its backups include it.
pub(in crate::resources::pve) async fn attach(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    (slot, id): (&str, &DataDiskId),
    backups: &mut Backups,
    is_new: bool,
) -> Result<Attached> {
    let goal = Goal::At(at.id, slot.to_owned());
    let tries = if is_new { TRIES_OF_NEW } else { TRIES };
    for _ in 0..tries {
        match once(cx, pve, at, id, &goal, backups).await? {
            Ok(tier) => return Ok(Attached { tier, now: true }),
            // Another machine may be about to let go of it, and that needs a turn with the disk too.
            Err(_) => {
                let slept = pve.scope().sleep(PAUSE).await.map_err(pve_client::Error::from);
                slept.explain::<DataDisk>(cx, format_args!("attach data disk {id} to VM {}", at.id))?;
            }
        }
    }
    match once(cx, pve, at, id, &goal, backups).await? {
        Ok(tier) => Ok(Attached { tier, now: true }),
        Err(_) if is_new => wait_for(cx, pve, at, slot, id).await,
        Err(refused) => Err(refused),
    }
}

/// Writes down that a new machine waits for a disk that another one has.
async fn wait_for(cx: &Cx, pve: &Pve, at: &VmAddress, slot: &str, id: &DataDiskId) -> Result<Attached> {
    let Some(mut work) = Work::begin(cx, pve, id, Some(&at.node)).await? else { return Err(unknown(id)) };
    let next = Successor { vm: at.id, slot: slot.to_owned() };
    update::rewrite(cx, pve, &mut work.holder, Params::new(), |before| Record {
        next: Some(next.clone()),
        ..before
    })
    .await?;
    let user = work.recorded().map(|at| at.vm.to_string()).unwrap_or_default();
    cx.operation().warn(Diagnostic::warning(
        "Data disk comes later",
        format!(
            "VM {} was made, and VM {user} still has the {}. It goes over when that machine lets go of it, which this apply \
             does if the new machine replaces it (`create_before_destroy`). Otherwise the next plan shows that the disk is \
             missing.",
            at.id,
            work.holder().called()
        ),
    ));
    Ok(Attached { tier: work.holder().record.tier, now: false })
}

/// One try; the inner error is that another machine still has the disk.
async fn once(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    id: &DataDiskId,
    goal: &Goal,
    backups: &mut Backups,
) -> Result<Result<BackupTier, Error>> {
    let Some(mut work) = Work::begin(cx, pve, id, Some(&at.node)).await? else { return Err(unknown(id)) };
    check_place(cx, pve, &work.holder, at).await?;
    work.backups = backups.clone();
    let done = work.attempt(goal, Some(at)).await?;
    backups.clone_from(&work.backups);
    match done {
        Ok(_) => Ok(Ok(work.holder().record.tier)),
        Err(stuck @ Stuck::Elsewhere(_)) => Ok(Err(work.stuck(goal, &stuck))),
        Err(stuck) => Err(work.stuck(goal, &stuck)),
    }
}

/// Deletes the companions that backup jobs have for a machine.
pub(in crate::resources::pve) async fn forget_companions(cx: &Cx, pve: &Pve, vm: VmId) -> Result<()> {
    companions::settle(cx, pve, vm, BackupTier::NONE, true).await
}

/// The holder of a disk.
pub(in crate::resources::pve) async fn find(cx: &Cx, pve: &Pve, id: &DataDiskId) -> Result<Option<Holder>> {
    holder::find(cx, pve, id, None).await
}

/// The message for an ID that stands for nothing.
pub(in crate::resources::pve) fn unknown(id: &DataDiskId) -> Error {
    Error::new(
        "Data disk does not exist",
        format!(
            "There is no data disk {id}: there is no VM {}, or it is not the holder of that disk. Name the `id` of a \
             `homelab_pve_data_disk`.",
            id.holder
        ),
    )
}

/// A volume that other nodes do not see must be on the node of the machine.
async fn check_place(cx: &Cx, pve: &Pve, holder: &Holder, at: &VmAddress) -> Result<()> {
    if holder.at.node == at.node || holder.sight().volume().is_none() {
        return Ok(());
    }
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list the storages")?;
    let sight = holder.sight();
    let storage =
        sight.volume().and_then(|volume| volume.split_once(':')).and_then(|(name, _)| name.parse().ok());
    match storage.and_then(|storage| cluster.is_shared(&storage)) {
        Some(true) => Ok(()),
        _ => Err(other_node(holder, at)),
    }
}

fn other_node(holder: &Holder, at: &VmAddress) -> Error {
    Error::new(
        "Data disk is on another node",
        format!(
            "The {} is on a storage that only its own node sees, and VM {} is on node {:?}. Put both on one node with \
             `node_name`, or the disk on shared storage.",
            holder.called(),
            at.id,
            at.node.as_str()
        ),
    )
}

/// Detaches a disk from a machine, and says its tier; nothing when the machine does not have it. The backups of a machine
/// that stays follow.
pub(in crate::resources::pve) async fn detach(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    id: &DataDiskId,
    machine_stays: bool,
) -> Result<Option<BackupTier>> {
    let Some(mut work) = Work::begin(cx, pve, id, Some(&at.node)).await? else { return Ok(None) };
    work.machine_stays = machine_stays;
    if work.holder().record.next.as_ref().is_some_and(|next| next.vm == at.id) {
        update::rewrite(cx, pve, &mut work.holder, Params::new(), |before| Record { next: None, ..before })
            .await?;
    }
    if work.recorded().is_none_or(|attachment| attachment.vm != at.id) {
        let tier = work.holder().record.tier;
        return Ok(take_out(cx, pve, at, id).await?.then_some(tier));
    }
    refuse_snapshot(cx, pve, at, work.holder()).await?;
    work.bring(&Goal::Parked, Some(at)).await?;
    hand_on(cx, &mut work).await?;
    Ok(Some(work.holder().record.tier))
}

/// A volume that the machine owns cannot leave it while a snapshot includes it. That is looked for before the guest loses
/// the disk.
async fn refuse_snapshot(cx: &Cx, pve: &Pve, at: &VmAddress, holder: &Holder) -> Result<()> {
    if holder.sight().volume().is_some() {
        return Ok(());
    }
    let what = format!("read VM {} on node {:?}", at.id, at.node.as_str());
    let config = match pve.vm_config(at).await {
        Err(error) if error.is_not_found() => return Ok(()),
        config => config.explain::<DataDisk>(cx, what)?,
    };
    let record = &holder.record;
    let is_it = |drive: &Drive| drive.options.value("serial") == Some(&record.serial);
    let Some((_, drive)) = sight::disks(&config).find(|(_, drive)| is_it(drive)) else { return Ok(()) };
    match storage::snapshot_of(cx, pve, at, &drive.file, &record.name).await? {
        Some(refused) => Err(refused.at("data_disks").into()),
        None => Ok(()),
    }
}

/// Takes a volume out of a machine that its holder's record does not name. Nobody loses it: the holder has it, or another
/// machine. Says whether it was there.
async fn take_out(cx: &Cx, pve: &Pve, at: &VmAddress, id: &DataDiskId) -> Result<bool> {
    let what = format!("take the data disk {id} out of VM {}", at.id);
    let config = pve.vm_config(at).await.explain::<DataDisk>(cx, &what)?;
    let owner = |drive: &Drive| drive.volume().and_then(|volume| volume.owner());
    let slots = sight::disks(&config).filter(|(_, drive)| owner(drive) == Some(id.holder));
    let slots: Vec<String> = slots.map(|(slot, _)| slot.to_owned()).collect();
    if slots.is_empty() {
        return Ok(false);
    }
    let digest = config.digest.as_deref();
    let write = || pve.set_vm_config(at, Params::new(), &slots, digest);
    pve.patiently(write).await.explain::<DataDisk>(cx, what)?;
    Ok(true)
}

/// Gives a parked disk to the machine that waits for it. One that cannot have it asks again by itself: its next refresh
/// finds that the disk is missing.
async fn hand_on(cx: &Cx, work: &mut Work<'_>) -> Result<()> {
    let Some(next) = work.holder().record.next.clone() else { return Ok(()) };
    let goal = Goal::At(next.vm, next.slot.clone());
    let reason = match work.attempt(&goal, None).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(stuck)) => work.stuck(&goal, &stuck),
        Err(error) => error,
    };
    let Error(reasons) = reason;
    for reason in reasons {
        cx.operation().warn(Diagnostic::warning(
            "Data disk was not handed on",
            format!("{} The next apply of VM {} attaches it.", reason.detail, next.vm),
        ));
    }
    Ok(())
}

/// The disks of a machine by slot, as its configuration has them. `stated` are those that the state names; without a
/// state, every one is looked for.
pub(in crate::resources::pve) async fn read(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    config: &VmConfig,
    stated: Option<Option<&BTreeMap<String, DataDiskId>>>,
) -> Result<Option<BTreeMap<String, DataDiskId>>> {
    let Some(stated) = stated else {
        let found = present(cx, pve, at, config).await?;
        return Ok(Some(found).filter(|found| !found.is_empty()));
    };
    let mut found = strays(cx, pve, at, config, stated).await?;
    let Some(stated) = stated else { return Ok(Some(found).filter(|found| !found.is_empty())) };
    for (slot, drive) in sight::disks(config) {
        let Some(id) = stated.get(slot) else { continue };
        let owner = drive.volume().and_then(|volume| volume.owner());
        let serial = drive.options.value("serial");
        let known = owner == Some(id.holder) || serial == Some(&id.serial());
        let is_it = known
            || owner == Some(at.id) && serial.is_some() && {
                // A disk that was imported keeps the serial number that it had.
                let holder = holder::find(cx, pve, id, Some(&at.node)).await?;
                holder.is_some_and(|holder| serial == Some(&holder.record.serial))
            };
        if is_it {
            found.insert(slot.to_owned(), id.clone());
        }
    }
    Ok(Some(found))
}

/// The data disks that a machine has on a bus though neither its state nor their holders' records say so: somebody has put
/// them there, or a snapshot has brought them back. Another machine may write to them, so they have to go.
async fn strays(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    config: &VmConfig,
    stated: Option<&BTreeMap<String, DataDiskId>>,
) -> Result<BTreeMap<String, DataDiskId>> {
    let mut found = BTreeMap::new();
    for (slot, drive) in sight::disks(config) {
        let owner = drive.volume().and_then(|volume| volume.owner()).filter(|owner| *owner != at.id);
        let Some(owner) = owner.filter(|_| stated.is_none_or(|stated| !stated.contains_key(slot))) else {
            continue;
        };
        let what = format!("read the owner of the disk {slot:?} of VM {}", at.id);
        let guests = pve.guests().await.explain::<DataDisk>(cx, &what)?;
        if !guests.iter().any(|guest| guest.id == owner && holder::is_holder(guest)) {
            continue;
        }
        let holder = pve.find_vm(owner, Some(&at.node)).await.explain::<DataDisk>(cx, what)?;
        let Some(record) = holder.as_ref().and_then(|(_, config)| holder::record(config)) else { continue };
        let user = record.at.as_ref().map(|attachment| attachment.vm);
        if user == Some(at.id) {
            continue;
        }
        let other = user.map_or_else(|| "the disk is parked".to_owned(), |user| format!("VM {user} uses it"));
        cx.operation().warn(Diagnostic::warning(
            "Volume is used twice",
            format!(
                "VM {} on node {:?} has the volume of the data disk {:?} in the slot {slot:?}, and {other}: somebody has \
                 attached it by hand, or rolled a snapshot back that includes it. Machines that write to one volume destroy \
                 what is on it. The apply takes it out of VM {}, where it is not named in `data_disks`, before anything else.",
                at.id,
                at.node.as_str(),
                record.name,
                at.id
            ),
        ));
        found.insert(slot.to_owned(), record.id(owner));
    }
    Ok(found)
}

/// Every data disk that a machine uses, by slot.
pub(in crate::resources::pve) async fn present(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    config: &VmConfig,
) -> Result<BTreeMap<String, DataDiskId>> {
    let mut found = BTreeMap::new();
    let mut given = config.indexed("unused").next().is_some();
    for (slot, drive) in sight::disks(config) {
        let Some(owner) = drive.volume().and_then(|volume| volume.owner()) else { continue };
        if owner == at.id {
            given |= drive.options.value("serial").is_some();
            continue;
        }
        let what = format!("read the owner of the disk {slot:?} of VM {}", at.id);
        let holder = pve.find_vm(owner, Some(&at.node)).await;
        let holder = holder.explain::<DataDisk>(cx, what)?;
        if let Some(record) = holder.as_ref().and_then(|(_, config)| holder::record(config)) {
            found.insert(slot.to_owned(), record.id(owner));
        }
    }
    if given {
        for (id, slot) in attached_to(cx, pve, at).await? {
            found.entry(slot).or_insert(id);
        }
    }
    Ok(found)
}
