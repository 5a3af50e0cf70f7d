//! Documents for cloud-init on a disc of the machine's own, with every CLI: made, changed, mended, moved and gone with it.

use serde_json::{Value, json};
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_vm.this";

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  name = \"web\"\n  {body}\n}}\n"
    )
}

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

/// The discs with documents on a storage.
fn discs(lab: &Lab, node: &str, storage: &str) -> Vec<String> {
    let found = lab.get(&format!("/api2/json/nodes/{node}/storage/{storage}/content?content=iso"));
    let volumes = found["data"].as_array().into_iter().flatten();
    let names = volumes.filter_map(|volume| volume["volid"].as_str().map(str::to_owned));
    let mut discs: Vec<String> = names.filter(|name| name.contains("homelab-vm-")).collect();
    discs.sort();
    discs
}

/// Every disc in the lab.
fn all_discs(lab: &Lab) -> Vec<String> {
    let places = [("pve1", "shared"), ("pve1", "local"), ("pve2", "local"), ("pve3", "local")];
    places.into_iter().flat_map(|(node, storage)| discs(lab, node, storage)).collect()
}

/// The volume in a drive.
fn volume(drive: &Value) -> String {
    drive.as_str().unwrap_or_default().split(',').next().unwrap_or_default().to_owned()
}

#[track_caller]
fn apply(lab: &Lab, workspace: &Workspace, body: &str) {
    workspace.configure(&lab.provider_block(), &vm(body));
    workspace.apply().ok();
    workspace.plan_is_empty();
}

/// When the machine was started last, told by its process.
fn process(lab: &Lab) -> Value {
    lab.state()["vms"]["4711"]["process"]["pid"].clone()
}

#[test]
fn each_document_changes_in_turn_and_nothing_is_left() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let documents = |body: &str| format!("started = false\n  cloud_init = {{ {body} }}");
        let user = "user_data = \"#cloud-config\\npackages: [curl]\\n\"";
        let all = format!(
            "{user}\n meta_data = jsonencode({{ instance-id = \"mine\" }})\n network_config = \"version: 2\\n\"\n \
             vendor_data = \"#!/bin/sh\\n\""
        );
        let mut seen = Vec::new();
        for body in [
            documents(user),
            documents(&user.replace("curl", "vim")),
            documents(&format!("{user}\n network_config = \"version: 2\\nethernets: {{}}\\n\"")),
            documents(&all),
            documents(&all.replace("mine", "other")),
            documents(&format!("{all}\n slot = \"sata1\"\n iso_storage_name = \"local\"")),
        ] {
            apply(&lab, &workspace, &body);
            let state = workspace.resource(ADDRESS)["cloud_init"].clone();
            let slot = state["slot"].as_str().expect("it has a slot");
            let disc = volume(&lab.config(&here())[slot]);
            assert_eq!(all_discs(&lab), std::slice::from_ref(&disc), "{body}");
            assert_eq!(state["iso_volume_id"], disc);
            assert_eq!(disc.split(':').next(), state["iso_storage_name"].as_str());
            assert!(!seen.contains(&disc), "{disc} is the disc of other documents too");
            seen.push(disc);
        }
        let body = documents(&format!("{all}\n slot = \"scsi3\"\n iso_storage_name = \"local\""));
        apply(&lab, &workspace, &body);
        assert_eq!(seen.last(), Some(&volume(&lab.config(&here())["scsi3"])));
        workspace.forget(ADDRESS).ok();
        workspace.import(ADDRESS, "pve1/4711").ok();
        let calls = lab.writes();
        workspace.plan_is_empty();
        workspace.apply().ok();
        assert_eq!(lab.writes(), calls, "an import changes nothing");

        // What the machine is called changes nothing on the disc, and what is imported can still be changed.
        apply(&lab, &workspace, &body.replace("started = false", "started = false\n  description = \"a\""));
        apply(&lab, &workspace, &documents(user));
        assert_eq!(all_discs(&lab).len(), 1);
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<Value>::new());
        assert_eq!(all_discs(&lab), Vec::<String>::new());
    });
}

