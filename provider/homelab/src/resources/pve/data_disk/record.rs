//! What a holder's description says of its data disk: what the disk is, and where it is meant to be.
//!
//! The record is a comment in the last line that the web interface does not show, as the mark of a machine is. It is
//! written before each step that it speaks of, so that whoever comes after a crash knows what was meant.

use pve_client::{StorageName, VmId};
use serde_json::{Map, Value as Json, json};

use super::id::DataDiskId;
use super::model::Ownership;
use super::tier::BackupTier;

const START: &str = "<!-- homelab-data-disk ";
const END: &str = " -->";

/// What people read who find the machine.
const NOTE: &str = "This machine is never started. It owns the volume of a data disk, which the homelab provider \
                    manages. Deleting the machine deletes the data.";

/// Where a disk is, or is on its way to or from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::resources::pve) struct Attachment {
    /// The machine that uses it.
    pub vm: VmId,
    /// Its slot.
    pub slot: String,
    /// The volume that is on its way back from there, because a slot that is emptied forgets it.
    pub volume: Option<String>,
    /// Whether the machine was protected because of this disk.
    pub protects: bool,
    /// How the volume goes to another storage there.
    pub moving: Option<Relocation>,
}

/// A volume that goes to another storage through a machine that only refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::resources::pve) struct Relocation {
    /// The volume that is copied. The holder keeps it, and it is out of date once the machine has another one.
    pub from: String,
    /// Where it goes.
    pub to: StorageName,
}

impl Attachment {
    /// In a slot of a machine.
    pub(super) fn new(vm: VmId, slot: &str) -> Self {
        Self { vm, slot: slot.to_owned(), volume: None, protects: false, moving: None }
    }

    /// The same without a volume that goes anywhere.
    pub(super) fn settled(&self) -> Self {
        Self { moving: None, ..self.clone() }
    }

    /// Whether it is the same slot of the same machine.
    pub(super) fn is_at(&self, vm: VmId, slot: &str) -> bool {
        self.vm == vm && self.slot == slot
    }
}

/// A machine that waits for the disk: it was made to take the place of the one that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::resources::pve) struct Successor {
    /// The machine.
    pub vm: VmId,
    /// The slot that it keeps free.
    pub slot: String,
}

/// The record of a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::resources::pve) struct Record {
    /// The random part of the disk's ID.
    pub key: String,
    /// What the create was to make, while it is not done.
    pub creating: Option<String>,
    /// The disk's name.
    pub name: String,
    /// The serial number that guests see.
    pub serial: String,
    /// Its tier.
    pub tier: BackupTier,
    /// The tier that it had, while the machine that uses it may still have the backups of that one.
    pub former_tier: Option<BackupTier>,
    /// Who owns the volume while it is attached.
    pub ownership: Ownership,
    /// Where it is meant to be; nowhere when it is parked.
    pub at: Option<Attachment>,
    /// Who gets it when that machine lets go of it.
    pub next: Option<Successor>,
}

impl Record {
    /// The ID of the disk, given its holder.
    pub(super) fn id(&self, holder: VmId) -> DataDiskId {
        DataDiskId { holder, key: self.key.clone() }
    }

    /// The record in a description.
    pub(in crate::resources::pve) fn find(description: &str) -> Option<Self> {
        let last = description.trim_end().lines().last()?.trim();
        let json: Json = serde_json::from_str(last.strip_prefix(START)?.strip_suffix(END)?).ok()?;
        let text = |key: &str| Some(json.get(key)?.as_str()?.to_owned());
        Some(Self {
            key: text("key")?,
            creating: text("creating"),
            name: text("name")?,
            serial: text("serial")?,
            tier: BackupTier::numbered(json.get("tier")?.as_u64()?)?,
            former_tier: json.get("former_tier").and_then(Json::as_u64).and_then(BackupTier::numbered),
            ownership: text("ownership")?.parse().ok()?,
            at: json.get("at").and_then(attachment),
            next: json.get("next").and_then(successor),
        })
    }

