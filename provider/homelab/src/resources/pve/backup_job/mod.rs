//! `homelab_pve_backup_job`: a scheduled backup of guests.

pub(crate) mod target;
mod tuning;

use backup_policy::CalendarEvent;
use pve_client::{JobId, NodeName, PoolName, Settings, StorageName};
use tf_framework::prelude::*;

pub(crate) use self::tuning::Fleecing;
use self::tuning::Performance;
use crate::cx::Cx;
use crate::preflight::need;
use crate::resources::pve::data_disk::companions::{self, Fate};
use crate::resources::pve::lifecycle::Object;
use crate::resources::pve::prune::PruneBackups;
use crate::resources::pve::text::one_trimmed_line;
use crate::resources::pve::{root, schedule};

/// A scheduled backup of guests to a storage.
///
/// Exactly one of `vm_ids`, `pool_name` and `all` says which guests. A run that was missed because the node was down is
/// left out unless `repeat_missed` is set, and a run that failed is never repeated before the next one.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_backup_job")]
pub struct BackupJob {
    /// Id of the job: letters, digits, `-` and `_`. A change replaces the job; its backups stay.
    #[schema(parse, wire = "id", replace)]
    pub job_id: JobId,

    /// When the job runs, as a calendar event of Proxmox VE, such as `mon..fri 02:30` or `sat *-1..7 03:00`.
    #[schema(wire = "schedule", validate = length(1, 128), validate = parses::<CalendarEvent>())]
    pub schedule: String,

    /// Whether the job runs. Default `true`. A change makes Proxmox VE forget when the job ran last.
    #[schema(wire = "enabled", default = true)]
    pub enabled: Defaulted<bool>,

    /// Whether a run that was missed while the node was down is made up for. Proxmox VE's default is `false`.
    #[schema(wire = "repeat-missed")]
    pub repeat_missed: Option<bool>,

    /// Storage that the backups go to. Proxmox VE's default is `local`.
    #[schema(parse, wire = "storage")]
    pub storage_name: Option<StorageName>,

    /// IDs of the guests to back up.
    #[schema(wire = "vmid", validate = length(1, usize::MAX))]
    pub vm_ids: Option<BTreeSet<u32>>,

    /// Pool whose guests are backed up.
    #[schema(parse, wire = "pool")]
    pub pool_name: Option<PoolName>,

    /// `true` to back up all guests, with `exclude_vm_ids` as exceptions.
    #[schema(wire = "all", validate = Only(true))]
    pub all: Option<bool>,

    /// IDs of the guests that `all` leaves out.
    #[schema(wire = "exclude", validate = length(1, usize::MAX))]
    pub exclude_vm_ids: Option<BTreeSet<u32>>,

    /// Node whose guests are backed up. Without it, each node backs up its own.
    #[schema(parse, wire = "node")]
    pub node_name: Option<NodeName>,

    /// How a running guest is backed up: `snapshot` while it runs, `suspend`, or `stop` for a short time. Proxmox VE's
    /// default is `snapshot`.
    #[schema(wire = "mode", validate = one_of(["snapshot", "suspend", "stop"]))]
    pub mode: Option<String>,

    /// Compression: `0` for none, `1` for the default, `gzip`, `lzo` or `zstd`. Proxmox VE's default is `0`. A backup
    /// server always compresses in its own way.
    #[schema(wire = "compress", validate = one_of(["0", "1", "gzip", "lzo", "zstd"]))]
    pub compression: Option<String>,

    /// Threads of zstd; 0 for half of the processors. Proxmox VE's default is 1.
    #[schema(wire = "zstd", validate = range(0, i64::MAX))]
    pub zstd_threads: Option<i64>,

    /// Threads of `pigz` in place of gzip; 1 for half of the processors. Proxmox VE's default is 0, for gzip.
    #[schema(wire = "pigz", validate = range(0, i64::MAX))]
    pub pigz_threads: Option<i64>,

    /// Which backups of a guest to keep. Without it, what the storage says.
    #[schema(wire = "prune-backups")]
    pub prune_backups: Option<PruneBackups>,

    /// Whether backups are pruned at all. Proxmox VE's default is `true`.
    #[schema(wire = "remove")]
    pub prune: Option<bool>,

    /// Whether the backups are protected from being pruned and deleted. Proxmox VE's default is `false`.
    #[schema(wire = "protected")]
    pub protected: Option<bool>,

