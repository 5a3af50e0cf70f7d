//! Storages that volumes of a machine go to: whether they are there, take disks, and hold the wanted format.

use pve_client::{Cluster, NodeName};
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::{self, Placement};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::presence;

/// Types of storage that hold raw images only (pve-storage 9.1: `plugindata` of each).
const RAW_ONLY: [&str; 5] = ["iscsi", "iscsidirect", "lvmthin", "rbd", "zfspool"];

/// Looks at each storage that gets a volume: on another node than before, that is every one.
pub(super) async fn check(
    cx: &Cx,
    before: Option<&Value>,
    placement: &Placement,
    plan: &mut Plan<'_, Vm>,
) -> Result<()> {
    let gets = getting(before.unwrap_or(&Value::Null), plan.planned, placement.moves);
    // Without a connection there is nothing to look at, and a plan needs none.
    let (false, Some(node), Ok(pve)) = (gets.is_empty(), &placement.node, cx.pve()) else { return Ok(()) };
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    for volume in gets {
        let problem = presence::storage_problem(cx, &cluster, node, &volume.storage, presence::DISKS)
            .map(|problem| problem.at(volume.path.then("storage_name")))
            .or_else(|| wrong_format(&cluster, node, &volume));
        problem.into_iter().for_each(|problem| plan.push(problem));
    }
    Ok(())
}

/// A volume that is made, moved or converted.
struct Getting {
    path: Path,
    storage: String,
    format: Option<String>,
}

fn getting(before: &Value, after: &Value, moves: bool) -> Vec<Getting> {
    let one = |path: Path| {
        let parent = Path(path.0[..path.0.len() - 1].to_vec());
        let text = |vm: &Value, name: &str| vm.at(&parent.then(name)).as_str().map(str::to_owned);
        let storage = text(after, "storage_name")?;
        let format = text(after, "format");
        let is_new = moves
            || text(before, "storage_name").as_ref() != Some(&storage)
            || text(before, "format") != format;
        is_new.then_some(Getting { path: parent, storage, format })
    };
    placement::storage_paths(after).into_iter().filter_map(one).collect()
}

fn wrong_format(cluster: &Cluster, node: &NodeName, volume: &Getting) -> Option<Diagnostic> {
    let format = volume.format.as_deref().filter(|format| *format != "raw")?;
    let mut here = cluster.storages.iter().filter(|found| found.node == *node);
    let storage = here.find(|found| found.name.as_str() == volume.storage)?;
    let problem = Diagnostic::error(
        "Storage lacks the format",
        format!(
            "The storage {:?} is of the type `{}`, which holds raw images only, and this asks for `{format}`. Remove \
             `format`, or choose a storage that holds files.",
            volume.storage, storage.kind
        ),
    );
    RAW_ONLY.contains(&storage.kind.as_str()).then(|| problem.at(volume.path.then("format")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_storage_is_looked_at_when_it_gets_something() {
        let vm = |json: serde_json::Value| Value::from_json(&json, &Vm::schema().ty()).unwrap();
        let before = vm(json!({
            "disks": {"scsi0": {"storage_name": "a", "format": "raw"}, "scsi1": {"storage_name": "b", "format": "raw"}},
            "efi_disk": {"storage_name": "a"},
        }));
        let after = vm(json!({
            "disks": {
                "scsi0": {"storage_name": "a", "format": "qcow2"}, "scsi1": {"storage_name": "b", "format": "raw"},
                "scsi2": {"storage_name": "c"}, "scsi3": {},
            },
            "efi_disk": {"storage_name": "d"},
        }));
        let found = |before: &Value, moves| {
            let found = getting(before, &after, moves).into_iter().map(|volume| volume.path.to_string());
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(&before, false), ["disks[\"scsi0\"]", "disks[\"scsi2\"]", "efi_disk"]);
        let all = ["disks[\"scsi0\"]", "disks[\"scsi1\"]", "disks[\"scsi2\"]", "efi_disk"];
        assert_eq!(
            (found(&before, true), found(&Value::Null, false)),
            (all.map(str::to_owned).into(), all.map(str::to_owned).into())
        );
    }
}
