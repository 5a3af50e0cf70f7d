//! `docs`: the registry pages and `docs/schema.json`, which a test of the provider renders, and the modules' READMEs.

use crate::process::{command, show};
use crate::{Outcome, modules};

/// Rewrites the pages that are stale.
pub fn run() -> Outcome {
    // The test fails when it had to rewrite something; then a second run must find nothing left to do.
    render().or_else(|_| render())?;
    modules::write()
}

fn render() -> Outcome {
    show(command("cargo", &["test", "--quiet", "--package", "homelab", "--test", "docs"]))
}
