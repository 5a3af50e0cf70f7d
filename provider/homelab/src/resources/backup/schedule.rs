//! `homelab_backup_schedule`: the job that keeps the promise of a tier.

mod foresight;

use backup_policy::CalendarEvent;
use pve_client::{JobId, NodeName, PoolName, Pve, Settings, StorageName};
use tf_framework::prelude::*;

use super::policy::Policy;
use super::tier_number::TierNumber;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::preflight::{changes, need};
use crate::resources::pve::backup_job::{Fleecing, target};
use crate::resources::pve::data_disk::companions::{self, Fate};
use crate::resources::pve::lifecycle::{Object, if_there};
use crate::resources::pve::prune::PruneBackups;
use crate::resources::pve::text::one_trimmed_line;

/// The backup job of a tier: it backs the guests of the tier's pool up to a storage when the tier says, and prunes as the
/// tier says.
///
/// All jobs of a node take turns, and one that waits for more than three hours fails. So each tier starts half an hour
/// after the one before it, unless `start_delay_minutes` says otherwise.
///
/// A machine that uses data disks of the tier and is in a pool of your own gets a companion of the job: one of the same
/// settings that backs up this machine. It comes, changes and goes with the job and with the disks. For anything that this resource does not offer,
/// there is `homelab_pve_backup_job`.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "backup_schedule")]
pub struct BackupSchedule {
    /// The tier, whole, such as `homelab_backup_tier.critical`.
    pub tier: ScheduledTier,

    /// Storage that the backups go to.
    #[schema(parse, wire = "storage")]
    pub storage_name: StorageName,

    /// Id of the job. Default: made of the tier and the storage, such as `tier-1-pbs`. A change replaces the job; its
    /// backups stay.
    #[schema(parse, wire = "id", replace)]
    pub job_id: Defaulted<JobId>,

    /// How much later than the tier says the job starts, in minutes. Default 0, 30, 60 or 90 for tier 1 to 4, and 0 if the
    /// tier runs several times a day.
    #[schema(validate = range(0, 1439))]
    pub start_delay_minutes: Defaulted<i64>,

    /// When the job starts, as a calendar event: the tier's schedule, later by the delay.
    #[schema(wire = "schedule")]
    pub schedule: Computed<String>,

    /// Whether the job runs. Default `true`.
    #[schema(wire = "enabled", default = true)]
    pub enabled: Defaulted<bool>,

    /// Whether a run that was missed while the node was down is made up for. Default `true`.
    #[schema(wire = "repeat-missed", default = true)]
    pub repeat_missed: Defaulted<bool>,

    /// Whether the job prunes by the keep values of the tier. Default `true`. Set `false` where a prune job of the backup
    /// server does that; then the job keeps everything.
    #[schema(wire = "prune-backups", default = true)]
    pub prune: Defaulted<bool>,

    /// Node whose guests are backed up. Without it, each node backs up its own.
    #[schema(parse, wire = "node")]
    pub node_name: Option<NodeName>,

    /// How a running guest is backed up: `snapshot` while it runs, `suspend`, or `stop` for a short time. Default
    /// `snapshot`.
    #[schema(wire = "mode", default = "snapshot", validate = one_of(["snapshot", "suspend", "stop"]))]
    pub mode: Defaulted<String>,

    /// Compression: `0` for none, `1` for the default, `gzip`, `lzo` or `zstd`. Default `zstd`. A backup server always
    /// compresses in its own way.
    #[schema(wire = "compress", default = "zstd", validate = one_of(["0", "1", "gzip", "lzo", "zstd"]))]
    pub compression: Defaulted<String>,

    /// A copy of what the guest changes during its backup, on a storage near it.
    #[schema(wire = "fleecing")]
    pub fleecing: Option<Fleecing>,

    /// Notes of each backup; `{{cluster}}`, `{{guestname}}`, `{{node}}` and `{{vmid}}` are replaced. One line.
    #[schema(wire = "notes-template", validate = length(1, 1024), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub notes_template: Option<String>,

    /// How long the job waits for another on the same node, in minutes. Proxmox VE's default is 180. A job that waited
    /// longer fails.
    #[schema(wire = "lockwait", validate = range(0, i64::MAX))]
    pub lock_wait_minutes: Option<i64>,

    /// Limit of the bandwidth in KiB per second; 0 is none. Proxmox VE's default is 0.
    #[schema(wire = "bwlimit", validate = range(0, i64::MAX))]
    pub bandwidth_limit_kib_per_second: Option<i64>,
}

