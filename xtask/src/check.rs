//! `check`: what a commit must pass before its tests are worth running.

use crate::process::{command, show};
use crate::{Outcome, duplicates, house, layers, named};

/// Formatting, lints, house and import rules, what the documents name, and what is depended on.
pub fn run() -> Outcome {
    show(command("cargo", &["fmt", "--all", "--check"]))?;
    house::run()?;
    named::run()?;
    let mut clippy = command("cargo", &["clippy", "--workspace", "--all-targets", "--"]);
    clippy.args(["--warn", "clippy::too_many_lines", "--deny", "warnings"]);
    show(clippy)?;
    layers::run()?;
    duplicates::run()?;
    deny()
}

/// Licences, sources and versions of what we depend on, where cargo-deny is installed.
fn deny() -> Outcome {
    let installed =
        command("cargo", &["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if installed {
        return show(command("cargo", &["deny", "check", "licenses", "bans", "sources"]));
    }
    println!(
        "deny: not checked; `cargo install cargo-deny --locked` installs what checks licences and sources"
    );
    Ok(())
}
