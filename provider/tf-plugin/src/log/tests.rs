//! What a CLI gets to read.

use std::sync::{Arc, Mutex};

use time::{Date, Month, Time};

use super::*;

/// What is logged at a level, line by line; each must be JSON and short enough.
fn logged(level: Level, work: impl FnOnce()) -> Vec<Json> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    let write = move |line: &[u8]| kept.lock().unwrap().push(line.to_vec());
    let log = Hclog { level: level.filter(), write };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log), work);
    let lines = lines.lock().unwrap();
    for line in lines.iter() {
        assert!(line.len() < 64 * 1024, "a line has {} bytes", line.len());
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
    }
    lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn an_event_has_the_fields_of_its_spans() {
    let lines = logged(Level::Trace, || {
        let outer =
            tracing::info_span!("call", tf_rpc = "ReadResource", tf_resource_type = tracing::field::Empty);
        outer.record("tf_resource_type", "homelab_toy");
        let _outer = outer.enter();
        let _inner = tracing::debug_span!("request", method = "GET").entered();
        tracing::info!(status = 200, "answered");
    });
    let line = &lines[0];
    assert_eq!(lines.len(), 1);
    assert_eq!(line["@message"], "answered");
    assert_eq!(line["@level"], "info");
    assert_eq!(line["@module"], "tf_plugin::log::tests");
    assert_eq!(line["tf_rpc"], "ReadResource");
    assert_eq!(line["tf_resource_type"], "homelab_toy");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["status"], 200);
}

/// A core casts these three without a look, and crashes on a number.
#[test]
fn the_three_keys_are_always_strings() {
    let lines = logged(Level::Trace, || tracing::error!(message = 5));
    for key in ["@message", "@level", "@timestamp"] {
        assert!(lines[0][key].is_string(), "{key} is {}", lines[0][key]);
    }
}

#[test]
fn a_field_named_like_a_secret_is_masked() {
    let lines = logged(Level::Trace, || {
        tracing::info!(password = "hunter2", api_token = ?Some("hunter2"), csrf_token = 5, user = "root@pam", "in");
    });
    assert_eq!(lines[0]["password"], "(redacted)");
    assert_eq!(lines[0]["api_token"], "(redacted)");
    assert_eq!(lines[0]["csrf_token"], "(redacted)");
    assert_eq!(lines[0]["user"], "root@pam");
    assert!(!lines[0].to_string().contains("hunter2"));
}

#[test]
fn a_line_stays_short_whatever_is_in_it() {
    let (long, hostile, message) = ("ü".repeat(100_000), "\u{1}\"".repeat(100_000), "m".repeat(100_000));
    let lines = logged(Level::Trace, || {
        tracing::info!(a = long, b = hostile, c = hostile, d = hostile, e = long, f = hostile, "{message}");
        tracing::info!(only = long, "short");
    });
    let kept = lines[1]["only"].as_str().unwrap();
    assert!(kept.ends_with("… (200000 bytes in all)"), "{}", &kept[kept.len() - 40..]);
}

#[test]
fn a_level_shows_what_is_as_bad_or_worse() {
    let lines = logged(Level::Warn, || {
        tracing::error!("e");
        tracing::warn!("w");
        tracing::info!("i");
    });
    assert_eq!(lines.len(), 2);
}

/// h2 logs whole headers at these levels, and with them the authorization.
#[test]
fn other_crates_are_heard_only_from_warnings_up() {
    let lines = logged(Level::Trace, || {
        tracing::trace!(target: "h2::codec", "headers");
        tracing::info!(target: "hyper_util::client", "connecting");
        tracing::warn!(target: "rustls::conn", "alert");
        tracing::trace!(target: "pve_client::call", "sent");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["@message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["alert", "sent"]);
}

#[test]
fn a_timestamp_has_six_decimals_and_is_utc() {
    let date = Date::from_calendar_date(2026, Month::March, 5).unwrap();
    let time = Time::from_hms_micro(4, 3, 2, 10).unwrap();
    assert_eq!(timestamp(OffsetDateTime::new_utc(date, time)), "2026-03-05T04:03:02.000010Z");
}

#[test]
fn what_is_not_a_level_means_everything() {
    assert_eq!(Level::asked("DEBUG"), Level::Debug);
    assert_eq!(Level::asked("JSON"), Level::Trace);
    assert_eq!(Level::asked("1"), Level::Trace);
    assert_eq!(Level::asked("off"), Level::Off);
}
