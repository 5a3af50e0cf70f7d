//! Where the volume of a data disk is, as the configurations of its holder and of the machine that uses it say.

use pve_client::{Drive, StorageName, VmConfig, VmId, VmPending};

use super::record::Record;
use crate::resources::pve::vm::is_disk_slot;

/// What the configuration of a holder says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HolderSight {
    /// The holder.
    pub id: VmId,
    /// The slot that has the volume, if one has.
    pub bus: Option<(String, Drive)>,
    /// The entry that keeps the volume while another machine uses it, and the volume.
    pub unused: Option<(String, String)>,
    /// The entry that keeps a volume of which a copy on another storage is made, and the volume.
    pub old: Option<(String, String)>,
    /// Whether it is protected.
    pub protected: bool,
    /// Its record.
    pub record: Record,
}

/// What the configuration of a machine says of a disk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UserSight {
    /// The machine.
    pub id: VmId,
    /// The slot that has the volume, applied or waiting.
    pub bus: Option<(String, Drive)>,
    /// Whether the slot is to be emptied at the next stop.
    pub leaving: bool,
    /// The entry that keeps the volume after its slot was emptied.
    pub unused: Option<String>,
    /// The entry that names the volume from before it went to another storage.
    pub old: Option<String>,
    /// Whether it runs.
    pub running: bool,
    /// Whether it is on another node than the holder.
    pub elsewhere: bool,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether it owns other data disks, for which it has to stay protected.
    pub owns_others: bool,
    /// What has the slot in which the disk is wanted.
    pub slot_taken: bool,
}

/// Both.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    /// The holder.
    pub holder: HolderSight,
    /// The machine that the record names, or that is to get the disk.
    pub user: Option<UserSight>,
    /// Whether the backups of that machine are known to be as they have to be where the disk is going.
    pub backups_follow: bool,
    /// The storage on which an attached volume is wanted, if that is known.
    pub storage: Option<StorageName>,
}

/// The drive of a configured disk.
pub(super) fn disk(slot: &str, value: &str) -> Option<Drive> {
    let drive: Drive = value.parse().ok()?;
    (is_disk_slot(slot) && !drive.is_cdrom() && drive.volume().is_some()).then_some(drive)
}

/// The disks of a configuration, by slot.
pub(super) fn disks(config: &VmConfig) -> impl Iterator<Item = (&str, Drive)> {
    config.values.iter().filter_map(|(slot, value)| Some((slot.as_str(), disk(slot, value)?)))
}

/// The volumes that a configuration keeps without using them.
fn unused(config: &VmConfig) -> impl Iterator<Item = (String, &str)> {
    config.indexed("unused").map(|(number, volume)| (format!("unused{number}"), volume))
}

impl HolderSight {
    /// Reads the configuration of a holder.
    pub(super) fn of(id: VmId, config: &VmConfig, record: Record) -> Self {
        let from = record.moving().map(|moving| moving.from.clone());
        let entry = |is_old: bool| {
            let mut found = unused(config).filter(|(_, volume)| (Some(*volume) == from.as_deref()) == is_old);
            found.next().map(|(entry, volume)| (entry, volume.to_owned()))
        };
        Self {
            id,
            bus: disks(config).next().map(|(slot, drive)| (slot.to_owned(), drive)),
            unused: entry(false),
            old: entry(true),
            protected: config.value("protection") == Some("1"),
            record,
        }
    }

    /// The volume, if the holder has it.
    pub(super) fn volume(&self) -> Option<&str> {
        let bus = self.bus.as_ref().map(|(_, drive)| drive.file.as_str());
        bus.or_else(|| self.unused.as_ref().map(|(_, volume)| volume.as_str()))
    }
}

impl UserSight {
    /// Looks for a disk in the configuration of a machine.
    pub(super) fn of(id: VmId, pending: &VmPending, running: bool, holder: &HolderSight, slot: &str) -> Self {
        let at = holder.record.at.as_ref().filter(|at| at.vm == id);
        let known = [holder.volume(), at.and_then(|at| at.volume.as_deref())];
        let old = at.and_then(|at| at.moving.as_ref()).map(|moving| moving.from.as_str());
        let is_it = |drive: &Drive| {
            let owner = drive.volume().and_then(|volume| volume.owner());
            known.contains(&Some(drive.file.as_str()))
                || owner == Some(holder.id)
                || drive.options.value("serial") == Some(&holder.record.serial)
        };
        let mut sight = Self {
            id,
            bus: None,
            leaving: false,
            unused: None,
            old: None,
            running,
            elsewhere: false,
            protected: false,
            owns_others: false,
            slot_taken: false,
        };
        for option in &pending.options {
            let now = option.pending.as_deref().filter(|_| !option.delete).or(option.value.as_deref());
            let Some(value) = now else { continue };
            match disk(&option.key, value) {
                Some(drive) if is_it(&drive) => {
                    sight.leaving = option.delete;
                    sight.bus = Some((option.key.clone(), drive));
                }
                found => {
                    let owner =
                        found.as_ref().and_then(|drive| drive.volume()).and_then(|volume| volume.owner());
                    let serial = found.as_ref().and_then(|drive| drive.options.value("serial"));
                    let ours = serial.is_some_and(|serial| serial.starts_with("disk-"));
                    sight.owns_others |= owner == Some(id) && ours;
                    sight.slot_taken |= option.key == slot;
                }
            }
            match option.key.as_str() {
                "protection" => sight.protected = value == "1",
                entry if entry.starts_with("unused") && old == Some(value) => {
                    sight.old = Some(entry.to_owned());
                }
                entry if entry.starts_with("unused") && known.contains(&Some(value)) => {
                    sight.unused = Some(entry.to_owned());
                }
                _ => {}
            }
        }
        sight
    }

    /// Whether the machine owns the volume that it uses.
    pub(super) fn owns(&self) -> bool {
        let volume = self.bus.as_ref().and_then(|(_, drive)| drive.volume());
        self.unused.is_some() || volume.and_then(|volume| volume.owner()) == Some(self.id)
    }

    /// Whether it has the volume at all.
    pub(super) fn has_it(&self) -> bool {
        self.bus.is_some() || self.unused.is_some()
    }
}

#[cfg(test)]
mod tests {
    use pve_client::PendingChange;

    use super::*;
    use crate::resources::pve::data_disk::{model::Ownership, tier::BackupTier};

    fn record() -> Record {
        Record {
            key: "k".to_owned(),
            creating: None,
            name: "pg".to_owned(),
            serial: "disk-k".to_owned(),
            tier: BackupTier::NONE,
            former_tier: None,
            next: None,
            ownership: Ownership::Holder,
            at: None,
        }
    }

    #[test]
    fn a_slot_that_is_emptied_at_the_next_stop_still_has_the_disk() {
        let id = |number| VmId::new(number).unwrap();
        let values = [("unused0", "ds:vm-901-disk-0"), ("scsihw", "virtio-scsi-single")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let holder = HolderSight::of(id(901), &VmConfig { values, digest: None }, record());
        assert_eq!(holder.volume(), Some("ds:vm-901-disk-0"));
        let option = |key: &str, value: &str, delete| PendingChange {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            pending: None,
            delete,
        };
        let options = vec![
            option("scsi0", "ds:vm-102-disk-0,size=1G", false),
            option("scsi1", "ds:vm-901-disk-0,size=1G", true),
        ];
        let user = UserSight::of(id(102), &VmPending { options, digest: None }, true, &holder, "scsi0");
        assert_eq!(user.bus.as_ref().unwrap().0, "scsi1");
        assert!(user.leaving && user.slot_taken && !user.owns());
    }
}
