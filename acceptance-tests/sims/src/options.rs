//! The command line of `homelab-sim`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

use crate::pve::release::Release;

/// A simulated lab on loopback: Proxmox VE that answers as the real one, without hardware.
#[derive(Debug, Clone, Parser)]
#[command(name = "homelab-sim", version)]
pub struct Options {
    /// Where the lab's state lives.
    #[command(flatten)]
    pub keep: Keep,
    /// Address of Proxmox VE's API; port 0 takes a free one. Loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8006", value_parser = loopback)]
    pub pve: SocketAddr,
    /// Written as JSON when everything listens: endpoints, credentials, the authority's certificate.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// One JSON line for each request.
    #[arg(long, value_name = "FILE")]
    pub wire_log: Option<PathBuf>,
    /// What the lab begins with: `empty`, `lab`, or a JSON file.
    #[arg(long, value_name = "NAME|FILE", default_value = "lab")]
    pub profile: String,
    /// Delay of every answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub latency: Duration,
    /// Shortest life of a task that starts, copies or destroys something, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "100", value_parser = milliseconds)]
    pub task_time: Duration,
    /// How long after its creation lists know nothing of a guest but its id, in milliseconds; up to 10 s on a real
    /// node. As the profile says if not given: 1000 for `empty`, 0 for `lab`.
    #[arg(long, value_name = "MS", value_parser = milliseconds)]
    pub report_lag: Option<Duration>,
    /// How long a guest boots until its agent answers, in seconds on the lab's clock.
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    pub guest_boot: u32,
    /// Faults that are planted from the start; see the README.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Which Proxmox VE is played.
    #[arg(long, value_name = "RELEASE", default_value = "9.2")]
    pub version_of: Release,
    /// Refused logins take 3 s and a busy lock 10 s, as on a real node.
    #[arg(long)]
    pub real_delays: bool,
}

/// Exactly one of the two.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Keep {
    /// Folder that keeps the lab between runs.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Keep nothing.
    #[arg(long)]
    pub ephemeral: bool,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    if !address.ip().is_loopback() {
        return Err("the lab listens on loopback only".to_owned());
    }
    Ok(address)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|error| format!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_could_reach_is_refused() {
        let outcome = Options::try_parse_from(["homelab-sim", "--ephemeral", "--pve", "0.0.0.0:8006"]);
        assert!(outcome.unwrap_err().to_string().contains("loopback only"));
    }

    #[test]
    fn state_and_ephemeral_exclude_each_other_and_one_is_needed() {
        assert!(Options::try_parse_from(["homelab-sim"]).is_err());
        assert!(Options::try_parse_from(["homelab-sim", "--ephemeral", "--state", "x"]).is_err());
        assert!(Options::try_parse_from(["homelab-sim", "--state", "x"]).is_ok());
    }
}
