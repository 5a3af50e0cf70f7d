//! What tiers and schedules are for: backups of the right guests and disks exist, stay as long as promised, and come
//! back.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use suite::process::wait_for;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const CONFIGURATION: &str = r#"
resource "homelab_backup_tier" "critical" {
  number = 1
}

resource "homelab_backup_tier" "standard" {
  number = 2
}

resource "homelab_backup_schedule" "critical" {
  tier         = homelab_backup_tier.critical
  storage_name = "shared"
}

resource "homelab_backup_schedule" "standard" {
  tier         = homelab_backup_tier.standard
  storage_name = "shared"
}

resource "homelab_pve_data_disk" "postgres" {
  name                = "postgres"
  node_name           = "pve1"
  storage_name        = "shared"
  size_gib            = 2
  backup_tier         = "1"
  deletion_protection = false

  depends_on = [homelab_backup_tier.critical]
}

resource "homelab_pve_vm" "database" {
  vm_id         = 500
  name          = "database"
  node_name     = "pve1"
  scsi_hardware = "virtio-scsi-single"
  disks = {
    scsi0 = { storage_name = "shared", size_gib = 1 }
    scsi2 = { storage_name = "shared", size_gib = 1, backup = false }
  }
  data_disks = { scsi1 = homelab_pve_data_disk.postgres.id }
}

resource "homelab_pve_vm" "web" {
  vm_id     = 501
  name      = "web"
  node_name = "pve2"
  pool_name = homelab_backup_tier.critical.pool_name
  disks = {
    scsi0 = { storage_name = "shared", size_gib = 1 }
    scsi1 = { storage_name = "shared", size_gib = 1, backup = false }
  }
}

resource "homelab_pve_vm" "cache" {
  vm_id     = 502
  name      = "cache"
  node_name = "pve1"
  disks     = { scsi0 = { storage_name = "shared", size_gib = 1 } }
}
"#;

/// A backup as the lab's state has it.
struct Backup {
    id: String,
    guest: u64,
    made_at: i64,
    disks: BTreeSet<String>,
}

/// Every backup on the shared storage, the oldest first.
fn backups(lab: &Lab) -> Vec<Backup> {
    let state = lab.state();
    let volumes = state["volumes"].as_object().cloned().unwrap_or_default();
    let mut found: Vec<Backup> = volumes
        .into_iter()
        .filter(|(_, volume)| volume["content"] == "backup")
        .map(|(place, volume)| Backup {
            id: place.trim_start_matches('/').to_owned(),
            guest: volume["vmid"].as_u64().unwrap_or_default(),
            made_at: volume["created_at"].as_i64().unwrap_or_default(),
            disks: volume["archive"]["disks"]
                .as_object()
                .into_iter()
                .flat_map(|d| d.keys().cloned())
                .collect(),
        })
        .collect();
    found.sort_by_key(|backup| backup.made_at);
    found
}

fn of(backups: &[Backup], guest: u64) -> Vec<&Backup> {
    backups.iter().filter(|backup| backup.guest == guest).collect()
}

/// What is in a slot of a VM now.
fn contents(lab: &Lab, vm_id: u64, slot: &str) -> Value {
    let state = lab.state();
    let drive = state["vms"][vm_id.to_string()]["config"][slot].as_str().unwrap_or_default().to_owned();
    let volume = drive.split(',').next().unwrap_or_default();
    state["volumes"][format!("/{volume}")]["contents"].clone()
}

/// Restores a backup, as an operator does.
fn restore(lab: &Lab, archive: &str, vm_id: u64) {
    let body = serde_json::json!({ "vmid": vm_id, "archive": archive, "unique": 1 }).to_string();
    let started = lab.request("POST", "/api2/json/nodes/pve1/qemu", Some(&body));
    let upid =
        started["data"].as_str().unwrap_or_else(|| panic!("nothing was started: {started}")).to_owned();
    let exit = wait_for("the restore", Duration::from_secs(20), || {
        let status = lab.get(&format!("/api2/json/nodes/pve1/tasks/{upid}/status"));
        status["data"]["exitstatus"].as_str().map(str::to_owned)
    });
    assert_eq!(exit, "OK");
}

#[test]
fn tiers_back_up_exactly_what_they_are_to_and_the_bytes_come_back() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), CONFIGURATION);
        workspace.apply().ok();
        workspace.plan_is_empty();
        lab.write_disk(500, "scsi1", "first day");
        lab.advance_days(1);
        lab.write_disk(500, "scsi1", "second day");
        lab.advance_days(1);

        let found = backups(&lab);
        // The holder of an attached disk is backed up too, but has no disk of its own.
        let guests: BTreeSet<u64> =
            found.iter().filter(|backup| !backup.disks.is_empty()).map(|backup| backup.guest).collect();
        assert_eq!(guests, [500, 501].into());
        assert!(of(&found, 502).is_empty(), "the cache has no tier");
        let slots =
            |guest| of(&found, guest).iter().map(|backup| backup.disks.clone()).collect::<BTreeSet<_>>();
        assert_eq!(
            slots(500),
            [["scsi1".to_owned()].into()].into(),
            "the data disk, and not what goes with the VM"
        );
        assert_eq!(slots(501), [["scsi0".to_owned()].into()].into());
        assert_eq!(of(&found, 500).len(), 2, "one for each day");
        let state = lab.state();
        assert_eq!((&state["torn"], &state["torn_backups"]), (&Value::Array(vec![]), &Value::Array(vec![])));

        restore(&lab, &of(&found, 500)[0].id, 600);
        assert_eq!(contents(&lab, 600, "scsi1"), "first day");
        restore(&lab, &of(&found, 500)[1].id, 601);
        assert_eq!(contents(&lab, 601, "scsi1"), "second day");
        assert_eq!(contents(&lab, 500, "scsi1"), "second day", "what it was restored from is as it was");
        workspace.plan_is_empty();
    });
}

#[test]
fn what_is_kept_is_what_the_tier_promises() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), CONFIGURATION);
        workspace.apply().ok();
        const DAY: i64 = 86_400;
        let rules = workspace.resource("homelab_backup_tier.critical")["prune_backups"].clone();
        let promised: u64 =
            rules.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
        lab.advance_days(80);
        let found = backups(&lab);
        for guest in [500, 501] {
            let kept = of(&found, guest);
            let newest = kept.last().map_or(0, |backup| backup.made_at);
            let oldest = kept.first().map_or(0, |backup| backup.made_at);
            assert!(newest - oldest >= 30 * DAY, "30 days are held: {} s", newest - oldest);
            assert_eq!(u64::try_from(kept.len()), Ok(promised), "as many as the rules of the tier name");
            let widest =
                kept.windows(2).map(|pair| pair[1].made_at - pair[0].made_at).max().unwrap_or_default();
            assert!(widest <= DAY + 3 * 3600, "no day is missing: {widest} s");
        }
    });
}
