//! Where backups go. Proxmox VE makes a job for any storage, and only its run fails on one that takes no backups.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::preflight;

/// What a storage has to hold for backups.
const BACKUP: &str = "backup";

/// Warns of a storage that takes no backups as it is now. One that is not there yet may be made by the same apply.
pub(crate) async fn check<M: SchemaModel>(cx: &Cx, plan: &mut Plan<'_, M>) {
    if !preflight::changes(plan) {
        return;
    }
    let Some(storage) = plan.planned.attribute("storage_name").as_str().map(str::to_owned) else { return };
    // Whoever may not see the storages is told nothing.
    let Ok(pve) = cx.pve() else { return };
    let Ok(cluster) = pve.cluster().await else { return };
    let mut found = cluster.storages.iter().filter(|found| found.name.as_str() == storage).peekable();
    if found.peek().is_none() || found.any(|found| found.content.contains(BACKUP)) {
        return;
    }
    plan.warn(
        "storage_name",
        "Storage takes no backups",
        format!(
            "The storage {storage:?} is not for backups now, so every run of this job would fail. Choose another storage, or \
             add \"backup\" to the `content` of this one."
        ),
    );
}
