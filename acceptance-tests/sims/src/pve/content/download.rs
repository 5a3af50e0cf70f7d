//! Files that a node fetches from a web server. The lab fetches from loopback addresses only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::decompress::decompress;
use super::fetch::{self, Fetched};
use super::file::{self, Expected, Place};
use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::qemu::guard::failure_text;
use crate::pve::qemu::size::human_size;
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("POST", "/nodes/{node}/storage/{storage}/download-url", download),
    route("GET", "/nodes/{node}/query-url-metadata", metadata),
];

/// How often a task looks whether its file has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a thread has fetched so far.
type Slot = Arc<Mutex<Option<Fetched>>>;

#[derive(Debug, Clone)]
struct Download {
    url: String,
    place: Place,
    expected: Option<Expected>,
    compression: Option<String>,
}

fn download(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let node = request.node().to_owned();
    let (storage, content) = (params.text_or_empty("storage"), params.text_or_empty("content"));
    let name = params.text_or_empty("filename").to_owned();
    let place = file::place(lab, &node, storage, content, &name)?;
    let download = Download {
        url: params.text_or_empty("url").to_owned(),
        place,
        expected: file::expected(params),
        compression: params.text("compression").map(str::to_owned),
    };
    let plan = Plan::new("download", name, Duration::ZERO, move |lab: &mut Lab, upid: &Upid| {
        download.begin(lab, upid)
    });
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

impl Download {
    fn begin(self, lab: &mut Lab, upid: &Upid) -> Progress {
        lab.tasks.log(upid, format!("downloading {} to {}", self.url, self.place.path));
        if let Some(volume) = lab.volume(&self.place.node, &self.place.id) {
            let wanted = self.expected.as_ref().map(|expected| expected.digest.as_str());
            if wanted.is_some() && volume.sha256.as_deref() == wanted {
                lab.tasks
                    .log(upid, "calculating checksum...OK, got correct file already, no need to download");
                return Progress::Done;
            }
            return Progress::Failed(format!("refusing to override existing file '{}'", self.place.path));
        }
        let slot: Slot = Arc::default();
        let (filled, url) = (Arc::clone(&slot), self.url.clone());
        std::thread::spawn(move || {
            let fetched = fetch::get(&url);
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        });
        Progress::Then(lab.usual_task_time(), Box::new(move |lab, upid| self.look(lab, upid, slot)))
    }

    fn look(self, lab: &mut Lab, upid: &Upid, slot: Slot) -> Progress {
        let fetched = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(fetched) = fetched else {
            return Progress::Then(LOOK_EVERY, Box::new(move |lab, upid| self.look(lab, upid, slot)));
        };
        let mut log = self.transcript(upid, &fetched);
        let result = self.finish(lab, &fetched, &mut log);
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        match result {
            Ok(()) => Progress::Done,
            Err(failure) => Progress::Failed(failure_text(&failure)),
        }
    }

    fn finish(&self, lab: &mut Lab, fetched: &Fetched, log: &mut Vec<String>) -> Result<(), Failure> {
        // wget: 3 for a file that cannot be written, 4 for the network, 8 for an error that the server tells.
        let failed = |code: u8| Failure::died(format!("download failed: exit code {code}"));
        let Fetched::Answer { status: 200, body, .. } = fetched else {
            return Err(failed(if matches!(fetched, Fetched::Answer { .. }) { 8 } else { 4 }));
        };
        if !file::fits(lab, &self.place, body) {
            log.push("Cannot write to the file (No space left on device).".to_owned());
            return Err(failed(3));
        }
        file::verify(self.expected.as_ref(), body, log)?;
        match &self.compression {
            Some(compression) => {
                log.push(format!("decompressing to {}", self.place.path));
                file::keep(lab, &self.place, &decompress(compression, body)?);
            }
            None => file::keep(lab, &self.place, body),
        }
        log.push(format!("download of '{}' to '{}' finished", self.url, self.place.path));
        Ok(())
    }

    /// What wget prints.
    fn transcript(&self, upid: &Upid, fetched: &Fetched) -> Vec<String> {
        let host = fetch::authority(&self.url);
        let mut lines = vec![format!("--  {}", self.url)];
        match fetched {
            Fetched::Unreachable => {
                lines.push(format!("Connecting to {host}... failed: Connection refused."));
            }
            Fetched::Answer { status: 200, body, kind, .. } => {
                let temporary = format!("{}.tmp_dwnl.{}", self.place.path, upid.pid);
                let size = body.len();
                let shown = human_size(u64::try_from(size).unwrap_or_default());
                lines.push(format!("Connecting to {host}... connected."));
                lines.push("HTTP request sent, awaiting response... 200 OK".to_owned());
                lines.push(format!("Length: {size} ({shown}) [{kind}]"));
                lines.push(format!("Saving to: '{temporary}'"));
                lines.push("     0K                                    100%  123M=0.002s".to_owned());
                lines.push(format!("(123 MB/s) - '{temporary}' saved [{size}/{size}]"));
            }
            Fetched::Answer { status, reason, .. } => {
                lines.push(format!("Connecting to {host}... connected."));
                lines.push(format!("HTTP request sent, awaiting response... {status} {reason}"));
                lines.push(format!("ERROR {status}: {reason}."));
            }
        }
        lines
    }
}

fn metadata(_: &mut Lab, request: &Request) -> Answer {
    let url = request.params.text_or_empty("url");
    match fetch::head(url) {
        Fetched::Unreachable => {
            let host = fetch::authority(url);
            Err(Failure::died(format!(
                "invalid server response: '500 Can't connect to {host} (Connection refused)'"
            )))
        }
        Fetched::Answer { status: 200, kind, length, .. } => {
            let path = url.split(['?', '#']).next().unwrap_or(url);
            let mut answer = json!({"mimetype": kind});
            if let Some(name) = path.rsplit('/').next().filter(|name| !name.is_empty()) {
                answer["filename"] = name.into();
            }
            if let Some(length) = length {
                answer["size"] = length.into();
            }
            Ok(answer.into())
        }
        Fetched::Answer { status, reason, .. } => {
            Err(Failure::died(format!("invalid server response: '{status} {reason}'")))
        }
    }
}
