//! The built programs, and ending by id what a test has started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the suite lies two folders below the root")
        .to_path_buf()
}

/// Cargo's output folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The folder that holds the plugin and the lab; `HOMELAB_BINARIES` names another.
///
/// Both are built when one is missing, so that a bare `cargo test` works too.
pub fn binaries() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(named) = std::env::var_os("HOMELAB_BINARIES") {
                return PathBuf::from(named);
            }
            let folder = target().join("debug");
            let missing =
                ["terraform-provider-homelab", "homelab-sim"].iter().any(|name| !folder.join(name).is_file());
            if missing {
                let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                    .args(["build", "-p", "homelab", "-p", "sims", "--bins"])
                    .current_dir(root())
                    .status()
                    .expect("cargo runs the tests, so it is there");
                assert!(status.success(), "the plugin and the lab do not build");
            }
            for name in ["terraform-provider-homelab", "homelab-sim"] {
                assert!(folder.join(name).is_file(), "cargo built no `{name}` in {}", folder.display());
            }
            folder
        })
        .clone()
}

/// Sends a signal to one process by its id.
pub fn signal(process: u32, signal: &str) {
    let _ = Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status();
}

/// The children of `parent` whose name begins with `name` (Linux).
pub fn children(parent: u32, name: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|process| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // `pid (name) state ppid …`; the kernel cuts the name at 15 bytes.
            let Some((head, tail)) = stat.rsplit_once(") ") else { return false };
            let Some((_, found)) = head.split_once('(') else { return false };
            let found_parent = tail.split(' ').nth(1).and_then(|word| word.parse::<u32>().ok());
            found_parent == Some(parent) && found.starts_with(&name[..name.len().min(15)])
        })
        .collect()
}

/// Polls until `ready` answers, for at most `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_by_its_parent_and_ended_by_its_id() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found =
            wait_for("the child", Duration::from_secs(5), || children(std::process::id(), "sleep").pop());
        assert_eq!(found, child.id());
        signal(found, "KILL");
        assert!(!child.wait().unwrap().success());
        assert_eq!(children(std::process::id(), "sleep"), Vec::<u32>::new());
    }

    #[test]
    #[should_panic(expected = "nothing did not happen within")]
    fn waiting_is_bounded() {
        wait_for("nothing", Duration::from_millis(50), || None::<()>);
    }
}
