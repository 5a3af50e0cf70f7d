//! Every planted fault at every call of an image's life: no half file counts as the image, there are no two of it, and the
//! next apply converges.

use core_emulator::{Action, State};
use serde_json::{Value, json};
use suite::Lab;
use suite::cycle::names;
use suite::faults::{converge, end, left, run, run_killed};
use suite::files::{Files, sha256};
use suite::plugin::configured;

const IMAGE: &str = "homelab_pve_image";

/// No operation makes more calls than this, polls included.
const MOST_CALLS: u64 = 80;

/// Where an image comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Url,
    File,
}

/// What a fault hits.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Delete,
}

/// A web server and a folder with the same image, which a node does not take for a disk.
struct Source {
    files: Files,
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
}

impl Source {
    fn new() -> Self {
        let bytes = vec![7; 300_000];
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        std::fs::write(folder.path().join("ours.raw"), &bytes).expect("the folder is ours");
        Self { files: Files::start(), folder, bytes }
    }

    fn image(&self, from: From) -> Value {
        let mut image = json!({
            "node_name": "pve1", "storage_name": "shared", "content": "import", "checksum": sha256(&self.bytes),
        });
        match from {
            From::Url => image["url"] = self.files.put("ours.raw", &self.bytes).into(),
            From::File => {
                image["source_file"] = self.folder.path().join("ours.raw").display().to_string().into();
            }
        }
        image
    }
}

fn on_shared(lab: &Lab) -> Vec<String> {
    names(lab, "/api2/json/nodes/pve1/storage/shared/content?content=import", "volid")
}

/// One kind of fault, for the n-th call that it fits.
fn fault(kind: &str, n: u64) -> Value {
    match kind {
        "refused" => {
            json!({ "kind": "status", "status": 500, "message": "something went wrong", "path": "/**", "after": n })
        }
        "killed" => json!({ "kind": "delay", "milliseconds": 300, "path": "/**", "after": n }),
        "task_fails" => {
            json!({ "kind": kind, "message": "the disk is on fire", "path": "/nodes/**", "method": "POST", "after": n })
        }
        _ => json!({ "kind": kind, "path": "/**", "after": n }),
    }
}

async fn no_changes(lab: &Lab, state: Option<&State>, config: &Value, story: &str) {
    let (mut plugin, core) = configured(lab).await;
    let state = core.refresh(state.expect("there is a state")).await.expect("a refresh works");
    let plan = core.plan(IMAGE, state.as_ref(), config).await.expect("a plan works");
    assert_eq!(plan.action, Action::NoOp, "{story}: the next plan is empty: {plan:?}");
    end(&mut plugin).await;
}

async fn every_call(kind: &str, operation: Operation, from: From) {
    let (lab, source) = (Lab::with(&["--task-time", "40"]), Source::new());
    let (before, image) = (on_shared(&lab), source.image(from));
    let mut after = before.clone();
    after.push("shared:import/ours.raw".to_owned());
    after.sort();
    let mut struck = 0;
    for n in 0..MOST_CALLS {
        let story = format!("{operation:?} from {from:?} with {kind} at call {n}");
        let (state, config) = match operation {
            Operation::Create => (None, Some(&image)),
            Operation::Delete => (converge(&lab, IMAGE, None, Some(&image), &story).await, None),
        };
        lab.plant(&fault(kind, n));
        let outcome = match kind {
            "killed" => run_killed(&lab, IMAGE, state.as_ref(), config).await,
            _ => run(&lab, IMAGE, state.as_ref(), config).await,
        };
        let hits = lab.unplant();
        struck += hits;
        let (state, _, said) = left(outcome, state);
        let story = format!("{story}, which said {said}");
        let state = converge(&lab, IMAGE, state, config, &story).await;
        if let Some(config) = config {
            assert_eq!(on_shared(&lab), after, "{story}");
            let shown = lab.get("/api2/json/nodes/pve1/storage/shared/content?content=import");
            let rows = shown["data"].as_array().cloned().unwrap_or_default();
            let file = rows.iter().find(|row| row["volid"] == "shared:import/ours.raw").expect("it is there");
            assert_eq!(file["size"], source.bytes.len(), "{story}: the file is whole");
            no_changes(&lab, state.as_ref(), config, &story).await;
            converge(&lab, IMAGE, state, None, &story).await;
        }
        assert_eq!(on_shared(&lab), before, "{story}: nothing is left");
        if hits == 0 {
            assert!(struck > 0, "{kind} never struck");
            return;
        }
    }
    panic!("{operation:?} makes more than {MOST_CALLS} calls");
}

macro_rules! faults {
    ($($name:ident: $kind:literal, $operation:ident, $from:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                every_call($kind, Operation::$operation, From::$from).await;
            }
        )*
    };
}

faults! {
    a_download_survives_lost_replies: "reply_lost", Create, Url;
    a_download_survives_cut_connections: "cut", Create, Url;
    a_download_survives_refusals: "refused", Create, Url;
    a_download_survives_failing_tasks: "task_fails", Create, Url;
    a_download_survives_kill_minus_9: "killed", Create, Url;
    an_upload_survives_lost_replies: "reply_lost", Create, File;
    an_upload_survives_cut_connections: "cut", Create, File;
    an_upload_survives_refusals: "refused", Create, File;
    an_upload_survives_failing_tasks: "task_fails", Create, File;
    an_upload_survives_kill_minus_9: "killed", Create, File;
    a_deletion_survives_lost_replies: "reply_lost", Delete, Url;
    a_deletion_survives_refusals: "refused", Delete, Url;
    a_deletion_survives_kill_minus_9: "killed", Delete, Url;
}