/// What a job takes from its tier.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ScheduledTier {
    /// Number of the tier.
    #[schema(validate = range(0, 4))]
    pub number: i64,

    /// Pool of the tier.
    #[schema(parse, wire = "pool")]
    pub pool_name: PoolName,

    /// When backups of the tier start.
    #[schema(validate = parses::<CalendarEvent>())]
    pub schedule: Option<String>,

    /// Which backups of the tier are kept.
    pub prune_backups: Option<PruneBackups>,
}

impl BackupSchedule {
    fn settings(&self) -> Settings {
        let everything = PruneBackups::from(backup_policy::Keep::default());
        let prunes = self.prune.known().copied().unwrap_or(true);
        let keep = if prunes { self.tier.prune_backups.as_ref() } else { Some(&everything) };
        let settings = Settings::new()
            .opt("schedule", self.schedule.known())
            .bool("enabled", self.enabled.known().copied())
            .bool("repeat-missed", self.repeat_missed.known().copied())
            .set("storage", &self.storage_name)
            .set("pool", &self.tier.pool_name)
            .opt("node", self.node_name.as_ref())
            .opt("mode", self.mode.known())
            .opt("compress", self.compression.known())
            .properties("fleecing", &self.fleecing.as_ref().map(Fleecing::wire).unwrap_or_default())
            .opt("notes-template", self.notes_template.as_ref())
            .opt("lockwait", self.lock_wait_minutes)
            .opt("bwlimit", self.bandwidth_limit_kib_per_second);
        PruneBackups::write(keep, settings)
    }

    /// The job as the service has it. What it takes from its tier comes from the state before, or from the tier itself.
    fn read(found: pve_client::BackupJob, tier: ScheduledTier, before: Option<&Self>) -> Option<Self> {
        let settings = &found.settings;
        let schedule = settings.string("schedule");
        let kept = PruneBackups::read(settings);
        let everything = kept.as_ref().is_some_and(|keep| keep.keep_all == Some(true));
        let delay = before.and_then(|before| before.start_delay_minutes.known().copied());
        let delay = delay.unwrap_or_else(|| delay_between(tier.schedule.as_deref(), schedule.as_deref()));
        let pool_name = settings.parsed("pool").unwrap_or_else(|| tier.pool_name.clone());
        let prune_backups = if everything { tier.prune_backups } else { kept };
        Some(Self {
            tier: ScheduledTier { pool_name, prune_backups, ..tier },
            // The service's own default.
            storage_name: settings.parsed("storage").or_else(|| "local".parse().ok())?,
            job_id: found.id.into(),
            start_delay_minutes: delay.into(),
            schedule: schedule.into(),
            enabled: settings.truth("enabled").unwrap_or(true).into(),
            repeat_missed: settings.truth("repeat-missed").unwrap_or(false).into(),
            prune: (!everything).into(),
            node_name: settings.parsed("node"),
            mode: settings.string("mode").unwrap_or_else(|| "snapshot".to_owned()).into(),
            compression: settings.string("compress").unwrap_or_else(|| "0".to_owned()).into(),
            fleecing: Fleecing::read(settings),
            notes_template: settings.string("notes-template"),
            lock_wait_minutes: settings.int("lockwait"),
            bandwidth_limit_kib_per_second: settings.int("bwlimit"),
        })
    }
}

/// The minutes from a tier's time of day to that of its job; 0 if they have none.
fn delay_between(tier: Option<&str>, job: Option<&str>) -> i64 {
    let minute = |text: Option<&str>| {
        let (hour, minute, _) = text?.parse::<CalendarEvent>().ok()?.time_of_day()?;
        Some(i64::from(hour * 60 + minute))
    };
    minute(job).zip(minute(tier)).map_or(0, |(job, tier)| (job - tier).max(0))
}

/// The tier of a job that is imported, as the comment of its pool tells it.
async fn imported_tier(
    pve: &Pve,
    found: &pve_client::BackupJob,
) -> pve_client::Result<Option<ScheduledTier>> {
    let Some(pool_name) = found.settings.parsed::<PoolName>("pool") else { return Ok(None) };
    let Some(number) = TierNumber::of_pool(&pool_name) else { return Ok(None) };
    let pool = if_there(pve.pool(&pool_name).await)?;
    let promise = pool.and_then(|pool| Policy::read(&pool.comment?)).and_then(|policy| policy.promise);
    Ok(Some(ScheduledTier {
        number: number.number().into(),
        pool_name,
        schedule: promise.as_ref().map(|promise| promise.schedule.clone()),
        prune_backups: promise.map(|promise| promise.keep),
    }))
}

