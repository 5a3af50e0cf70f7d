//! Every next event that Proxmox's own code computed, against ours.
//!
//! The data is described in `acceptance-tests/spec/backup/README.md`.

#![expect(clippy::unwrap_used, reason = "a helper that fails is to fail its test")]

use backup_policy::{CalendarEvent, Timestamp, Zone};
use serde::Deserialize;

const RECORDED: &str = include_str!("../../../acceptance-tests/spec/backup/calendar-events.jsonl");

#[derive(Deserialize)]
struct Head {
    bases: Vec<i64>,
    zones: Vec<String>,
}

#[derive(Deserialize)]
struct Expression {
    event: String,
    /// Per zone (or one for all), per base: seconds from the base to the first event, and so on.
    /// Absent when Proxmox refuses the expression.
    steps: Option<Vec<Vec<Vec<i64>>>>,
}

#[test]
fn every_recorded_expression_fires_when_proxmox_says() {
    let mut lines = RECORDED.lines();
    let head: Head = serde_json::from_str(lines.next().unwrap()).unwrap();
    let zones: Vec<Zone> = head.zones.iter().map(|name| Zone::named(name).unwrap()).collect();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for line in lines {
        let recorded: Expression = serde_json::from_str(line).unwrap();
        let event = recorded.event.parse::<CalendarEvent>();
        let Some(steps) = recorded.steps else {
            compared += zones.len() * head.bases.len();
            if event.is_ok() {
                wrong.push(format!("`{}` is accepted", recorded.event));
            }
            continue;
        };
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        for (index, zone) in zones.iter().enumerate() {
            let steps = steps.get(index).unwrap_or(&steps[0]);
            for (base, steps) in head.bases.iter().zip(steps) {
                compared += 1;
                let (expected, actual) = (absolute(*base, steps), next_five(&event, *base, zone));
                if expected != actual {
                    wrong.push(format!("`{event}` in {zone} after {base}: {actual:?}, not {expected:?}"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(compared, 75 * 10 * 3);
}

fn absolute(base: i64, steps: &[i64]) -> Vec<Timestamp> {
    let mut at = base;
    let mut later = |step: &i64| {
        at += step;
        Timestamp::from_second(at).unwrap()
    };
    steps.iter().map(&mut later).collect()
}

fn next_five(event: &CalendarEvent, base: i64, zone: &Zone) -> Vec<Timestamp> {
    event.events(Timestamp::from_second(base).unwrap(), zone).take(5).collect()
}
