//! What a plan of a machine says about its data disks: what backs them up, and what will not work with them.

use pve_client::{BackupJob, Cluster, HaServiceId, NodeName, PoolName, Pve, VmId};
use tf_framework::prelude::*;

use super::coverage::is_own;
use super::holder::Holder;
use super::tier::BackupTier;
use super::ties::{self, ADVICE, Mobility, NewDisk, Tied};
use super::{companions, place};
use crate::cx::Cx;
use crate::resources::pve::vm::Vm;

/// What is wrong with a disk that keeps its machine from moving.
pub(super) const TIES: &str = "Data disk ties to node";

/// A plan and what it is judged by.
pub(in crate::resources::pve) struct Foresight<'a> {
    /// The operation.
    pub cx: &'a Cx,
    /// The client.
    pub pve: &'a Pve,
    /// What there is in the cluster.
    pub cluster: &'a Cluster,
}

/// The disks that a machine is to have.
#[derive(Debug, Default)]
pub(in crate::resources::pve) struct Wanted {
    /// Those that there are, by slot.
    pub found: Vec<(String, Holder)>,
    /// Whether there are others, which the same run makes.
    pub new: bool,
    /// The disks among which those are.
    pub possible: Vec<NewDisk>,
}

impl Wanted {
    /// What all disks are alike in that the machine may get.
    pub(in crate::resources::pve) fn alike<T: PartialEq>(&self, of: impl Fn(&NewDisk) -> T) -> Option<T> {
        let (first, rest) = self.possible.split_first()?;
        let first = of(first);
        rest.iter().all(|disk| of(disk) == first).then_some(first)
    }
}