fn job(id: &str) -> Result<JobId> {
    id.parse().map_err(|error| Error::new("Invalid job id", format!("{error}.")).at("job_id"))
}

impl Resource for BackupSchedule {
    type Cx = Cx;
    type Id = String;

    fn id(&self) -> String {
        self.job_id.known().map(ToString::to_string).unwrap_or_default()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        let tier = config.attribute("tier");
        if tier.attribute("number").as_number().and_then(Number::to_i64) == Some(0) {
            out.error(
                "tier",
                "Tier is never backed up",
                "Tier 0 is for data that is never backed up, so it has no job. Choose a tier from 1 to 4.",
            );
        } else if tier.is_set() && tier.attribute("schedule").is_null() {
            out.error(
                "tier",
                "Missing argument",
                "The tier has no schedule. Give the whole tier, such as `tier = homelab_backup_tier.critical`.",
            );
        }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if !plan.is_destroy() {
            foresight::fill_in(plan);
            let node = plan.want().and_then(|want| want.node_name);
            cx.check_node_names(plan, node.map(|node| ("node_name".into(), node))).await?;
            target::check(cx, plan).await;
        }
        if changes(plan)
            && let Some(want) = plan.want()
        {
            foresight::tell_of_others(cx, plan, &want).await;
        }
        if let (true, Some(want)) = (plan.is_create(), plan.want()) {
            let id = job(&want.id())?;
            Object::new("backup job", &id, "job_id").foresee(cx, plan, cx.has_backup_job(&id)).await;
        }
        cx.preflight(plan, &[need("/", &["Sys.Modify"]), need("/", &["Sys.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<String> {
        let (pve, settings, id) = (cx.pve()?, want.settings(), job(&want.id())?);
        let ours = |found: &pve_client::BackupJob| {
            Self::read(found.clone(), want.tier.clone(), Some(want)).as_ref() == Some(want)
        };
        Object::new("backup job", &id, "job_id")
            .create::<Self, _, _, _, _, _>(
                cx,
                || pve.backup_job(&id),
                ours,
                || pve.create_backup_job(&id, &settings),
            )
            .await?;
        companions::follow(cx, &pve, &id, Fate::Made).await?;
        cx.forget_backup_jobs().await;
        Ok(id.to_string())
    }

    async fn read(cx: &Cx, id: &String, prior: Option<&Self>) -> Result<Option<Self>> {
        let (pve, id) = (cx.pve()?, job(id)?);
        let found = Object::new("backup job", &id, "job_id").read::<Self, _>(cx, pve.backup_job(&id)).await?;
        let Some(found) = found else { return Ok(None) };
        let tier = match prior {
            Some(prior) => prior.tier.clone(),
            None => imported_tier(&pve, &found)
                .await
                .explain::<Self>(cx, format_args!("read the tier of backup job {:?}", id.as_str()))?
                .ok_or_else(|| not_of_a_tier(&id))?,
        };
        Ok(Self::read(found, tier, prior))
    }

    async fn update(cx: &Cx, id: &String, change: Change<'_, Self>) -> Result<()> {
        let (pve, id) = (cx.pve()?, job(id)?);
        let mut changes = change.prior.settings().changes_to(&change.want.settings());
        // The service takes a template of notes only together with a storage, also when that stays.
        if changes.set.text("notes-template").is_some() {
            changes.set = changes.set.set("storage", &change.want.storage_name);
        }
        companions::follow(cx, &pve, &id, Fate::Changes(&changes)).await?;
        cx.forget_backup_jobs().await;
        let object = Object::new("backup job", &id, "job_id");
        object.change::<Self, _, _>(cx, || pve.change_backup_job(&id, &changes)).await
    }

    async fn delete(cx: &Cx, id: &String, _prior: &Self) -> Result<()> {
        let (pve, id) = (cx.pve()?, job(id)?);
        companions::follow(cx, &pve, &id, Fate::Goes).await?;
        cx.forget_backup_jobs().await;
        let object = Object::new("backup job", &id, "job_id");
        object.delete::<Self, _, _>(cx, || pve.delete_backup_job(&id)).await
    }
}

fn not_of_a_tier(id: &JobId) -> Error {
    Error::new(
        "Job is not a tier's",
        format!(
            "The backup job {:?} does not back up the pool of a tier, `tier-1` to `tier-4`, so it cannot be imported as a \
             schedule of one. Import it as a `homelab_pve_backup_job`.",
            id.as_str()
        ),
    )
}
