//! The drive with the disc in a machine's configuration: reading and writing it.

use pve_client::{Drive, VmConfig, VolumeId};

use super::{DOCUMENTS, DiscName, Print};
use crate::resources::pve::vm::cloud_init::{self, CloudInit, SLOT};
use crate::resources::pve::vm::named::{Named, Pair};
use crate::resources::pve::vm::slot;
use crate::resources::pve::vm::writes::Writes;

/// A disc in a drive.
pub(in crate::resources::pve::vm) struct Inserted<'c> {
    /// The drive.
    pub slot: &'c str,
    /// The disc.
    pub volume: VolumeId,
    /// Its name.
    pub name: DiscName,
}

/// The disc that a machine has, if there is one; not always its own.
pub(in crate::resources::pve::vm) fn inserted(config: &VmConfig) -> Option<Inserted<'_>> {
    config.values.iter().filter(|(key, _)| slot::is_cdrom(key)).find_map(|(slot, value)| {
        let volume = medium(value)?;
        let name = DiscName::of(&volume)?;
        Some(Inserted { slot, volume, name })
    })
}

fn medium(drive: &str) -> Option<VolumeId> {
    let drive: Drive = drive.parse().ok()?;
    if drive.is_cdrom() { drive.volume() } else { None }
}

/// What a configuration says, when the drive is not Proxmox VE's own.
pub(in crate::resources::pve::vm) fn read(
    named: Named<'_, CloudInit>,
    config: &VmConfig,
) -> Option<CloudInit> {
    let own_drive = cloud_init::drive(config).map(|(slot, _)| slot);
    let found = inserted(config);
    match named {
        Named::Everything if own_drive.is_none() => found.map(|found| imported(&found)),
        Named::Only(stated) if stated.print().is_some() => {
            let slot = found.as_ref().map(|found| found.slot).or(own_drive);
            let slot = slot.or(stated.slot.known().map(String::as_str)).unwrap_or(SLOT);
            let volume = config.value(slot).and_then(medium).filter(|_| Some(slot) != own_drive);
            let storage = found.map(|found| found.volume.storage().clone());
            Some(CloudInit {
                storage_name: None.into(),
                slot: slot.into(),
                iso_storage_name: storage.or(stated.iso_storage_name.known().cloned()).into(),
                iso_volume_id: volume.into(),
                ..stated.clone()
            })
        }
        _ => None,
    }
}

/// No call reads documents back, so what they are known by stands for them.
fn imported(found: &Inserted<'_>) -> CloudInit {
    let [user_data, meta_data, network_config, vendor_data] =
        DOCUMENTS.map(|(_, letter)| found.name.print.unread(letter));
    CloudInit {
        storage_name: None.into(),
        slot: found.slot.into(),
        iso_storage_name: found.volume.storage().clone().into(),
        iso_volume_id: found.volume.clone().into(),
        user_data_change: "reboot".into(),
        user_data,
        meta_data,
        network_config,
        vendor_data,
        ..CloudInit::default()
    }
}

/// Puts the wanted disc into its drive, in the place of the one of Proxmox VE if there is one.
pub(in crate::resources::pve::vm) fn write(want: &CloudInit, out: &mut Writes<'_>) {
    // It is not there yet while the machine is only being made.
    let Some(volume) = want.iso_volume_id.known() else { return };
    let current = out.current();
    let present = inserted(current).map(|found| found.slot);
    let present = present.or_else(|| cloud_init::drive(current).map(|(slot, _)| slot));
    let slot = want.slot.known().map(String::as_str).or(present).unwrap_or(SLOT).to_owned();
    if let Some(old) = present.filter(|old| *old != slot) {
        out.remove(old);
    }
    if current.value(&slot).and_then(medium).as_ref() != Some(volume) {
        out.force(&slot, Drive::new(volume).with("media", "cdrom"));
    }
}

/// Takes out the disc of a machine that is to have none.
pub(in crate::resources::pve::vm) fn remove(cloud_init: Pair<'_, CloudInit>, out: &mut Writes<'_>) {
    let had = cloud_init.prior.is_some_and(|prior| prior.print().is_some());
    if let Some(found) = inserted(out.current()).filter(|_| had) {
        out.remove(found.slot);
    }
}

