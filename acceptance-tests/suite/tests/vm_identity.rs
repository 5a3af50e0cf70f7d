//! Whose machine it is: somebody else's is never adopted, changed or deleted, and ours is never lost.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_vm.this";

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  started = false\n  {body}\n}}\n"
    )
}

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

#[test]
fn a_machine_of_somebody_else_is_not_adopted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.make(&here(), &json!({"name": "theirs", "description": "theirs"}));
        let before = lab.config(&here());
        workspace.configure(&lab.provider_block(), &vm("vm_id = 4711\n  name = \"theirs\""));
        let plan = workspace.plan().failed().prose();
        assert!(plan.contains("There is already a VM 4711 (\"theirs\") on node \"pve1\""), "{plan}");
        assert!(plan.contains("import homelab_pve_vm.<name> pve1/4711"), "{plan}");
        assert_eq!(lab.config(&here()), before);
        // What the message says works, and the mark comes with the first change.
        workspace.import(ADDRESS, "pve1/4711").ok();
        workspace.configure(
            &lab.provider_block(),
            &vm("vm_id = 4711\n  name = \"theirs\"\n  description = \"theirs\""),
        );
        workspace.plan_is_empty();
        assert_eq!(lab.config(&here()), before);
        workspace.configure(
            &lab.provider_block(),
            &vm("vm_id = 4711\n  name = \"ours\"\n  description = \"theirs\""),
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        let after = lab.config(&here());
        assert!(after["description"].as_str().unwrap().starts_with("theirs\n<!-- homelab-vm "), "{after}");
        workspace.destroy().ok();
    });
}

#[test]
fn a_name_that_is_used_already_is_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.make(&here(), &json!({"name": "web"}));
        workspace.configure(&lab.provider_block(), &vm("name = \"web\""));
        let plan = workspace.plan().prose();
        assert!(
            plan.contains("Name is used already") && plan.contains("import homelab_pve_vm.<name> pve1/4711"),
            "{plan}"
        );
        workspace.apply().ok();
        assert_eq!(lab.count("web"), 2);
        workspace.destroy().ok();
        assert_eq!(lab.config(&here())["name"], "web");
    });
}

#[test]
fn a_machine_made_anew_with_our_id_is_left_alone() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm("name = \"ours\""));
        workspace.apply().ok();
        let place = lab.place("ours");
        lab.destroy(&place);
        lab.make(&place, &json!({"name": "theirs"}));
        let theirs = lab.config(&place);
        let plan = workspace.plan();
        assert!(plan.prose().contains("VM was recreated outside"), "{}", plan.text);
        assert_eq!(plan.code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.config(&place), theirs);
        assert_ne!(lab.place("ours"), place);
        // Even without a refresh nothing of theirs is touched.
        let ours = lab.place("ours");
        lab.destroy(&ours);
        lab.make(&ours, &json!({"name": "theirs-too"}));
        let theirs = lab.config(&ours);
        let destroy = ["destroy", "-auto-approve", "-no-color", "-input=false", "-refresh=false"];
        let said = workspace.run(&destroy).ok().prose();
        assert!(said.contains("VM was recreated outside") && said.contains("It was left as it is"), "{said}");
        assert_eq!(lab.config(&ours), theirs);
    });
}

