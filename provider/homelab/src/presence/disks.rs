//! Whether disks that a plan names are there and free.

use pve_client::{Disk, NodeName};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::memory::Expected;

/// What is wrong with a disk, if it is known. A disk has more stable names than the list shows, so one that is not in it
/// is missed only by the name of its device.
fn problem(disks: &[Disk], node: &NodeName, path: &str) -> Option<Diagnostic> {
    let named = |disk: &&Disk| disk.path == path || disk.stable_path.as_deref() == Some(path);
    let node = node.as_str();
    match disks.iter().find(named) {
        Some(Disk { used: Some(used), .. }) => Some(Diagnostic::error(
            "Disk is in use",
            format!(
                "Proxmox VE takes only disks without anything on them, and {path:?} of node {node:?} holds something: \
                 {used:?}. Free on this node are: {}. To use it, and lose what is on it, wipe it first.",
                list(disks)
            ),
        )),
        Some(_) => None,
        None if path.starts_with("/dev/disk/") => None,
        None => Some(Diagnostic::error(
            "Disk does not exist",
            format!(
                "The node {node:?} has no disk {path:?}, or it is not a whole one. Free on this node are: {}.",
                list(disks)
            ),
        )),
    }
}

fn list(disks: &[Disk]) -> String {
    let free = disks.iter().filter(|disk| disk.used.is_none());
    let names: Vec<&str> = free.map(|disk| disk.stable_path.as_deref().unwrap_or(&disk.path)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Cx {
    /// Refuses disks of a node that are not there, or not free. Whoever may not look is told nothing.
    pub(crate) async fn check_disks<M: SchemaModel>(
        &self,
        plan: &mut Plan<'_, M>,
        node: &NodeName,
        disks: impl IntoIterator<Item = (Path, String)>,
    ) {
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return };
        let Ok(found) = memory.disks(&pve, node).await else { return };
        for (at, path) in disks {
            if self.expects(&Expected::FreeDisk(node.clone(), path.clone())) {
                continue;
            }
            if let Some(problem) = problem(&found, node, &path) {
                plan.push(problem.at(at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_to_be_there_and_free() {
        let disk = |path: &str, used: Option<&str>| Disk {
            path: format!("/dev/{path}"),
            stable_path: Some(format!("/dev/disk/by-id/ata-{path}")),
            used: used.map(str::to_owned),
        };
        let disks = [disk("sda", Some("LVM")), disk("sdb", None)];
        let said = |path: &str| problem(&disks, &"pve1".parse().unwrap(), path).map(|found| found.summary);
        assert_eq!(said("/dev/sdb"), None);
        assert_eq!(said("/dev/disk/by-id/ata-sdb"), None);
        assert_eq!(said("/dev/disk/by-id/wwn-of-sdb"), None, "another name of it, for all we know");
        assert_eq!(said("/dev/sda").as_deref(), Some("Disk is in use"));
        assert_eq!(said("/dev/disk/by-id/ata-sda").as_deref(), Some("Disk is in use"));
        assert_eq!(said("/dev/sdz").as_deref(), Some("Disk does not exist"));
        let detail = problem(&disks, &"pve1".parse().unwrap(), "/dev/sdz").unwrap().detail;
        assert!(detail.contains("Free on this node are: /dev/disk/by-id/ata-sdb."), "{detail}");
    }
}
