//! The machine that owns a data disk: finding it, and knowing that it is the one.

use pve_client::{Cluster, Guest, NodeName, Params, Pve, StorageName, VmAddress, VmConfig, VmId};
use tf_framework::prelude::*;

use super::id::DataDiskId;
use super::model::{DataDisk, Ownership};
use super::record::{Attachment, Record};
use super::sight::{self, HolderSight};
use super::tier::BackupTier;
use super::uses::{self, Use};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::lifecycle::if_there;

/// The tag of every holder, by which lists tell it from other machines.
pub(in crate::resources::pve) const TAG: &str = "data-disk";

/// What the names of holders begin with.
const PREFIX: &str = "disk-";

/// The name of a disk's holder.
pub(super) fn machine_name(disk: &str) -> String {
    format!("{PREFIX}{disk}")
}

/// A holder as it is now.
#[derive(Clone, Debug)]
pub(in crate::resources::pve) struct Holder {
    /// Where it is.
    pub at: VmAddress,
    /// Its configuration.
    pub config: VmConfig,
    /// Its record. That of a machine which is no holder of ours yet is what it would be.
    pub record: Record,
    /// Whether it is no holder of ours yet.
    pub foreign: bool,
}

impl Holder {
    /// The disk's ID.
    pub(super) fn id(&self) -> DataDiskId {
        self.record.id(self.at.id)
    }

    /// What its configuration says of the disk.
    pub(super) fn sight(&self) -> HolderSight {
        HolderSight::of(self.at.id, &self.config, self.record.clone())
    }

    /// The storage of its volume, if it has that.
    pub(in crate::resources::pve) fn storage(&self) -> Option<StorageName> {
        let sight = self.sight();
        sight.volume()?.split_once(':')?.0.parse().ok()
    }

    /// How messages call the disk.
    pub(super) fn called(&self) -> String {
        format!(
            "data disk {:?} (holder VM {} on node {:?})",
            self.record.name,
            self.at.id,
            self.at.node.as_str()
        )
    }

    /// The tags that are the user's.
    pub(super) fn tags(&self) -> BTreeSet<String> {
        self.config.tags().into_iter().filter(|tag| tag != TAG).collect()
    }

    /// Reads its configuration again.
    pub(super) async fn refresh(&mut self, pve: &Pve) -> pve_client::Result<()> {
        self.config = pve.vm_config(&self.at).await?;
        if let Some(record) = record(&self.config) {
            self.record = record;
            self.foreign = false;
        }
        Ok(())
    }

    /// Writes options and the record, guarded by the digest.
    pub(super) async fn write(
        &self,
        pve: &Pve,
        record: &Record,
        set: Params,
        delete: &[String],
    ) -> pve_client::Result<()> {
        let set = set.set("description", record.description());
        let digest = self.config.digest.as_deref();
        pve.patiently(|| pve.set_vm_config(&self.at, set.clone(), delete, digest)).await
    }
}

/// The record that a configuration carries.
pub(super) fn record(config: &VmConfig) -> Option<Record> {
    Record::find(config.value("description")?)
}

/// Whether a guest is tagged as the holder of a data disk.
pub(crate) fn is_holder(guest: &Guest) -> bool {
    guest.tags.contains(TAG)
}

/// The machine and the slot that the configuration of a holder names, and the number of the disk's tier.
pub(crate) fn whereabouts(config: &VmConfig) -> Option<((VmId, String), u8)> {
    let record = record(config)?;
    let at = record.at?;
    Some(((at.vm, at.slot), record.tier.number()))
}

/// The holder of a disk; nothing when it is gone, or when another machine has its number.
pub(in crate::resources::pve) async fn find(
    cx: &Cx,
    pve: &Pve,
    id: &DataDiskId,
    hint: Option<&NodeName>,
) -> Result<Option<Holder>> {
    let what = format!("read the holder of data disk {id}");
    let Some((at, config)) = pve.find_vm(id.holder, hint).await.explain::<DataDisk>(cx, &what)? else {
        return Ok(None);
    };
    if let Some(record) = record(&config) {
        let ours = record.key == id.key;
        return Ok(ours.then_some(Holder { at, config, record, foreign: false }));
    }
    let Some(found) = foreign(cx, pve, at, config).await? else { return Ok(None) };
    Ok((found.id() == *id).then_some(found))
}

