//! The arithmetic of a plan: whether a schedule keeps its objectives, and keep values their retention.

use std::time::Duration;

use backup_policy::{
    CalendarEvent, Concern, Firing, Gap, Horizon, Keep, RecoveryPoint, Setting, Timestamp, Verdict, Zone,
    derive_keep, held_days,
};
use tf_framework::prelude::*;

use super::policy::Promise;
use crate::resources::pve::prune::PruneBackups;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn times(unit: Duration, count: i64) -> Duration {
    unit.saturating_mul(u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

fn setting(event: &CalendarEvent, retention: Duration, grace: Duration, pruning: Zone) -> Setting {
    // A clock that is put forward shortens a gap by its hour.
    let late = if event.is_utc() { grace } else { grace + HOUR };
    // Seen from a fixed moment, so that the values do not change with the day of the plan.
    let horizon = Horizon::for_retention(Timestamp::UNIX_EPOCH, retention);
    Setting { node: Zone::utc(), pruning, late, by_hand: true, horizon }
}

/// The keep values that hold a retention; nothing if the schedule does not repeat.
pub(super) fn keep_for(schedule: &str, retention_days: i64, grace_hours: i64) -> Option<PruneBackups> {
    let event: CalendarEvent = schedule.parse().ok()?;
    let retention = times(DAY, retention_days);
    let setting = setting(&event, retention, times(HOUR, grace_hours), Zone::utc());
    derive_keep(&event, retention, &setting).ok().map(PruneBackups::from)
}

/// Holds a promise against the calendar, seen at `now`.
pub(super) fn check(promise: &Promise, now: Timestamp, out: &mut Diagnostics) {
    let Ok(event) = promise.schedule.parse::<CalendarEvent>() else { return };
    for concern in event.concerns(now, &Zone::utc()) {
        say(&event, &concern, out);
    }
    check_gaps(promise, &event, now, out);
    check_retention(promise, &event, out);
}

fn say(event: &CalendarEvent, concern: &Concern, out: &mut Diagnostics) {
    let found = format!("The schedule `{event}` is accepted, but {concern}.");
    match concern {
        Concern::NeverFires => out.error(
            "schedule",
            "Schedule never fires",
            format!("{found} Nothing would ever be backed up. Choose dates that are still to come."),
        ),
        Concern::Ends { .. } => out.warn(
            "schedule",
            "Schedule ends",
            format!("{found} After that nothing is backed up. Leave the year out, or write `*` for it."),
        ),
        Concern::HourlyByAccident { .. } => out.warn(
            "schedule",
            "Schedule fires every hour",
            format!("{found} To run once a day, write hour and minute, such as `21:00 UTC`."),
        ),
        Concern::SkipsShortMonths { .. } => out.warn(
            "schedule",
            "Schedule skips short months",
            format!("{found} Choose a day that every month has, 1 to 28."),
        ),
        // The zones of the nodes tell more.
        _ => {}
    }
}

fn check_gaps(promise: &Promise, event: &CalendarEvent, now: Timestamp, out: &mut Diagnostics) {
    let point = RecoveryPoint {
        objective: times(HOUR, promise.rpo_hours),
        grace: times(HOUR, promise.rpo_grace_hours),
    };
    if let Verdict::Missed(gap) = point.check(&event.firing(Horizon::four_years(now), &Zone::utc())) {
        let needed = gap.length().saturating_sub(point.grace).as_secs().div_ceil(HOUR.as_secs());
        out.error(
            "schedule",
            "Schedule misses the objective",
            format!(
                "The schedule `{event}` leaves up to {} between two backups, {}. The tier allows {} hours: `rpo_hours` = {} \
                 and `rpo_grace_hours` = {}. Run it more often, or set `rpo_hours` to {needed} or more.",
                length(gap),
                moments(gap),
                promise.rpo_hours.saturating_add(promise.rpo_grace_hours),
                promise.rpo_hours,
                promise.rpo_grace_hours,
            ),
        );
    }
}

fn check_retention(promise: &Promise, event: &CalendarEvent, out: &mut Diagnostics) {
    let grace = times(HOUR, promise.rpo_grace_hours);
    let with_manual = setting(event, times(DAY, promise.retention_days), grace, Zone::utc());
    let (keep, wanted) = (promise.keep.counts(), promise.retention_days);
    if keep.is_everything() || Some(&promise.keep) == derived(promise).as_ref() {
        return;
    }
    let held = |setting: &Setting| {
        held_days(event, &keep, setting).map_or(i64::MAX, |days| i64::try_from(days).unwrap_or(i64::MAX))
    };
    let advice = derived(promise).map_or_else(String::new, |keep| {
        format!(" Leave `prune_backups` out, which gives `{}`, or lower `retention_days`.", keep.text())
    });
    let undisturbed = held(&Setting { by_hand: false, ..with_manual.clone() });
    if undisturbed < wanted {
        out.error(
            "prune_backups",
            "Retention is not held",
            format!(
                "Backups made at `{event}` and pruned with `{keep}` stay for {}, not for the {wanted} of \
                 `retention_days`: keep values count backups and periods, not days, and a backup that is late counts \
                 too.{advice}",
                days(undisturbed)
            ),
        );
        return;
    }
    let disturbed = held(&with_manual);
    if disturbed < wanted {
        out.warn(
            "prune_backups",
            "Retention is held barely",
            format!(
                "Backups made at `{event}` and pruned with `{keep}` stay for the {wanted} days of `retention_days`, but for \
                 {disturbed} only when every fourth is followed by one made by hand, which takes the place of a planned \
                 one.{advice}"
            ),
        );
    }
}

fn derived(promise: &Promise) -> Option<PruneBackups> {
    keep_for(&promise.schedule, promise.retention_days, promise.rpo_grace_hours)
}

/// What the clock of a node that is not on UTC does to a promise.
pub(super) fn check_zone(promise: &Promise, node: &str, zone: &Zone, now: Timestamp, out: &mut Diagnostics) {
    let Ok(event) = promise.schedule.parse::<CalendarEvent>() else { return };
    let mut effect = format!("The clock of node {node:?} shows the time of {zone}. ");
    if event.is_utc() {
        effect.push_str(&format!(
            "The schedule `{event}` ends in UTC and is not moved, but pruning on the node counts days, weeks and months by \
             that clock: with `{}` backups {}.",
            promise.keep.counts(),
            held_in(promise, &event, zone),
        ));
    } else {
        effect.push_str(&format!(
            "The schedule `{event}` follows it, so that it means another moment on a node elsewhere"
        ));
        match event.firing(Horizon::four_years(now), zone) {
            Firing::Repeatedly(gaps) => effect.push_str(&format!(
                ", and a change of the clocks makes the longest gap {}, {}.",
                length(gaps.largest),
                moments(gaps.largest)
            )),
            Firing::Never | Firing::Once(_) => effect.push('.'),
        }
        effect.push_str(" End the schedule in `UTC`.");
    }
    effect.push_str(" `homelab_pve_node` with `time_zone = \"UTC\"` puts the node on UTC.");
    out.warn("schedule", "Node is not on UTC", effect);
}

fn held_in(promise: &Promise, event: &CalendarEvent, zone: &Zone) -> String {
    let keep: Keep = promise.keep.counts();
    let grace = times(HOUR, promise.rpo_grace_hours);
    let setting = setting(event, times(DAY, promise.retention_days), grace, zone.clone());
    match held_days(event, &keep, &setting) {
        Some(held) => {
            let (held, wanted) = (i64::try_from(held).unwrap_or(i64::MAX), promise.retention_days);
            let still = if held < wanted { "" } else { "still " };
            format!("{still}stay for {} there, and {wanted} are promised", days(held))
        }
        None => "stay for good there".to_owned(),
    }
}

/// A number of whole days.
fn days(count: i64) -> String {
    match count {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        _ => format!("{count} days"),
    }
}

/// Such as `25 hours` or `31 days`.
fn length(gap: Gap) -> String {
    let hours = gap.length().as_secs().div_ceil(HOUR.as_secs());
    match (hours / 24, hours % 24) {
        (2.., 0) => format!("{} days ({hours} hours)", hours / 24),
        _ => format!("{hours} hours"),
    }
}

fn moments(gap: Gap) -> String {
    format!("from {} to {}", gap.from, gap.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(number: &str) -> Promise {
        Promise::default_of(number.parse().unwrap()).unwrap()
    }

    fn said(promise: &Promise) -> Vec<String> {
        let mut out = Diagnostics::new();
        check(promise, "2026-11-25T00:00:00Z".parse().unwrap(), &mut out);
        out.into_vec().iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn says(promise: Promise, words: &[&str]) {
        let said = said(&promise);
        assert_eq!(said.len(), 1, "{said:#?}");
        for word in words {
            assert!(said[0].contains(word), "{word:?} is not in {said:#?}");
        }
    }

    #[test]
    fn nothing_is_said_of_the_default_tiers_and_their_keep_values_are_the_derived_ones() {
        for number in ["1", "2", "3", "4"] {
            let promise = promise(number);
            assert_eq!(said(&promise), Vec::<String>::new());
            assert_eq!(derived(&promise), Some(promise.keep), "tier {number}");
        }
    }

    #[test]
    fn a_gap_beyond_the_objective_is_an_error_with_both_numbers() {
        let monthly = Promise { rpo_hours: 720, ..promise("3") };
        says(
            monthly,
            &[
                "schedule: Schedule misses the objective",
                "31 days (744 hours)",
                "723 hours",
                "to 741 or more",
                "from 20",
            ],
        );
    }

    #[test]
    fn keep_values_that_are_one_short_are_an_error_that_says_the_right_ones() {
        let keep = PruneBackups::from(Keep { last: 30, ..Keep::default() });
        says(
            Promise { keep, ..promise("1") },
            &["prune_backups: Retention is not held", "29 days", "the 30 of", "keep-daily=31,keep-last=31"],
        );
    }

    #[test]
    fn keep_values_that_a_manual_backup_eats_are_a_warning() {
        let keep = PruneBackups::from(Keep { last: 31, ..Keep::default() });
        says(Promise { keep, ..promise("1") }, &["Retention is held barely", "made by hand"]);
    }

    #[test]
    fn schedules_that_mean_something_else_are_told() {
        let with = |schedule: &str, rpo_hours| {
            let keep = keep_for(schedule, 30, 3).unwrap_or(promise("1").keep);
            Promise { schedule: schedule.to_owned(), rpo_hours, keep, ..promise("1") }
        };
        says(with("2020-1-1 21:00 UTC", 24), &["Schedule never fires"]);
        says(with("21 UTC", 24), &["Schedule fires every hour", "at minute 21"]);
        says(with("*-*-31 21:00 UTC", 24 * 62), &["Schedule skips short months", "no day 31"]);
    }

    #[test]
    fn a_zone_that_is_not_utc_is_told_with_what_it_does() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let said = |schedule: &str| {
            let mut out = Diagnostics::new();
            let promise = Promise { schedule: schedule.to_owned(), ..promise("1") };
            check_zone(&promise, "pve1", &zone, "2026-11-25T00:00:00Z".parse().unwrap(), &mut out);
            out.into_vec().remove(0).to_string()
        };
        let local = said("21:00");
        assert!(local.contains("25 hours") && local.contains("Europe/Berlin"), "{local}");
        let utc = said("21:00 UTC");
        assert!(utc.contains("backups still stay for 30 days there, and 30 are promised"), "{utc}");
    }
}
