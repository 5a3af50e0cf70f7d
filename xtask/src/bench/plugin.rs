//! The plugin by itself: its size, its start and its memory.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Figure;
use crate::Outcome;

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A client certificate as the CLIs make them (P-521, self-signed), so that the start includes mutual TLS. Its key was never kept.
const CLIENT: &str = include_str!("client.pem");

/// How often the start is repeated.
const STARTS: usize = 41;

/// Measures one built plugin.
pub fn measure(plugin: &Path) -> Outcome<Vec<Figure>> {
    let size = std::fs::metadata(plugin).map_err(|error| error.to_string())?.len();
    let mut took = Vec::new();
    let mut memory = 0;
    for _ in 0..STARTS {
        let (time, kib) = start(plugin)?;
        took.push(time);
        memory = memory.max(kib);
    }
    took.sort();
    let median = took[STARTS / 2].as_secs_f64() * 1e3;
    Ok(vec![
        Figure::new("stripped binary", size as f64 / f64::from(1 << 20), Some(15.0), "MiB"),
        Figure::new(
            format!("start to handshake line with mutual TLS, median of {STARTS}"),
            median,
            Some(5.0),
            "ms",
        ),
        Figure::new("resident memory, idle after the handshake", memory as f64 / 1024.0, Some(12.0), "MiB"),
    ])
}

fn start(plugin: &Path) -> Outcome<(Duration, u64)> {
    let mut command = Command::new(plugin);
    command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "5,6").env("PLUGIN_CLIENT_CERT", CLIENT);
    let begin = Instant::now();
    let (mut child, line) = first_line(command, |line| line.contains('|'))?;
    let took = begin.elapsed();
    let memory = resident(child.id());
    let _ = child.kill();
    let _ = child.wait();
    if line.split('|').count() < 6 {
        return Err(format!("the plugin wrote no handshake line with a certificate, but {line:?}"));
    }
    Ok((took, memory))
}

/// Starts a program and reads the first line that is wanted.
pub fn first_line(mut command: Command, wanted: fn(&str) -> bool) -> Outcome<(Child, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or("the plugin has no stdout")?;
    let line = BufReader::new(stdout).lines().map_while(Result::ok).find(|line| wanted(line));
    line.map(|line| (child, line))
        .ok_or_else(|| "the plugin ended without the line that was waited for".to_owned())
}

/// Resident memory of a process in KiB (Linux; 0 elsewhere).
pub fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse().ok()).unwrap_or(0)
}
