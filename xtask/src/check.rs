//! `check`: what a commit must pass before its tests are worth running.

use crate::process::{command, show};
use crate::{Outcome, layers};

/// Formatting, lints, import rules.
pub fn run() -> Outcome {
    show(command("cargo", &["fmt", "--all", "--check"]))?;
    // Issue 2: `tf-framework` and what stands on it join when its engine is written.
    let mut lints = vec!["clippy", "--all-targets"];
    for package in ["api-core", "pve-client", "tf-derive", "sims", "suite", "xtask"] {
        lints.extend(["--package", package]);
    }
    lints.extend(["--", "--deny", "warnings"]);
    show(command("cargo", &lints))?;
    layers::run()
}
