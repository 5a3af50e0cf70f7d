//! CD drives of a machine.

use pve_client::{Drive, VmConfig};
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::Writes;
use super::{seed, slot};

/// What an empty drive has in place of a volume.
const EMPTY: &str = "none";

/// A CD drive.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Cdrom {
    /// Image in the drive, for example `local:iso/debian-12.iso`; `cdrom` is the drive of the node itself. The tray
    /// is empty when this is left out.
    #[schema(wire = "file", validate = matches("a volume, as storage:path, or `cdrom`", medium))]
    pub volume_id: Option<String>,
}

fn medium(text: &str) -> bool {
    text == "cdrom" || text.parse::<pve_client::VolumeId>().is_ok()
}

/// The CD drive in a slot, if that is what is there. The drive with the cloud-init data is none.
fn in_slot(config: &VmConfig, slot: &str) -> Option<Drive> {
    let drive: Drive = config.value(slot)?.parse().ok()?;
    let has_documents = drive.volume().is_some_and(|volume| seed::DiscName::of(&volume).is_some());
    let is_plain = drive.is_cdrom() && !drive.is_cloud_init() && !has_documents;
    (slot::is_cdrom(slot) && is_plain).then_some(drive)
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Cdrom>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Cdrom>> {
    let slots = config.values.keys().filter(|key| slot::is_cdrom(key)).cloned();
    named.entries(slots, |_, slot| {
        let file = in_slot(config, slot)?.file;
        Some(Cdrom { volume_id: Some(file).filter(|file| file != EMPTY) })
    })
}

/// Writes what changes.
pub(super) fn write(cdroms: Pair<'_, BTreeMap<String, Cdrom>>, out: &mut Writes<'_>) {
    for (slot, cdrom) in cdroms.slots() {
        let present = in_slot(out.current(), slot);
        match cdrom.want {
            None if present.is_some() => out.remove(slot),
            None => {}
            Some(want) => {
                let file = want.volume_id.as_deref().unwrap_or(EMPTY);
                if present.as_ref().is_none_or(|drive| drive.file != file) {
                    out.force(slot, changed(present, file));
                }
            }
        }
    }
}

fn changed(present: Option<Drive>, file: &str) -> Drive {
    let mut drive = present.unwrap_or_else(|| Drive::new(file).with("media", "cdrom"));
    file.clone_into(&mut drive.file);
    // The size is that of the medium that is taken out.
    drive.options.set("size", None::<&str>);
    drive
}
