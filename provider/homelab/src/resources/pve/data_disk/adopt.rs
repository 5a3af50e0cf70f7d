//! Import by machine and slot: a disk of ours, or one that somebody has set up so that a machine which never runs owns
//! the volume while another one uses it.

use pve_client::{Pve, VmAddress};
use tf_framework::prelude::*;

use super::holder::{self, Holder};
use super::id::DataDiskId;
use super::model::DataDisk;
use super::sight;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// The ID of the disk in a slot. Nothing is changed: what is not ours yet is converted by the next apply.
pub(super) async fn find(cx: &Cx, pve: &Pve, at: &VmAddress, slot: &str) -> Result<DataDiskId> {
    let what = format!("read VM {} on node {:?}", at.id, at.node.as_str());
    let config = pve.vm_config(at).await.explain::<DataDisk>(cx, &what)?;
    let drive = sight::disks(&config).find(|(found, _)| *found == slot).map(|(_, drive)| drive);
    let Some(volume) = drive.as_ref().and_then(|drive| drive.volume()) else {
        return Err(Error::new(
            "No disk in slot",
            format!("VM {} on node {:?} has no disk in the slot {slot:?}.", at.id, at.node.as_str()),
        ));
    };
    if let Some(record) = holder::record(&config) {
        return Ok(record.id(at.id));
    }
    if let Some(ours) = given(cx, pve, at, slot).await? {
        return Ok(ours);
    }
    let owner = volume.owner().unwrap_or(at.id);
    let found =
        pve.find_vm(owner, Some(&at.node)).await.explain::<DataDisk>(cx, "find the owner of the volume")?;
    let Some((owner_at, owner_config)) = found else {
        return Err(Error::new(
            "Volume has no owner",
            format!(
                "The volume {:?} in the slot {slot:?} of VM {} belongs to VM {owner}, which does not exist. Make an empty \
                 machine with that ID, attach the volume to it, then import the disk again.",
                volume.to_string(),
                at.id
            ),
        ));
    };
    if let Some(record) = holder::record(&owner_config) {
        return Ok(record.id(owner));
    }
    let found = holder::foreign(cx, pve, owner_at, owner_config).await?;
    let Some(mut foreign) = found else { return Err(not_a_holder(owner, "it has no UUID")) };
    check(pve, &foreign).await?;
    foreign.look_for_user(cx, pve).await?;
    tell(cx, &foreign);
    Ok(foreign.id())
}

/// The disk of ours that was given to a machine, and is in that slot now.
async fn given(cx: &Cx, pve: &Pve, at: &VmAddress, slot: &str) -> Result<Option<DataDiskId>> {
    for id in attached_to(cx, pve, at).await? {
        if id.1 == slot {
            return Ok(Some(id.0));
        }
    }
    Ok(None)
}

/// The disks whose records name a machine, with their slots. It reads every holder.
pub(in crate::resources::pve) async fn attached_to(
    cx: &Cx,
    pve: &Pve,
    at: &VmAddress,
) -> Result<Vec<(DataDiskId, String)>> {
    let what = "read the holders of data disks";
    let guests = pve.guests().await.explain::<DataDisk>(cx, what)?;
    let mut found = Vec::new();
    for guest in guests.iter().filter(|guest| holder::is_holder(guest)) {
        let config = match pve.vm_config(&VmAddress::new(guest.node.clone(), guest.id)).await {
            Err(error) if error.is_not_found() => continue,
            config => config.explain::<DataDisk>(cx, what)?,
        };
        let Some(record) = holder::record(&config) else { continue };
        if let Some(attachment) = record.at.as_ref().filter(|attachment| attachment.vm == at.id) {
            found.push((record.id(guest.id), attachment.slot.clone()));
        }
    }
    Ok(found)
}

/// Whether a machine can become a holder as it is.
async fn check(pve: &Pve, found: &Holder) -> Result<()> {
    let disks: Vec<&str> = sight::disks(&found.config).map(|(slot, _)| slot).collect();
    if disks.len() != 1 {
        let vm = found.at.id;
        return Err(not_a_holder(
            vm,
            &format!(
                "it has {} disks ({}), and a holder has one. Give each of the others to a machine of its own, which needs no \
                 more than a name, and stop whoever uses it before. That changes the name of the volume, so let the one that \
                 uses it refer to the new name:\n\n  qm disk move {vm} <slot> --target-vmid <id>\n\nThen import again",
                disks.len(),
                disks.join(", "),
            ),
        ));
    }
    if found.config.value("template") == Some("1") {
        return Err(not_a_holder(found.at.id, "it is a template"));
    }
    match pve.vm_status(&found.at).await {
        Ok(status) if !status.running => Ok(()),
        _ => Err(not_a_holder(
            found.at.id,
            "it runs, so the disk is its own. Only a machine that never runs can hold one",
        )),
    }
}

fn not_a_holder(vm: pve_client::VmId, why: &str) -> Error {
    Error::new(
        "Not a data disk",
        format!("The volume belongs to VM {vm}, which cannot become the holder of a data disk: {why}."),
    )
}

fn tell(cx: &Cx, found: &Holder) {
    let used = found.record.at.as_ref().map_or_else(
        || "No machine uses its volume.".to_owned(),
        |at| {
            format!(
                "VM {} uses its volume as {:?} at the same time. Backups of either are torn, because the volume is read \
                 from one side while it is written from the other, and starting VM {} would destroy what is on it.",
                at.vm, at.slot, found.at.id
            )
        },
    );
    cx.operation().warn(Diagnostic::warning(
        "Data disk is converted",
        format!(
            "VM {} on node {:?} owns a volume without being a holder of this provider. {used} The next apply makes it \
             one: its name, its description and its protection change, and it lets go of the volume while that is in use. No byte \
             of the volume is touched.",
            found.at.id,
            found.at.node.as_str()
        ),
    ));
}