#[test]
fn a_change_restarts_replaces_or_waits_as_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = |text: &str, more: &str, outside: &str| {
            format!(
                "cloud_init = {{\n user_data = \"#cloud-config\\npackages: [{text}]\\n\"\n {more}\n}}\n{outside}"
            )
        };
        apply(&lab, &workspace, &body("a", "", ""));
        let (first, disc) = (process(&lab), all_discs(&lab));

        workspace.configure(&lab.provider_block(), &vm(&body("b", "", "")));
        let told = workspace.plan().prose();
        assert!(told.contains("Restart is needed") && told.contains("1 to change"), "{told}");
        apply(&lab, &workspace, &body("b", "", ""));
        assert_ne!(process(&lab), first, "the guest reads the disc when it starts");
        assert_ne!(all_discs(&lab), disc);

        // It may not be restarted: the disc waits in the drive.
        let (running, disc) = (process(&lab), all_discs(&lab));
        apply(&lab, &workspace, &body("c", "", "reboot_when_needed = false"));
        assert_eq!(process(&lab), running);
        assert_ne!(all_discs(&lab), disc);

        let disc = all_discs(&lab);
        apply(&lab, &workspace, &body("d", "user_data_change = \"ignore\"", ""));
        assert_eq!((process(&lab), all_discs(&lab)), (running.clone(), disc));
        // Not ignored any more, the change comes after all.
        apply(&lab, &workspace, &body("d", "user_data_change = \"reboot\"", ""));
        assert_ne!(process(&lab), running);

        apply(&lab, &workspace, &body("d", "user_data_change = \"replace\"", ""));
        let uuid = lab.config(&here())["smbios1"].clone();
        workspace.configure(&lab.provider_block(), &vm(&body("e", "user_data_change = \"replace\"", "")));
        let told = workspace.plan().prose();
        assert!(told.contains("1 to add, 0 to change, 1 to destroy"), "{told}");
        apply(&lab, &workspace, &body("e", "user_data_change = \"replace\"", ""));
        assert_ne!(lab.config(&here())["smbios1"], uuid);
        assert_eq!(all_discs(&lab).len(), 1);
        workspace.destroy().ok();
        assert_eq!(all_discs(&lab), Vec::<String>::new());
    });
}

#[test]
fn settings_of_proxmox_and_documents_take_each_others_place() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disk = "disks = { scsi0 = { storage_name = \"shared\", size_gib = 1 } }";
        let native = format!("{disk}\n cloud_init = {{ user = \"me\" }}");
        let documents = format!("{disk}\n cloud_init = {{ user_data = \"#!/bin/sh\\n\" }}");
        for _ in 0..2 {
            apply(&lab, &workspace, &native);
            assert_eq!(lab.config(&here())["ciuser"], "me");
            assert!(volume(&lab.config(&here())["ide2"]).contains("cloudinit"));
            assert_eq!(all_discs(&lab), Vec::<String>::new());
            apply(&lab, &workspace, &documents);
            assert_eq!(lab.config(&here())["ciuser"], Value::Null);
            assert_eq!(all_discs(&lab), [volume(&lab.config(&here())["ide2"])]);
            assert_eq!(lab.volumes(&here(), "shared").len(), 1, "only the disk is the machine's own");
        }
        apply(&lab, &workspace, disk);
        assert_eq!(lab.config(&here())["ide2"], Value::Null);
        assert_eq!(all_discs(&lab), Vec::<String>::new());
        workspace.destroy().ok();
    });
}

#[test]
fn a_disc_that_was_deleted_or_taken_out_comes_back_without_a_restart() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = "cloud_init = {\n slot = \"sata0\"\n user_data = \"#!/bin/sh\\n\"\n}";
        apply(&lab, &workspace, body);
        let (running, disc) = (process(&lab), all_discs(&lab));
        let drive = || volume(&lab.config(&here())["sata0"]);

        let path = disc[0].replace(':', "%3A").replace('/', "%2F");
        lab.task("DELETE", &format!("/nodes/pve1/storage/shared/content/{path}"), None);
        assert!(workspace.plan().prose().contains("1 to change"));
        apply(&lab, &workspace, body);
        assert_eq!((all_discs(&lab), drive()), (disc.clone(), disc[0].clone()));

        for other in ["none,media=cdrom", "local:iso/debian-13-netinst.iso,media=cdrom"] {
            lab.edit(&here(), &json!({"sata0": other}));
            assert!(workspace.plan().prose().contains("1 to change"), "{other}");
            apply(&lab, &workspace, body);
            assert_eq!((all_discs(&lab), drive()), (disc.clone(), disc[0].clone()));
        }
        assert_eq!(process(&lab), running, "the guest has read these documents already");
        workspace.destroy().ok();
        assert_eq!(all_discs(&lab), Vec::<String>::new());
    });
}

#[test]
fn a_machine_moves_with_its_disc() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for storage in ["shared", "local"] {
            let body = format!(
                "disks = {{ scsi0 = {{ storage_name = \"shared\", size_gib = 1 }} }}\n  cloud_init = {{\n user_data = \
                 \"#!/bin/sh\\n\"\n iso_storage_name = \"{storage}\"\n}}"
            );
            apply(&lab, &workspace, &body);
            assert_eq!(discs(&lab, "pve1", storage).len(), 1);
            let moved = vm(&body).replace("pve1", "pve2");
            workspace.configure(&lab.provider_block(), &moved);
            workspace.apply().ok();
            workspace.plan_is_empty();
            let there = Place { node: "pve2".to_owned(), id: 4711 };
            assert!(lab.runs(&there));
            assert_eq!(all_discs(&lab), [volume(&lab.config(&there)["ide2"])], "{storage}");
            assert_eq!(discs(&lab, "pve2", storage).len(), 1);
            workspace.destroy().ok();
            assert_eq!(all_discs(&lab), Vec::<String>::new());
        }
    });
}

