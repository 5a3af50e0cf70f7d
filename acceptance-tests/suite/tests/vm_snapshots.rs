//! Snapshots of running machines with their memory, and clones of what a snapshot has.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_snapshot.this";

fn vm(started: bool, body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"vm\" {{\n  node_name = \"pve1\"\n  vm_id = 300\n  name = \"vm\"\n  started = {started}\n  \
         disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 1 }} }}\n  {body}\n}}\n"
    )
}

fn snapshot(body: &str) -> String {
    format!(
        "resource \"homelab_pve_snapshot\" \"this\" {{\n  vm_id = homelab_pve_vm.vm.vm_id\n  name = \"first\"\n  {body}\n}}\n"
    )
}

fn place(id: u64) -> Place {
    Place { node: "pve1".to_owned(), id }
}

#[test]
fn a_snapshot_has_the_memory_of_a_running_machine_and_leaves_none_behind() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let with_memory = |lab: &Lab| {
            let found = lab.get("/api2/json/nodes/pve1/qemu/300/snapshot");
            let rows = found["data"].as_array().cloned().unwrap_or_default();
            rows.iter().find(|row| row["name"] == "first").map(|row| row["vmstate"] == 1)
        };
        for (body, has) in [("memory = true", true), ("memory = false", false), ("memory = true", true)] {
            workspace.configure(&lab.provider_block(), &(vm(true, "") + &snapshot(body)));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(with_memory(&lab), Some(has), "{body}");
            // The disk, and the memory.
            assert_eq!(lab.volumes(&place(300), "local-lvm").len(), 1 + usize::from(has), "{body}");
            workspace.forget(ADDRESS).ok();
            workspace.import(ADDRESS, "300/first").ok();
            workspace.plan_is_empty();
        }
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn memory_of_a_machine_that_does_not_run_is_warned_of_and_refused() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm(false, ""));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &(vm(false, "") + &snapshot("memory = true")));
        let plan = workspace.plan().prose();
        assert!(plan.contains("VM 300 does not run, so it has none"), "{plan}");
        let run = workspace.apply().failed().prose();
        assert!(run.contains("VM does not run"), "{run}");
        workspace.configure(&lab.provider_block(), &(vm(true, "") + &snapshot("memory = true")));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_disk_that_has_no_snapshots_is_warned_of() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (disk, is_warned) in [
            ("storage_name = \"shared\"", true),
            ("storage_name = \"shared\", format = \"qcow2\"", false),
            ("storage_name = \"local-lvm\"", false),
        ] {
            let machine = format!(
                "resource \"homelab_pve_vm\" \"vm\" {{\n  node_name = \"pve1\"\n  vm_id = 300\n  started = false\n  disks = {{ \
                 scsi0 = {{ {disk}, size_gib = 1 }} }}\n}}\n"
            );
            workspace.configure(&lab.provider_block(), &machine);
            workspace.apply().ok();
            workspace.configure(&lab.provider_block(), &(machine + &snapshot("")));
            let plan = workspace.plan();
            assert_eq!(plan.code, Some(2), "{}", plan.text);
            let said = plan.prose().contains("VM 300 has a disk that Proxmox VE makes no snapshots of");
            assert_eq!(said, is_warned, "{disk}\n{}", plan.text);
            workspace.destroy().ok();
        }
    });
}

#[test]
fn a_clone_is_what_a_snapshot_has() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let clone = |from: &str| {
            format!(
                "resource \"homelab_pve_vm\" \"copy\" {{\n  node_name = \"pve1\"\n  vm_id = 301\n  name = \"copy\"\n  started = \
                 false\n  clone = {{ vm_id = 300{from} }}\n}}\n"
            )
        };
        workspace.configure(&lab.provider_block(), &(vm(false, "cpu = { cores = 2 }") + &snapshot("")));
        workspace.apply().ok();
        let all = |from: &str| vm(false, "cpu = { cores = 4 }") + &snapshot("") + &clone(from);
        let first = ", snapshot_name = \"first\"";
        workspace.configure(&lab.provider_block(), &(vm(false, "cpu = { cores = 4 }") + &snapshot("")));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &all(first));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.config(&place(301))["cores"], json!(2));
        assert_eq!(lab.config(&place(300))["cores"], json!(4));
        // Where it came from does not matter afterwards.
        workspace.configure(&lab.provider_block(), &all(""));
        workspace.plan_is_empty();
        workspace.forget("homelab_pve_vm.copy").ok();
        workspace.import("homelab_pve_vm.copy", "pve1/301").ok();
        // An import cannot know where it came from.
        let disk =
            "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }\n  cpu = { cores = 2 }";
        let known = all("").replace("clone = { vm_id = 300 }", disk);
        workspace.configure(&lab.provider_block(), &known);
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}
