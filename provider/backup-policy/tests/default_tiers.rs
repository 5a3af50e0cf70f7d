//! The default tiers keep every promise that they make.

use backup_policy::{
    CalendarEvent, DEFAULT_TIERS, Horizon, Setting, Tier, Timestamp, Verdict, Zone, derive_keep, held_days,
};

const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "America/New_York"];

fn horizon() -> Horizon {
    Horizon::four_years(Timestamp::UNIX_EPOCH)
}

#[test]
fn every_schedule_is_sound_and_keeps_its_objective() {
    for tier in DEFAULT_TIERS {
        let Some(protection) = tier.protection else { continue };
        let event: CalendarEvent = protection.schedule.parse().unwrap();
        for zone in ZONES {
            let zone = Zone::named(zone).unwrap();
            assert_eq!(event.concerns(horizon().from, &zone), [], "{}", tier.name);
            let firing = event.firing(horizon(), &zone);
            assert_eq!(protection.recovery_point.check(&firing), Verdict::Kept, "{}", tier.name);
        }
    }
}

#[test]
fn thirty_and_ninety_days_would_be_missed_by_the_calendar_alone() {
    for (name, days) in [("3", 30), ("cache", 90)] {
        let mut protection = Tier::default_named(name).unwrap().protection.unwrap();
        protection.recovery_point.objective = std::time::Duration::from_secs(days * 86_400);
        let event: CalendarEvent = protection.schedule.parse().unwrap();
        let verdict = protection.recovery_point.check(&event.firing(horizon(), &Zone::utc()));
        assert!(matches!(verdict, Verdict::Missed(_)), "{name}: {verdict:?}");
    }
}

#[test]
fn the_keep_values_are_the_smallest_that_hold() {
    for tier in DEFAULT_TIERS {
        let Some(protection) = tier.protection else { continue };
        let event = protection.schedule.parse().unwrap();
        for zone in ZONES {
            let setting = Setting {
                node: Zone::utc(),
                pruning: Zone::named(zone).unwrap(),
                by_hand: true,
                late: protection.recovery_point.grace,
                horizon: Horizon::for_retention(horizon().from, protection.retention),
            };
            let derived = derive_keep(&event, protection.retention, &setting);
            assert_eq!(derived.as_ref(), Ok(&protection.keep), "{} in {zone}", tier.name);
            let days = held_days(&event, &protection.keep, &setting).unwrap();
            assert!(days >= protection.retention.as_secs() / 86_400, "{} holds {days} days", tier.name);
        }
    }
}