/// The print of the machine's own disc, if it has that.
pub(super) fn own_print(config: &VmConfig, vm: pve_client::VmId) -> Option<Print> {
    inserted(config).filter(|found| found.name.vm == vm).map(|found| found.name.print)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISC: &str = "local:iso/homelab-vm-100-1a2b3c4d-un-9f86d081884c7d65.iso";

    fn config(drives: &[(&str, &str)]) -> VmConfig {
        let values = drives.iter().map(|(slot, drive)| ((*slot).to_owned(), (*drive).to_owned()));
        VmConfig { values: values.collect(), digest: None }
    }

    fn wish(slot: Option<&str>) -> CloudInit {
        CloudInit {
            slot: slot.map(str::to_owned).into(),
            user_data: Some("#!/bin/sh".to_owned()),
            iso_volume_id: DISC.parse::<VolumeId>().unwrap().into(),
            ..CloudInit::default()
        }
    }

    #[track_caller]
    fn check(drives: &[(&str, &str)], slot: Option<&str>, set: &[(&str, &str)], delete: &[&str]) {
        let current = config(drives);
        let mut writes = Writes::against(&current);
        write(&wish(slot), &mut writes);
        let (params, deleted) = writes.finish().unwrap();
        assert_eq!(params.iter().collect::<Vec<_>>(), set);
        assert_eq!(deleted, delete);
    }

    #[test]
    fn a_disc_takes_the_place_of_the_drive_that_is_there() {
        let wanted = format!("{DISC},media=cdrom");
        let (native, other) = ("local:100/vm-100-cloudinit.qcow2,media=cdrom", "local:iso/a.iso,media=cdrom");
        check(&[], None, &[("ide2", &wanted)], &[]);
        check(&[("sata3", native)], None, &[("sata3", &wanted)], &[]);
        check(&[("sata3", native)], Some("ide0"), &[("ide0", &wanted)], &["sata3"]);
        check(&[("ide2", other)], Some("ide2"), &[("ide2", &wanted)], &[]);
        check(&[("ide2", other), ("sata1", &wanted)], None, &[], &[]);
        let template = "local:iso/homelab-vm-900-1a2b3c4d-u-9f86d081884c7d65.iso,media=cdrom";
        check(&[("ide0", template)], None, &[("ide0", &wanted)], &[]);
    }

    #[test]
    fn another_disc_in_the_drive_is_seen_and_the_slot_is_kept() {
        let stated = wish(Some("sata0"));
        let seen = |drives: &[(&str, &str)]| {
            let found = read(Named::Only(&stated), &config(drives)).unwrap();
            (found.slot.into_known().unwrap(), found.iso_volume_id.known().map(ToString::to_string))
        };
        let drive = format!("{DISC},media=cdrom");
        assert_eq!(seen(&[("sata1", &drive)]), ("sata1".to_owned(), Some(DISC.to_owned())));
        assert_eq!(seen(&[("sata0", "none,media=cdrom")]), ("sata0".to_owned(), None));
        let other = ("sata0".to_owned(), Some("local:iso/a.iso".to_owned()));
        assert_eq!(seen(&[("sata0", "local:iso/a.iso,media=cdrom")]), other);
        assert_eq!(seen(&[]), ("sata0".to_owned(), None));
        assert_eq!(
            seen(&[("ide2", "local:100/vm-100-cloudinit.qcow2,media=cdrom")]),
            ("ide2".to_owned(), None)
        );
    }

    #[test]
    fn an_import_knows_the_documents_by_their_disc() {
        let drive = format!("{DISC},media=cdrom,size=374K");
        let found = read(Named::Everything, &config(&[("sata1", &drive)])).unwrap();
        assert_eq!(found.slot.known().map(String::as_str), Some("sata1"));
        assert_eq!(found.user_data.as_deref(), Some("disc un-9f86d081884c7d65"));
        assert!(found.network_config.is_some() && found.meta_data.is_none() && found.vendor_data.is_none());
        assert_eq!(read(Named::Everything, &config(&[("ide2", "local:iso/a.iso,media=cdrom")])), None);
    }
}
