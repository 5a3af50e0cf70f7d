//! `cargo xtask`: every chore of the repository, one file per command.
#![expect(
    clippy::print_stdout,
    reason = "a command for people; it is not the plugin, whose stdout is the handshake"
)]

mod bench;
mod check;
mod demo;
mod docs;
mod duplicates;
mod house;
mod layers;
mod modules;
mod named;
mod process;
mod scaffold;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command returns; the text is meant for the person who ran it.
type Outcome<T = ()> = Result<T, String>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the homelab provider suite")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Apply the example homelab to a simulated lab, and prove that the next plan is empty.
    Demo {
        /// The `tofu` or `terraform` to use instead of the one found.
        #[arg(long, env = "HOMELAB_CLI")]
        cli: Option<PathBuf>,
        /// Wait for Enter before everything is destroyed, to look at it.
        #[arg(long)]
        keep: bool,
    },
    /// Run every test, the acceptance tests with the real CLIs included.
    Test {
        /// Passed on to the test runner.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Check formatting, lints, house and import rules, and what the documents name.
    Check,
    /// Write the registry pages under `docs/` from the provider's schema, and the tables in the READMEs of the modules.
    Docs,
    /// Scaffold a resource, for example `new pve pool`.
    New { system: String, noun: String },
    /// Check which crate may depend on which.
    Layers,
    /// Measure a release build and write `docs/benchmarks.md`.
    Bench,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo { cli, keep } => demo::run(cli, keep),
        Command::Test { filter } => test::run(&filter),
        Command::Check => check::run(),
        Command::Docs => docs::run(),
        Command::New { system, noun } => scaffold::run(&system, &noun),
        Command::Layers => layers::run(),
        Command::Bench => bench::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
