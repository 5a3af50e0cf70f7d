//! `homelab_backup_tier`: what a class of data is promised, and the pool that its guests are in.

use backup_policy::{CalendarEvent, Keep, Tier, Timestamp};
use pve_client::{PoolEdit, PoolName};
use tf_framework::prelude::*;

use super::policy::{Policy, Promise, default_tier};
use super::tier_number::TierNumber;
use super::{arithmetic, zones};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::{changes, need};
use crate::resources::pve::lifecycle::Object;
use crate::resources::pve::pool;
use crate::resources::pve::prune::PruneBackups;

/// What a class of data is promised: how often it is backed up, how long backups stay, how much may be lost and how long
/// a restore may take.
///
/// Each tier has a pool, `tier-0` to `tier-4`, which holds the guests whose data it is. Everything but the number can be
/// left out: tier 1 (`critical`) is backed up daily and kept for 30 days, tier 2 (`standard`) weekly for 84, tier 3
/// (`dev`) monthly for 90, tier 4 (`cache`) quarterly for 180, and tier 0 (`none`) never. The plan computes whether the
/// schedule keeps the objective and whether the keep values hold the retention. `homelab_backup_schedule` makes the job.
/// The promise is written into the comment of the pool.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "backup_tier")]
pub struct BackupTier {
    /// Number of the tier. A change replaces it.
    #[schema(replace, validate = range(0, 4))]
    pub number: i64,

    /// Name of the tier, by which a `homelab_pve_data_disk` can ask for it. Default: `none`, `critical`, `standard`, `dev`
    /// or `cache`, by the number; none of these can be the name of a tier of another number.
    #[schema(validate = length(1, 40), validate = matches("made of letters, digits, `-` and `_`, and more than a number", is_tier_name))]
    pub name: Defaulted<String>,

    /// When backups start, as a calendar event of Proxmox VE. Default: that of the default tier with the number, at 21:00
    /// UTC. One that does not end in `UTC` follows the clocks of the nodes. Not for tier 0, like all that follows.
    #[schema(validate = length(1, 128), validate = parses::<CalendarEvent>())]
    pub schedule: Defaulted<String>,

    /// How long every backup stays, in days. Default 30, 84, 90 or 180.
    #[schema(validate = range(1, 36_500))]
    pub retention_days: Defaulted<i64>,

    /// Recovery point objective: how much of the latest work a restore may lose, in hours. Default 24, 168, 744 or 2208.
    #[schema(validate = range(1, 876_000))]
    pub rpo_hours: Defaulted<i64>,

    /// How much later than planned a backup may be done, in hours: waiting for other jobs, and copying. Default 3, which
    /// is how long a job of Proxmox VE waits for others.
    #[schema(validate = range(0, 8_760))]
    pub rpo_grace_hours: Defaulted<i64>,

    /// Recovery time objective: how long a restore may take, in hours. Default 4, 24, 48 or 168.
    #[schema(validate = range(1, 876_000))]
    pub rto_hours: Defaulted<i64>,

    /// Whether backups are verified. Default `true`, and `false` for tier 4.
    pub verified: Defaulted<bool>,

    /// Which backups are kept. Default: the smallest values that hold `retention_days`, also when a backup is late and
    /// when some are made by hand in between.
    pub prune_backups: Defaulted<PruneBackups>,

    /// Name of the tier's pool.
    #[schema(parse, wire = "poolid")]
    pub pool_name: Computed<PoolName>,
}

/// Whether a tier can be called so: not as a number, because that names a tier too.
pub(crate) fn is_tier_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && !text.chars().all(|c| c.is_ascii_digit())
}

/// A name of a default tier always stands for that tier.
fn check_name(number: Option<i64>, name: &str, out: &mut Diagnostics) {
    let Some(default) = Tier::default_named(name) else { return };
    if number.is_some_and(|number| number != i64::from(default.number)) {
        out.error(
            "name",
            "Name is of another tier",
            format!(
                "{name:?} is what the default tier {} is called, and whoever asks for that name gets that tier. Choose \
                 another name.",
                default.number
            ),
        );
    }
}

/// The arguments that only a tier with a promise has.
const PROMISE: [&str; 7] =
    ["schedule", "retention_days", "rpo_hours", "rpo_grace_hours", "rto_hours", "verified", "prune_backups"];

