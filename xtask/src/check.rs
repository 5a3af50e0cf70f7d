//! `check`: what a commit must pass before its tests are worth running.

use crate::process::{command, show};
use crate::{Outcome, duplicates, layers};

/// Formatting, lints, import rules.
pub fn run() -> Outcome {
    show(command("cargo", &["fmt", "--all", "--check"]))?;
    show(command("cargo", &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    layers::run()?;
    duplicates::run()
}
