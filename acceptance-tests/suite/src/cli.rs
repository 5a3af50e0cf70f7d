//! Which CLIs there are: `HOMELAB_CLI`, then PATH, then what xtask installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::target;

/// Every CLI on this machine, each kind once; with `HOMELAB_CLI` only that one.
pub fn found() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("HOMELAB_CLI") {
        return vec![PathBuf::from(named)];
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(target().join("tools"));
    ["tofu", "terraform"]
        .iter()
        .filter_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()))
        .collect()
}

/// The first line of `version`.
pub fn version(cli: &Path) -> Result<String, String> {
    let output = Command::new(cli)
        .arg("version")
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .map_err(|error| format!("cannot start {}: {error}", cli.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or("no version").to_owned())
}

/// Whether a CLI is at least this version of its kind; a feature that it lacks is then not tested with it.
pub fn at_least(cli: &Path, terraform: (u32, u32), tofu: (u32, u32)) -> bool {
    let text = version(cli).expect("the CLI tells its version");
    let wanted = if text.starts_with("OpenTofu") { tofu } else { terraform };
    number(&text) >= wanted
}

/// The first two numbers of a text such as `OpenTofu v1.6.2`.
fn number(text: &str) -> (u32, u32) {
    let mut parts =
        text.rsplit('v').next().unwrap_or_default().split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!(super::number("OpenTofu v1.6.2"), (1, 6));
        assert!(super::number("Terraform v1.11.4") >= (1, 8));
    }
}
