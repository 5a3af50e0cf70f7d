//! Companions of backup jobs: a machine that uses data disks in a pool of the user's own is not in the pool that the job
//! of their tier backs up, so each such job gets a companion for that machine, with the same settings.
//!
//! A companion is of one machine: jobs have no digest, so two runs that change the list of one job would undo each other.
//! Its comment says whose it is. Deleting the machine deletes it, because Proxmox VE deletes jobs that are left empty.

use pve_client::{BackupJob, Changes, Error as PveError, JobId, PoolName, Pve, Settings, Turn, VmId};
use sha2::{Digest as _, Sha256};
use tf_framework::prelude::*;

use super::coverage::is_own;
use super::holder;
use super::model::DataDisk;
use super::tier::BackupTier;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// How often jobs are read again because an answer was lost.
const ATTEMPTS: usize = 4;

/// The longest id of a job.
const LONGEST_ID: usize = 50;

/// What a companion does not have from its job.
const OWN: [&str; 8] = ["id", "type", "next-run", "pool", "all", "vmid", "exclude", "comment"];

/// The job and the machine of a companion; nothing for any other job.
pub(crate) fn of(job: &BackupJob) -> Option<(JobId, VmId)> {
    let rest = job.settings.text("comment")?.strip_prefix("homelab: companion of ")?;
    let (base, vm) = rest.split_once(" for VM ")?;
    let (base, vm): (JobId, VmId) = (base.parse().ok()?, vm.parse().ok()?);
    let alone = job.settings.text("vmid") == Some(&vm.to_string());
    alone.then_some((base, vm))
}

/// The id of a job's companion for a machine.
pub(super) fn id(base: &JobId, vm: VmId) -> Option<JobId> {
    let tail = format!("-vm{vm}");
    let base = base.as_str();
    let text = if base.len() + tail.len() <= LONGEST_ID {
        format!("{base}{tail}")
    } else {
        let hash = Sha256::digest(base);
        let hex: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{hex}{tail}", base.get(..LONGEST_ID - tail.len() - 9)?)
    };
    text.parse().ok()
}

/// The settings of a job's companion for a machine.
fn wanted(base: &BackupJob, vm: VmId) -> Settings {
    let comment = format!("homelab: companion of {} for VM {vm}", base.id);
    base.settings.without(&OWN).set("vmid", vm).set("comment", comment)
}

/// The tier whose pool a job backs up.
fn tier_of(settings: &Settings) -> Option<BackupTier> {
    let pool = settings.parsed::<PoolName>("pool")?;
    BackupTier::of_pool(&pool).filter(|tier| tier.is_backed_up())
}

/// One change of the jobs.
#[derive(Debug, PartialEq)]
enum Edit {
    Create(JobId, Settings),
    Change(JobId, Changes),
    Delete(JobId),
}

/// The strictest tier whose jobs have companions for a machine.
pub(super) fn tier_for(jobs: &[BackupJob], vm: VmId) -> BackupTier {
    let bases = jobs.iter().filter_map(of).filter(|(_, of)| *of == vm).map(|(base, _)| base);
    let tiers = bases.filter_map(|base| jobs.iter().find(|job| job.id == base));
    BackupTier::strictest(tiers.filter_map(|job| tier_of(&job.settings)))
}

/// What gives a machine a companion of each job of a tier. Those of other tiers go if `alone`; otherwise stricter ones
/// are good enough. What is to come comes first.
fn edits(jobs: &[BackupJob], vm: VmId, tier: BackupTier, alone: bool) -> Result<Vec<Edit>> {
    let present = tier_for(jobs, vm);
    let tier = if alone { tier } else { BackupTier::strictest([tier, present]) };
    let mut edits = Vec::new();
    let mut kept = BTreeSet::new();
    let bases = jobs.iter().filter(|job| of(job).is_none() && tier_of(&job.settings) == Some(tier));
    for base in bases {
        let wanted = wanted(base, vm);
        let Some(id) = id(&base.id, vm) else { continue };
        match jobs.iter().find(|job| job.id == id) {
            None => edits.push(Edit::Create(id.clone(), wanted)),
            Some(found) if of(found) != Some((base.id.clone(), vm)) => return Err(not_ours(&id)),
            Some(found) => {
                let changes = changes(&found.settings.without(&["id", "type", "next-run"]), &wanted);
                if !changes.is_empty() {
                    edits.push(Edit::Change(id.clone(), changes));
                }
            }
        }
        kept.insert(id);
    }
    let extra = jobs.iter().filter(|job| of(job).is_some_and(|(_, of)| of == vm) && !kept.contains(&job.id));
    if alone {
        edits.extend(extra.map(|job| Edit::Delete(job.id.clone())));
    }
    Ok(edits)
}

