//! The data source that finds disks without a backup, with every CLI.

use std::time::Duration;

use serde_json::{Value, json};
use suite::files::Files;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const CONFIGURATION: &str = r#"
resource "homelab_backup_tier" "this" {
  number = 1
}

resource "homelab_pve_vm" "this" {
  name      = "database"
  node_name = "pve1"
  pool_name = homelab_backup_tier.this.pool_name
  disks = {
    scsi0 = { storage_name = "local-lvm", size_gib = 1 }
    scsi1 = { storage_name = "local-lvm", size_gib = 1, backup = false }
  }
}
"#;

#[test]
fn a_disk_is_uncovered_until_an_enabled_job_has_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let coverage = |schedule: &str| {
            let text = format!(
                "{CONFIGURATION}\n{schedule}\ndata \"homelab_backup_coverage\" \"this\" {{\n  \
                 depends_on = [homelab_pve_vm.this]\n}}\n"
            );
            workspace.configure(&lab.provider_block(), &text);
            workspace.apply().ok();
            workspace.apply().ok();
            let found = workspace.resource("data.homelab_backup_coverage.this");
            let count = |name: &str| found[name].as_array().map_or(usize::MAX, Vec::len);
            assert_eq!(count("excluded_disks"), 1, "{found}");
            (count("uncovered_disks"), count("covered_disks"))
        };
        let schedule = |arguments: &str| {
            format!(
                "resource \"homelab_backup_schedule\" \"this\" {{\n  tier = homelab_backup_tier.this\n  \
                 storage_name = \"shared\"\n  {arguments}\n}}\n"
            )
        };
        assert_eq!(coverage(""), (1, 0));
        assert_eq!(coverage(&schedule("")), (0, 1));
        assert_eq!(coverage(&schedule("enabled = false")), (1, 0));
    });
}

const DATA_DISKS: &str = r#"
resource "homelab_backup_tier" "this" {
  number = 1
}

resource "homelab_pve_data_disk" "this" {
  for_each            = toset(["attached", "parked"])
  name                = each.key
  node_name           = "pve1"
  storage_name        = "shared"
  size_gib            = 1
  backup_tier         = "1"
  deletion_protection = false

  depends_on = [homelab_backup_tier.this]
}

resource "homelab_pve_vm" "this" {
  vm_id      = 500
  name       = "database"
  node_name  = "pve1"
  disks      = { scsi0 = { storage_name = "shared", size_gib = 1 } }
  data_disks = { scsi1 = homelab_pve_data_disk.this["attached"].id }
}

data "homelab_backup_coverage" "this" {
  depends_on = [homelab_pve_vm.this]
}
"#;

#[test]
fn data_disks_are_covered_where_they_are_attached_or_parked() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let coverage = |schedule: &str| {
            workspace.configure(&lab.provider_block(), &format!("{DATA_DISKS}\n{schedule}"));
            workspace.apply().ok();
            workspace.apply().ok();
            let found = workspace.resource("data.homelab_backup_coverage.this");
            let slots = |name: &str| -> Vec<String> {
                let disks = found[name].as_array().into_iter().flatten();
                disks.map(|disk| format!("{} {}", disk["vm_id"], disk["slot"])).collect()
            };
            (slots("uncovered_disks"), slots("covered_disks"))
        };
        // The holder of the parked disk has it on its own bus.
        let parked = |found: &[String]| {
            found.len() == 2 && found.contains(&"500 \"scsi1\"".to_owned()) && found[0].ends_with("\"scsi0\"")
        };
        let (uncovered, covered) = coverage("");
        assert!(parked(&uncovered) && covered.is_empty(), "no job has them: {uncovered:?} {covered:?}");
        let schedule = "resource \"homelab_backup_schedule\" \"this\" {\n  tier = homelab_backup_tier.this\n  \
                        storage_name = \"shared\"\n}\n";
        let (uncovered, covered) = coverage(schedule);
        assert!(parked(&covered) && uncovered.is_empty(), "{uncovered:?} {covered:?}");
    });
}