    /// Notes of each backup; `{{cluster}}`, `{{guestname}}`, `{{node}}` and `{{vmid}}` are replaced. One line.
    #[schema(wire = "notes-template", validate = length(1, 1024), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub notes_template: Option<String>,

    /// Text shown beside the job in the web interface. One line.
    #[schema(wire = "comment", validate = length(1, 512), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub comment: Option<String>,

    /// A copy of what the guest changes during its backup, on a storage near it, so that a slow backup does not slow
    /// the guest.
    #[schema(wire = "fleecing")]
    pub fleecing: Option<Fleecing>,

    /// How hard the backup works.
    #[schema(wire = "performance", validate = not_empty())]
    pub performance: Option<Performance>,

    /// Limit of the bandwidth in KiB per second; 0 is none. Proxmox VE's default is 0.
    #[schema(wire = "bwlimit", validate = range(0, i64::MAX))]
    pub bandwidth_limit_kib_per_second: Option<i64>,

    /// I/O priority: 0 is the highest, 7 the lowest, 8 idle. Proxmox VE's default is 7.
    #[schema(wire = "ionice", validate = range(0, 8))]
    pub io_priority: Option<i64>,

    /// How long the job waits for another on the same node, in minutes. Proxmox VE's default is 180. A job that waited
    /// longer fails.
    #[schema(wire = "lockwait", validate = range(0, i64::MAX))]
    pub lock_wait_minutes: Option<i64>,

    /// How long the job waits for a guest to stop in mode `stop`, in minutes. Proxmox VE's default is 10.
    #[schema(wire = "stopwait", validate = range(0, i64::MAX))]
    pub stop_wait_minutes: Option<i64>,

    /// How the backup of a container to a backup server finds what has changed: `legacy`, `data` or `metadata`.
    #[schema(wire = "pbs-change-detection-mode", validate = one_of(["legacy", "data", "metadata"]))]
    pub pbs_change_detection_mode: Option<String>,

    /// Shell patterns of files of containers to leave out.
    #[schema(wire = "exclude-path", validate = length(1, usize::MAX))]
    pub exclude_paths: Option<Vec<String>>,

    /// Whether temporary files and logs of containers are left out. Proxmox VE's default is `true`.
    #[schema(wire = "stdexcludes")]
    pub standard_excludes: Option<bool>,

    /// Who is told: `auto`, `legacy-sendmail` or `notification-system`. Proxmox VE's default is `auto`.
    #[schema(wire = "notification-mode", validate = one_of(["auto", "legacy-sendmail", "notification-system"]))]
    pub notification_mode: Option<String>,

    /// Addresses or users that `legacy-sendmail` writes to.
    #[schema(wire = "mailto", validate = length(1, usize::MAX))]
    pub mail_to: Option<BTreeSet<String>>,

    /// When `legacy-sendmail` writes: `always` or on `failure`. Proxmox VE's default is `always`.
    #[schema(wire = "mailnotification", validate = one_of(["always", "failure"]))]
    pub mail_notification: Option<String>,

    /// Script that is called at each step of the job. Only `root@pam` may set it.
    #[schema(wire = "script")]
    pub script: Option<String>,

    /// Folder for temporary files on the node. Only `root@pam` may set it.
    #[schema(wire = "tmpdir")]
    pub temporary_folder: Option<String>,

    /// Folder that the backups go to in place of a storage. Only `root@pam` may set it.
    #[schema(wire = "dumpdir")]
    pub dump_folder: Option<String>,
}

/// One value of a boolean.
#[derive(Debug)]
struct Only(bool);

impl Validator for Only {
    fn check(&self, value: &Value) -> Option<String> {
        let differs = value.as_bool()? != self.0;
        differs.then(|| format!("This argument must be {} or left out.", self.0))
    }

    fn describe(&self) -> String {
        format!("Must be `{}`.", self.0)
    }
}

fn object(id: &JobId) -> Object<'_> {
    Object::new("backup job", id, "job_id")
}

