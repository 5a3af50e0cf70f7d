//! What a login must be allowed for a change of a data disk: mostly what the holder, which is a machine, needs.

use pve_client::{Cluster, VmId};

use super::coverage::is_own;
use super::model::{DataDisk, Ownership};
use super::tier::BackupTier;
use crate::preflight::{Need, need, need_below};

/// What each setting of a new holder needs, and reading it (qemu-server 9.2.6, `API2/Qemu.pm`).
const HOLDER: [&[&str]; 6] = [
    &["VM.Allocate"],
    &["VM.Audit"],
    &["VM.Config.Disk"],
    &["VM.Config.HWType"],
    &["VM.Config.Memory"],
    &["VM.Config.Options"],
];

/// What a plan needs.
pub(super) fn needs(
    prior: Option<&DataDisk>,
    want: Option<&DataDisk>,
    cluster: Option<&Cluster>,
) -> Vec<Need> {
    match (prior, want) {
        (None, Some(want)) => {
            let mut needs = vec![space(want)];
            // Before the tier is known, nobody knows which pool may grant the rest.
            if let Some(tier) = want.tier() {
                needs.extend(HOLDER.into_iter().map(|any_of| on_new(tier, any_of)));
            }
            needs
        }
        (Some(prior), Some(want)) => {
            let mut needs = change(prior, want);
            if let (Some(user), Some(cluster)) = (prior.user(), cluster) {
                needs.extend(of_user(cluster, user, prior, want));
            }
            needs
        }
        (Some(prior), None) => [&["VM.Allocate"][..], &["VM.Config.Options"]]
            .into_iter()
            .filter_map(|any_of| on_holder(prior, any_of))
            .collect(),
        (None, None) => Vec::new(),
    }
}

fn change(prior: &DataDisk, want: &DataDisk) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let grows = prior.size_gib != want.size_gib;
    let moves = prior.storage_name != want.storage_name;
    if grows || moves {
        needs.extend(on_holder(prior, &["VM.Config.Disk"]));
        needs.push(space(want));
    }
    if prior.node_name != want.node_name {
        needs.extend(on_holder(prior, &["VM.Migrate"]));
    }
    needs.extend(on_holder(prior, &["VM.Config.Options"]));
    if let (Some(before), Some(after)) = (prior.tier(), want.tier())
        && before != after
    {
        let pools = [before.pool(), after.pool()].into_iter().flatten();
        needs.extend(pools.map(|pool| need(format!("/pool/{pool}"), &["Pool.Allocate"])));
        needs.extend(on_holder(prior, JOINS));
        if before.is_backed_up() != after.is_backed_up() {
            needs.extend(on_holder(prior, &["VM.Config.Disk"]));
        }
    }
    needs
}

/// What the machine that uses a disk is changed by.
fn of_user(cluster: &Cluster, user: VmId, prior: &DataDisk, want: &DataDisk) -> Vec<Need> {
    // Companions that its machine may have.
    let mut needs = vec![need("/", &["Sys.Audit"])];
    let moves = prior.storage_name != want.storage_name;
    let (before, after) = (prior.tier(), want.tier());
    let is_backed_up = |tier: Option<BackupTier>| tier.map(BackupTier::is_backed_up);
    let is_tuned = is_backed_up(before) != is_backed_up(after);
    if moves || prior.size_gib != want.size_gib || is_tuned {
        needs.push(on_guest(cluster, user, &["VM.Config.Disk"]));
    }
    if is_tuned && prior.owner() == Ownership::Holder {
        // The machine refers to a volume that is not its own.
        needs.push(need(
            format!("/storage/{}", prior.storage_name),
            &["Datastore.Audit", "Datastore.Allocate"],
        ));
    }
    if moves {
        needs.push(on_guest(cluster, user, &["VM.Config.Options"]));
    }
    let (Some(before), Some(after)) = (before, after) else { return needs };
    let pool = cluster.guest(user).and_then(|guest| guest.pool.as_ref());
    let present = pool.and_then(BackupTier::of_pool).unwrap_or(BackupTier::NONE);
    if before == after {
        return needs;
    }
    if is_own(pool) {
        needs.push(need("/", &["Sys.Modify"]));
    } else if present == before || BackupTier::strictest([present, after]) != present {
        needs.push(on_guest(cluster, user, JOINS));
    }
    needs
}

/// What a guest needs that changes its pool.
const JOINS: &[&str] = &["VM.Allocate", "Permissions.Modify"];

/// A privilege on a guest, or on the pool in which it is.
pub(in crate::resources::pve) fn on_guest(
    cluster: &Cluster,
    guest: VmId,
    any_of: &'static [&'static str],
) -> Need {
    let pool = cluster.guest(guest).and_then(|guest| guest.pool.as_ref());
    need(format!("/vms/{guest}"), any_of).or_on(pool.map(|pool| format!("/pool/{pool}")))
}

fn space(want: &DataDisk) -> Need {
    need(format!("/storage/{}", want.storage_name), &["Datastore.AllocateSpace"])
}

/// Of the pool in which the holder is made, or of whatever ID it gets.
fn on_new(tier: BackupTier, any_of: &'static [&'static str]) -> Need {
    match tier.pool() {
        Some(pool) => need(format!("/pool/{pool}"), any_of).or_below("/vms"),
        None => need_below("/vms", any_of),
    }
}

fn on_holder(disk: &DataDisk, any_of: &'static [&'static str]) -> Option<Need> {
    let id = disk.holder_vm_id.known()?;
    let need = need(format!("/vms/{id}"), any_of);
    Some(match disk.tier().and_then(BackupTier::pool) {
        Some(pool) => need.or_on([format!("/pool/{pool}")]),
        None => need,
    })
}

#[cfg(test)]
mod tests {
    use tf_framework::prelude::*;

    use super::*;

    fn disk(size_gib: u64, tier: &str) -> DataDisk {
        let json = serde_json::json!({
            "name": "pg", "node_name": "pve1", "storage_name": "local-lvm", "size_gib": size_gib, "backup_tier": tier,
            "deletion_protection": true, "ownership": "holder", "holder_vm_id": 900,
        });
        DataDisk::decode(&Value::from_json(&json, &DataDisk::schema().ty()).unwrap()).unwrap()
    }

    #[test]
    fn a_change_needs_only_what_it_does() {
        let count = |prior: &DataDisk, want: &DataDisk| needs(Some(prior), Some(want), None).len();
        let small = disk(1, "1");
        assert_eq!(count(&small, &small), 1);
        assert_eq!(count(&small, &disk(2, "1")), 3);
        // Both pools, and the holder that goes from one to the other.
        assert_eq!(count(&small, &disk(1, "2")), 4);
        assert_eq!(needs(None, Some(&small), None).len(), HOLDER.len() + 1);
        assert_eq!(needs(Some(&small), None, None).len(), 2);
    }
}
