//! What holds for every calendar event.

#![expect(clippy::unwrap_used, reason = "a helper that fails is to fail its test")]

use backup_policy::{CalendarEvent, Firing, Horizon, Timestamp, Zone};
use proptest::prelude::*;

/// Texts built from the pieces of the grammar, in and out of order.
fn nearly_events() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,4}",
        proptest::sample::select(vec![
            "mon", "Sunday", "fri..mon", "*", "*-*-*", "-", ":", ",", "..", "/", " ", "UTC", "daily", "*/2",
            "é",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Events that Proxmox accepts.
fn events() -> impl Strategy<Value = String> {
    let weekdays =
        proptest::option::of(proptest::sample::select(vec!["mon", "sat,sun", "fri..mon", "tue..thu"]));
    let date =
        proptest::option::of((1u32..13, 1u32..29).prop_map(|(month, day)| format!("*-{month}/2-1..{day}")));
    let time = (0u32..24, 0u32..60, 1u32..24, any::<bool>()).prop_map(|(hour, minute, step, second)| {
        format!("{hour}/{step}:{minute}{}", if second { ":30" } else { "" })
    });
    (weekdays, date, time, any::<bool>()).prop_map(|(weekdays, date, time, utc)| {
        let words = weekdays.map(str::to_owned).into_iter().chain(date).chain([time]);
        words.chain(utc.then(|| "UTC".to_owned())).collect::<Vec<_>>().join(" ")
    })
}

fn zones() -> impl Strategy<Value = Zone> {
    proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
        .prop_map(|name| Zone::named(name).unwrap())
}

fn moments() -> impl Strategy<Value = Timestamp> {
    (1_700_000_000i64..2_500_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in nearly_events(), free in ".*", moment in moments()) {
        for text in [text, free] {
            if let Ok(event) = text.parse::<CalendarEvent>() {
                prop_assert_eq!(event.as_str(), &text);
                if let Some(next) = event.next_after(moment, &Zone::utc()) {
                    prop_assert!(next > moment);
                }
            }
        }
    }

    #[test]
    fn the_next_run_is_later_and_no_run_lies_between(
        text in events(), zone in zones(), moment in moments(), share in 0.0..1.0f64,
    ) {
        let event: CalendarEvent = text.parse().unwrap();
        let next = event.next_after(moment, &zone).unwrap();
        prop_assert!(next > moment);
        // Whatever the moment between the two, the next run is the same.
        let way = (next.as_second() - moment.as_second() - 1) as f64 * share;
        let between = Timestamp::from_second(moment.as_second() + way as i64).unwrap();
        prop_assert_eq!(event.next_after(between, &zone), Some(next));
        // The expression written out for this very run admits it.
        let again = Timestamp::from_second(next.as_second() - 1).unwrap();
        prop_assert_eq!(event.next_after(again, &zone), Some(next));
    }

    #[test]
    fn every_run_matches_its_expression(
        hour in 0u32..24, minute in 0u32..60, month in 1u32..13, day in 1u32..29, moment in moments(),
    ) {
        let event: CalendarEvent = format!("*-{month}-{day} {hour}:{minute} UTC").parse().unwrap();
        let next = event.next_after(moment, &Zone::utc()).unwrap().to_string();
        prop_assert!(next.ends_with(&format!("-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z")), "{}", next);
    }

    #[test]
    fn the_gaps_are_those_of_the_runs_one_by_one(text in events(), zone in zones(), moment in moments()) {
        let event: CalendarEvent = text.parse().unwrap();
        let until = Timestamp::from_second(moment.as_second() + 400 * 86_400).unwrap();
        let after = |run: &Timestamp| event.next_after(*run, &zone);
        let mut runs: Vec<Timestamp> = event.events(moment, &zone).take(2).collect();
        while let Some(run) = runs.last().filter(|run| **run <= until).and_then(after) {
            runs.push(run);
        }
        let lengths = || runs.windows(2).map(|pair| pair[1].as_second() - pair[0].as_second());
        let Firing::Repeatedly(gaps) = event.firing(Horizon { from: moment, until }, &zone) else {
            panic!("{event} repeats");
        };
        // The walk looks at whole days, and so may see more of the last one.
        let largest = lengths().max().unwrap().unsigned_abs();
        prop_assert!(gaps.largest.length().as_secs() >= largest, "{:?} {}", gaps, largest);
        prop_assert!(gaps.smallest.length().as_secs() <= lengths().min().unwrap().unsigned_abs());
        prop_assert!(gaps.largest.length().as_secs() == largest || gaps.largest.to > until);
    }
}
