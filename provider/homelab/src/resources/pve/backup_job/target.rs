//! Where backups go. Proxmox VE makes a job for any storage, and only its run fails on one that takes no backups.

use pve_client::{Cluster, ClusterStorage, PoolName, VmId};
use tf_framework::prelude::*;

use super::BackupJob;
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
    // Whoever may not see the storages is told nothing.
    let Ok(pve) = cx.pve() else { return };
    let Ok(cluster) = pve.cluster().await else { return };
    let copies = plan.planned.attribute("fleecing").attribute("storage_name").as_str().map(str::to_owned);
    if let Some(storage) =
        copies.filter(|name| cluster.storages.iter().all(|found| found.name.as_str() != name))
    {
        let fit = cluster.storages.iter().filter(|found| found.content.contains(presence::DISKS.name()));
        missing(cx, &cluster, &storage, Path::from("fleecing").then("storage_name"), fit, plan);
    }
    let Some(storage) = plan.planned.attribute("storage_name").as_str().map(str::to_owned) else { return };
    let mut found = cluster.storages.iter().filter(|found| found.name.as_str() == storage).peekable();
    if found.peek().is_none() {
        let fit = cluster.storages.iter().filter(|found| found.content.contains(BACKUP));
        return missing(cx, &cluster, &storage, "storage_name".into(), fit, plan);
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

fn missing<'a, M: SchemaModel>(
    cx: &Cx,
    cluster: &Cluster,
    storage: &str,
    path: Path,
    fit: impl Iterator<Item = &'a ClusterStorage>,
    plan: &mut Plan<'_, M>,
) {
    let expected = storage.parse().is_ok_and(|name| cx.expects(&Expected::Storage(name)));
    if expected || cluster.storages.is_empty() {
        return;
    }
    plan.warn(
        path,
        "Storage does not exist",
        format!(
            "There is no storage {storage:?} that this login may see. Proxmox VE takes a job for it all the same, and every \
             run would fail. These would do: {}. If this configuration makes it, refer to its resource.",
            presence::list(fit.map(|found| &found.name))
        ),
    );
}

/// Warns of guests and of a pool that are not there and made by nobody.
pub(super) async fn check_selection(cx: &Cx, plan: &mut Plan<'_, BackupJob>) {
    if !preflight::changes(plan) {
        return;
    }
    let planned = plan.planned.clone();
    let pool: Option<PoolName> = planned.attribute("pool_name").as_str().and_then(|name| name.parse().ok());
    let ids = planned.attribute("vm_ids").as_elements().unwrap_or_default().iter();
    let ids = ids.filter_map(|id| VmId::try_from(id.as_number()?.to_i64()?).ok());
    let Ok(pve) = cx.pve() else { return };
    let Ok(cluster) = pve.cluster().await else { return };
    if let Some(pool) =
        pool.filter(|pool| !cluster.pools.contains(pool) && !cx.expects(&Expected::Pool(pool.clone())))
    {
        plan.warn(
            "pool_name",
            "Pool does not exist",
            format!(
                "There is no pool {:?} that this login may see. Proxmox VE takes a job for it all the same, and it backs up \
                 nothing. If this configuration makes the pool, refer to its resource.",
                pool.as_str()
            ),
        );
    }
    let missing = ids.filter(|id| cluster.guest(*id).is_none() && !cx.expects(&Expected::Vm(*id)));
    let missing: Vec<String> = missing.map(|id| id.to_string()).collect();
    if !missing.is_empty() {
        plan.warn(
            "vm_ids",
            "Guest does not exist",
            format!(
                "The login sees no guest with these IDs: {}. Proxmox VE takes a job for them all the same, and each run \
                 fails for a guest that is not there. If this configuration makes it, refer to its resource.",
                missing.join(", ")
            ),
        );
    }
}