/// A machine that owns a volume as a holder would, but is none of ours.
pub(super) async fn foreign(cx: &Cx, pve: &Pve, at: VmAddress, config: VmConfig) -> Result<Option<Holder>> {
    let uuid =
        config.value("smbios1").and_then(|text| text.split(',').find_map(|part| part.strip_prefix("uuid=")));
    let Some(uuid) = uuid else { return Ok(None) };
    let id = DataDiskId::of_foreign(at.id, uuid);
    let serial =
        sight::disks(&config).find_map(|(_, drive)| drive.options.value("serial").map(str::to_owned));
    let name = config.value("name").map_or_else(|| at.id.to_string(), |name| name.to_ascii_lowercase());
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list the guests")?;
    let pool = cluster.guest(at.id).and_then(|guest| guest.pool.clone());
    let record = Record {
        key: id.key.clone(),
        creating: None,
        name: name.strip_prefix(PREFIX).unwrap_or(&name).replace(['.', '_'], "-"),
        serial: serial.unwrap_or_else(|| id.serial()),
        tier: pool.and_then(|pool| BackupTier::of_pool(&pool)).unwrap_or(BackupTier::NONE),
        former_tier: None,
        next: None,
        ownership: Ownership::Holder,
        at: None,
    };
    Ok(Some(Holder { at, config, record, foreign: true }))
}

/// The records of every holder. It reads each of them.
pub(super) async fn records(cx: &Cx, pve: &Pve, cluster: &Cluster) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for guest in cluster.guests.iter().filter(|guest| is_holder(guest)) {
        let found = pve.vm_config(&VmAddress::new(guest.node.clone(), guest.id)).await;
        let found = if_there(found).explain::<DataDisk>(cx, "read the holders of data disks")?;
        records.extend(found.and_then(|config| record(&config)));
    }
    Ok(records)
}

impl Holder {
    /// Completes what is known of a machine that is no holder of ours yet: who uses its volume.
    pub(super) async fn look_for_user(&mut self, cx: &Cx, pve: &Pve) -> Result<()> {
        let sight = self.sight();
        let Some(volume) = sight.volume().filter(|_| self.foreign) else { return Ok(()) };
        let found = uses::everywhere(cx, pve).await?;
        let uses: Vec<Use> =
            found.of(&self.at, volume).filter(|used| used.at.id != self.at.id).cloned().collect();
        let [only] = &uses[..] else {
            if uses.is_empty() {
                return Ok(());
            }
            return Err(used_often(&self.called(), volume, &uses));
        };
        self.record.at = Some(Attachment::new(only.at.id, &only.slot));
        if let Some(serial) = &only.serial {
            self.record.serial.clone_from(serial);
        }
        Ok(())
    }

    /// Refuses a volume that any machine but the holder and `target` has on a bus. All machines are asked once a run, and
    /// those that had it then are asked again.
    pub(super) async fn refuse_other_uses(
        &self,
        cx: &Cx,
        pve: &Pve,
        volume: &str,
        target: Option<VmId>,
    ) -> Result<()> {
        let found = uses::once_a_run(cx, pve).await?;
        let mut others = Vec::new();
        for used in
            found.of(&self.at, volume).filter(|used| used.at.id != self.at.id && Some(used.at.id) != target)
        {
            let config = if_there(pve.vm_config(&used.at).await);
            let config = config.explain::<DataDisk>(cx, "look for machines that use the volume")?;
            if config.is_some_and(|config| sight::disks(&config).any(|(_, drive)| drive.file == volume)) {
                others.push(used.clone());
            }
        }
        if others.is_empty() { Ok(()) } else { Err(used_often(&self.called(), volume, &others)) }
    }
}

fn used_often(called: &str, volume: &str, uses: &[Use]) -> Error {
    let list: Vec<String> = uses.iter().map(|used| format!("VM {} ({})", used.at.id, used.slot)).collect();
    Error::new(
        "Volume is used twice",
        format!(
            "The volume {volume:?} of the {called} is on a bus of other machines: {}. Whoever else had it would write to it \
             too, which destroys what is on it, and nothing here can tell whose it is. Stop all but the right one and take \
             the disk out of their hardware, then try again.",
            list.join(", ")
        ),
    )
}