#[test]
fn a_machine_without_its_mark_is_known_by_its_uuid() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm("name = \"ours\"\n  start_on_boot = true"));
        workspace.apply().ok();
        let place = lab.place("ours");
        lab.edit(&place, &json!({"delete": "description"}));
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &vm("name = \"ours\"\n  start_on_boot = false"));
        workspace.apply().ok();
        assert!(lab.config(&place)["description"].as_str().unwrap().contains("homelab-vm"));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_protected_machine_is_deleted_only_after_it_was_unprotected() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disks = "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }";
        workspace.configure(
            &lab.provider_block(),
            &vm(&format!("name = \"ours\"\n  protection = true\n  {disks}")),
        );
        workspace.apply().ok();
        let said = workspace.destroy().failed().prose();
        assert!(
            said.contains("VM is protected") && said.contains("Set `protection = false` and apply"),
            "{said}"
        );
        // Protected by somebody else, which the state does not name.
        workspace.configure(&lab.provider_block(), &vm(&format!("name = \"ours\"\n  {disks}")));
        workspace.apply().ok();
        lab.edit(&lab.place("ours"), &json!({"protection": 1}));
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("VM is protected"), "{said}");
        assert_eq!(lab.count("ours"), 1);
        // The end of the protection and of a disk, at once.
        workspace.configure(
            &lab.provider_block(),
            &vm(&format!("name = \"ours\"\n  protection = true\n  {disks}")),
        );
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &vm("name = \"ours\"\n  protection = false"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

/// Every kind of drive, and the same machine without them.
fn driven(protection: &str) -> [String; 2] {
    let drives = "disks = { scsi0 = { storage_name = \"local-lvm\", size_gib = 1 } }\n  cdroms = { sata0 = {} }\n  bios = \
                  \"ovmf\"\n  efi_disk = { storage_name = \"local-lvm\" }\n  tpm_state = { storage_name = \"local-lvm\" }\n  \
                  cloud_init = { storage_name = \"local-lvm\" }";
    [drives, "bios = \"ovmf\""].map(|drives| vm(&format!("name = \"ours\"\n  {protection}\n  {drives}")))
}

#[test]
fn the_end_of_the_protection_takes_drives_of_every_kind_along() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for protection in ["", "protection = false"] {
            let [with, _] = driven("protection = true");
            let [_, without] = driven(protection);
            for step in [with, without] {
                workspace.configure(&lab.provider_block(), &step);
                workspace.apply().ok();
                workspace.plan_is_empty();
            }
        }
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_drive_that_goes_from_a_protected_machine_is_refused_at_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let [with, without] = driven("protection = true");
        workspace.configure(&lab.provider_block(), &with);
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &without);
        let writes = lab.writes();
        let said = workspace.plan().failed().prose();
        for drive in [
            "disk \"scsi0\"",
            "CD drive \"sata0\"",
            "EFI disk",
            "state of the TPM",
            "drive \"ide2\" with the data",
        ] {
            assert!(said.contains(&format!("The {drive}")), "{drive}: {said}");
        }
        assert_eq!(said.matches("VM is protected").count(), 5, "{said}");
        // Another slot for the drive with the data is as much as taking it out.
        workspace.configure(
            &lab.provider_block(),
            &with.replace("cloud_init = {", "cloud_init = { slot = \"ide0\", "),
        );
        let said = workspace.plan().failed().prose();
        assert!(
            said.contains("The drive \"ide2\" with the data for cloud-init is to be taken out"),
            "{said}"
        );
        // What comes into the slot takes the place of the drive.
        let swapped =
            with.replace("cdroms = { sata0 = {} }", "cdroms = { sata0 = { volume_id = \"cdrom\" } }");
        workspace.configure(&lab.provider_block(), &swapped);
        assert_eq!(lab.writes(), writes);
        workspace.apply().ok();
        workspace
            .configure(&lab.provider_block(), &swapped.replace("protection = true", "protection = false"));
        workspace.apply().ok();
        workspace.destroy().ok();
    });
}

#[test]
fn a_machine_that_is_gone_is_planned_again() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm("vm_id = 4711\n  name = \"ours\""));
        workspace.apply().ok();
        lab.destroy(&here());
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        lab.destroy(&here());
        workspace.destroy().ok();
    });
}

#[test]
fn a_machine_is_replaced_under_the_same_id() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm("vm_id = 4711\n  name = \"ours\""));
        workspace.apply().ok();
        let uuid = || lab.config(&here())["smbios1"].clone();
        let first = uuid();
        let replace = ["apply", "-auto-approve", "-no-color", "-input=false", "-replace=homelab_pve_vm.this"];
        let said = workspace.run(&replace).ok().prose();
        assert!(!said.contains("Name is used already") && !said.contains("VM ID is taken"), "{said}");
        workspace.plan_is_empty();
        assert_ne!(uuid(), first);
        workspace.run(&["taint", "homelab_pve_vm.this"]).ok();
        let said = workspace.plan().prose();
        assert!(said.contains("tainted"), "{said}");
        assert!(!said.contains("Name is used already") && !said.contains("VM ID is taken"), "{said}");
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}
