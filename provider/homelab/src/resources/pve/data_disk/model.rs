//! What a data disk is in the configuration language.

use std::fmt;
use std::str::FromStr;

use pve_client::{NodeName, StorageName, VmId};
use tf_framework::prelude::*;

use super::tier_reference::TierReference;

/// A disk with a life of its own, apart from any machine.
///
/// Its volume belongs to a small machine, the holder, which is never started and carries nothing else. A
/// `homelab_pve_vm` attaches the disk by naming its `id` in `data_disks`. Whatever happens to that machine, also when
/// it is replaced or destroyed, the disk stays: it is detached first and goes back to its holder.
///
/// At every moment the volume is in use by one machine at most. While it is attached, the backups of the machine that
/// uses it include it, because only these are consistent; while it is parked, those of the holder do. The holder stays in
/// the tier's pool all the time: while its disk is attached, the job archives its configuration and no data.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_data_disk", version = 0)]
pub struct DataDisk {
    /// ID of the disk, for `data_disks` of a machine. It stays the same wherever the disk goes.
    #[schema(keep)]
    pub id: Computed<String>,

    /// Name of the disk, as a DNS label: lower-case letters, digits and `-`, at most 50. The holder is called
    /// `disk-<name>`.
    #[schema(wire = "name", validate = matches("made of at most 50 lower-case letters, digits and `-`", label))]
    pub name: String,

    /// Node of the holder. A change moves a parked disk. One that is attached is where its machine is, and follows it.
    #[schema(parse, wire = "node")]
    pub node_name: NodeName,

    /// Storage of the volume. A change moves it, also while its machine runs. What Proxmox VE copies while a machine runs
    /// is the machine's afterwards, whatever `ownership` says: the machine is protected until it is stopped or lets go of
    /// the disk, and then the volume goes back to the holder. Snapshots of the machine that include the disk are in the
    /// way.
    #[schema(parse, wire = "storage")]
    pub storage_name: StorageName,

    /// Size in GiB, from 1. It can grow, also while its machine runs, and never shrink.
    #[schema(wire = "size", validate = range(1, 131_072))]
    pub size_gib: u64,

    /// Backup tier, by number or name: `0` or `none` is never backed up, `1` or `critical`, `2` or `standard`, `3` or
    /// `dev`, and `4` or `cache` are backed up by the job of the pool `tier-1` to `tier-4`, which must exist. The `name` of
    /// any other `homelab_backup_tier` will do too.
    #[schema(parse, wire = "tier")]
    pub backup_tier: TierReference,

    /// Whether the disk cannot be destroyed. Set it to `false` and apply before you destroy the disk.
    #[schema(default = true)]
    pub deletion_protection: Defaulted<bool>,

    /// Tags of the holder, beside `data-disk`: letters, digits, `_`, `-`, `+` and `.`, in lower case.
    #[schema(wire = "tags", validate = each(matches("made of lower-case letters, digits, `_`, `-`, `+` and `.`", tag)))]
    pub tags: Option<BTreeSet<String>>,

    /// Who owns the volume while it is attached. With `holder` the machine only refers to it: nothing that happens to
    /// the machine can hurt the volume, but the machine cannot migrate or replicate with it on local storage. With
    /// `transfer` the volume is given to the machine and taken back, and the machine is protected meanwhile, because
    /// whoever deletes it deletes the volume too. It can change only while the disk is parked.
    #[schema(parse, default = Ownership::Holder)]
    pub ownership: Defaulted<Ownership>,

    /// ID of the volume. It changes when the volume moves to another storage or, with `transfer`, to another owner.
    #[schema(wire = "file")]
    pub volume_id: Computed<String>,

    /// Pool of the holder: that of the tier.
    #[schema(wire = "pool")]
    pub pool_name: Computed<String>,

    /// Serial number of the disk, which stays the same. A Linux guest finds the disk as
    /// `/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_<serial>`, or `virtio-<serial>` in a `virtio` slot.
    #[schema(wire = "serial", keep)]
    pub serial: Computed<String>,

    /// ID of the holder.
    #[schema(wire = "vmid", keep)]
    pub holder_vm_id: Computed<u32>,

    /// ID of the machine that uses the disk; none while it is parked.
    pub attached_to_vm_id: Computed<u32>,

    /// Slot of that machine.
    pub attached_slot: Computed<String>,

    /// Number of the tier whose job backs the disk up now: a machine with disks of several tiers is in the job of the
    /// strictest one.
    pub effective_tier: Computed<u32>,
}

/// Who owns the volume of a disk while it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The holder.
    Holder,
    /// The machine that uses it.
    Transfer,
}

/// A text that is neither.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither \"holder\" nor \"transfer\"")]
pub struct NoOwnership(String);

impl FromStr for Ownership {
    type Err = NoOwnership;

    fn from_str(text: &str) -> Result<Self, NoOwnership> {
        match text {
            "holder" => Ok(Self::Holder),
            "transfer" => Ok(Self::Transfer),
            _ => Err(NoOwnership(text.to_owned())),
        }
    }
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holder => "holder",
            Self::Transfer => "transfer",
        })
    }
}

impl DataDisk {
    /// The machine that uses it.
    pub(super) fn user(&self) -> Option<VmId> {
        self.attached_to_vm_id.known().and_then(|vm| VmId::new(*vm).ok())
    }

    /// Who owns the volume while it is attached.
    pub(super) fn owner(&self) -> Ownership {
        self.ownership.known().copied().unwrap_or(Ownership::Holder)
    }

    /// Whether it must not be destroyed.
    pub(super) fn is_protected(&self) -> bool {
        self.deletion_protection.known().is_none_or(|protected| *protected)
    }
}

fn label(text: &str) -> bool {
    (1..=50).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(first) && text.chars().all(|c| first(c) || "-+.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_and_tags_are_in_lower_case() {
        assert!(["pg", "a-1", "0"].iter().all(|text| label(text)));
        assert!(["", "-a", "a-", "A", "a.b", "a_b"].iter().all(|text| !label(text)));
        assert!(tag("prod") && tag("_x") && !tag("Prod") && !tag("a;b") && !tag(""));
    }
}
