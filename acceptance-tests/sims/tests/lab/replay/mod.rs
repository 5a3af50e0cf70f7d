//! Replays recorded exchanges with a real Proxmox VE against a fresh lab and scores the answers.
//!
//! Exact means: status, reason, shape (keys and JSON types) and values are those of the real server,
//! apart from what a server makes up and what its machine decides. Every line is sent. Not scored are
//! lines whose answer is withheld, lines that the real server itself does not repeat, and lines that
//! the test bed of the recording shaped; their number is printed.

mod client;
mod compare;
mod facts;
mod files;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use compare::Difference;
use facts::Exchange;

use crate::process::Lab;

/// Shortest life of a task: longer than it takes to ask for its status, as in the recording.
const TASK_TIME: Duration = Duration::from_millis(60);
/// What is wanted, in percent.
const NEEDED: f64 = 95.0;

/// The part of the interface that a path belongs to.
fn area(path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        ["access", ..] => "access",
        ["pools", ..] => "pools",
        ["storage", ..] | ["nodes", _, "storage", ..] => "storage and content",
        ["nodes", _, "qemu", ..] => "virtual machines",
        ["nodes", _, "tasks", ..] | ["cluster", "tasks"] => "tasks",
        ["cluster", "resources" | "nextid" | "status" | "options"] | ["nodes"] => "cluster resources",
        ["version"] | [] => "front end",
        ["cluster", "ha", ..] => "high availability",
        _ => "other",
    }
}

#[derive(Default)]
struct Score {
    sent: usize,
    scored: usize,
    exact: usize,
    unscored: BTreeMap<String, usize>,
    misses: Vec<(Exchange, Vec<Difference>)>,
    areas: BTreeMap<&'static str, (usize, usize)>,
}

fn replay(recording: &[Exchange]) -> Score {
    let lab = Lab::start("empty", &["--task-time", &TASK_TIME.as_millis().to_string()]);
    let files = files::Files::serve();
    let mut client = client::Client::new(&lab, &files);
    let mut score = Score::default();
    let mut before = Instant::now();
    for exchange in recording {
        score.sent += 1;
        let now = Instant::now();
        let answer = client.send(exchange);
        // On a busy machine a task may end before its first status is asked for, which then says nothing.
        let is_late = exchange.name.ends_with(".status.first") && before.elapsed() >= TASK_TIME;
        before = now;
        if let Some(why) = exchange.unscored.as_deref().or(is_late.then_some("asked too late")) {
            *score.unscored.entry(why.to_owned()).or_default() += 1;
            continue;
        }
        let differences = compare::differences(exchange, &answer, &files.address());
        let entry = score.areas.entry(area(&exchange.path)).or_default();
        score.scored += 1;
        entry.0 += 1;
        if differences.is_empty() {
            score.exact += 1;
            entry.1 += 1;
        } else {
            score.misses.push((exchange.clone(), differences));
        }
    }
    score
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { 100.0 * part as f64 / whole as f64 }
}

fn report(score: &Score) -> String {
    let mut text = format!(
        "{} exchanges sent, {} scored, {} exact: {:.1} %\n",
        score.sent,
        score.scored,
        score.exact,
        percent(score.exact, score.scored)
    );
    for (why, count) in &score.unscored {
        let _ = writeln!(text, "  not scored, {why}: {count}");
    }
    for (area, (scored, exact)) in &score.areas {
        let _ = writeln!(text, "  {area}: {exact} of {scored}, {:.1} %", percent(*exact, *scored));
    }
    for (exchange, differences) in &score.misses {
        let Exchange { number, name, method, path, .. } = exchange;
        let _ = writeln!(text, "  mismatch {number} {name}: {method} {path}");
        for difference in differences.iter().take(4) {
            let _ = writeln!(text, "      {difference}");
        }
    }
    text
}

#[track_caller]
fn check(recording: &str, known: &[&str]) {
    let all = facts::read();
    let chosen: Vec<Exchange> = all.into_iter().filter(|exchange| exchange.recording == recording).collect();
    let score = replay(&chosen);
    let text = report(&score);
    // Past the capture of the test runner: the rate is told even if all is well.
    let summary: Vec<&str> = text.lines().take_while(|line| !line.starts_with("  mismatch")).collect();
    let _ = writeln!(std::io::stderr(), "replay of the recording \"{recording}\": {}", summary.join("\n"));
    let rate = percent(score.exact, score.scored);
    assert!(rate >= NEEDED, "{rate:.1} % exact, {NEEDED} % wanted\n{text}");
    let unexplained: Vec<&str> = score
        .misses
        .iter()
        .map(|(exchange, _)| exchange.number.as_str())
        .filter(|number| !known.contains(number))
        .collect();
    assert!(
        unexplained.is_empty(),
        "mismatches without a reason in docs/verification.md: {unexplained:?}\n{text}"
    );
}

/// Numbers of the mismatches that `docs/verification.md` explains: `| 764 | reason |`.
fn explained(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .filter(|cell| cell.trim_start_matches('d').parse::<u32>().is_ok())
        .collect()
}

const VERIFICATION: &str = include_str!("../../../../../docs/verification.md");

#[test]
fn the_lab_answers_as_the_recorded_server_did() {
    check("node", &explained(VERIFICATION));
}

#[test]
fn the_lab_keeps_data_disks_as_the_recorded_server_did() {
    check("data disk", &explained(VERIFICATION));
}
