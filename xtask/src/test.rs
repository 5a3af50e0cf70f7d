//! `test`: one run of every test, with every CLI that is there; OpenTofu is installed where it is missing.

use crate::process::{command, show};
use crate::{Outcome, tools};

/// Builds what the acceptance tests start, then runs the workspace's tests.
pub fn run(filter: &[String]) -> Outcome {
    // Without binary targets this builds nothing; the tests that need them say so.
    show(command("cargo", &["build", "--package", "homelab", "--package", "sims"]))?;
    for cli in &tools::every()? {
        println!("acceptance tests use {}: {}", cli.display(), suite::cli::version(cli)?);
    }
    // The doc tests are few and nextest does not run them.
    if has_nextest() {
        let mut tests = command("cargo", &["nextest", "run", "--workspace", "--no-fail-fast"]);
        tests.args(["--test-threads", &at_a_time().to_string()]).args(filter);
        return show(tests);
    }
    let mut tests = command("cargo", &["test", "--workspace", "--no-fail-fast"]);
    tests.args(filter);
    show(tests)
}

/// How many tests run at a time: they wait for processes and tasks more than they compute.
fn at_a_time() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) * 2
}

fn has_nextest() -> bool {
    command("cargo", &["nextest", "--version"]).output().is_ok_and(|output| output.status.success())
}
