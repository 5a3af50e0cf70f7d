//! `bench`: measures the release build against the budgets, and writes what it measured, nothing else.

mod data_disk;
mod fleet;
mod plugin;

use std::fmt::Write as _;
use std::process::Command;

use crate::process::{command, root, show};
use crate::{Outcome, tools};

/// One measured figure and what it may be at most.
pub struct Figure {
    what: String,
    measured: String,
    budget: String,
    kept: bool,
}

impl Figure {
    /// A figure with a unit and its budget, if there is one.
    pub fn new(what: impl Into<String>, measured: f64, budget: Option<f64>, unit: &str) -> Self {
        // Counts are whole; everything else has one digit that means something.
        let show =
            |value: f64| if unit.is_empty() { format!("{value:.0}") } else { format!("{value:.1} {unit}") };
        Self {
            what: what.into(),
            measured: show(measured),
            budget: budget.map_or_else(|| "–".to_owned(), show),
            kept: budget.is_none_or(|budget| measured <= budget),
        }
    }
}

/// Builds for release, measures, writes `docs/benchmarks.md`; fails when a budget is not kept.
pub fn run() -> Outcome {
    show(command("cargo", &["build", "--release", "--package", "homelab", "--package", "sims", "--bins"]))?;
    let folder = suite::process::target().join("release");
    // The suite takes the release build from the command it starts itself with.
    if std::env::var_os("HOMELAB_BINARIES").is_none_or(|set| set != folder.as_os_str()) {
        let myself = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut again = Command::new(myself);
        again.arg("bench").current_dir(root()).env("HOMELAB_BINARIES", &folder);
        return show(again);
    }
    let cli = tools::cli(None)?;
    let mut figures = plugin::measure(&folder.join("terraform-provider-homelab"))?;
    figures.extend(fleet::measure(&cli, &folder.join("terraform-provider-homelab"))?);
    figures.extend(data_disk::measure(&cli)?);
    let page = page(&suite::cli::version(&cli)?, &figures);
    println!("{page}");
    std::fs::write(root().join("docs/benchmarks.md"), page).map_err(|error| error.to_string())?;
    let missed: Vec<&str> =
        figures.iter().filter(|figure| !figure.kept).map(|figure| figure.what.as_str()).collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("over budget: {}", missed.join(", ")))
}

fn page(cli: &str, figures: &[Figure]) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nMeasured by `cargo xtask bench`, which builds for release, starts the simulated lab on loopback and \
         writes this page. Run it again to repeat every figure.\n\n",
    );
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let _ = writeln!(
        text,
        "With {cli}, on {} {} with {cores} cores. The lab waits 5 ms before each answer; plan times include the CLI's own.\n",
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    text.push_str("| what | measured | at most |\n|---|---|---|\n");
    for figure in figures {
        let _ = writeln!(text, "| {} | {} | {} |", figure.what, figure.measured, figure.budget);
    }
    text
}