impl BackupJob {
    fn settings(&self) -> Settings {
        let settings = Settings::new()
            .set("schedule", &self.schedule)
            .bool("enabled", self.enabled.known().copied())
            .bool("repeat-missed", self.repeat_missed)
            .opt("storage", self.storage_name.as_ref())
            .words("vmid", self.vm_ids.iter().flatten())
            .opt("pool", self.pool_name.as_ref())
            .bool("all", self.all)
            .words("exclude", self.exclude_vm_ids.iter().flatten())
            .opt("node", self.node_name.as_ref())
            .opt("mode", self.mode.as_ref())
            .opt("compress", self.compression.as_ref())
            .opt("zstd", self.zstd_threads)
            .opt("pigz", self.pigz_threads)
            .bool("remove", self.prune)
            .bool("protected", self.protected)
            .opt("notes-template", self.notes_template.as_ref())
            .opt("comment", self.comment.as_ref())
            .properties("fleecing", &self.fleecing.as_ref().map(Fleecing::wire).unwrap_or_default())
            .properties("performance", &self.performance.as_ref().map(Performance::wire).unwrap_or_default())
            .opt("bwlimit", self.bandwidth_limit_kib_per_second)
            .opt("ionice", self.io_priority)
            .opt("lockwait", self.lock_wait_minutes)
            .opt("stopwait", self.stop_wait_minutes)
            .opt("pbs-change-detection-mode", self.pbs_change_detection_mode.as_ref())
            .list("exclude-path", self.exclude_paths.iter().flatten())
            .bool("stdexcludes", self.standard_excludes)
            .opt("notification-mode", self.notification_mode.as_ref())
            .words("mailto", self.mail_to.iter().flatten())
            .opt("mailnotification", self.mail_notification.as_ref())
            .opt("script", self.script.as_ref())
            .opt("tmpdir", self.temporary_folder.as_ref())
            .opt("dumpdir", self.dump_folder.as_ref());
        PruneBackups::write(self.prune_backups.as_ref(), settings)
    }

    fn read(found: pve_client::BackupJob) -> Self {
        let settings = &found.settings;
        let numbers = |name: &str| -> Option<BTreeSet<u32>> {
            settings.word_set(name).map(|words| words.iter().filter_map(|word| word.parse().ok()).collect())
        };
        let paths = settings.items("exclude-path");
        Self {
            job_id: found.id,
            schedule: settings.string("schedule").unwrap_or_default(),
            enabled: settings.truth("enabled").unwrap_or(true).into(),
            repeat_missed: settings.truth("repeat-missed"),
            storage_name: settings.parsed("storage"),
            vm_ids: numbers("vmid"),
            pool_name: settings.parsed("pool"),
            all: settings.truth("all").filter(|all| *all),
            exclude_vm_ids: numbers("exclude"),
            node_name: settings.parsed("node"),
            mode: settings.string("mode"),
            compression: settings.string("compress"),
            zstd_threads: settings.int("zstd"),
            pigz_threads: settings.int("pigz"),
            prune_backups: PruneBackups::read(settings),
            prune: settings.truth("remove"),
            protected: settings.truth("protected"),
            notes_template: settings.string("notes-template"),
            comment: settings.string("comment"),
            fleecing: Fleecing::read(settings),
            performance: Performance::read(settings),
            bandwidth_limit_kib_per_second: settings.int("bwlimit"),
            io_priority: settings.int("ionice"),
            lock_wait_minutes: settings.int("lockwait"),
            stop_wait_minutes: settings.int("stopwait"),
            pbs_change_detection_mode: settings.string("pbs-change-detection-mode"),
            exclude_paths: (!paths.is_empty()).then_some(paths),
            standard_excludes: settings.truth("stdexcludes"),
            notification_mode: settings.string("notification-mode"),
            mail_to: settings.word_set("mailto"),
            mail_notification: settings.string("mailnotification"),
            script: settings.string("script"),
            temporary_folder: settings.string("tmpdir"),
            dump_folder: settings.string("dumpdir"),
        }
    }
}

impl Resource for BackupJob {
    type Cx = Cx;
    type Id = JobId;