impl Foresight<'_> {
    /// Adds warnings and errors to the plan of a machine that gets disks.
    pub(in crate::resources::pve) async fn tell(
        &self,
        wanted: &Wanted,
        after: Value,
        before: Option<&Value>,
        plan: &mut Plan<'_, Vm>,
    ) -> Result<()> {
        let disks = &wanted.found;
        if disks.is_empty() && !wanted.new {
            return Ok(());
        }
        let node: Option<NodeName> = after.attribute("node_name").as_str().and_then(|name| name.parse().ok());
        let vm = before.and_then(|before| before.attribute("vm_id").as_number().and_then(Number::to_i64));
        let vm = vm.and_then(|id| VmId::try_from(id).ok());
        for (slot, holder) in disks {
            self.place(slot, holder, node.as_ref(), vm, plan);
        }
        place::tell_of_given(&wanted.possible, plan);
        self.movement(disks, &wanted.possible, &after, vm, plan).await;
        self.backups(wanted, &after, vm, plan).await;
        Ok(())
    }

    /// Migration, high availability and replication do not take along what a machine only refers to. A machine that is
    /// to stay where it is misses nothing.
    async fn movement(
        &self,
        disks: &[(String, Holder)],
        new: &[NewDisk],
        after: &Value,
        vm: Option<VmId>,
        plan: &mut Plan<'_, Vm>,
    ) {
        let stuck: Vec<&(String, Holder)> = disks.iter().filter(|(_, holder)| self.ties(holder)).collect();
        let among_new = ties::among(new);
        let names: Vec<String> = stuck.iter().map(|(_, holder)| holder.record.name.clone()).collect();
        let tied = Some(names).filter(|names| !names.is_empty()).map(Tied::By).or_else(|| among_new.clone());
        let planned =
            self.cx.ties().map(|ties| ties.machine(ties::id_of(after), tied.clone())).unwrap_or_default();
        if tied.is_none() {
            return;
        }
        let reasons = self.reasons(after, vm, planned).await.join("; ");
        if reasons.is_empty() {
            return;
        }
        for (slot, holder) in stuck {
            plan.warn(
                Path::from("data_disks").key(slot),
                TIES,
                format!(
                    "The {} is on a storage that only its own node sees: {reasons}. {ADVICE}",
                    holder.called()
                ),
            );
        }
        if let Some(tied) = among_new {
            plan.warn("data_disks", TIES, format!("The machine {}: {reasons}. {ADVICE}", tied.told()));
        }
    }

    /// What is to move the machine or copies of it, and what the disk does to that.
    async fn reasons(&self, after: &Value, vm: Option<VmId>, planned: Vec<Mobility>) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        if after.attribute("nodes").as_elements().is_some_and(|nodes| nodes.len() > 1) {
            reasons.push(
                "`nodes` names several, and the machine cannot migrate while it uses the disk, because the volume belongs \
                 to another machine",
            );
        }
        let (mut managed, mut replicated) =
            (planned.contains(&Mobility::HighAvailability), planned.contains(&Mobility::Replication));
        if let Some(vm) = vm {
            // Whoever may not see these is told the rest.
            managed = managed || self.pve.ha_resource(&HaServiceId::vm(vm)).await.is_ok();
            let jobs = self.pve.replication_jobs().await.unwrap_or_default();
            replicated = replicated || jobs.iter().any(|job| job.id.guest == vm);
        }
        reasons.extend(managed.then(|| Mobility::HighAvailability.reason()));
        reasons.extend(replicated.then(|| Mobility::Replication.reason()));
        reasons
    }

    /// What backs up what.
    async fn backups(&self, wanted: &Wanted, after: &Value, vm: Option<VmId>, plan: &mut Plan<'_, Vm>) {
        let (disks, new) = (&wanted.found, &wanted.possible);
        let known = disks.iter().map(|(_, holder)| holder.record.tier);
        // Which of the new disks it gets is not known, but they may all be alike.
        let alike = wanted.alike(|disk| disk.tier).flatten();
        let tiers: BTreeSet<BackupTier> = known.chain(alike).collect();
        let strictest = BackupTier::strictest(tiers.iter().copied());
        let chosen: Option<PoolName> =
            after.attribute("pool_name").as_str().and_then(|name| name.parse().ok());
        let found = chosen.as_ref().and_then(BackupTier::of_pool);
        if let Some(found) = found.filter(|found| BackupTier::strictest([*found, strictest]) != *found) {
            let Error(messages) = looser_pool(found, strictest);
            messages.into_iter().for_each(|message| plan.push(message));
            return;
        }
        let list = list(disks, new);
        let backed_up = new.iter().any(|disk| disk.tier.is_some_and(BackupTier::is_backed_up));
        if backed_up && alike.is_none() {
            let jobs = self.pve.backup_jobs().await.ok();
            let all = tiers.into_iter().chain(new.iter().filter_map(|disk| disk.tier));
            let missing = without_job(all, jobs.as_deref());
            return plan.warn(
                "data_disks",
                THROUGH_MACHINE,
                format!("{STRICTEST_OF_NEW}\n\n{list}{missing}"),
            );
        }
        let Some(tier_pool) = strictest.pool() else { return };
        let several = if tiers.iter().filter(|tier| tier.is_backed_up()).count() > 1 {
            " A machine is backed up as a whole, so all of its disks follow the strictest tier."
        } else {
            ""
        };
        let jobs = self.pve.backup_jobs().await.ok();
        let own = chosen.as_ref().filter(|pool| is_own(Some(pool)));
        let (summary, how, covered) = match own {
            Some(own) => (
                "Backups need companions",
                format!(
                    "The machine is in the pool {:?}, which `pool_name` chooses, so the jobs of the pool {:?} do not take \
                     it. While these disks are attached, each of those jobs has a companion of the same settings for this \
                     machine.{several}{}",
                    own.as_str(),
                    tier_pool.as_str(),
                    others_of_own_pool(own, jobs.as_deref(), vm),
                ),
                companions_of(&tier_pool, jobs.as_deref(), vm),
            ),
            None => (
                THROUGH_MACHINE,
                format!(
                    "While these disks are attached, the machine is in the pool {:?}, and the job of that pool backs it \
                     up. Its other disks are left out unless their `backup` is `true`.{several}",
                    chosen.as_ref().unwrap_or(&tier_pool).as_str()
                ),
                jobs_of(chosen.as_ref().unwrap_or(&tier_pool), jobs.as_deref(), vm),
            ),
        };
        plan.warn("data_disks", summary, format!("{how} {covered}\n\n{list}"));
    }
}

/// What backs up the disks of a machine.
const THROUGH_MACHINE: &str = "Backups go through the machine";

/// What is known of the backups of a machine before it is known which disks it gets.
const STRICTEST_OF_NEW: &str = "While its data disks are attached, the machine is backed up as the strictest tier among them says: it is in the pool of \
     that tier or, if `pool_name` chooses a pool of your own, each job of that tier has a companion for it. Its other disks \
     are left out unless their `backup` is `true`. Which of the disks that are made in this run it gets is known only after \
     apply:";

/// The disks of a machine, and those that may be its, with what backups make of each.
fn list(disks: &[(String, Holder)], new: &[NewDisk]) -> String {
    let line = |slot: &str, name: &str, tier: BackupTier| {
        let fate = if tier.is_backed_up() { "in" } else { "left out of" };
        format!("  {slot}: {name:?}, tier {tier}, {fate} the machine's backups")
    };
    let known = disks.iter().map(|(slot, holder)| line(slot, &holder.record.name, holder.record.tier));
    let new = new.iter().map(|disk| match disk.tier {
        Some(tier) => line("new", &disk.name, tier),
        None => format!("  new: {:?}, of a tier that is known only after apply", disk.name),
    });
    known.chain(new).collect::<Vec<_>>().join("\n")
}