#[test]
fn a_given_disk_of_a_machine_in_a_pool_of_its_own_counts_by_its_own_tier() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let given =
            DATA_DISKS.replace("  backup_tier ", "  ownership = \"transfer\"\n  backup_tier ").replace(
                "  name       = \"database\"",
                "  name       = \"database\"\n  pool_name  = homelab_pve_pool.web.name",
            );
        let pool = "resource \"homelab_pve_pool\" \"web\" {\n  name = \"web\"\n}\n";
        let coverage = |schedule: &str| {
            workspace.configure(&lab.provider_block(), &format!("{pool}{given}\n{schedule}"));
            workspace.apply().ok();
            workspace.apply().ok();
            let found = workspace.resource("data.homelab_backup_coverage.this");
            let of = |name: &str| -> Vec<String> {
                let disks = found[name].as_array().into_iter().flatten().filter(|disk| disk["vm_id"] == 500);
                disks.map(|disk| format!("{} of tier {}", disk["slot"], disk["tier_number"])).collect()
            };
            (of("uncovered_disks"), of("covered_disks"))
        };
        let disk = vec!["\"scsi1\" of tier 1".to_owned()];
        assert_eq!(
            coverage(""),
            (disk.clone(), vec![]),
            "no job has it, and the volume has the machine's name"
        );
        let schedule = "resource \"homelab_backup_schedule\" \"this\" {\n  tier = homelab_backup_tier.this\n  \
                        storage_name = \"shared\"\n}\n";
        assert_eq!(coverage(schedule), (vec![], disk));
    });
}

/// A template of containers on the lab's shared storage.
fn container_template(lab: &Lab, files: &Files) -> &'static str {
    let url = files.put("debian-13.tar.zst", b"the files of a system");
    let body = json!({ "content": "vztmpl", "filename": "debian-13.tar.zst", "url": url });
    lab.request("POST", "/api2/json/nodes/pve1/storage/shared/download-url", Some(&body.to_string()));
    let volume = "shared:vztmpl/debian-13.tar.zst";
    wait_for(lab, "/api2/json/nodes/pve1/storage/shared/content?content=vztmpl", |found| {
        found.as_array().is_some_and(|list| list.iter().any(|entry| entry["volid"] == volume))
    });
    volume
}

/// Waits until the lab answers so.
fn wait_for(lab: &Lab, path: &str, holds: impl Fn(&Value) -> bool) {
    suite::process::wait_for(path, Duration::from_secs(20), || holds(&lab.get(path)["data"]).then_some(()));
}

#[test]
fn a_container_is_covered_but_for_mount_points_that_no_backup_has() {
    with_each_cli(|cli| {
        let (lab, files, workspace) = (Lab::start(), Files::start(), Workspace::new(cli));
        let tier = "resource \"homelab_backup_tier\" \"this\" {\n  number = 1\n}\n";
        workspace.configure(&lab.provider_block(), tier);
        workspace.apply().ok();
        let body = json!({
            "vmid": 300, "ostemplate": container_template(&lab, &files), "hostname": "proxy", "pool": "tier-1",
            "rootfs": "local-lvm:1", "mp0": "local-lvm:1,mp=/cache", "mp1": "local-lvm:1,mp=/srv/db,backup=1",
            "mp2": "/srv/films,mp=/films",
        });
        lab.request("POST", "/api2/json/nodes/pve1/lxc", Some(&body.to_string()));
        wait_for(&lab, "/api2/json/nodes/pve1/lxc/300/config", |config| config["lock"].is_null());

        let coverage = |schedule: &str| {
            let data =
                "data \"homelab_backup_coverage\" \"this\" {\n  depends_on = [homelab_backup_tier.this]\n}\n";
            workspace.configure(&lab.provider_block(), &format!("{tier}\n{schedule}\n{data}"));
            workspace.apply().ok();
            workspace.apply().ok();
            let found = workspace.resource("data.homelab_backup_coverage.this");
            ["uncovered_disks", "excluded_disks", "covered_disks"].map(|name| {
                let disks = found[name].as_array().into_iter().flatten();
                disks.map(|disk| format!("{} {}", disk["vm_id"], disk["slot"])).collect::<Vec<String>>()
            })
        };
        let (backed_up, left_out) = (["300 \"mp1\"", "300 \"rootfs\""], ["300 \"mp0\""]);
        let [uncovered, excluded, covered] = coverage("");
        assert_eq!(
            (uncovered, excluded, covered),
            (backed_up.map(str::to_owned).into(), left_out.map(str::to_owned).into(), Vec::new())
        );
        let schedule = "resource \"homelab_backup_schedule\" \"this\" {\n  tier = homelab_backup_tier.this\n  \
                        storage_name = \"shared\"\n}\n";
        let [uncovered, excluded, covered] = coverage(schedule);
        assert_eq!(
            (uncovered, excluded, covered),
            (Vec::new(), left_out.map(str::to_owned).into(), backed_up.map(str::to_owned).into())
        );
    });
}