/// Plans what the configuration leaves out, as far as what it depends on is known.
fn fill_in(plan: &mut Plan<'_, BackupTier>) {
    let Some(number) = plan
        .planned
        .attribute("number")
        .as_number()
        .and_then(Number::to_i64)
        .and_then(|n| TierNumber::try_from(n).ok())
    else {
        return;
    };
    let default = Promise::default_of(number);
    let name = default_tier(number).map(|tier| tier.name.to_owned());
    let promised = |of: &dyn Fn(&Promise) -> Value| default.as_ref().map_or(Value::Null, of);
    for (attribute, value) in [
        ("name", name.into()),
        ("schedule", promised(&|promise| promise.schedule.clone().into())),
        ("retention_days", promised(&|promise| promise.retention_days.into())),
        ("rpo_hours", promised(&|promise| promise.rpo_hours.into())),
        ("rpo_grace_hours", promised(&|promise| promise.rpo_grace_hours.into())),
        ("rto_hours", promised(&|promise| promise.rto_hours.into())),
        ("verified", promised(&|promise| promise.verified.into())),
    ] {
        if plan.config.attribute(attribute).is_null() {
            plan.set(attribute, value);
        }
    }
    plan.set("pool_name", number.pool().ok().map(|pool| pool.to_string()));
    if plan.config.attribute("prune_backups").is_null() {
        let keep = derived(plan.planned, default.is_none());
        plan.set("prune_backups", keep);
    }
}

/// The keep values of a planned tier; not known while its schedule or its retention is not.
fn derived(planned: &Value, unprotected: bool) -> Value {
    if unprotected {
        return Value::Null;
    }
    let number = |name: &str| planned.attribute(name).as_number().and_then(Number::to_i64);
    let schedule = planned.attribute("schedule").as_str();
    let (Some(schedule), Some(retention), Some(grace)) =
        (schedule, number("retention_days"), number("rpo_grace_hours"))
    else {
        return Value::Unknown;
    };
    // What does not repeat is not pruned either.
    let keep = arithmetic::keep_for(schedule, retention, grace);
    keep.unwrap_or_else(|| Keep::default().into()).encode_object()
}

impl BackupTier {
    fn tier(&self) -> Result<TierNumber> {
        TierNumber::try_from(self.number)
            .map_err(|error| Error::new("Invalid tier", format!("{error}.")).at("number"))
    }

    fn promise(&self) -> Option<Promise> {
        Some(Promise {
            schedule: self.schedule.known()?.clone(),
            retention_days: *self.retention_days.known()?,
            rpo_hours: *self.rpo_hours.known()?,
            rpo_grace_hours: *self.rpo_grace_hours.known()?,
            rto_hours: *self.rto_hours.known()?,
            verified: *self.verified.known()?,
            keep: self.prune_backups.known()?.clone(),
        })
    }

    fn policy(&self) -> Result<Policy> {
        let name = self.name.known().cloned().unwrap_or_default();
        Ok(Policy { number: self.tier()?, name, promise: self.promise() })
    }

    /// The tier as its pool tells it. What a person wrote into the comment says nothing, and is planned anew.
    fn read(number: TierNumber, pool: pve_client::Pool) -> Self {
        let policy = pool.comment.as_deref().and_then(Policy::read).filter(|policy| policy.number == number);
        let promise = policy.as_ref().and_then(|policy| policy.promise.as_ref());
        Self {
            number: number.number().into(),
            name: policy.as_ref().map(|policy| policy.name.clone()).into(),
            schedule: promise.map(|promise| promise.schedule.clone()).into(),
            retention_days: promise.map(|promise| promise.retention_days).into(),
            rpo_hours: promise.map(|promise| promise.rpo_hours).into(),
            rpo_grace_hours: promise.map(|promise| promise.rpo_grace_hours).into(),
            rto_hours: promise.map(|promise| promise.rto_hours).into(),
            verified: promise.map(|promise| promise.verified).into(),
            prune_backups: promise.map(|promise| promise.keep.clone()).into(),
            pool_name: pool.name.into(),
        }
    }
}