/// A pool that promises less than a disk needs cannot be chosen.
fn looser_pool(found: BackupTier, strictest: BackupTier) -> Error {
    Error::new(
        "Pool is of a looser tier",
        format!(
            "`pool_name` puts the machine into the pool of tier {found}, and one of its data disks is of tier {strictest}, \
             whose promise the job of that pool does not keep. Leave `pool_name` out, so that the machine goes where its \
             disks need it, or choose a pool of your own."
        ),
    )
    .at("pool_name")
}

const UNREADABLE: &str = "Which jobs these are could not be read.";

/// The jobs that take a machine in a pool.
pub(super) fn jobs_of(pool: &PoolName, jobs: Option<&[BackupJob]>, vm: Option<VmId>) -> String {
    let Some(jobs) = jobs else { return UNREADABLE.to_owned() };
    // Companions are there for a pool of the user's own.
    let takes = |job: &&BackupJob| companions::of(job).is_none() && takes(job, pool, vm);
    let found = called(jobs.iter().filter(takes));
    if found.is_empty() {
        return no_job(pool);
    }
    format!("Now that is: {}.", found.join(", "))
}

/// Those of some tiers whose pools no job backs up.
fn without_job(tiers: impl Iterator<Item = BackupTier>, jobs: Option<&[BackupJob]>) -> String {
    let Some(jobs) = jobs else { return String::new() };
    let pools: BTreeSet<PoolName> = tiers.filter_map(BackupTier::pool).collect();
    let missing = pools.iter().filter(|pool| !jobs.iter().any(|job| takes(job, pool, None)));
    let names: Vec<String> = missing.map(|pool| format!("{:?}", pool.as_str())).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "\n\nNo enabled backup job backs these pools up yet, unless this configuration makes one: {}.",
        names.join(", ")
    )
}

fn no_job(pool: &PoolName) -> String {
    format!(
        "No enabled backup job does so yet. Unless this configuration makes one, add for example a \
         `homelab_backup_schedule`, or a `homelab_pve_backup_job` with `pool_name = {:?}`.",
        pool.as_str()
    )
}

/// The companions that a machine in a pool of the user's own gets.
pub(super) fn companions_of(tier_pool: &PoolName, jobs: Option<&[BackupJob]>, vm: Option<VmId>) -> String {
    let Some(jobs) = jobs else { return UNREADABLE.to_owned() };
    let bases: Vec<&BackupJob> = jobs
        .iter()
        .filter(|job| is_enabled(job) && job.settings.text("pool") == Some(tier_pool.as_str()))
        .collect();
    if bases.is_empty() {
        return no_job(tier_pool);
    }
    let list = bases.iter().map(|base| {
        let schedule = base.settings.text("schedule").unwrap_or("no schedule");
        match vm.and_then(|vm| companions::id(&base.id, vm)) {
            Some(id) => format!("`{id}` beside `{}` ({schedule})", base.id),
            None => format!("one beside `{}` ({schedule})", base.id),
        }
    });
    format!("These are: {}.", list.collect::<Vec<_>>().join(", "))
}

/// What becomes of the machine's other disks in the backups of its own pool.
fn others_of_own_pool(own: &PoolName, jobs: Option<&[BackupJob]>, vm: Option<VmId>) -> String {
    let out = " Its other disks are left out of every backup unless their `backup` is `true`";
    let ours = |job: &&BackupJob| companions::of(job).is_none() && takes(job, own, vm);
    let found = called(jobs.unwrap_or_default().iter().filter(ours));
    if found.is_empty() {
        format!("{out}.")
    } else {
        format!("{out}, also of these jobs: {}.", found.join(", "))
    }
}

fn called<'a>(jobs: impl Iterator<Item = &'a BackupJob>) -> Vec<String> {
    jobs.map(|job| {
        format!("`{}` ({})", job.id.as_str(), job.settings.text("schedule").unwrap_or("no schedule"))
    })
    .collect()
}

fn is_enabled(job: &BackupJob) -> bool {
    job.settings.truth("enabled") != Some(false)
}

/// Whether an enabled job takes a machine in a pool.
fn takes(job: &BackupJob, pool: &PoolName, vm: Option<VmId>) -> bool {
    let vm = vm.map(|vm| vm.to_string());
    let has = |list: &str| {
        vm.as_ref().is_some_and(|vm| job.settings.word_set(list).is_some_and(|ids| ids.contains(vm)))
    };
    is_enabled(job)
        && (job.settings.text("pool") == Some(pool.as_str())
            || has("vmid")
            || job.settings.truth("all") == Some(true) && !has("exclude"))
}
