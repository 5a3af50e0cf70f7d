//! Applies that are killed, stopped or crowded: no orphan, no duplicate, nothing lost.

use std::time::Duration;

use serde_json::json;
use suite::process::{children, signal, wait_for};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const APPLY: [&str; 4] = ["apply", "-auto-approve", "-no-color", "-input=false"];

const TEMPLATE: &str = r#"
resource "homelab_pve_vm" "template" {
  node_name = "pve1"
  name      = "template"
  template  = true
  disks     = { scsi0 = { storage_name = "shared", size_gib = 1 } }
}
"#;

/// Machines of one kind: empty, with IDs that are given, cloned with cloud-init, or without a name of their own.
fn fleet(count: usize, kind: &str) -> String {
    let body = match kind {
        "clones" => {
            "name = \"fleet-${count.index}\"\n  clone = { vm_id = homelab_pve_vm.template.vm_id }\n  \
             disks = { scsi0 = { size_gib = 2 } }\n  cloud_init = { user = \"me\" }"
        }
        "given" => {
            "vm_id = 500 + count.index\n  name = \"fleet-${count.index}\"\n  disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }"
        }
        "twins" => {
            "name = \"fleet-twin\"\n  disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }"
        }
        _ => {
            "name = \"fleet-${count.index}\"\n  disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }"
        }
    };
    format!(
        "resource \"homelab_pve_vm\" \"many\" {{\n  count = {count}\n  node_name = \"pve1\"\n  {body}\n}}\n"
    )
}

/// Kills the provider when the lab has seen so many writes, applies again, and wants exactly the fleet.
fn kill_and_apply_again(cli: &std::path::Path, kind: &str, writes: usize) {
    let lab = Lab::with(&["--latency", "30", "--task-time", "300"]);
    let workspace = Workspace::new(cli);
    workspace.configure(&lab.provider_block(), TEMPLATE);
    workspace.apply().ok();
    workspace.configure(&lab.provider_block(), &format!("{TEMPLATE}{}", fleet(6, kind)));
    let before = lab.writes();
    let mut apply = workspace.start(&APPLY);
    wait_for("the write before the kill", Duration::from_secs(60), || {
        (lab.writes() >= before + writes || apply.ended().is_some()).then_some(())
    });
    for provider in children(apply.id(), "terraform-provider-homelab") {
        signal(provider, "KILL");
    }
    wait_for("the end of the killed apply", Duration::from_secs(60), || apply.ended());
    workspace.apply().ok();
    workspace.plan_is_empty();
    assert_eq!(lab.count("fleet-"), 6, "killed after {writes} writes: {kind}");
    let marks = lab.vms().into_iter().filter(|row| {
        let place = suite::vms::Place {
            node: row["node"].as_str().unwrap_or_default().to_owned(),
            id: row["vmid"].as_u64().unwrap_or_default(),
        };
        lab.config(&place)["description"].as_str().is_some_and(|text| text.contains("creating"))
    });
    assert_eq!(marks.count(), 0, "a mark says that a machine is being made");
    workspace.destroy().ok();
    assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
}

#[test]
fn killing_the_provider_while_it_makes_empty_machines_duplicates_nothing() {
    with_each_cli(|cli| {
        for writes in [1, 4, 8, 14] {
            kill_and_apply_again(cli, "empty", writes);
        }
    });
}

#[test]
fn killing_the_provider_while_it_makes_clones_duplicates_nothing() {
    with_each_cli(|cli| {
        for writes in [2, 6, 12, 18, 26] {
            kill_and_apply_again(cli, "clones", writes);
        }
    });
}

#[test]
fn killing_the_provider_while_it_makes_machines_with_given_ids_finds_them_again() {
    with_each_cli(|cli| {
        for writes in [2, 7, 13] {
            kill_and_apply_again(cli, "given", writes);
        }
    });
}

#[test]
fn killing_the_provider_while_it_makes_machines_that_look_alike_duplicates_nothing() {
    with_each_cli(|cli| {
        for writes in [3, 9] {
            kill_and_apply_again(cli, "twins", writes);
        }
    });
}

#[test]
fn a_machine_that_is_still_being_made_is_found_though_it_has_no_name_yet() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &fleet(1, "empty"));
        let slow =
            json!({"kind": "task_slow", "method": "POST", "path": "/nodes/*/qemu", "milliseconds": 6000});
        lab.plant(&slow);
        let mut apply = workspace.start(&APPLY);
        wait_for("the lists to show it", Duration::from_secs(60), || {
            lab.vms()
                .iter()
                .any(|row| row["name"].as_str().is_some_and(|name| name.starts_with("VM ")))
                .then_some(())
        });
        for provider in children(apply.id(), "terraform-provider-homelab") {
            signal(provider, "KILL");
        }
        wait_for("the end of the killed apply", Duration::from_secs(60), || apply.ended());
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!((lab.count("fleet-"), lab.vms().len()), (1, 1));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn interrupting_an_apply_loses_nothing() {
    with_each_cli(|cli| {
        let lab = Lab::with(&["--latency", "30", "--task-time", "300"]);
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &fleet(20, "empty"));
        let mut apply = workspace.start(&APPLY);
        wait_for("the third write", Duration::from_secs(60), || (lab.writes() >= 3).then_some(()));
        signal(apply.id(), "INT");
        wait_for("the end of the interrupted apply", Duration::from_secs(60), || apply.ended());
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.count("fleet-"), 20);
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn fifty_machines_at_once_get_fifty_ids() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &fleet(50, "empty"));
        workspace.run(&["apply", "-auto-approve", "-no-color", "-input=false", "-parallelism=50"]).ok();
        workspace.plan_is_empty();
        assert_eq!((lab.count("fleet-"), lab.vms().len()), (50, 50));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn fifty_clones_of_one_template_at_once_all_come_to_life() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &format!("{TEMPLATE}{}", fleet(50, "clones")));
        workspace.run(&["apply", "-auto-approve", "-no-color", "-input=false", "-parallelism=50"]).ok();
        workspace.plan_is_empty();
        assert_eq!((lab.count("fleet-"), lab.vms().len()), (50, 51));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}
