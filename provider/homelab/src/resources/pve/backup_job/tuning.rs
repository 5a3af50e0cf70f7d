//! How a backup works: fleecing and performance, which are property strings on the wire.

use pve_client::{PropertyString, Settings, StorageName};
use tf_framework::prelude::*;

/// A copy of what the guest changes during its backup.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Fleecing {
    /// Whether it is used.
    #[schema(wire = "enabled")]
    pub enabled: bool,

    /// Storage for the copy; a fast one that is local to the node is best. Without it, that of each disk.
    #[schema(parse, wire = "storage")]
    pub storage_name: Option<StorageName>,
}

/// How hard the backup works.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Performance {
    /// How many pieces of a disk are read at a time. Proxmox VE's default is 16.
    #[schema(wire = "max-workers", validate = range(1, 256))]
    pub max_workers: Option<i64>,

    /// How many entries of a container are held in memory. Proxmox VE's default is 1048576.
    #[schema(wire = "pbs-entries-max", validate = range(1, i64::MAX))]
    pub pbs_entries_max: Option<i64>,
}

impl Fleecing {
    pub(crate) fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        text.set("enabled", Some(u8::from(self.enabled)));
        text.set("storage", self.storage_name.as_ref());
        text
    }

    pub(crate) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("fleecing", Some("enabled"))?;
        let key_less = text.default.as_deref().map(|value| matches!(value, "1" | "on" | "yes" | "true"));
        Some(Self {
            enabled: text.truth("enabled").or(key_less).unwrap_or(false),
            storage_name: text.value("storage").and_then(|name| name.parse().ok()),
        })
    }
}

impl Performance {
    pub(super) fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        text.set("max-workers", self.max_workers);
        text.set("pbs-entries-max", self.pbs_entries_max);
        text
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("performance", None)?;
        let number = |name: &str| text.value(name)?.parse().ok();
        Some(Self { max_workers: number("max-workers"), pbs_entries_max: number("pbs-entries-max") })
    }
}
