//! What a plan of a machine says about its data disks: what backs them up, and what will not work with them.

use pve_client::{Cluster, HaServiceId, NodeName, PoolName, Pve, VmId};
use tf_framework::prelude::*;

use super::holder::Holder;
use super::model::Ownership;
use super::tier::BackupTier;
use crate::resources::pve::vm::Vm;

/// A plan and what it is judged by.
pub(in crate::resources::pve) struct Foresight<'a> {
    /// The client.
    pub pve: &'a Pve,
    /// What there is in the cluster.
    pub cluster: &'a Cluster,
}

impl Foresight<'_> {
    /// Adds warnings and errors to the plan of a machine that gets `disks`.
    pub(in crate::resources::pve) async fn tell(
        &self,
        disks: &[(String, Holder)],
        after: Value,
        before: Option<&Value>,
        plan: &mut Plan<'_, Vm>,
    ) -> Result<()> {
        if disks.is_empty() {
            return Ok(());
        }
        let node: Option<NodeName> = after.attribute("node_name").as_str().and_then(|name| name.parse().ok());
        let vm = before.and_then(|before| before.attribute("vm_id").as_number().and_then(Number::to_i64));
        let vm = vm.and_then(|id| VmId::try_from(id).ok());
        for (slot, holder) in disks {
            self.place(slot, holder, node.as_ref(), vm, plan);
        }
        self.movement(disks, vm, plan).await;
        self.backups(disks, &after, vm, plan).await;
        Ok(())
    }

    fn is_local(&self, holder: &Holder) -> bool {
        let sight = holder.sight();
        let storage = sight.volume().and_then(|volume| volume.split_once(':'));
        let storage = storage.and_then(|(name, _)| name.parse().ok());
        storage.and_then(|storage| self.cluster.is_shared(&storage)) == Some(false)
    }

    /// Whether the disk can be where the machine is, and is free.
    fn place(
        &self,
        slot: &str,
        holder: &Holder,
        node: Option<&NodeName>,
        vm: Option<VmId>,
        plan: &mut Plan<'_, Vm>,
    ) {
        let path = Path::from("data_disks").key(slot);
        let called = holder.called();
        if let Some(node) = node.filter(|node| **node != holder.at.node)
            && self.is_local(holder)
        {
            let detail = format!(
                "The {called} is on a storage that only its own node sees, and the machine is to be on node {:?}. Put \
                 both on one node with `node_name`, or the disk on shared storage.",
                node.as_str()
            );
            plan.error(path.clone(), "Data disk is on another node", detail);
        }
        let elsewhere = holder.record.at.as_ref().map(|at| at.vm).filter(|user| Some(*user) != vm);
        if let Some(user) = elsewhere {
            let detail = format!(
                "VM {user} uses the {called} now. It can be attached once that machine has let go of it: if this apply takes \
                 it out of that machine's `data_disks`, or destroys that machine, this one waits a moment for it."
            );
            plan.warn(path.clone(), "Data disk is in use", detail);
        }
        if holder.record.ownership == Ownership::Transfer {
            let detail = format!(
                "The {called} has `ownership = \"transfer\"`: the volume is given to the machine and renamed, and the \
                 machine is protected while it owns it, because whoever deletes the machine deletes the volume. When a \
                 running machine gives it back, its options are lost on the way and set again."
            );
            plan.warn(path, "Volume changes its owner", detail);
        }
    }

    /// Migration, high availability and replication do not take along what a machine only refers to.
    async fn movement(&self, disks: &[(String, Holder)], vm: Option<VmId>, plan: &mut Plan<'_, Vm>) {
        let stuck: Vec<&(String, Holder)> = disks
            .iter()
            .filter(|(_, holder)| holder.record.ownership == Ownership::Holder && self.is_local(holder))
            .collect();
        if stuck.is_empty() || self.cluster.nodes.len() < 2 {
            return;
        }
        let mut reasons = vec![
            "the machine cannot migrate while it uses the disk, because the volume belongs to another machine",
        ];
        if let Some(vm) = vm {
            // Whoever may not see these is told the rest.
            let managed = self.pve.ha_resource(&HaServiceId::vm(vm)).await.is_ok();
            let jobs = self.pve.replication_jobs().await.unwrap_or_default();
            if managed {
                reasons.push(
                    "it is managed by the high-availability service, which cannot recover it on another node",
                );
            }
            if jobs.iter().any(|job| job.id.guest == vm) {
                reasons.push("its replication jobs leave the disk out without a word");
            }
        }
        for (slot, holder) in stuck {
            plan.warn(
                Path::from("data_disks").key(slot),
                "Data disk ties to node",
                format!(
                    "The {} is on a storage that only its own node sees: {}. If the machine has to move, put the disk on \
                     shared storage, or set `ownership = \"transfer\"` for it.",
                    holder.called(),
                    reasons.join("; ")
                ),
            );
        }
    }

    /// What backs up what.
    async fn backups(
        &self,
        disks: &[(String, Holder)],
        after: &Value,
        vm: Option<VmId>,
        plan: &mut Plan<'_, Vm>,
    ) {
        let tiers: BTreeSet<BackupTier> = disks.iter().map(|(_, holder)| holder.record.tier).collect();
        let strictest = BackupTier::strictest(tiers.iter().copied());
        let Some(tier_pool) = strictest.pool() else { return };
        let own_pool: Option<PoolName> =
            after.attribute("pool_name").as_str().and_then(|name| name.parse().ok());
        let list = disks.iter().map(|(slot, holder)| {
            let tier = holder.record.tier;
            let fate = if tier.is_backed_up() { "in" } else { "left out of" };
            format!("  {slot}: {:?}, tier {tier}, {fate} the machine's backups", holder.record.name)
        });
        let list = list.collect::<Vec<_>>().join("\n");
        let pool = own_pool.as_ref().unwrap_or(&tier_pool);
        let jobs = self.jobs(pool, vm).await;
        let covered = match &jobs {
            None => "Whether a job does so now could not be read.".to_owned(),
            Some(jobs) if jobs.is_empty() => format!(
                "No enabled backup job does so now. Make one, for example a `homelab_backup_schedule`, or a \
                 `homelab_pve_backup_job` with `pool_name = {:?}`.",
                pool.as_str()
            ),
            Some(jobs) => format!("Now that is: {}.", jobs.join(", ")),
        };
        let several = if tiers.iter().filter(|tier| tier.is_backed_up()).count() > 1 {
            " A machine is in one pool only, so all of its disks follow the strictest tier."
        } else {
            ""
        };
        let (summary, how) = match &own_pool {
            Some(own) => (
                "Backups need a job",
                format!(
                    "The machine is in the pool {:?}, which `pool_name` chooses, so the job of the pool {:?} does not take \
                     it. While these disks are attached, a job has to name the machine or its pool.",
                    own.as_str(),
                    tier_pool.as_str()
                ),
            ),
            None => (
                "Backups go through the machine",
                format!(
                    "While these disks are attached, the machine is in the pool {:?}, and the job of that pool backs it \
                     up. Its other disks are left out unless their `backup` is `true`.{several}",
                    tier_pool.as_str()
                ),
            ),
        };
        plan.warn("data_disks", summary, format!("{how} {covered}\n\n{list}"));
    }

    /// The enabled jobs that take a machine in a pool; nothing when they cannot be read.
    async fn jobs(&self, pool: &PoolName, vm: Option<VmId>) -> Option<Vec<String>> {
        let jobs = self.pve.backup_jobs().await.ok()?;
        let takes = |settings: &pve_client::Settings| {
            let vm = vm.map(|vm| vm.to_string());
            let named =
                vm.as_ref().is_some_and(|vm| settings.word_set("vmid").is_some_and(|ids| ids.contains(vm)));
            let excluded = vm
                .as_ref()
                .is_some_and(|vm| settings.word_set("exclude").is_some_and(|ids| ids.contains(vm)));
            settings.truth("enabled") != Some(false)
                && (settings.text("pool") == Some(pool.as_str())
                    || named
                    || settings.truth("all") == Some(true) && !excluded)
        };
        let called = jobs.iter().filter(|job| takes(&job.settings)).map(|job| {
            format!("`{}` ({})", job.id.as_str(), job.settings.text("schedule").unwrap_or("no schedule"))
        });
        Some(called.collect())
    }
}
