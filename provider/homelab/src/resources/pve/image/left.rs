//! What an apply that was killed has left: a file, or a task that still brings one.
//!
//! A file carries no mark, but the tasks of a node tell who brought it. Such a file is not trusted: it is compared, or
//! put there again.

use pve_client::{Pve, Upid, Volume};
use tf_framework::prelude::*;

use super::facts::started_at;
use super::id::ImageId;
use crate::cx::Cx;

/// How long before the last change of a file the task that brought it may have begun, in seconds.
const LONGEST: i64 = 6 * 3600;

/// How many seconds the clocks of a task and of its file may differ.
const SLACK: i64 = 2;

/// Waits for a download of this login that still brings the file.
pub(super) async fn settled(pve: &Pve, id: &ImageId) -> pve_client::Result<()> {
    let identity = pve.client().identity();
    let brings = |task: &Upid| {
        task.kind() == "download" && task.object() == id.volume.file_name() && task.user() == identity
    };
    pve.await_tasks(&id.node, brings).await.map(drop)
}

/// The task of this login that brought a file as it is now, if there is one.
pub(super) async fn brought_by(pve: &Pve, id: &ImageId, file: &Volume) -> pve_client::Result<Option<Upid>> {
    let Some(changed) = file.created_at else { return Ok(None) };
    let identity = pve.client().identity();
    for kind in ["download", "imgcopy"] {
        for (task, ended) in pve.tasks_since(&id.node, kind, changed - LONGEST).await? {
            let began = started_at(&task).is_some_and(|began| began <= changed + SLACK);
            let ended = ended.is_none_or(|ended| ended + SLACK >= changed);
            if task.user() == identity && began && ended && is_about(pve, id, &task).await? {
                return Ok(Some(task));
            }
        }
    }
    Ok(None)
}

/// A download is named after its file; an upload tells its target in the log (pve-storage 9.1.7, `Status.pm`).
async fn is_about(pve: &Pve, id: &ImageId, task: &Upid) -> pve_client::Result<bool> {
    let name = id.volume.file_name();
    if task.kind() == "download" {
        return Ok(task.object() == name);
    }
    let log = pve.task_log(task).await?;
    let target = |line: &String| {
        line.strip_prefix("target file: ").is_some_and(|path| path.ends_with(&format!("/{name}")))
    };
    Ok(log.iter().any(target))
}

/// Tells that a file is taken over.
pub(super) fn taken_over(cx: &Cx, id: &ImageId, task: &Upid) {
    cx.operation().warn(Diagnostic::warning(
        "Image was taken over",
        format!(
            "The {} was there already. The task {task} of this login had brought it, as an apply that was interrupted leaves \
             it, so it was compared or put there again, and is managed here from now on. If another configuration manages \
             it, remove it from one of them.",
            id.title()
        ),
    ));
}
