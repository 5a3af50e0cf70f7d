//! A clone for a node that does not see the disks of its template: it is made beside the template and carried over.
//!
//! Proxmox VE clones to another node only on shared storage (qemu-server 9.2.6, `API2/Qemu.pm`). What it makes beside the
//! template is ours from its first moment, as every clone is; a migration while it is off then takes its disks along.

use pve_client::{Cluster, Drive, NodeName, StorageName, VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::create::Create;
use super::machine::Machine;
use super::model::Vm;
use super::{cloud_init, firmware, migration, slot};

/// How a clone gets to its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Proxmox VE makes it there.
    Direct,
    /// It is made beside the template, on this storage or on those of the template, and migrated.
    Carried(Option<StorageName>),
}

/// The volumes of a machine in drives, with the slot of each.
fn volumes(config: &VmConfig) -> impl Iterator<Item = (&str, Drive, StorageName)> {
    let drives = config.values.iter().filter(|(key, _)| slot::is_disk(key) || firmware::is_volume(key));
    drives.filter_map(|(key, value)| {
        let drive: Drive = value.parse().ok()?;
        let storage = drive.volume()?.storage().clone();
        Some((key.as_str(), drive, storage))
    })
}

/// The first reason why a clone of a machine cannot be made on another node.
pub(super) fn obstacle(cluster: &Cluster, source: &VmConfig, copies: Option<&StorageName>) -> Option<String> {
    let local = |storage: &StorageName| cluster.is_shared(storage) == Some(false);
    let of_source = volumes(source).find(|(_, _, storage)| local(storage));
    let of_source = of_source
        .map(|(slot, _, storage)| format!("its disk {slot:?} is on the storage {:?}", storage.as_str()));
    let of_copies = copies
        .filter(|storage| local(storage))
        .map(|storage| format!("the copies are to be on the storage {:?}", storage.as_str()));
    of_source.or(of_copies)
}

/// How a clone gets to another node than that of its source.
pub(super) fn way(cluster: &Cluster, at: &VmAddress, source: &VmConfig, copies: Option<&StorageName>) -> Way {
    if obstacle(cluster, source, copies).is_none() {
        return Way::Direct;
    }
    // What the node of the template does not have is reached by the migration.
    let here = |name: &&StorageName| {
        cluster.storages.iter().any(|found| found.node == at.node && found.name == **name)
    };
    Way::Carried(copies.filter(here).cloned())
}

/// What stands against carrying a clone, and what that costs.
pub(super) fn check(
    cluster: &Cluster,
    at: &VmAddress,
    source: &VmConfig,
    node: &NodeName,
    plan: &mut Plan<'_, Vm>,
) -> bool {
    let text = |path: &str| plan.planned.at(&path.into()).as_str().map(str::to_owned);
    let copies = text("clone.storage_name").and_then(|name| name.parse().ok());
    let Some(reason) = obstacle(cluster, source, copies.as_ref()) else { return false };
    let switch = |path: &str| plan.planned.at(&path.into()).as_bool();
    let (full, may_copy) = (switch("clone.full"), switch("migration.with_local_disks"));
    let why = format!(
        "VM {} is on node {:?}, and {reason}, which other nodes do not see. Proxmox VE clones to another node only on \
         shared storage.",
        at.id,
        at.node.as_str()
    );
    if full == Some(false) {
        plan.error(
            "clone.full",
            "Clone needs copies",
            format!(
                "{why} A clone for node {:?} has to have disks of its own. Remove `full`, use a template on that node, or \
                 put the template's disks on shared storage.",
                node.as_str()
            ),
        );
    } else if may_copy == Some(false) {
        plan.error(
            "migration.with_local_disks",
            "Disks may not be copied",
            format!(
                "{why} The clone would be made on node {:?} and its disks copied to node {:?}, and `with_local_disks` is \
                 `false`. Use a template on that node, put the template's disks on shared storage, or set it to `true`.",
                at.node.as_str(),
                node.as_str()
            ),
        );
    } else if let Some(slot) = local_disc(cluster, source) {
        plan.error(
            "clone",
            "Template holds a disc",
            format!(
                "{why} The clone would be made there and migrated to node {:?}, but its CD drive {slot:?} holds a disc that \
                 only node {:?} sees, and Proxmox VE migrates no machine with such a disc. Take the disc out of the template, \
                 or put it on shared storage.",
                node.as_str(),
                at.node.as_str()
            ),
        );
    } else {
        plan.warn(
            "clone",
            "Clone is copied twice",
            format!(
                "{why} So the clone is made on node {:?}, with disks of its own, and then migrated to node {:?} before it \
                 starts. That takes its time, and for a while room on both nodes. A template on node {:?} would make it in \
                 one step.",
                at.node.as_str(),
                node.as_str(),
                node.as_str()
            ),
        );
    }
    true
}