/// The service takes a template of notes only together with a storage, also when that stays.
fn changes(present: &Settings, wanted: &Settings) -> Changes {
    let mut changes = present.changes_to(wanted);
    if changes.set.text("notes-template").is_some() {
        changes.set = changes.set.opt("storage", wanted.text("storage"));
    }
    changes
}

fn not_ours(id: &JobId) -> Error {
    Error::new(
        "Backup job exists",
        format!(
            "There is a backup job {:?} that this provider did not make, and a machine with data disks in a pool of your \
             own needs one of that name. Delete or rename that job, then apply again.",
            id.as_str()
        ),
    )
}

/// Gives a machine a companion of each job of a tier; none for tier 0. Those of other tiers go if `alone`.
pub(super) async fn settle(cx: &Cx, pve: &Pve, vm: VmId, tier: BackupTier, alone: bool) -> Result<()> {
    make(cx, pve, |jobs| edits(jobs, vm, tier, alone)).await
}

/// Makes edits that are found from the jobs as they are.
async fn make(cx: &Cx, pve: &Pve, find: impl Fn(&[BackupJob]) -> Result<Vec<Edit>>) -> Result<()> {
    let what = "see to the companions of backup jobs";
    // What is read must hold until it is changed.
    let turn = pve.take(Turn::File("/cluster/backup".to_owned())).await;
    let _turn = turn.explain::<DataDisk>(cx, what)?;
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        let jobs = pve.backup_jobs().await.explain::<DataDisk>(cx, what)?;
        let edits = find(&jobs)?;
        let mut lost = false;
        for edit in &edits {
            let done = match edit {
                Edit::Create(id, settings) => pve.create_backup_job(id, settings).await,
                Edit::Change(id, changes) => pve.change_backup_job(id, changes).await,
                Edit::Delete(id) => pve.delete_backup_job(id).await,
            };
            match done {
                Ok(()) => {}
                Err(error) if error.is_not_found() && matches!(edit, Edit::Delete(_)) => {}
                Err(error @ PveError::MaybeApplied { .. }) => {
                    lost = true;
                    failed = Some(error);
                }
                Err(error) => return Err(error).explain::<DataDisk>(cx, what),
            }
        }
        if !edits.is_empty() {
            cx.forget_backup_jobs().await;
        }
        if !lost {
            return Ok(());
        }
    }
    failed.map_or(Ok(()), Err).explain::<DataDisk>(cx, what)
}

/// Whether a machine in a pool of the user's own has a companion of each job of its disk's tier, or of a stricter one.
pub(super) fn fit(jobs: &[BackupJob], vm: VmId, tier: BackupTier) -> bool {
    edits(jobs, vm, tier, false).is_ok_and(|edits| edits.is_empty())
}

/// What becomes of a job that companions follow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate<'a> {
    /// It was just made.
    Made,
    /// It is about to change. Companions come first, so that an apply that ends in between does it all again.
    Changes(&'a Changes),
    /// It is about to go.
    Goes,
}

/// Whether a job of a pool may have companions.
pub(crate) fn concern(pool: Option<&PoolName>) -> bool {
    pool.and_then(BackupTier::of_pool).is_some()
}

/// Lets companions follow a job.
pub(crate) async fn follow(cx: &Cx, pve: &Pve, id: &JobId, fate: Fate<'_>) -> Result<()> {
    let needs = if matches!(fate, Fate::Goes) { BTreeMap::new() } else { needs(cx, pve).await? };
    make(cx, pve, |jobs| following(jobs, id, fate, &needs)).await
}