/// Notes what the tiers are called once the plan is done, for the plans of data disks that ask for one by name.
fn note_names(cx: &Cx, plan: &Plan<'_, BackupTier>) {
    let Some(memory) = cx.memory() else { return };
    let planned = plan.want().and_then(|want| Some((want.tier().ok()?, want.name.known()?.clone())));
    let before = plan.prior.as_ref().and_then(|prior| prior.tier().ok());
    if let Some(before) = before.filter(|before| planned.as_ref().is_none_or(|(now, _)| now != before)) {
        memory.plan_tier(before, None);
    }
    if let Some((number, name)) = planned {
        memory.plan_tier(number, Some(name));
    }
}

fn pool_of(number: TierNumber) -> Result<PoolName> {
    number.pool().map_err(|error| Diagnostic::bug(format!("Tier {number} has no pool: {error}.")).into())
}

impl Resource for BackupTier {
    type Cx = Cx;
    type Id = TierNumber;

    fn id(&self) -> TierNumber {
        self.tier().unwrap_or_default()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        let number = config.attribute("number").as_number().and_then(Number::to_i64);
        if number == Some(0) {
            for name in PROMISE.iter().filter(|name| config.attribute(name).is_set()) {
                out.error(
                    Path::from(*name),
                    "Tier is never backed up",
                    "Tier 0 is for data that is never backed up, so it has no schedule, no retention and no objectives. \
                     Remove this argument, or choose a tier from 1 to 4.",
                );
            }
        }
        if let Some(name) = config.attribute("name").as_str() {
            check_name(number, name, out);
        }
        PruneBackups::validate(config.attribute("prune_backups"), &"prune_backups".into(), out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if !plan.is_destroy() {
            fill_in(plan);
        }
        let tier = plan.want().or_else(|| plan.prior.clone());
        if let Some(promise) = plan.want().and_then(|want| want.promise()) {
            let now = Timestamp::now();
            let mut said = Diagnostics::new();
            arithmetic::check(&promise, now, &mut said);
            if changes(plan) {
                for (node, zone) in zones::other_than_utc(cx).await {
                    arithmetic::check_zone(&promise, node.as_str(), &zone, now, &mut said);
                }
            }
            said.into_vec().into_iter().for_each(|diagnostic| plan.push(diagnostic));
        }
        let Some(tier) = tier else { return Ok(()) };
        note_names(cx, plan);
        if let (None, Ok(number)) = (&plan.prior, tier.tier()) {
            let name = pool_of(number)?;
            let pool = Expected::Pool(name.clone());
            cx.expect(pool.clone());
            let object =
                Object { name: format!("pool {:?}", name.as_str()), id: &number, attribute: "number" };
            object.foresee(cx, plan, cx.is_there(&pool)).await;
        }
        let path = format!("/pool/tier-{}", tier.number);
        cx.preflight(plan, &[need(&path, &["Pool.Allocate"]), need(&path, &["Pool.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<TierNumber> {
        let (pve, policy) = (cx.pve()?, want.policy()?);
        let (number, pool, comment) = (policy.number, pool_of(policy.number)?, policy.comment());
        let ours = |found: &pve_client::Pool| {
            found.comment.as_ref() == Some(&comment) && found.vms.is_empty() && found.storages.is_empty()
        };
        let object = Object { name: format!("pool {:?}", pool.as_str()), id: &number, attribute: "number" };
        object
            .create::<Self, _, _, _, _, _>(
                cx,
                || pve.pool(&pool),
                ours,
                || pve.create_pool(&pool, Some(&comment)),
            )
            .await?;
        cx.forget_tier_names().await;
        Ok(number)
    }

    async fn read(cx: &Cx, id: &TierNumber, _prior: Option<&Self>) -> Result<Option<Self>> {
        let (pve, pool) = (cx.pve()?, pool_of(*id)?);
        let found = Object::new("pool", &pool, "number").read::<Self, _>(cx, pve.pool(&pool)).await?;
        Ok(found.map(|found| Self::read(*id, found)))
    }

    async fn update(cx: &Cx, id: &TierNumber, change: Change<'_, Self>) -> Result<()> {
        let pool = pool_of(*id)?;
        let edit = PoolEdit { comment: Some(change.want.policy()?.comment()), ..PoolEdit::default() };
        let done = cx.pve()?.edit_pool(&pool, &edit).await;
        cx.forget_tier_names().await;
        done.explain::<Self>(cx, format_args!("change pool {:?}", pool.as_str()))
    }

    async fn delete(cx: &Cx, id: &TierNumber, _prior: &Self) -> Result<()> {
        pool::delete::<Self>(cx, &pool_of(*id)?).await
    }
}