const TEMPLATE: &str = r#"
resource "homelab_pve_vm" "template" {
  node_name  = "pve1"
  name       = "template"
  template   = true
  disks      = { scsi0 = { storage_name = "shared", size_gib = 1 } }
  cloud_init = { CLOUD_INIT }
}
"#;

fn clone(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  name = \"web\"\n  \
         clone = {{ vm_id = homelab_pve_vm.template.vm_id }}\n  {body}\n}}\n"
    )
}

#[test]
fn a_clone_gets_its_disc_in_the_place_of_the_templates_drive_with_ten_calls() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let template = TEMPLATE.replace("CLOUD_INIT", "user = \"admin\", slot = \"sata2\"");
        workspace.configure(&lab.provider_block(), &template);
        workspace.apply().ok();
        let body = "cloud_init = { user_data = \"#cloud-config\\n\" }";
        workspace.configure(&lab.provider_block(), &format!("{template}{}", clone(body)));
        workspace.run(&["plan", "-out=saved", "-no-color", "-input=false"]).ok();
        let before = lab.calls();
        workspace.run(&["apply", "-no-color", "-input=false", "saved"]).ok();
        let calls = lab.calls_since(before);
        // What the login may do is asked once per run.
        let calls: Vec<&String> =
            calls.iter().filter(|call| !call.ends_with("/access/permissions")).collect();
        assert!(calls.len() <= 10, "{} calls: {calls:#?}", calls.len());
        workspace.plan_is_empty();
        let made = lab.place("web");
        assert_eq!(all_discs(&lab), [volume(&lab.config(&made)["sata2"])]);
        assert_eq!(lab.volumes(&made, "shared").len(), 1);
        workspace.destroy().ok();
        assert_eq!((lab.vms(), all_discs(&lab)), (Vec::new(), Vec::new()));
    });
}

#[test]
fn a_template_has_a_disc_and_its_clones_keep_it_or_have_their_own() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let template = TEMPLATE.replace("CLOUD_INIT", "user_data = \"#cloud-config\\n\"");
        workspace.configure(&lab.provider_block(), &format!("{template}{}", clone("")));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let (made, first) = (lab.place("web"), all_discs(&lab));
        assert_eq!(first, [volume(&lab.config(&made)["ide2"])]);

        let own = clone("cloud_init = { user_data = \"#!/bin/sh\\n\" }");
        workspace.configure(&lab.provider_block(), &format!("{template}{own}"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let both = all_discs(&lab);
        assert!(both.len() == 2 && both.contains(&first[0]), "{both:?}");
        assert!(both.contains(&volume(&lab.config(&made)["ide2"])));

        workspace.configure(&lab.provider_block(), &template);
        workspace.apply().ok();
        assert_eq!(all_discs(&lab), first);
        workspace.configure(&lab.provider_block(), &template.replace("cloud-config", "!/bin/sh"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(all_discs(&lab).len() == 1 && all_discs(&lab) != first);
        workspace.destroy().ok();
        assert_eq!((lab.vms(), all_discs(&lab)), (Vec::new(), Vec::new()));
    });
}

#[test]
fn what_cannot_work_is_told_by_the_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, words) in [
            ("user_data = \"packages: [curl]\"", "First line is missing"),
            ("user_data = \"#!/bin/sh\", user = \"me\"", "`user` goes on the drive that Proxmox VE writes"),
            ("network_config = \"ethernets: {}\"", "takes a network configuration only with its `version`"),
            ("user_data = \"#!/bin/sh\", iso_storage_name = \"local-lvm\"", "its content lacks `iso`"),
            ("user = \"me\", iso_storage_name = \"local\"", "Storage without disc"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(&format!("cloud_init = {{ {body} }}")));
            let told = workspace.plan().failed().prose();
            assert!(told.contains(words), "{words}: {told}");
        }
        for (storage, content) in [("local", "images"), ("shared", "images")] {
            let body = json!({"content": content}).to_string();
            lab.request("PUT", &format!("/api2/json/storage/{storage}"), Some(&body));
        }
        workspace.configure(&lab.provider_block(), &vm("cloud_init = { user_data = \"#!/bin/sh\" }"));
        let told = workspace.plan().failed().prose();
        assert!(told.contains("No storage for discs"), "{told}");
    });
}
