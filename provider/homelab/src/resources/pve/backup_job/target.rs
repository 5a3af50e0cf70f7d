//! Where backups go. Proxmox VE makes a job for any storage, and only its run fails on one that takes no backups.

use pve_client::Cluster;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::memory::Expected;
use crate::{preflight, presence};

/// What a storage has to hold for backups.
const BACKUP: &str = "backup";

/// Warns of a storage that takes no backups as it is now, or is not there and made by nobody.
pub(crate) async fn check<M: SchemaModel>(cx: &Cx, plan: &mut Plan<'_, M>) {
    if !preflight::changes(plan) {
        return;
    }
    let Some(storage) = plan.planned.attribute("storage_name").as_str().map(str::to_owned) else { return };
    // Whoever may not see the storages is told nothing.
    let Ok(pve) = cx.pve() else { return };
    let Ok(cluster) = pve.cluster().await else { return };
    let mut found = cluster.storages.iter().filter(|found| found.name.as_str() == storage).peekable();
    if found.peek().is_none() {
        return missing(cx, &cluster, &storage, plan);
    }
    if found.any(|found| found.content.contains(BACKUP)) {
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

fn missing<M: SchemaModel>(cx: &Cx, cluster: &Cluster, storage: &str, plan: &mut Plan<'_, M>) {
    let expected = storage.parse().is_ok_and(|name| cx.expects(&Expected::Storage(name)));
    if expected || cluster.storages.is_empty() {
        return;
    }
    let fit = cluster.storages.iter().filter(|found| found.content.contains(BACKUP));
    plan.warn(
        "storage_name",
        "Storage does not exist",
        format!(
            "There is no storage {storage:?} that this login may see. Proxmox VE takes a job for it all the same, and every \
             run would fail. These take backups: {}. If this configuration makes it, refer to its resource.",
            presence::list(fit.map(|found| &found.name))
        ),
    );
}
