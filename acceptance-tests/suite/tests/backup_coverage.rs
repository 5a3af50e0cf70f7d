//! The data source that finds disks without a backup, with every CLI.

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