/// The slot of a CD drive with a disc that other nodes do not see. The drive of cloud-init is made anew where it arrives.
fn local_disc<'a>(cluster: &Cluster, source: &'a VmConfig) -> Option<&'a str> {
    let cloud_init = cloud_init::drive(source).map(|(slot, _)| slot);
    volumes(source)
        .find(|(slot, drive, storage)| {
            drive.is_cdrom() && Some(*slot) != cloud_init && cluster.is_shared(storage) == Some(false)
        })
        .map(|(slot, _, _)| slot)
}

impl Create<'_> {
    /// The node on which the machine appears first.
    pub(super) fn first_node(&self) -> &NodeName {
        match &self.source {
            Some(source) if source.is_carried() => &source.at.node,
            _ => &self.node,
        }
    }

    /// Whether what an interrupted create of the same wish left may be on a node.
    pub(super) fn may_be_on(&self, node: &NodeName) -> bool {
        self.want.allowed_nodes().contains(node) || self.first_node() == node
    }

    /// Takes a clone that is still beside its template to its node. Says whether it moved.
    pub(super) async fn carry(&self, machine: &mut Machine<'_>, config: &VmConfig) -> Result<bool> {
        let beside = self.source.as_ref().is_some_and(|source| source.is_carried());
        if !beside || machine.at.node == self.node || machine.at.node != *self.first_node() {
            return Ok(false);
        }
        let copies = self.want.clone.as_ref().and_then(|clone| clone.storage_name.as_ref());
        let pairs = migration::storage_pairs(self.want, config, copies);
        machine.migrate(&self.node, false, pairs).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pve_client::{ClusterStorage, VmId};

    use super::*;

    fn cluster(storages: &[(&str, &str, bool)]) -> Cluster {
        let storage = |(node, name, shared): &(&str, &str, bool)| ClusterStorage {
            name: name.parse().unwrap(),
            node: node.parse().unwrap(),
            kind: "dir".to_owned(),
            shared: *shared,
            content: BTreeSet::new(),
            total_bytes: None,
            free_bytes: None,
        };
        Cluster {
            guests: Arc::default(),
            nodes: Vec::new(),
            storages: storages.iter().map(storage).collect(),
            pools: BTreeSet::new(),
        }
    }

    fn config(values: &[(&str, &str)]) -> VmConfig {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        VmConfig { values, digest: None }
    }

    #[test]
    fn only_what_other_nodes_do_not_see_makes_a_clone_travel() {
        let cluster = cluster(&[("pve1", "nfs", true), ("pve1", "tank1", false), ("pve2", "tank2", false)]);
        let at = VmAddress::new("pve1".parse().unwrap(), VmId::new(100).unwrap());
        let name = |name: &str| -> StorageName { name.parse().unwrap() };
        let way = |values: &[(&str, &str)], copies: Option<&str>| {
            way(&cluster, &at, &config(values), copies.map(name).as_ref())
        };
        let (shared, local) = ([("scsi0", "nfs:100/base.qcow2")], [("efidisk0", "tank1:base-100-disk-0")]);
        assert_eq!(way(&shared, None), Way::Direct);
        assert_eq!(way(&shared, Some("nfs")), Way::Direct);
        assert_eq!(way(&local, None), Way::Carried(None));
        assert_eq!(way(&local, Some("tank1")), Way::Carried(Some(name("tank1"))));
        // The first copies cannot be on a storage that only the other node has.
        assert_eq!(way(&shared, Some("tank2")), Way::Carried(None));
        // Who may not see a storage is not told what it is.
        assert_eq!(way(&[("scsi0", "secret:base-100-disk-0")], None), Way::Direct);
    }

    #[test]
    fn a_disc_of_the_node_holds_a_clone_back_and_a_cloud_init_drive_does_not() {
        let cluster = cluster(&[("pve1", "tank1", false), ("pve1", "nfs", true)]);
        let slot = |values: &[(&str, &str)]| local_disc(&cluster, &config(values)).map(str::to_owned);
        assert_eq!(slot(&[("ide2", "tank1:iso/a.iso,media=cdrom")]).as_deref(), Some("ide2"));
        assert_eq!(
            slot(&[("ide2", "tank1:vm-100-cloudinit,media=cdrom"), ("scsi0", "tank1:base-100-disk-0")]),
            None
        );
        assert_eq!(slot(&[("ide2", "nfs:iso/a.iso,media=cdrom"), ("sata0", "none,media=cdrom")]), None);
    }
}