/// The edits by which companions follow a job.
fn following(
    jobs: &[BackupJob],
    id: &JobId,
    fate: Fate<'_>,
    needs: &BTreeMap<VmId, BackupTier>,
) -> Result<Vec<Edit>> {
    let changed = |job: &BackupJob| match fate {
        Fate::Goes if job.id == *id => None,
        Fate::Changes(changes) if job.id == *id => {
            let gone: Vec<&str> = changes.delete.iter().map(String::as_str).collect();
            let settings = job.settings.without(&gone).and(changes.set.clone());
            Some(BackupJob { id: job.id.clone(), settings })
        }
        _ => Some(job.clone()),
    };
    let after: Vec<BackupJob> = jobs.iter().filter_map(changed).collect();
    let ours = |job: &&BackupJob| of(job).is_some_and(|(base, _)| base == *id);
    let is_base = after.iter().any(|job| job.id == *id && tier_of(&job.settings).is_some());
    if !is_base {
        return Ok(after.iter().filter(ours).map(|job| Edit::Delete(job.id.clone())).collect());
    }
    let present = after.iter().filter(ours).filter_map(of).map(|(_, vm)| vm);
    let vms: BTreeSet<VmId> = needs.keys().copied().chain(present).collect();
    let tier = |vm: &VmId| needs.get(vm).copied().unwrap_or(BackupTier::NONE);
    let found: Result<Vec<Vec<Edit>>> = vms.iter().map(|vm| edits(&after, *vm, tier(vm), true)).collect();
    Ok(found?.into_iter().flatten().collect())
}

