//! What storages of several types have in common.

use pve_client::{PropertyString, Settings};
use tf_framework::prelude::*;

use crate::resources::pve::places::is_folder;

/// Everything that a storage may hold.
pub(super) const CONTENT: [&str; 8] =
    ["images", "rootdir", "vztmpl", "backup", "iso", "snippets", "import", "none"];

/// How the space of new image files is reserved.
pub(super) const PREALLOCATION: [&str; 4] = ["off", "metadata", "falloc", "full"];

/// Formats of the disks that a directory can be told to make by default.
pub(super) const FORMATS: [&str; 4] = ["raw", "qcow2", "subvol", "vmdk"];

/// Those of a share, where there are no subvolumes.
pub(super) const SHARE_FORMATS: [&str; 3] = ["raw", "qcow2", "vmdk"];

/// Limits of the bandwidth of operations, in KiB per second; 0 is no limit.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct BandwidthLimits {
    /// For everything that has no limit of its own.
    #[schema(wire = "default", validate = range(0, i64::MAX))]
    pub default_kib_per_second: Option<i64>,

    /// For clones.
    #[schema(wire = "clone", validate = range(0, i64::MAX))]
    pub clone_kib_per_second: Option<i64>,

    /// For migrations.
    #[schema(wire = "migration", validate = range(0, i64::MAX))]
    pub migration_kib_per_second: Option<i64>,

    /// For disks that are moved.
    #[schema(wire = "move", validate = range(0, i64::MAX))]
    pub move_kib_per_second: Option<i64>,

    /// For restores.
    #[schema(wire = "restore", validate = range(0, i64::MAX))]
    pub restore_kib_per_second: Option<i64>,
}

impl BandwidthLimits {
    /// Adds the limits, if there are any.
    pub(crate) fn write(limits: Option<&Self>, settings: Settings) -> Settings {
        let Some(limits) = limits else { return settings };
        let mut text = PropertyString::default();
        text.set("default", limits.default_kib_per_second);
        text.set("clone", limits.clone_kib_per_second);
        text.set("migration", limits.migration_kib_per_second);
        text.set("move", limits.move_kib_per_second);
        text.set("restore", limits.restore_kib_per_second);
        settings.properties("bwlimit", &text)
    }

    /// The limits that are set.
    pub(crate) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("bwlimit", None)?;
        let limit = |name: &str| text.value(name)?.parse::<i64>().ok();
        Some(Self {
            default_kib_per_second: limit("default"),
            clone_kib_per_second: limit("clone"),
            migration_kib_per_second: limit("migration"),
            move_kib_per_second: limit("move"),
            restore_kib_per_second: limit("restore"),
        })
    }
}

/// Folders by kind of content.
#[derive(Debug)]
pub(super) struct Folders;

impl Validator for Folders {
    fn check(&self, value: &Value) -> Option<String> {
        let Value::Map(entries) = value else { return None };
        let kinds = CONTENT.iter().filter(|kind| **kind != "none");
        let unknown = entries.keys().find(|key| !kinds.clone().any(|kind| kind == key));
        if let Some(kind) = unknown {
            let known = kinds.map(|kind| format!("{kind:?}")).collect::<Vec<_>>().join(", ");
            return Some(format!("There is no kind of content {kind:?}; there are {known}."));
        }
        let folder = entries.values().filter_map(Value::as_str).find(|folder| !is_folder(folder))?;
        Some(format!("The text {folder:?} is no folder: it has to be below, without `..` and commas."))
    }

    fn describe(&self) -> String {
        "Keys are kinds of content.".to_owned()
    }
}

/// Where a file storage keeps each kind of content, as `kind=folder` pairs.
pub(super) fn write_folders(folders: Option<&BTreeMap<String, String>>, settings: Settings) -> Settings {
    let pairs = folders.into_iter().flatten().map(|(kind, folder)| format!("{kind}={folder}"));
    settings.words("content-dirs", pairs)
}

/// The reverse of [`write_folders`].
pub(super) fn read_folders(settings: &Settings) -> Option<BTreeMap<String, String>> {
    let text = settings.property("content-dirs", None)?;
    Some(text.options)
}

/// The secret to send: for a new storage, or when its version has changed.
pub(super) fn secret(
    value: Option<&String>,
    version: Option<i64>,
    before: Option<Option<i64>>,
) -> Option<pve_client::Secret> {
    let due = before.is_none_or(|before| before != version);
    value.filter(|_| due).map(|text| text.as_str().into())
}

/// A secret that the service keeps and the configuration no longer has. Only a secret with a version is known to be
/// kept.
pub(super) fn is_forgotten(value: Option<&String>, version: Option<i64>, before: Option<i64>) -> bool {
    before.is_some() && version.is_none() && value.is_none()
}