    fn id(&self) -> JobId {
        self.job_id.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        rules::exactly_one_of(config, &["vm_ids", "pool_name", "all"], out);
        rules::also_requires(config, "exclude_vm_ids", &["all"], out);
        rules::also_requires(config, "notes_template", &["storage_name"], out);
        rules::also_requires(config, "protected", &["storage_name"], out);
        rules::conflicts(config, &["storage_name", "dump_folder"], out);
        PruneBackups::validate(config.attribute("prune_backups"), &"prune_backups".into(), out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        schedule::check(plan, "schedule");
        let node = plan.want().and_then(|want| want.node_name);
        cx.check_node_names(plan, node.map(|node| ("node_name".into(), node))).await?;
        target::check(cx, plan).await;
        if let (true, Some(want)) = (plan.is_create(), plan.want()) {
            object(&want.job_id).foresee(cx, plan, cx.has_backup_job(&want.job_id)).await;
        }
        target::check_selection(cx, plan).await;
        root_only(cx, plan);
        cx.preflight(plan, &[need("/", &["Sys.Modify"]), need("/", &["Sys.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<JobId> {
        let (pve, settings) = (cx.pve()?, want.settings());
        let ours = |found: &pve_client::BackupJob| BackupJob::read(found.clone()) == *want;
        object(&want.job_id)
            .create::<Self, _, _, _, _, _>(
                cx,
                || pve.backup_job(&want.job_id),
                ours,
                || pve.create_backup_job(&want.job_id, &settings),
            )
            .await?;
        if companions::concern(want.pool_name.as_ref()) {
            companions::follow(cx, &pve, &want.job_id, Fate::Made).await?;
        }
        cx.forget_backup_jobs().await;
        Ok(want.job_id.clone())
    }

    async fn read(cx: &Cx, id: &JobId, _prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        Ok(object(id).read::<Self, _>(cx, pve.backup_job(id)).await?.map(BackupJob::read))
    }

    async fn update(cx: &Cx, id: &JobId, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let mut changes = change.prior.settings().changes_to(&change.want.settings());
        // The service takes these only together with a storage, also when that stays.
        if let Some(storage) = &change.want.storage_name
            && ["notes-template", "protected"].iter().any(|name| changes.set.text(name).is_some())
        {
            changes.set = changes.set.set("storage", storage);
        }
        let pools = [&change.prior.pool_name, &change.want.pool_name];
        if pools.iter().any(|pool| companions::concern(pool.as_ref())) {
            companions::follow(cx, &pve, id, Fate::Changes(&changes)).await?;
        }
        cx.forget_backup_jobs().await;
        object(id).change::<Self, _, _>(cx, || pve.change_backup_job(id, &changes)).await
    }

    async fn delete(cx: &Cx, id: &JobId, prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        if companions::concern(prior.pool_name.as_ref()) {
            companions::follow(cx, &pve, id, Fate::Goes).await?;
        }
        cx.forget_backup_jobs().await;
        object(id).delete::<Self, _, _>(cx, || pve.delete_backup_job(id)).await
    }
}

/// What runs or writes anywhere on the node, as its `root`.
fn root_only(cx: &Cx, plan: &mut Plan<'_, BackupJob>) {
    if plan.is_destroy() {
        return;
    }
    let before = plan.prior.as_ref().map_or(Value::Null, SchemaModel::encode);
    let names = ["script", "temporary_folder", "dump_folder"];
    let changed: Vec<(Path, String)> = names
        .into_iter()
        .filter(|name| {
            let (old, new) = (before.attribute(name), plan.planned.attribute(name));
            old != new && (old.is_set() || new.is_set())
        })
        .map(|name| {
            (name.into(), format!("The setting `{name}` reaches any place of the node, as its `root`."))
        })
        .collect();
    root::refuse_others(cx, changed, plan);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_reads_back_what_it_sends() {
        let settings = Settings::new()
            .set("schedule", "mon..fri 02:30")
            .set("enabled", 1)
            .set("storage", "ds2")
            .set("vmid", "100,103")
            .set("fleecing", "enabled=1,storage=ds2")
            .set("performance", "max-workers=4")
            .set("prune-backups", "keep-daily=7,keep-weekly=4")
            .list("exclude-path", ["/tmp/?*", "/var/cache"])
            .set("notes-template", "{{guestname}} {{node}}");
        let job = BackupJob::read(pve_client::BackupJob {
            id: "tf-job".parse().unwrap(),
            settings: settings.clone(),
        });
        assert_eq!(job.settings(), settings);
    }

    #[test]
    fn numbers_of_guests_are_sent_lowest_first() {
        let settings = Settings::new().set("schedule", "daily").set("vmid", "1000,99,200");
        let job = BackupJob::read(pve_client::BackupJob { id: "j1".parse().unwrap(), settings });
        assert_eq!(job.settings().text("vmid"), Some("99,200,1000"));
    }
}