/// The machines in pools of the user's own that use data disks, with the strictest tier among them. The records of
/// holders say so before a machine has a disk.
async fn needs(cx: &Cx, pve: &Pve) -> Result<BTreeMap<VmId, BackupTier>> {
    let what = "look for machines that use data disks";
    let cluster = pve.cluster_now().await.explain::<DataDisk>(cx, what)?;
    let mut needs = BTreeMap::new();
    for record in holder::records(cx, pve, &cluster).await? {
        let Some(at) = &record.at else { continue };
        let pool = cluster.guest(at.vm).and_then(|guest| guest.pool.as_ref());
        if is_own(pool) && record.tier.is_backed_up() {
            let known = needs.entry(at.vm).or_insert(record.tier);
            *known = BackupTier::strictest([*known, record.tier]);
        }
    }
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, pool: &str, schedule: &str) -> BackupJob {
        let settings = Settings::new()
            .set("id", id)
            .set("type", "vzdump")
            .set("pool", pool)
            .set("schedule", schedule)
            .set("storage", "pbs")
            .set("exclude", "101");
        BackupJob { id: id.parse().unwrap(), settings }
    }

    fn vm() -> VmId {
        VmId::new(500).unwrap()
    }

    fn tier(number: u64) -> BackupTier {
        BackupTier::numbered(number).unwrap()
    }

    fn apply(jobs: &mut Vec<BackupJob>, edits: Vec<Edit>) {
        for edit in edits {
            match edit {
                Edit::Create(id, settings) => jobs.push(BackupJob { id, settings }),
                Edit::Delete(id) => jobs.retain(|job| job.id != id),
                Edit::Change(id, changes) => {
                    let job = jobs.iter_mut().find(|job| job.id == id).unwrap();
                    job.settings = job.settings.clone().and(changes.set);
                }
            }
        }
    }

    fn ids(jobs: &[BackupJob]) -> Vec<&str> {
        jobs.iter().map(|job| job.id.as_str()).collect()
    }

    #[test]
    fn a_machine_gets_a_companion_of_each_job_of_its_tier_and_loses_it_again() {
        let mut jobs =
            vec![job("t1-a", "tier-1", "21:00"), job("t1-b", "tier-1", "05:00"), job("other", "web", "1:00")];
        let found = edits(&jobs, vm(), tier(1), true).unwrap();
        apply(&mut jobs, found);
        assert_eq!(ids(&jobs), ["t1-a", "t1-b", "other", "t1-a-vm500", "t1-b-vm500"]);
        let companion = &jobs[3];
        assert_eq!(of(companion), Some(("t1-a".parse().unwrap(), vm())));
        assert_eq!(companion.settings.text("schedule"), Some("21:00"));
        assert_eq!((companion.settings.text("pool"), companion.settings.text("exclude")), (None, None));
        assert_eq!(tier_for(&jobs, vm()), tier(1));
        assert!(fit(&jobs, vm(), tier(1)));
        jobs[0].settings = jobs[0].settings.clone().set("schedule", "22:00");
        assert!(!fit(&jobs, vm(), tier(1)), "a companion that is behind its job does not fit");
        let found = edits(&jobs, vm(), BackupTier::NONE, true).unwrap();
        apply(&mut jobs, found);
        assert_eq!(ids(&jobs), ["t1-a", "t1-b", "other"]);
    }

    #[test]
    fn a_looser_disk_leaves_stricter_companions_alone_and_a_stricter_one_is_added_first() {
        let mut jobs = vec![job("t1", "tier-1", "21:00"), job("t3", "tier-3", "sun 21:00")];
        let found = edits(&jobs, vm(), tier(3), false).unwrap();
        apply(&mut jobs, found);
        assert_eq!(ids(&jobs), ["t1", "t3", "t3-vm500"]);
        let found = edits(&jobs, vm(), tier(1), true).unwrap();
        assert!(matches!(&found[..], [Edit::Create(..), Edit::Delete(_)]), "{found:?}");
        apply(&mut jobs, found);
        assert_eq!(ids(&jobs), ["t1", "t3", "t1-vm500"]);
        assert!(fit(&jobs, vm(), tier(3)), "stricter rules are good enough");
    }

    #[test]
    fn companions_follow_their_job() {
        let needs = BTreeMap::from([(vm(), tier(1))]);
        let mut jobs = vec![job("t1", "tier-1", "21:00")];
        let id: JobId = "t1".parse().unwrap();
        let found = following(&jobs, &id, Fate::Made, &needs).unwrap();
        apply(&mut jobs, found);
        assert_eq!(ids(&jobs), ["t1", "t1-vm500"]);
        let changes =
            Changes { set: Settings::new().set("schedule", "22:00"), delete: ["exclude".to_owned()].into() };
        let found = following(&jobs, &id, Fate::Changes(&changes), &needs).unwrap();
        apply(&mut jobs, found);
        assert_eq!(jobs[1].settings.text("schedule"), Some("22:00"));
        let moved = Changes { set: Settings::new().set("pool", "web"), ..Changes::default() };
        let found = following(&jobs, &id, Fate::Changes(&moved), &needs).unwrap();
        assert_eq!(found, [Edit::Delete("t1-vm500".parse().unwrap())]);
        let found = following(&jobs, &id, Fate::Goes, &BTreeMap::new()).unwrap();
        apply(&mut jobs, found);
        assert_eq!(ids(&jobs), ["t1"]);
    }

    #[test]
    fn a_job_of_somebody_else_is_never_taken_for_a_companion() {
        let jobs = vec![job("t1", "tier-1", "21:00"), job("t1-vm500", "web", "21:00")];
        let Error(messages) = edits(&jobs, vm(), tier(1), true).unwrap_err();
        assert_eq!(messages[0].summary, "Backup job exists");
        let mut other = job("other", "web", "1:00");
        other.settings = other.settings.set("comment", "homelab: companion of t1 for VM 500");
        assert_eq!(of(&other), None, "it backs up more than the machine");
    }

    #[test]
    fn a_long_id_is_shortened_and_stays_distinct() {
        let long = |last: char| format!("{}{last}", "a".repeat(49)).parse::<JobId>().unwrap();
        let (one, other) = (id(&long('b'), vm()).unwrap(), id(&long('c'), vm()).unwrap());
        assert_ne!(one, other);
        assert!(one.as_str().ends_with("-vm500") && one.as_str().len() <= LONGEST_ID);
    }
}
