//! The data sources that list what is around the VMs, with every CLI.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// One of everything, and the lists that must show it.
const CONFIGURATION: &str = r#"
resource "homelab_pve_role" "this" {
  name       = "Operator"
  privileges = ["VM.Audit"]
}

resource "homelab_pve_group" "this" {
  name = "ops"
}

resource "homelab_pve_user" "this" {
  user_id    = "anna@pve"
  groups     = [homelab_pve_group.this.name]
  expires_at = "2031-01-01T00:00:00Z"
}

resource "homelab_pve_token" "this" {
  user_id = homelab_pve_user.this.user_id
  name    = "ci"
}

resource "homelab_pve_acl" "this" {
  path     = "/vms"
  role     = homelab_pve_role.this.name
  token_id = homelab_pve_token.this.token_id
}

resource "homelab_pve_storage" "this" {
  name    = "acceptance"
  content = ["iso"]
  dir     = { path = "/mnt/acceptance" }
}

resource "homelab_pve_backup_job" "this" {
  job_id   = "nightly"
  schedule = "daily"
  all      = true
}

resource "homelab_pve_pci_mapping" "this" {
  name    = "gpu"
  devices = [{ node_name = "pve1", path = "0000:01:00.0", device_id = "10de:1c03" }]
}

resource "homelab_pve_usb_mapping" "this" {
  name    = "stick"
  devices = [{ node_name = "pve1", device_id = "0403:6001" }]
}

resource "homelab_pve_dir_mapping" "this" {
  name        = "media"
  directories = [{ node_name = "pve1", path = "/mnt" }]
}

resource "homelab_pve_pool" "this" {
  name = "team"
}

resource "homelab_pve_vm" "this" {
  vm_id     = 300
  name      = "guest"
  node_name = "pve1"
  pool_name = homelab_pve_pool.this.name
  started   = false
}

resource "homelab_pve_ha_resource" "this" {
  service_id = "vm:${homelab_pve_vm.this.vm_id}"
  state      = "ignored"
}

resource "homelab_pve_ha_rule" "this" {
  name            = "prefer"
  type            = "node-affinity"
  service_ids     = [homelab_pve_ha_resource.this.service_id]
  node_priorities = { pve1 = 2 }
}

resource "homelab_pve_replication_job" "this" {
  job_id           = "${homelab_pve_vm.this.vm_id}-0"
  target_node_name = "pve2"
}

resource "homelab_pve_snapshot" "this" {
  vm_id = homelab_pve_vm.this.vm_id
  name  = "first"
}

resource "homelab_pve_zfs_pool" "this" {
  node_name           = "pve1"
  name                = "tank"
  raid_level          = "single"
  devices             = ["/dev/sdb"]
  deletion_protection = false
}
"#;

const LISTS: &str = r#"
data "homelab_pve_roles" "this" {}
data "homelab_pve_groups" "this" {}
data "homelab_pve_pools" "this" {}
data "homelab_pve_users" "this" {}
data "homelab_pve_tokens" "this" {
  user_id = "anna@pve"
}
data "homelab_pve_acls" "this" {
  path = "/vms"
}
data "homelab_pve_storages" "this" {
  content = "iso"
}
data "homelab_pve_backup_jobs" "this" {}
data "homelab_pve_pci_mappings" "this" {}
data "homelab_pve_usb_mappings" "this" {}
data "homelab_pve_dir_mappings" "this" {}
data "homelab_pve_ha_resources" "this" {}
data "homelab_pve_ha_rules" "this" {}
data "homelab_pve_network_interfaces" "this" {
  node_name = "pve1"
  type      = "bridge"
}
data "homelab_pve_replication_jobs" "this" {}
data "homelab_pve_snapshots" "this" {
  vm_id = 300
}
data "homelab_pve_zfs_pools" "this" {
  node_name = "pve1"
}

output "seen" {
  value = [
    data.homelab_pve_roles.this.roles["Operator"].privileges == toset(["VM.Audit"]),
    data.homelab_pve_roles.this.roles["Administrator"].built_in,
    data.homelab_pve_pools.this.pools["team"].vm_ids == toset([300]),
    data.homelab_pve_groups.this.groups["ops"].members == toset(["anna@pve"]),
    data.homelab_pve_users.this.users["anna@pve"].expires_at == "2031-01-01T00:00:00Z",
    data.homelab_pve_tokens.this.tokens["ci"].privilege_separation,
    data.homelab_pve_acls.this.acls[0].token_id == "anna@pve!ci",
    data.homelab_pve_storages.this.storages["acceptance"].options["path"] == "/mnt/acceptance",
    data.homelab_pve_backup_jobs.this.jobs["nightly"].all,
    data.homelab_pve_pci_mappings.this.mappings["gpu"].devices[0].device_id == "10de:1c03",
    data.homelab_pve_usb_mappings.this.mappings["stick"].devices[0].node_name == "pve1",
    data.homelab_pve_dir_mappings.this.mappings["media"].directories[0].path == "/mnt",
    data.homelab_pve_ha_resources.this.resources["vm:300"].state == "ignored",
    data.homelab_pve_ha_rules.this.rules["prefer"].node_priorities["pve1"] == 2,
    data.homelab_pve_network_interfaces.this.interfaces["vmbr0"].type == "bridge",
    data.homelab_pve_replication_jobs.this.jobs["300-0"].target_node_name == "pve2",
    data.homelab_pve_snapshots.this.snapshots[0].name == "first",
    data.homelab_pve_zfs_pools.this.pools["tank"].health == "ONLINE",
  ]
}
"#;

#[test]
fn lists_show_what_was_made_and_do_not_change_by_themselves() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), CONFIGURATION);
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &format!("{CONFIGURATION}{LISTS}"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let seen = workspace.show_json()["values"]["outputs"]["seen"]["value"].clone();
        let seen = seen.as_array().expect("the output is a list");
        assert_eq!(seen.len(), 18);
        assert!(seen.iter().all(|seen| seen == true), "not all was seen: {seen:?}");
        workspace.configure(&lab.provider_block(), CONFIGURATION);
        workspace.destroy().ok();
    });
}
