//! What a running machine does not do: it is stopped or restarted for it, the plan says so, and no volume is lost or shared.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  name = \"this\"\n  {body}\n}}\n"
    )
}

const DATA_DISK: &str = r#"resource "homelab_pve_data_disk" "pg" {
  name                = "pg"
  node_name           = "pve1"
  storage_name        = "local-lvm"
  size_gib            = 1
  backup_tier         = 0
  deletion_protection = false
}
"#;

const IMAGE: &str = "import_from = \"local:import/debian-13-genericcloud-amd64.qcow2\"";

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

fn process(lab: &Lab) -> serde_json::Value {
    lab.get("/api2/json/nodes/pve1/qemu/4711/status/current")["data"]["pid"].clone()
}

#[test]
fn a_data_disk_leaves_a_machine_that_unplugs_nothing_while_that_is_stopped() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let with = |body: &str| format!("{DATA_DISK}{}", vm(&format!("hotplug = [\"network\"]\n  {body}")));
        let attached = "data_disks = { scsi3 = homelab_pve_data_disk.pg.id }";
        workspace.configure(&lab.provider_block(), &with(attached));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let volume = lab.config(&here())["scsi3"].as_str().unwrap().split(',').next().unwrap().to_owned();
        let before = process(&lab);

        workspace.configure(&lab.provider_block(), &with("reboot_when_needed = false"));
        let writes = lab.writes();
        let plan = workspace.plan().failed().prose();
        assert!(
            plan.contains("VM has to be stopped") && plan.contains("has no `disk` in its `hotplug`"),
            "{plan}"
        );
        assert_eq!(lab.writes(), writes);

        // To another slot, and then out.
        for body in ["data_disks = { scsi4 = homelab_pve_data_disk.pg.id }", "data_disks = {}"] {
            workspace.configure(&lab.provider_block(), &with(body));
            let plan = workspace.plan().prose();
            assert!(plan.contains("Restart is needed") && plan.contains("only when it stops"), "{plan}");
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert!(lab.runs(&here()));
        }
        assert_ne!(process(&lab), before);
        assert!(lab.config(&here())["scsi4"].is_null());
        let holder = workspace.resource("homelab_pve_data_disk.pg")["holder_vm_id"].as_u64().unwrap();
        let parked = lab.config(&Place { node: "pve1".to_owned(), id: holder })["scsi0"].clone();
        assert!(parked.as_str().is_some_and(|drive| drive.starts_with(&volume)), "{parked}");
        workspace.destroy().ok();
    });
}

#[test]
fn a_disk_from_an_image_that_comes_with_a_restart_grows_after_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let first = "scsi0 = { storage_name = \"local-lvm\", size_gib = 1 }";
        workspace.configure(&lab.provider_block(), &vm(&format!("disks = {{ {first} }}")));
        workspace.apply().ok();
        let second = format!("sata0 = {{ storage_name = \"local-lvm\", {IMAGE}, size_gib = 5 }}");
        let both = format!("disks = {{ {first}, {second} }}");

        // Without a restart it cannot grow, nothing is lost, and the next apply goes on.
        workspace.configure(&lab.provider_block(), &vm(&format!("{both}\n  reboot_when_needed = false")));
        let run = workspace.apply().failed().prose();
        assert!(run.contains("Disk waits for a restart") && run.contains("\"sata0\""), "{run}");
        assert_eq!(lab.volumes(&here(), "local-lvm").len(), 2);
        workspace.configure(&lab.provider_block(), &vm(&both));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.config(&here())["sata0"].as_str().unwrap().ends_with("size=5G"));
        assert_eq!(lab.volumes(&here(), "local-lvm").len(), 2);

        // The same in one go, on a bus that could be hot, and is not.
        let third = format!("virtio0 = {{ storage_name = \"local-lvm\", {IMAGE}, size_gib = 4 }}");
        let no_disks = "hotplug = [\"network\"]";
        workspace.configure(&lab.provider_block(), &vm(&format!("{both}\n  {no_disks}")));
        workspace.apply().ok();
        let all = format!("disks = {{ {first}, {second}, {third} }}\n  {no_disks}");
        workspace.configure(&lab.provider_block(), &vm(&all));
        let plan = workspace.plan().prose();
        assert!(plan.contains("Restart is needed") && plan.contains("`disks[\"virtio0\"]`"), "{plan}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.config(&here())["virtio0"].as_str().unwrap().ends_with("size=4G"));
        workspace.destroy().ok();
    });
}

#[test]
fn the_default_type_of_a_cpu_is_named_without_a_restart_and_imported_quietly() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm(""));
        workspace.apply().ok();
        let before = process(&lab);
        workspace.configure(&lab.provider_block(), &vm("cpu = {}"));
        let plan = workspace.plan().prose();
        assert!(!plan.contains("Restart is needed"), "{plan}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(process(&lab), before, "the machine was restarted");
        workspace.forget("homelab_pve_vm.this").ok();
        workspace.import("homelab_pve_vm.this", "pve1/4711").ok();
        workspace.plan_is_empty();
        // Another one needs a restart, which brings both.
        workspace.configure(&lab.provider_block(), &vm("cpu = { type = \"host\" }"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.config(&here())["cpu"], json!("host"));
        assert_ne!(process(&lab), before);
        workspace.destroy().ok();
    });
}

#[test]
fn what_only_a_stopped_machine_does_is_refused_by_the_plan_if_it_may_not_stop() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disk = "storage_name = \"local-lvm\", size_gib = 1";
        let before = format!(
            "disks = {{ ide0 = {{ {disk} }} }}\n  cloud_init = {{ slot = \"ide2\", storage_name = \"local-lvm\" }}\n  \
             tpm_state = {{ storage_name = \"local-lvm\" }}"
        );
        workspace.configure(&lab.provider_block(), &vm(&before));
        workspace.apply().ok();
        let drive = "cdroms = { ide0 = {} }";
        for (from, to) in [
            (&*format!("disks = {{ ide0 = {{ {disk} }} }}"), drive),
            ("slot = \"ide2\"", "slot = \"ide3\""),
            ("tpm_state = { storage_name = \"local-lvm\" }", "tpm_state = { storage_name = \"shared\" }"),
        ] {
            let after = before.replace(from, to);
            assert_ne!(after, before);
            let waiting = vm(&format!("{after}\n  reboot_when_needed = false"));
            workspace.configure(&lab.provider_block(), &waiting);
            let writes = lab.writes();
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains("VM has to be stopped"), "{to}: {plan}");
            assert_eq!(lab.writes(), writes);
        }
        let all = before
            .replace(&format!("disks = {{ ide0 = {{ {disk} }} }}"), drive)
            .replace("\"ide2\"", "\"ide3\"");
        workspace.configure(&lab.provider_block(), &vm(&all));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.runs(&here()));
        workspace.destroy().ok();
    });
}

#[test]
fn a_machine_that_does_not_come_back_from_a_restart_is_told_and_started_by_the_next_apply() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let cores = |count: u16| vm(&format!("cpu = {{ cores = {count} }}"));
        workspace.configure(&lab.provider_block(), &cores(1));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &cores(17));
        let apply = workspace.apply().failed().prose();
        assert!(apply.contains("MAX 16 vcpus allowed per VM on this node"), "{apply}");
        assert!(!lab.runs(&here()));
        workspace.configure(&lab.provider_block(), &cores(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.runs(&here()));
        workspace.destroy().ok();
    });
}
