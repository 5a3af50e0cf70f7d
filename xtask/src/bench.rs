//! `bench`: measures the release build, and writes what it measured, nothing else.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use suite::{Lab, Workspace};

use crate::process::{command, root, show};
use crate::{Outcome, tools};

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Builds for release, measures, writes `docs/benchmarks.md`.
pub fn run() -> Outcome {
    show(command("cargo", &["build", "--release", "--package", "homelab", "--package", "sims", "--bins"]))?;
    let folder = suite::process::target().join("release");
    let plugin = folder.join("terraform-provider-homelab");
    // The suite takes the release build from the command it starts itself with.
    if std::env::var_os("HOMELAB_BINARIES").is_none_or(|set| set != folder.as_os_str()) {
        let myself = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut again = Command::new(myself);
        again.arg("bench").current_dir(root()).env("HOMELAB_BINARIES", &folder);
        return show(again);
    }
    let cli = tools::cli(None)?;
    let mut rows = Vec::new();
    let size = std::fs::metadata(&plugin).map_err(|error| error.to_string())?.len();
    rows.push(("Plugin binary".to_owned(), format!("{:.1} MB", size as f64 / 1e6)));
    let mut starts = Vec::new();
    let mut memory = 0;
    for _ in 0..21 {
        let (took, kib) = handshake(&plugin)?;
        starts.push(took);
        memory = memory.max(kib);
    }
    starts.sort();
    rows.push(("Start to handshake, median of 21".to_owned(), format!("{:.1} ms", millis(starts[10]))));
    rows.push(("Resident memory after the handshake".to_owned(), format!("{:.1} MB", memory as f64 / 1e3)));
    for count in [10, 100] {
        fleet(&cli, count, &mut rows)?;
    }
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`. The lab delays each answer by 5 ms; plan times include the CLI's own.\n\n",
    );
    let _ = writeln!(
        text,
        "Measured with {}, on {} {}.\n",
        suite::cli::version(&cli)?,
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    text.push_str("| what | measured |\n|---|---|\n");
    for (what, measured) in rows {
        let _ = writeln!(text, "| {what} | {measured} |");
    }
    println!("{text}");
    std::fs::write(root().join("docs/benchmarks.md"), text).map_err(|error| error.to_string())
}

/// Applies, refreshes and destroys `count` stopped VMs.
fn fleet(cli: &Path, count: usize, rows: &mut Vec<(String, String)>) -> Outcome {
    let lab = Lab::with(&["--latency", "5"]);
    let workspace = Workspace::new(cli);
    let vms = format!(
        "resource \"homelab_pve_vm\" \"many\" {{\n  count     = {count}\n  node_name = \"pve1\"\n  name      = \"bench-${{count.index}}\"\n  started   = false\n}}\n"
    );
    workspace.configure(&lab.provider_block(), &vms);
    let run = workspace.apply();
    if run.code != Some(0) {
        return Err(format!("apply of {count} VMs:\n{}", run.text));
    }
    rows.push((format!("Calls to create {count} VMs"), lab.calls().to_string()));
    let before = lab.calls();
    let begin = Instant::now();
    let run = workspace.plan();
    if run.code != Some(0) {
        return Err(format!("the plan of {count} VMs is not empty:\n{}", run.text));
    }
    rows.push((format!("Plan of {count} VMs"), format!("{:.0} ms", millis(begin.elapsed()))));
    rows.push((format!("Calls of that plan, {count} VMs"), (lab.calls() - before).to_string()));
    Ok(())
}

fn handshake(plugin: &Path) -> Outcome<(Duration, u64)> {
    let begin = Instant::now();
    let mut child = Command::new(plugin)
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("the plugin has no stdout")?;
    let read = BufReader::new(stdout).read_line(&mut line);
    let took = begin.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0);
    let _ = child.kill();
    let _ = child.wait();
    read.map_err(|error| error.to_string())?;
    if line.is_empty() {
        return Err("the plugin wrote no handshake line".to_owned());
    }
    Ok((took, memory))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
