//! What a login must be allowed for the data disks that a machine gets or loses.

use pve_client::{Cluster, PoolName, Pve, StorageName, VmId};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::preflight::{Need, need, need_below};
use crate::resources::pve::data_disk::user::{self, Tier, Wanted, on_guest};
use crate::resources::pve::data_disk::{DataDiskId, Holder, Ownership};
use crate::resources::pve::vm::model::Vm;

/// Whatever it may be: whoever has these everywhere lacks nothing.
pub(super) const ALL: [&str; 7] = [
    "Datastore.Audit",
    "Pool.Allocate",
    "Sys.Audit",
    "Sys.Modify",
    "VM.Allocate",
    "VM.Config.Disk",
    "VM.Config.Options",
];

/// What changes.
pub(super) struct Handling<'a> {
    /// What there is in the cluster.
    pub cluster: &'a Cluster,
    /// The machine, if its ID is known.
    pub vm: Option<VmId>,
    /// The pool that the configuration chooses.
    pub pool: Option<PoolName>,
    /// The disks that it is to have.
    pub wanted: &'a Wanted,
    /// Those among them that it has already, in the same slot.
    pub kept: &'a BTreeMap<String, DataDiskId>,
    /// Those that leave.
    pub leaving: &'a [Holder],
}

impl Handling<'_> {
    fn coming(&self) -> impl Iterator<Item = &Holder> {
        self.wanted.found.iter().filter(|(slot, _)| !self.kept.contains_key(slot)).map(|(_, holder)| holder)
    }

    /// A privilege on the machine, or on the pool in which it is or will be.
    fn on_machine(&self, any_of: &'static [&'static str]) -> Need {
        match (self.vm, &self.pool) {
            (Some(vm), _) if self.cluster.guest(vm).is_some() => on_guest(self.cluster, vm, any_of),
            (Some(vm), pool) => {
                need(format!("/vms/{vm}"), any_of).or_on(pool.iter().map(|pool| format!("/pool/{pool}")))
            }
            (None, Some(pool)) => need(format!("/pool/{pool}"), any_of).or_below("/vms"),
            (None, None) => need_below("/vms", any_of),
        }
    }

    /// What all of it needs (qemu-server 9.2.6, `API2/Qemu.pm`; pve-storage 9.1.5, `Storage.pm`).
    pub(super) fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        for holder in self.coming().chain(self.leaving) {
            needs.push(on_guest(self.cluster, holder.at.id, &["VM.Config.Disk"]));
            needs.push(on_guest(self.cluster, holder.at.id, &["VM.Config.Options"]));
            if holder.record.ownership == Ownership::Transfer {
                needs.push(self.on_machine(&["VM.Config.Options"]));
            }
        }
        // The machine refers to a volume that is not its own.
        let referred = self.coming().filter(|holder| holder.record.ownership == Ownership::Holder);
        let mut storages: BTreeSet<StorageName> = referred.filter_map(Holder::storage).collect();
        storages.extend(self.wanted.alike(|disk| disk.referred_on.clone()).flatten());
        let seeing: &[&str] = &["Datastore.Audit", "Datastore.Allocate"];
        needs.extend(storages.iter().map(|name| need(format!("/storage/{name}"), seeing)));
        if !self.leaving.is_empty() || self.coming().next().is_some() || self.wanted.new {
            needs.push(self.on_machine(&["VM.Config.Disk"]));
            needs.extend(self.backups());
        }
        needs
    }

    /// What it needs that backups follow.
    fn backups(&self) -> Vec<Need> {
        let known = self.wanted.found.iter().map(|(_, holder)| holder.record.tier);
        let tier = Tier::strictest(known.chain(self.wanted.alike(|disk| disk.tier).flatten()));
        if user::is_own(self.pool.as_ref()) {
            let left = self.leaving.iter().any(|holder| holder.record.tier.is_backed_up());
            let companions = tier.is_backed_up() || left;
            return if companions {
                vec![need("/", &["Sys.Audit"]), need("/", &["Sys.Modify"])]
            } else {
                Vec::new()
            };
        }
        let present = self.vm.and_then(|vm| self.cluster.guest(vm)).and_then(|guest| guest.pool.clone());
        let changed = match (self.pool.is_some(), tier.pool(), present) {
            (true, _, _) => None,
            (_, Some(wanted), present) => Some(wanted).filter(|wanted| present.as_ref() != Some(wanted)),
            (_, None, present) => present.filter(|pool| Tier::of_pool(pool).is_some()),
        };
        let Some(pool) = changed else { return Vec::new() };
        let joins = self.on_machine(&["VM.Allocate", "Permissions.Modify"]);
        vec![need(format!("/pool/{pool}"), &["Pool.Allocate"]), joins]
    }
}

/// The holders of the disks that a machine loses.
pub(super) async fn leaving(
    cx: &Cx,
    pve: &Pve,
    before: Option<&Vm>,
    kept: &BTreeMap<String, DataDiskId>,
) -> Result<Vec<Holder>> {
    let had = before.and_then(|before| before.data_disks.as_ref()).into_iter().flatten();
    let mut holders = Vec::new();
    for (_, id) in had.filter(|(slot, _)| !kept.contains_key(*slot)) {
        holders.extend(user::find(cx, pve, id).await?);
    }
    Ok(holders)
}

/// What is needed to let go of every data disk of a machine that is destroyed.
pub(in crate::resources::pve::vm) async fn destroy(cx: &Cx, prior: &Vm, vm: VmId) -> Result<Vec<Need>> {
    let Ok(pve) = cx.pve() else { return Ok(Vec::new()) };
    if cx.may_everywhere(&ALL).await {
        return Ok(Vec::new());
    }
    let kept = BTreeMap::new();
    let leaving = leaving(cx, &pve, Some(prior), &kept).await?;
    if leaving.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(cluster) = pve.cluster().await else { return Ok(Vec::new()) };
    let mut needs = vec![on_guest(&cluster, vm, &["VM.Config.Disk"])];
    for holder in &leaving {
        needs.push(on_guest(&cluster, holder.at.id, &["VM.Config.Disk"]));
        needs.push(on_guest(&cluster, holder.at.id, &["VM.Config.Options"]));
        if holder.record.ownership == Ownership::Transfer {
            needs.push(on_guest(&cluster, vm, &["VM.Config.Options"]));
        }
    }
    Ok(needs)
}
