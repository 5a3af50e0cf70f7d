//! The command `homelab-sim`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match sims::run::run(sims::options::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("homelab-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
