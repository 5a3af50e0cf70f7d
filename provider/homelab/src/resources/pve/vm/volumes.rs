//! Volumes that a machine names and does not make: discs for its drives, images for its disks, its hook script.

use pve_client::VolumeId;
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::presence::{self, Content};

/// Looks for each volume that is new to the machine, or new to its node: one list for each storage and content, which all
/// plans of a run share.
pub(super) async fn check(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    let mut wanted = named(before.unwrap_or(&Value::Null), plan.planned, placement.moves);
    wanted.retain(|(_, volume, _)| !cx.expects(&Expected::Volume(volume.clone())));
    // Without a connection there is nothing to look at, and a plan needs none.
    let (false, Some(node), Ok(pve), Some(memory)) =
        (wanted.is_empty(), &placement.node, cx.pve(), cx.memory())
    else {
        return Ok(());
    };
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    for (path, volume, content) in wanted {
        let storage = volume.storage();
        if let Some(problem) = presence::storage_problem(cx, &cluster, node, storage.as_str(), content) {
            plan.push(problem.at(path));
            continue;
        }
        if !cluster.storages.iter().any(|found| found.node == *node && found.name == *storage) {
            continue;
        }
        let everywhere = cluster.is_shared(storage) == Some(true);
        // Whoever may not look is not blamed, and a storage that does not answer has nothing to say.
        let Ok(there) = memory.volumes(&pve, node, storage, everywhere, content.name()).await else {
            continue;
        };
        if !there.iter().any(|found| is_in(&volume, found)) {
            plan.error(path, "Volume does not exist", missing(&volume, node.as_str()));
        } else if let Some((path, size)) = wanted_size(&path, plan.planned) {
            // What cannot be told now, the import tells.
            let has = memory.image_size(&pve, node, &volume).await.ok().flatten();
            let has = has.map(|bytes| bytes.div_ceil(1 << 30)).filter(|has| *has > size);
            has.into_iter()
                .for_each(|has| plan.error(path.clone(), "Image is larger", larger(&volume, has, size)));
        }
    }
    Ok(())
}

/// The size in GiB that a disk is to have whose image a path names.
fn wanted_size(path: &Path, vm: &Value) -> Option<(Path, u64)> {
    let import = Path::from("import_from").0;
    let disk = Path(path.0.strip_suffix(&*import)?.to_vec());
    let path = disk.then("size_gib");
    let size = vm.at(&path).as_number().and_then(Number::to_i64)?;
    Some((path, u64::try_from(size).ok()?))
}

fn larger(image: &VolumeId, has: u64, wants: u64) -> String {
    format!(
        "The image \"{image}\" is a disk of {has} GiB, and this one is to have {wants}. Proxmox VE cannot shrink disks. Set \
         `size_gib` to {has} or more, or remove it to keep the size of the image."
    )
}

/// Whether a volume is one that a storage lists, or a disk inside of it.
fn is_in(volume: &VolumeId, listed: &VolumeId) -> bool {
    let inside = volume.path().strip_prefix(listed.path());
    volume.storage() == listed.storage()
        && inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn missing(volume: &VolumeId, node: &str) -> String {
    format!(
        "There is no volume \"{volume}\" that this login may see: node {node:?} does not list it. Check its name, and that the \
         login has the privilege Datastore.Audit for the storage. If this configuration makes it, refer to the `volume_id` of \
         its `homelab_pve_image`."
    )
}

/// The volumes that have to be there, with the argument of each and what it is.
fn named(before: &Value, after: &Value, moves: bool) -> Vec<(Path, VolumeId, Content)> {
    let entries =
        |map: &str| after.attribute(map).as_entries().into_iter().flatten().map(|(slot, _)| slot.clone());
    let drives = entries("cdroms").map(|slot| Path::from("cdroms").key(&slot).then("volume_id"));
    let mut paths: Vec<(Path, &str, Content)> = drives.map(|path| (path, "iso", presence::DISCS)).collect();
    paths.push(("hook_script".into(), "snippets", presence::SCRIPTS));
    paths.retain(|(path, ..)| moves || before.at(path) != after.at(path));
    let disks = entries("disks").map(|slot| Path::from("disks").key(&slot));
    let new = disks.filter(|path| before.at(path).is_null());
    paths.extend(new.map(|path| (path.then("import_from"), "import", presence::IMAGES)));
    let volume = |(path, kind, content): (Path, &str, Content)| {
        let volume: VolumeId = after.at(&path).as_str()?.parse().ok()?;
        // Disks of other machines can be copied too; those are not looked for.
        (volume.content() == Some(kind)).then_some((path, volume, content))
    };
    paths.into_iter().filter_map(volume).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_new_is_looked_for() {
        let vm = |json: serde_json::Value| Value::from_json(&json, &Vm::schema().ty()).unwrap();
        let before = vm(json!({
            "cdroms": {"ide2": {"volume_id": "local:iso/a.iso"}},
            "disks": {"scsi0": {"import_from": "local:import/a.qcow2"}},
        }));
        let after = vm(json!({
            "hook_script": "local:snippets/a.sh",
            "cdroms": {
                "ide2": {"volume_id": "local:iso/a.iso"}, "ide0": {"volume_id": "cdrom"}, "sata0": {},
                "sata1": {"volume_id": "local:iso/b.iso"},
            },
            "disks": {
                "scsi0": {"import_from": "local:import/b.qcow2"}, "scsi1": {"import_from": "local:import/c.qcow2"},
                "scsi2": {"import_from": "local-lvm:vm-100-disk-0"},
            },
        }));
        let found = |moves| {
            let named = named(&before, &after, moves).into_iter();
            named.map(|(_, volume, _)| volume.file_name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found(false), ["b.iso", "a.sh", "c.qcow2"]);
        assert_eq!(found(true), ["a.iso", "b.iso", "a.sh", "c.qcow2"]);
    }

    #[test]
    fn a_disk_inside_of_an_archive_is_there_with_it() {
        let id = |text: &str| -> VolumeId { text.parse().unwrap() };
        assert!(is_in(&id("local:import/a.ova"), &id("local:import/a.ova")));
        assert!(is_in(&id("local:import/a.ova/disk1.vmdk"), &id("local:import/a.ova")));
        assert!(!is_in(&id("local:import/a.ovas"), &id("local:import/a.ova")));
        assert!(!is_in(&id("other:import/a.ova"), &id("local:import/a.ova")));
    }
}
