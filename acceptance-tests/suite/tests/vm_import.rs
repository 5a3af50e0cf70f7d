//! A machine that is imported: nothing is planned for what Proxmox VE assumes, or spells in its own way.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_vm.this";

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  name = \"this\"\n  started = \
         false\n{body}\n}}\n"
    )
}

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

/// Applies, forgets and imports each, with an empty plan after each.
#[track_caller]
fn imported(bodies: &[&str]) {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for body in bodies {
            workspace.configure(&lab.provider_block(), &vm(body));
            workspace.apply().ok();
            workspace.plan_is_empty();
            workspace.forget(ADDRESS).ok();
            workspace.import(ADDRESS, "pve1/4711").ok();
            workspace.plan_is_empty();
        }
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn what_a_device_is_by_default_is_imported_whether_it_is_named_or_not() {
    let storage = "storage_name = \"local-lvm\"";
    let firmware = format!("bios = \"ovmf\"\n  efi_disk = {{ {storage} }}\n  tpm_state = {{ {storage} }}");
    let named = format!(
        "bios = \"ovmf\"\n  efi_disk = {{ {storage}, type = \"2m\", pre_enrolled_keys = false }}\n  tpm_state = {{ {storage}, \
         version = \"v1.2\" }}"
    );
    imported(&[
        &format!(
            "agent = {{ type = \"isa\" }}\n  cpu = {{ flags = [\"+aes\"] }}\n  display = {{ memory_mib = 16 }}\n  watchdog = \
             {{ action = \"reset\" }}\n  usb_devices = {{ usb0 = {{ spice = true }} }}\n  {firmware}"
        ),
        &format!(
            "agent = {{ enabled = false, type = \"isa\" }}\n  cpu = {{ type = \"kvm64\", flags = [\"+aes\"] }}\n  display = \
             {{ type = \"std\", memory_mib = 16 }}\n  watchdog = {{ model = \"i6300esb\", action = \"reset\" }}\n  {named}"
        ),
    ]);
}

#[test]
fn another_spelling_of_the_same_is_no_change_after_an_import() {
    imported(&[
        "tags = [\"Prod\", \"a\"]",
        "tags = [\"a\", \"prod\"]\n  machine = \"pc\"\n  os_type = \"win11\"",
    ]);
}

#[test]
fn a_default_that_is_named_no_more_comes_back() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, screen, agent) in [
            (
                "display = { type = \"virtio\", memory_mib = 64 }\n  agent = { enabled = true, type = \"isa\" }",
                "virtio,memory=64",
                "1,type=isa",
            ),
            ("display = { memory_mib = 64 }\n  agent = { type = \"isa\" }", "std,memory=64", "0,type=isa"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(body));
            workspace.apply().ok();
            workspace.plan_is_empty();
            let config = lab.config(&here());
            assert_eq!((&config["vga"], &config["agent"]), (&json!(screen), &json!(agent)), "{config}");
        }
        workspace.destroy().ok();
    });
}

const TIER_AND_DISK: &str = r#"resource "homelab_backup_tier" "gold" {
  number = 1
}

resource "homelab_pve_data_disk" "pg" {
  name                = "pg"
  node_name           = "pve1"
  storage_name        = "local-lvm"
  size_gib            = 1
  backup_tier         = homelab_backup_tier.gold.number
  deletion_protection = false
}

resource "homelab_pve_pool" "own" {
  name = "own"
}
"#;

#[test]
fn whether_backups_include_a_disk_beside_data_disks_is_imported_whatever_is_said_of_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let attached = "data_disks = { scsi1 = homelab_pve_data_disk.pg.id }";
        let machine = |backup: &str, rest: &str| {
            let disks = format!(
                "disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 1{backup} }} }}\n  {rest}"
            );
            format!("{TIER_AND_DISK}{}", vm(&disks))
        };
        let own = format!("{attached}\n  pool_name = homelab_pve_pool.own.name");
        for (backup, rest, included) in [
            ("", "", true),
            ("", attached, false),
            (", backup = false", attached, false),
            (", backup = true", attached, true),
            // Named no more, it follows the data disks again.
            ("", attached, false),
            ("", &*own, false),
            (", backup = false", &own, false),
            (", backup = false", "", false),
            ("", "", true),
        ] {
            workspace.configure(&lab.provider_block(), &machine(backup, rest));
            workspace.apply().ok();
            workspace.plan_is_empty();
            let drive = lab.config(&here())["scsi0"].as_str().unwrap().to_owned();
            assert_eq!(!drive.contains("backup=0"), included, "{backup} {rest}: {drive}");
            if rest.is_empty() {
                continue;
            }
            // Its import is told in another state, so that this one knows what is named.
            let id = workspace.resource("homelab_pve_data_disk.pg")["id"].as_str().unwrap().to_owned();
            let known = machine(backup, rest)
                .replace(TIER_AND_DISK, "")
                .replace("homelab_pve_data_disk.pg.id", &format!("\"{id}\""))
                .replace("homelab_pve_pool.own.name", "\"own\"");
            let other = Workspace::new(cli);
            other.configure(&lab.provider_block(), &known);
            other.import(ADDRESS, "pve1/4711").ok();
            other.plan_is_empty();
        }
        workspace.destroy().ok();
    });
}
