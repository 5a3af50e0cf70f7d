//! Storages on block devices of the node: LVM, its thin pools, and iSCSI.

use pve_client::Settings;
use tf_framework::prelude::*;

use crate::resources::pve::places::{is_lvm_name, is_portal};

/// An LVM volume group.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Lvm {
    /// Name of the volume group. A change replaces the definition.
    #[schema(wire = "vgname", replace, validate = matches("two or more letters, digits, `-`, `_` and `.`, with a letter or digit at both ends", is_lvm_name))]
    pub volume_group: String,

    /// Volume of an iSCSI storage that the group lies on; it is activated first. A change replaces the definition.
    #[schema(wire = "base", replace)]
    pub base_volume: Option<String>,

    /// Whether every node sees the same volume group. Proxmox VE's default is `false`.
    #[schema(wire = "shared")]
    pub shared: Option<bool>,

    /// Whether a deleted volume is overwritten with zeroes. Proxmox VE's default is `false`.
    #[schema(wire = "saferemove")]
    pub safe_remove: Option<bool>,

    /// How many MiB are overwritten at a time: 1, 2, 4, 8, 16 or 32. New in Proxmox VE 9. Proxmox VE's default is 32.
    #[schema(wire = "saferemove-stepsize", validate = range(1, 32))]
    pub safe_remove_step_mib: Option<i64>,

    /// How fast a deleted volume is overwritten, in bytes per second with a unit as `cstream` reads it.
    #[schema(wire = "saferemove_throughput")]
    pub safe_remove_throughput: Option<String>,

    /// Whether only volumes with the tag of their guest are used. Proxmox VE's default is `false`.
    #[schema(wire = "tagged_only")]
    pub tagged_only: Option<bool>,

    /// Whether snapshots are chains of volumes. New in Proxmox VE 9. Proxmox VE's default is `false`. A change replaces
    /// the definition.
    #[schema(wire = "snapshot-as-volume-chain", replace)]
    pub snapshot_as_volume_chain: Option<bool>,
}

impl Lvm {
    pub(super) fn settings(&self) -> Settings {
        Settings::new()
            .set("vgname", &self.volume_group)
            .opt("base", self.base_volume.as_ref())
            .bool("shared", self.shared)
            .bool("saferemove", self.safe_remove)
            .opt("saferemove-stepsize", self.safe_remove_step_mib)
            .opt("saferemove_throughput", self.safe_remove_throughput.as_ref())
            .bool("tagged_only", self.tagged_only)
            .bool("snapshot-as-volume-chain", self.snapshot_as_volume_chain)
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            volume_group: settings.string("vgname").unwrap_or_default(),
            base_volume: settings.string("base"),
            shared: settings.truth("shared"),
            safe_remove: settings.truth("saferemove"),
            safe_remove_step_mib: settings.int("saferemove-stepsize"),
            safe_remove_throughput: settings.string("saferemove_throughput"),
            tagged_only: settings.truth("tagged_only"),
            snapshot_as_volume_chain: settings.truth("snapshot-as-volume-chain"),
        }
    }
}

/// The schema knows a range only, and the service these.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let step = config.attribute("lvm").attribute("safe_remove_step_mib");
    let known = |step: i64| (1..=32).contains(&step) && step.count_ones() == 1;
    if let Some(step) = step.as_number().and_then(Number::to_i64).filter(|step| !known(*step)) {
        out.error(
            Path::from("lvm").then("safe_remove_step_mib"),
            "Invalid value",
            format!("This argument must be 1, 2, 4, 8, 16 or 32; it is {step}."),
        );
    }
}

/// A thin pool of LVM.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct LvmThin {
    /// Name of the volume group. A change replaces the definition.
    #[schema(wire = "vgname", replace, validate = matches("two or more letters, digits, `-`, `_` and `.`, with a letter or digit at both ends", is_lvm_name))]
    pub volume_group: String,

    /// Name of the thin pool in it. A change replaces the definition.
    #[schema(wire = "thinpool", replace, validate = matches("two or more letters, digits, `-`, `_` and `.`, with a letter or digit at both ends", is_lvm_name))]
    pub thin_pool: String,
}

impl LvmThin {
    pub(super) fn settings(&self) -> Settings {
        Settings::new().set("vgname", &self.volume_group).set("thinpool", &self.thin_pool)
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            volume_group: settings.string("vgname").unwrap_or_default(),
            thin_pool: settings.string("thinpool").unwrap_or_default(),
        }
    }
}

/// The devices of an iSCSI target.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Iscsi {
    /// Address of the portal, with the port if it is not 3260. A change replaces the definition.
    #[schema(wire = "portal", replace, validate = matches("a name or an address of a server, maybe with a port", is_portal))]
    pub portal: String,

    /// Name of the target. A change replaces the definition.
    #[schema(wire = "target", replace, validate = length(1, usize::MAX))]
    pub target: String,
}

impl Iscsi {
    pub(super) fn settings(&self) -> Settings {
        Settings::new().set("portal", &self.portal).set("target", &self.target)
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            portal: settings.string("portal").unwrap_or_default(),
            target: settings.string("target").unwrap_or_default(),
        }
    }
}
