//! What is remembered of a file beside the state: how it was when it was put there, and since when it can be ours.

use pve_client::{Upid, Volume};
use serde_json::{Value as Json, json};
use tf_framework::prelude::*;

const PLACED: &str = "placed";
const BEGUN: &str = "begun_at";
const TASK: &str = "task";

fn facts(volume: &Volume) -> Json {
    json!({ "size_bytes": volume.size_bytes, "changed_at": volume.created_at })
}

/// Remembers the file as it is now: it is the one that was asked for.
pub(super) fn remember(operation: &Operation, volume: &Volume) {
    operation.set_private(PLACED, facts(volume));
    operation.set_private(BEGUN, Json::Null);
    operation.set_private(TASK, Json::Null);
}

/// Whether the file is still as it was. A file that was imported is remembered from then on.
pub(super) fn is_intact(operation: &Operation, volume: &Volume) -> bool {
    match operation.private(PLACED) {
        Some(placed) => placed == facts(volume),
        // What an apply left half-made is not known to be whole.
        None if operation.private(BEGUN).is_some() => false,
        None => {
            remember(operation, volume);
            true
        }
    }
}

/// Notes that a task of ours has begun: a file that is older than this is not ours.
pub(super) fn begin(operation: &Operation, task: &Upid) {
    operation.set_private(PLACED, Json::Null);
    operation.set_private(BEGUN, started_at(task).into());
    operation.set_private(TASK, task.as_str().into());
}

/// The task that was begun and whose end nobody has seen.
pub(super) fn unfinished(operation: &Operation) -> Option<Upid> {
    operation.private(TASK)?.as_str()?.parse().ok()
}

/// Whether a file was there before a task of ours that never ended well, so that it is somebody else's.
pub(super) fn is_older_than_ours(operation: &Operation, volume: &Volume) -> bool {
    let begun = operation.private(BEGUN).and_then(|begun| begun.as_i64());
    begun.zip(volume.created_at).is_some_and(|(begun, changed)| changed < begun)
}

/// `UPID:node:pid:pstart:starttime:…`, in hexadecimal seconds of the node's own clock.
pub(super) fn started_at(task: &Upid) -> Option<i64> {
    i64::from_str_radix(task.as_str().split(':').nth(4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_tells_when_it_started() {
        let upid = "UPID:pve1:0000022A:0008A653:6B03BB63:download:dl4.iso:pu@pve!tk:".parse().unwrap();
        assert_eq!(started_at(&upid), Some(0x6B03_BB63));
    }
}
