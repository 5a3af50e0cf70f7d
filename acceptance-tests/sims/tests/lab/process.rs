//! A lab in a process of its own, ended by its id.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running lab; dropping it ends it.
pub struct Lab {
    child: Child,
    folder: PathBuf,
    ready: Value,
}

impl Lab {
    /// Starts a fresh lab on a free port, with further arguments.
    pub fn start(profile: &str, more: &[&str]) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("homelab-sim-test-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let ready_file = folder.join("ready.json");
        let child = Command::new(env!("CARGO_BIN_EXE_homelab-sim"))
            .args(["--ephemeral", "--profile", profile, "--pve", "127.0.0.1:0"])
            .args(more)
            .args(["--wire-log", "wire.jsonl", "--ready-file", "ready.json"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo built the lab");
        let end = Instant::now() + Duration::from_secs(30);
        let ready = loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file) {
                break serde_json::from_str(&text).expect("the ready file is JSON");
            }
            assert!(Instant::now() < end, "the lab did not become ready");
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, folder, ready }
    }

    /// The lab's own folder.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// One value of the ready file.
    pub fn told(&self, key: &str) -> &str {
        self.ready["pve"][key].as_str().expect("the ready file tells it")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
