//! One JSON line for each request that reached the lab.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

/// Appends lines to a file, or nowhere.
pub struct WireLog(Option<Mutex<File>>);

impl WireLog {
    /// Begins a new log, replacing an older file.
    pub fn open(path: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self(path.map(File::create).transpose()?.map(Mutex::new)))
    }

    /// Writes one line; `status` 0 means that the connection was cut without an answer.
    pub fn write(&self, method: &str, path: &str, status: u16, took: Duration) {
        let Some(file) = &self.0 else { return };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let milliseconds = took.as_secs_f64() * 1000.0;
        let line = json!({
            "time": time, "method": method, "path": path, "status": status, "duration_ms": milliseconds,
        });
        if let Ok(mut file) = file.lock()
            && let Err(error) = file.write_all(format!("{line}\n").as_bytes())
        {
            tracing::warn!(%error, "the wire log cannot be written");
        }
    }
}
