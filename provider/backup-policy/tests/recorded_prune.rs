//! Every prune simulation that Proxmox Backup Server's own code ran, against ours.
//!
//! The data is described in `acceptance-tests/spec/backup/README.md`.

mod recorded;

use std::time::Duration;

use backup_policy::{History, Tier, Zone};
use recorded::{Figures, scenarios};

#[test]
fn every_recorded_simulation_ends_as_proxmox_says() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for scenario in scenarios() {
        let retention = Duration::from_secs(scenario.retention_days * 86_400);
        for simulation in &scenario.simulations {
            for name in &simulation.zones {
                let history = History::run(
                    &scenario.backups,
                    &simulation.keep(),
                    &Zone::named(name).unwrap(),
                    retention,
                );
                compared += 1;
                let actual = Figures::of(&history, &scenario.backups);
                if actual != simulation.figures {
                    wrong.push(format!(
                        "tier {} {} {} {name}:\n  {actual:?}\nnot\n  {:?}",
                        scenario.tier,
                        scenario.name,
                        simulation.keep(),
                        simulation.figures
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(9)].join("\n")
    );
    assert_eq!(compared, 645);
}

#[test]
fn the_gaps_of_every_recorded_scenario_are_counted_alike() {
    for scenario in scenarios() {
        let gaps: Vec<i64> =
            scenario.backups.windows(2).map(|pair| pair[1].as_second() - pair[0].as_second()).collect();
        assert_eq!(gaps.iter().max(), Some(&scenario.max_gap_seconds), "{}", scenario.name);
        let over = gaps.iter().filter(|gap| **gap > scenario.rpo_seconds).count();
        assert_eq!(over, scenario.gaps_over_rpo, "tier {} {}", scenario.tier, scenario.name);
    }
}

#[test]
fn the_default_tiers_stay_covered_in_every_recorded_scenario() {
    for scenario in scenarios() {
        let tier = Tier::default_named(&scenario.tier.to_string()).unwrap();
        let protection = tier.protection.unwrap();
        for zone in ["UTC", "Europe/Berlin", "America/New_York"] {
            let zone = Zone::named(zone).unwrap();
            let history = History::run(&scenario.backups, &protection.keep, &zone, protection.retention);
            assert!(history.covers_the_retention(), "{} {} in {zone}", tier.name, scenario.name);
            // A backup made by hand takes the place of its neighbour in the day, week or month.
            let lives = history.every_backup_lives() || scenario.name == "manual";
            assert!(lives, "{} {} in {zone}", tier.name, scenario.name);
        }
    }
}