    /// A description that carries it.
    pub(super) fn description(&self) -> String {
        let mut json = Map::new();
        let mut set = |key: &str, value: Json| drop(json.insert(key.to_owned(), value));
        set("key", json!(self.key));
        if let Some(creating) = &self.creating {
            set("creating", json!(creating));
        }
        set("name", json!(self.name));
        set("serial", json!(self.serial));
        set("tier", json!(self.tier.number()));
        if let Some(tier) = self.former_tier {
            set("former_tier", json!(tier.number()));
        }
        set("ownership", json!(self.ownership.to_string()));
        if let Some(at) = &self.at {
            let moving = at.moving.as_ref().map(|it| json!({ "from": it.from, "to": it.to.as_str() }));
            let mut place = json!({ "vm": at.vm.number(), "slot": at.slot, "volume": at.volume, "protects": at.protects });
            if let Some(moving) = moving {
                place["moving"] = moving;
            }
            set("at", place);
        }
        if let Some(next) = &self.next {
            set("next", json!({ "vm": next.vm.number(), "slot": next.slot }));
        }
        format!("{NOTE}\n\n{START}{}{END}", Json::Object(json))
    }

    /// How the volume goes to another storage, if it does.
    pub(super) fn moving(&self) -> Option<&Relocation> {
        self.at.as_ref()?.moving.as_ref()
    }

    /// The same disk, meant to be somewhere else.
    pub(super) fn moved(&self, at: Option<Attachment>) -> Self {
        // Whoever has it waits no longer.
        let has_it = |next: &Successor| at.as_ref().is_some_and(|at| at.vm == next.vm);
        Self { next: self.next.clone().filter(|next| !has_it(next)), at, ..self.clone() }
    }
}

fn successor(json: &Json) -> Option<Successor> {
    Some(Successor {
        vm: VmId::try_from(json.get("vm")?.as_i64()?).ok()?,
        slot: json.get("slot")?.as_str()?.to_owned(),
    })
}

fn attachment(json: &Json) -> Option<Attachment> {
    Some(Attachment {
        vm: VmId::try_from(json.get("vm")?.as_i64()?).ok()?,
        slot: json.get("slot")?.as_str()?.to_owned(),
        volume: json.get("volume").and_then(Json::as_str).map(str::to_owned),
        protects: json.get("protects").and_then(Json::as_bool).unwrap_or(false),
        moving: json.get("moving").and_then(relocation),
    })
}

fn relocation(json: &Json) -> Option<Relocation> {
    Some(Relocation {
        from: json.get("from")?.as_str()?.to_owned(),
        to: json.get("to")?.as_str()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            key: "3f9a0c1b2d4e".to_owned(),
            creating: None,
            name: "pg".to_owned(),
            serial: "disk-3f9a0c1b2d4e".to_owned(),
            tier: BackupTier::numbered(1).unwrap(),
            former_tier: None,
            ownership: Ownership::Holder,
            at: None,
            next: None,
        }
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let at = Attachment {
            volume: Some("ds:vm-102-disk-1".to_owned()),
            ..Attachment::new(VmId::new(102).unwrap(), "scsi1")
        };
        let moving = Relocation { from: "ds:vm-901-disk-0".to_owned(), to: "ds2".parse().unwrap() };
        for record in [
            record(),
            record().moved(Some(at.clone())),
            record().moved(Some(Attachment { moving: Some(moving), protects: true, ..at })),
            Record { creating: Some("f00".to_owned()), ownership: Ownership::Transfer, ..record() },
            Record { former_tier: BackupTier::numbered(3), next: Some(successor(103)), ..record() },
        ] {
            assert_eq!(Record::find(&record.description()), Some(record));
        }
    }

    fn successor(vm: u32) -> Successor {
        Successor { vm: VmId::new(vm).unwrap(), slot: "scsi1".to_owned() }
    }

    #[test]
    fn a_machine_that_gets_the_disk_waits_no_longer() {
        let waiting = Record { next: Some(successor(103)), ..record() };
        assert_eq!(waiting.moved(None).next, Some(successor(103)));
        let other = Attachment::new(VmId::new(102).unwrap(), "scsi1");
        assert_eq!(waiting.moved(Some(other)).next, Some(successor(103)));
        assert_eq!(waiting.moved(Some(Attachment::new(VmId::new(103).unwrap(), "scsi1"))).next, None);
    }

    #[test]
    fn only_a_whole_record_in_the_last_line_counts() {
        let text = record().description();
        for wrong in [
            format!("{text}\nmore"),
            text.replace("\"tier\":1", "\"tier\":9"),
            text.replace("homelab-data-disk", "homelab-vm"),
            String::new(),
        ] {
            assert_eq!(Record::find(&wrong), None, "{wrong}");
        }
    }
}
