//! What a plan of a schedule can tell: what follows from the tier, and which jobs start together.

use std::time::Duration;

use backup_policy::{CalendarEvent, Timestamp, Zone};
use pve_client::StorageName;
use tf_framework::prelude::*;

use super::BackupSchedule;
use crate::cx::Cx;
use crate::resources::pve::data_disk::companions;

/// How much later than the tier before it a tier starts.
const STEP_MINUTES: i64 = 30;

fn minutes(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default().saturating_mul(60))
}

fn number(value: &Value) -> Option<i64> {
    value.as_number().and_then(Number::to_i64)
}

/// Plans what follows from the tier, as far as that is known.
pub(super) fn fill_in(plan: &mut Plan<'_, BackupSchedule>) {
    let tier = plan.planned.attribute("tier").clone();
    let tier_number = number(tier.attribute("number"));
    let storage = plan.planned.attribute("storage_name").as_str();
    let storage: Option<StorageName> = storage.and_then(|name| name.parse().ok());
    // An id that the job has stays, whatever becomes of tier and storage.
    if plan.config.attribute("job_id").is_null()
        && !plan.planned.attribute("job_id").is_set()
        && let (Some(tier), Some(storage)) = (tier_number, storage)
    {
        plan.set("job_id", format!("tier-{tier}-{}", storage.as_str().replace('.', "-")));
    }
    let event = tier.attribute("schedule").as_str().and_then(|text| text.parse::<CalendarEvent>().ok());
    let (Some(tier), Some(event)) = (tier_number, event) else { return plan.mark_unknown("schedule") };
    if plan.config.attribute("start_delay_minutes").is_null() {
        let step = if event.time_of_day().is_some() { (tier - 1).max(0) * STEP_MINUTES } else { 0 };
        plan.set("start_delay_minutes", step);
    }
    let Some(delay) = number(plan.planned.attribute("start_delay_minutes")) else {
        return plan.mark_unknown("schedule");
    };
    match event.delayed(minutes(delay)) {
        Ok(moved) => plan.set("schedule", moved.to_string()),
        Err(error) => plan.error(
            "start_delay_minutes",
            "Job cannot start later",
            format!("The job would start {delay} minutes after its tier, but {error}. Set `start_delay_minutes` to less, or to 0."),
        ),
    }
}

/// Warns of other jobs that start at the same moment.
pub(super) async fn tell_of_others(cx: &Cx, plan: &mut Plan<'_, BackupSchedule>, want: &BackupSchedule) {
    let Some(event) = want.schedule.known().and_then(|text| text.parse::<CalendarEvent>().ok()) else {
        return;
    };
    let Ok(pve) = cx.pve() else { return };
    let Ok(jobs) = pve.backup_jobs().await else { return };
    let ours = want.job_id.known();
    // Companions start with their job; they are meant to take turns.
    let others = jobs.iter().filter(|job| Some(&job.id) != ours && companions::of(job).is_none());
    for job in others.filter(|job| job.settings.truth("enabled") != Some(false)) {
        let other = job.settings.parsed::<CalendarEvent>("schedule");
        if let Some(moment) = other.and_then(|other| meeting(&event, &other, Timestamp::now())) {
            plan.warn(
                "start_delay_minutes",
                "Jobs start together",
                format!(
                    "The backup job {:?} with the schedule `{}` starts at the same moment as this one, at {moment} for \
                     example. The jobs of a node take turns, and one that waits for more than 180 minutes fails. Set \
                     `start_delay_minutes` so that they start apart.",
                    job.id.as_str(),
                    job.settings.text("schedule").unwrap_or_default(),
                ),
            );
        }
    }
}

/// A moment at which both start, among the next ten of the first.
fn meeting(one: &CalendarEvent, other: &CalendarEvent, now: Timestamp) -> Option<Timestamp> {
    let zone = Zone::utc();
    one.events(now, &zone).take(10).find(|moment| {
        let just_before = Timestamp::from_second(moment.as_second() - 1).ok();
        just_before.and_then(|before| other.next_after(before, &zone)) == Some(*moment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_meet_only_where_day_and_time_are_the_same() {
        let now = "2026-11-25T00:00:00Z".parse().unwrap();
        let meeting = |one: &str, other: &str| {
            meeting(&one.parse().unwrap(), &other.parse().unwrap(), now).map(|moment| moment.to_string())
        };
        assert_eq!(meeting("21:00 UTC", "sun 21:00 UTC").as_deref(), Some("2026-11-29T21:00:00Z"));
        assert_eq!(meeting("sun 21:30 UTC", "21:00 UTC"), None);
        assert_eq!(meeting("mon 21:00 UTC", "tue 21:00 UTC"), None);
    }
}
