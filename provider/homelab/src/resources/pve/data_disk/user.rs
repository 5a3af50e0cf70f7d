//! What a machine does with data disks: attach, detach, and know them again in its configuration.

use std::time::Duration;

use pve_client::{Pve, VmAddress, VmConfig, VmId};
use tf_framework::prelude::*;

use super::adopt::attached_to;
use super::holder::{self, Holder};
use super::id::DataDiskId;
use super::model::DataDisk;
use super::steps::{Goal, Stuck};
use super::tier::BackupTier;
use super::work::Work;
use super::{companions, sight};
use crate::cx::Cx;
use crate::errors::Explain as _;

pub(in crate::resources::pve) use super::coverage::{Backups, is_own, tiers_of};
pub(in crate::resources::pve) use super::foresight::Foresight;
pub(in crate::resources::pve) use super::tier::BackupTier as Tier;

/// How often a disk is tried that another machine of the same apply may be about to let go of, and how long apart.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// Attaches a disk to a slot of a machine, after its backups include it, and says its tier.
pub(in crate::resources::pve) async fn attach(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
    slot: &str,
    id: &DataDiskId,
    backups: &mut Backups,
) -> Result<BackupTier> {
    let goal = Goal::At(at.id, slot.to_owned());
    for _ in 0..TRIES {
        match once(cx, pve, at, id, &goal, backups).await? {
            Ok(tier) => return Ok(tier),
            // Another machine may be about to let go of it, and that needs a turn with the disk too.
            Err(_) => {
                let slept = pve.scope().sleep(PAUSE).await.map_err(pve_client::Error::from);
                slept.explain::<DataDisk>(cx, format_args!("attach data disk {id} to VM {}", at.id))?;
            }
        }
    }
    match once(cx, pve, at, id, &goal, backups).await? {
        Ok(tier) => Ok(tier),
        Err(refused) => Err(refused),
    }
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
    if work.recorded().is_none_or(|attachment| attachment.vm != at.id) {
        return Ok(None);
    }
    work.bring(&Goal::Parked, Some(at)).await?;
    Ok(Some(work.holder().record.tier))
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
    let Some(stated) = stated else { return Ok(None) };
    let mut found = BTreeMap::new();
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
