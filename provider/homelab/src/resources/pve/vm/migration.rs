//! Moving a machine to another node, with the disks that only its present node sees.

use pve_client::{Cluster, NodeName, Params, StorageName, Upid, VmAddress, VmConfig};
use tf_framework::prelude::*;

use super::machine::Machine;
use super::model::Vm;
use super::{disk, firmware, settle, slot};

/// How often a migration whose answer was lost is asked for.
const ATTEMPTS: u32 = 4;

/// How a machine goes to another node.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Migration {
    /// Whether a running machine keeps running meanwhile. Default `true`. With `false` it is shut down, moved and
    /// started, for nodes whose processors differ too much. High availability always moves a machine that runs.
    pub online: Option<bool>,

    /// Whether disks on storages that only the present node sees are copied to the new one. Default `true`. With
    /// `false`, a plan that would copy some is an error.
    pub with_local_disks: Option<bool>,
}

impl Vm {
    /// Whether it is shut down to be moved.
    pub(super) fn stops_to_move(&self) -> bool {
        self.migration.as_ref().is_some_and(|migration| migration.online == Some(false))
    }
}

impl Machine<'_> {
    /// Moves the machine to another node; one that runs keeps running. `pairs` says which storage takes the place of
    /// which, for disks that have to be copied anyway.
    pub(super) async fn migrate(&mut self, target: &NodeName, running: bool, pairs: String) -> Result<()> {
        // Disks on storages of the node travel with it; for a machine that is off that goes without saying.
        let may_copy = self.want.is_none_or(|want| {
            want.migration.as_ref().is_none_or(|migration| migration.with_local_disks != Some(false))
        });
        let pairs = Some(pairs).filter(|pairs| !pairs.is_empty());
        let more = Params::new().flag("with-local-disks", running && may_copy).opt("targetstorage", pairs);
        let verb = format!("migrate to node {:?}", target.as_str());
        let there = VmAddress::new(target.clone(), self.at.id);
        for _ in 0..ATTEMPTS {
            let moved =
                self.task(&verb, || self.pve.migrate_vm(&self.at, target, running, more.clone())).await;
            let arrived = match moved {
                Ok(done) if !done.upid.kind().starts_with("ha") => true,
                // High availability moves it later.
                Ok(_) => self.explain(self.until_there(&there).await, &verb).map(|()| true)?,
                // Only the nodes know whether it was heard.
                Err(pve_client::Error::MaybeApplied { .. }) => {
                    self.explain(self.until_migrated().await, &verb)?;
                    self.explain(self.is_there(&there).await, &verb)?
                }
                Err(error) => return self.explain(Err(error), &verb),
            };
            if arrived {
                self.at = there;
                return Ok(());
            }
        }
        Err(Error::new(
            "Migration got no answer",
            format!(
                "Proxmox VE was asked {ATTEMPTS} times to {}, the answer was lost each time, and the machine is still where \
                 it was. Find out what cuts the connection, and apply again.",
                self.what(&verb)
            ),
        ))
    }

    /// Waits until no task moves the machine away from its node any more.
    pub(super) async fn until_migrated(&self) -> pve_client::Result<()> {
        let id = self.at.id.to_string();
        let moves = |task: &Upid| task.kind() == "qmigrate" && task.object() == id;
        self.pve.await_tasks(&self.at.node, moves).await.map(drop)
    }

    async fn until_there(&self, there: &VmAddress) -> pve_client::Result<()> {
        api_core::poll(self.pve.scope(), api_core::Pace::default(), || async {
            Ok(self.is_there(there).await?.then_some(()))
        })
        .await
    }

    async fn is_there(&self, there: &VmAddress) -> pve_client::Result<bool> {
        match self.pve.vm_config(there).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Which storage takes the place of which, as `old:new,…`. Proxmox VE applies it only to what has to be copied. What is
/// on a storage without a successor goes to `others`, if there is one.
pub(super) fn storage_pairs(want: &Vm, current: &VmConfig, others: Option<&StorageName>) -> String {
    let mut pairs: BTreeMap<StorageName, StorageName> = BTreeMap::new();
    let mut pair = |present: Option<pve_client::Drive>, wanted: Option<&StorageName>| {
        let present = present.and_then(|drive| drive.volume());
        if let (Some(present), Some(wanted)) = (present, wanted) {
            // One storage has one successor; what goes elsewhere is moved afterwards.
            pairs.entry(present.storage().clone()).or_insert_with(|| wanted.clone());
        }
    };
    for (slot, disk) in want.disks.iter().flatten() {
        pair(disk::in_slot(current, slot), disk.storage_name.known());
    }
    let efi = want.efi_disk.as_ref().and_then(|efi| efi.storage_name.known());
    let tpm = want.tpm_state.as_ref().and_then(|tpm| tpm.storage_name.known());
    for (key, wanted) in [(firmware::EFI, efi), (firmware::TPM, tpm)] {
        pair(settle::drive(current, key), wanted);
    }
    let volumes = current.values.iter().filter(|(key, _)| slot::is_disk(key) || firmware::is_volume(key));
    for (_, value) in volumes {
        pair(value.parse().ok(), others);
    }
    let changed = pairs.into_iter().filter(|(old, new)| old != new);
    changed.map(|(old, new)| format!("{old}:{new}")).collect::<Vec<_>>().join(",")
}

/// Tells which disks a migration copies, or that it may not.
pub(super) fn check(cluster: &Cluster, before: &Value, node: &NodeName, plan: &mut Plan<'_, Vm>) {
    let mut local = Vec::new();
    let mut note = |name: &str, vm: &Value| {
        let storage = vm.attribute("storage_name").as_str().and_then(|name| name.parse::<StorageName>().ok());
        let Some(storage) = storage.filter(|storage| cluster.is_shared(storage) == Some(false)) else {
            return;
        };
        let size =
            vm.attribute("size_gib").as_number().map(|size| format!(", {size} GiB")).unwrap_or_default();
        local.push(format!("{name} (storage {:?}{size})", storage.as_str()));
    };
    for (slot, disk) in before.attribute("disks").as_entries().into_iter().flatten() {
        note(slot, disk);
    }
    for (name, key) in [("efi_disk", firmware::EFI), ("tpm_state", firmware::TPM)] {
        note(key, before.attribute(name));
    }
    if local.is_empty() {
        return;
    }
    let list = local.join(", ");
    let path = if plan.config.attribute("nodes").is_null() { "node_name" } else { "nodes" };
    if plan.planned.at(&"migration.with_local_disks".into()).as_bool() == Some(false) {
        plan.error(
            "migration.with_local_disks",
            "Disks may not be copied",
            format!(
                "The machine is to go to node {:?}, which does not see these disks of it: {list}. They would have to be \
                 copied, and `with_local_disks` is `false`. Move them to shared storage first, or set it to `true`.",
                node.as_str()
            ),
        );
        return;
    }
    let managed = before.attribute("vm_id").as_number().and_then(Number::to_i64).and_then(|id| {
        cluster
            .guest(pve_client::VmId::try_from(id).ok()?)?
            .ha_state
            .clone()
            .filter(|state| state != "ignored")
    });
    let how = match managed {
        Some(_) => {
            "High availability does the migration, and it does not copy disks unless they are replicated there: expect it \
             to refuse."
        }
        None => "The migration copies them over the network, which takes its time.",
    };
    plan.warn(
        path,
        "Local disks are copied",
        format!("Node {:?} does not see these disks of the machine: {list}. {how}", node.as_str()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_copied_goes_to_its_new_storage_at_once() {
        let values = [("scsi0", "tank1:vm-100-disk-0,size=1G"), ("scsi1", "tank1:vm-100-disk-1,size=1G")];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let current = VmConfig { values, digest: None };
        let want = |storages: &[(&str, &str)], others: Option<&str>| {
            let others = others.map(|name| name.parse::<StorageName>().unwrap());
            let mut vm = super::super::config::read(
                super::super::named::Named::Everything,
                &current,
                Vm::nothing("pve1".parse().unwrap()),
            );
            for (slot, storage) in storages {
                let disk = vm.disks.as_mut().unwrap().get_mut(*slot).unwrap();
                disk.storage_name = storage.parse::<StorageName>().unwrap().into();
            }
            storage_pairs(&vm, &current, others.as_ref())
        };
        assert_eq!(want(&[], None), "");
        assert_eq!(want(&[("scsi0", "tank2"), ("scsi1", "tank2")], None), "tank1:tank2");
        // What names its storage goes there; what names none goes where the others go.
        assert_eq!(want(&[("scsi0", "tank2")], Some("nfs")), "tank1:tank2");
        let nothing = Vm::nothing("pve1".parse().unwrap());
        assert_eq!(storage_pairs(&nothing, &current, Some(&"nfs".parse().unwrap())), "tank1:nfs");
    }
}
