//! Templates and clones: from an image, to another node, with what the template has; and how many calls that takes.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const TEMPLATE: &str = r#"
resource "homelab_pve_vm" "template" {
  node_name = "pve1"
  name      = "template"
  template  = true
  cpu       = { cores = 2 }
  memory    = { size_mib = 512 }
  disks = {
    scsi0 = {
      storage_name = "shared"
      import_from  = "shared:import/debian-13-genericcloud-amd64.qcow2"
      size_gib     = 4
    }
  }
  networks = { net0 = { bridge = "vmbr0" } }
}
"#;

fn clone(name: &str, node: &str, body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"{name}\" {{\n  node_name = \"{node}\"\n  name = \"{name}\"\n  \
         clone = {{ vm_id = homelab_pve_vm.template.vm_id }}\n  {body}\n}}\n"
    )
}

#[test]
fn clones_have_what_the_template_has_and_what_is_named() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let cloud_init =
            "cloud_init = { user = \"me\", ip_configs = { ipconfig0 = { ipv4_address = \"dhcp\" } } }";
        let here = clone("here", "pve1", &format!("cpu = {{ cores = 3 }}\n  {cloud_init}"));
        let there = clone(
            "there",
            "pve2",
            &format!("disks = {{ scsi0 = {{ size_gib = 6, ssd = true }} }}\n  {cloud_init}"),
        );
        let full = clone("full", "pve3", "").replace(
            "template.vm_id }",
            "template.vm_id, full = true }\n  networks = { net0 = { vlan_id = 7 } }\n  started = false",
        );
        workspace.configure(&lab.provider_block(), &format!("{TEMPLATE}{here}{there}{full}"));
        workspace.apply().ok();
        workspace.plan_is_empty();

        let at = |name: &str| lab.place(name);
        let (here, there, full) = (at("here"), at("there"), at("full"));
        assert_eq!((&*here.node, &*there.node, &*full.node), ("pve1", "pve2", "pve3"));
        let (one, two, three) = (lab.config(&here), lab.config(&there), lab.config(&full));
        assert_eq!((&one["cores"], &two["cores"]), (&json!(3), &json!(2)));
        assert!(two["scsi0"].as_str().unwrap().contains("size=6G,ssd=1"), "{two}");
        assert!(one["scsi0"].as_str().unwrap().contains("size=4G"), "{one}");
        assert!(three["net0"].as_str().unwrap().contains("bridge=vmbr0,tag=7"), "{three}");
        assert!(lab.runs(&here) && lab.runs(&there) && !lab.runs(&full));
        // A linked clone uses the template's volume, a full one does not.
        assert!(one["scsi0"].as_str().unwrap().contains("base-"), "{one}");
        assert!(!three["scsi0"].as_str().unwrap().contains("base-"), "{three}");

        // Imported, a machine that is named in full has no difference.
        workspace.configure(
            &lab.provider_block(),
            &format!(
                "{TEMPLATE}{}",
                clone(
                    "here",
                    "pve1",
                    &format!(
                        "cpu = {{ cores = 3 }}\n  memory = {{ size_mib = 512 }}\n  disks = {{ scsi0 = {{ size_gib = 4 }} }}\n  \
                         networks = {{ net0 = {{ bridge = \"vmbr0\" }} }}\n  {cloud_init}"
                    )
                )
            ),
        );
        workspace.apply().ok();
        workspace.forget("homelab_pve_vm.here").ok();
        workspace.import("homelab_pve_vm.here", &here.id.to_string()).ok();
        let plan = workspace.plan();
        // Where it was cloned from cannot be read; naming it again changes nothing.
        assert!(plan.code == Some(0) || plan.prose().contains("+ clone"), "{}", plan.text);
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_clone_lands_on_the_storages_that_are_named() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let firmware = |storage: &str| {
            format!(
                "bios = \"ovmf\"\n  machine = \"q35\"\n  efi_disk = {{ storage_name = \"{storage}\", type = \"4m\" }}\n  \
                 tpm_state = {{ storage_name = \"{storage}\", version = \"v2.0\" }}"
            )
        };
        let template =
            TEMPLATE.replace("template  = true", &format!("template  = true\n  {}", firmware("shared")));
        assert_ne!(template, TEMPLATE);
        let full = |name: &str, more: &str, body: &str| {
            clone(name, "pve1", body).replace("vm_id }", &format!("vm_id, full = true{more} }}"))
        };
        let each = full(
            "each",
            "",
            &format!(
                "disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 6 }} }}\n  {}",
                firmware("local-lvm")
            ),
        );
        let some = full("some", "", "disks = { scsi0 = { storage_name = \"local-lvm\" } }");
        let all = full("all", ", storage_name = \"local-lvm\"", "");
        workspace.configure(&lab.provider_block(), &format!("{template}{each}{some}{all}"));
        workspace.apply().ok();
        workspace.plan_is_empty();

        let on = |name: &str, key: &str| {
            let value = lab.config(&lab.place(name))[key].as_str().unwrap_or_default().to_owned();
            value.split(':').next().unwrap_or_default().to_owned()
        };
        for (name, disk, state) in [
            ("each", "local-lvm", "local-lvm"),
            ("some", "local-lvm", "shared"),
            ("all", "local-lvm", "local-lvm"),
        ] {
            assert_eq!(
                [on(name, "scsi0"), on(name, "efidisk0"), on(name, "tpmstate0")],
                [disk, state, state],
                "{name}"
            );
        }
        assert!(lab.config(&lab.place("each"))["scsi0"].as_str().unwrap().contains("size=6G"));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_template_with_a_given_id_and_its_clone_are_made_at_once() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let template = TEMPLATE.replace("template  = true", "template  = true\n  vm_id = 4000");
        workspace.configure(&lab.provider_block(), &format!("{template}{}", clone("one", "pve1", "")));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_clone_with_cloud_init_and_start_takes_eight_calls() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), TEMPLATE);
        workspace.apply().ok();
        let body = "cloud_init = { user = \"me\", ip_configs = { ipconfig0 = { ipv4_address = \"dhcp\" } } }";
        workspace.configure(&lab.provider_block(), &format!("{TEMPLATE}{}", clone("one", "pve1", body)));
        let before = lab.calls();
        workspace.run(&["plan", "-out=saved", "-no-color", "-input=false"]).ok();
        let planned = lab.calls_since(before);
        let before = lab.calls();
        workspace.run(&["apply", "-no-color", "-input=false", "saved"]).ok();
        let calls = lab.calls_since(before);
        // The refresh of the template, and once per run a list of the cluster and what the login may do.
        assert_eq!(planned.len(), 4, "{planned:#?}");
        assert!(calls.len() <= 8, "{} calls: {calls:#?}", calls.len());
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_clone_for_a_node_that_does_not_see_the_template_is_carried_there() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let local = TEMPLATE.replace("storage_name = \"shared\"", "storage_name = \"local-lvm\"");
        workspace.configure(&lab.provider_block(), &local);
        workspace.apply().ok();
        let template = lab.place("template");
        let original = lab.volumes(&template, "local-lvm");

        let body = "disks = { scsi0 = { size_gib = 6 } }\n  cloud_init = { user = \"me\" }";
        workspace.configure(&lab.provider_block(), &format!("{local}{}", clone("one", "pve2", body)));
        workspace.run(&["plan", "-out=saved", "-no-color", "-input=false"]).ok();
        let plan = workspace.plan().prose();
        assert!(plan.contains("Clone is copied twice"), "{plan}");
        assert!(plan.contains("on the storage \"local-lvm\", which other nodes do not see"), "{plan}");
        let before = lab.calls();
        workspace.run(&["apply", "-no-color", "-input=false", "saved"]).ok();
        let calls = lab.calls_since(before);
        // Four more than a clone that Proxmox VE makes there, of which one is for the size.
        assert!(calls.len() <= 13, "{} calls: {calls:#?}", calls.len());
        workspace.plan_is_empty();

        let one = lab.place("one");
        assert_eq!(one.node, "pve2");
        assert!(lab.runs(&one));
        assert!(lab.config(&one)["scsi0"].as_str().unwrap().contains("size=6G"), "{}", lab.config(&one));
        assert!(!lab.volumes(&one, "local-lvm").is_empty());
        let beside = Place { node: "pve1".to_owned(), id: one.id };
        assert_eq!(lab.volumes(&beside, "local-lvm"), Vec::<String>::new());
        assert_eq!(lab.volumes(&template, "local-lvm"), original);

        // The copies may go to a storage that the template's node does not have.
        let storage = json!({"storage": "tank3", "type": "dir", "path": "/tank3", "content": "images", "nodes": "pve3"});
        let made = lab.request("POST", "/api2/json/storage", Some(&storage.to_string()));
        assert_eq!(made["data"]["storage"], "tank3", "{made}");
        let moved = clone("two", "pve3", "").replace("vm_id }", "vm_id, storage_name = \"tank3\" }");
        let both = format!("{local}{}{moved}", clone("one", "pve2", body));
        workspace.configure(&lab.provider_block(), &both);
        workspace.apply().ok();
        workspace.plan_is_empty();
        let two = lab.place("two");
        assert_eq!(two.node, "pve3");
        assert!(lab.config(&two)["scsi0"].as_str().unwrap().starts_with("tank3:"), "{}", lab.config(&two));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_clone_that_cannot_be_carried_is_refused_at_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let local = TEMPLATE.replace("storage_name = \"shared\"", "storage_name = \"local-lvm\"");
        workspace.configure(&lab.provider_block(), &local);
        workspace.apply().ok();
        let one = clone("one", "pve2", "");
        for (change, summary) in [
            (one.replace("vm_id }", "vm_id, full = false }"), "Clone needs copies"),
            (clone("one", "pve2", "migration = { with_local_disks = false }"), "Disks may not be copied"),
        ] {
            workspace.configure(&lab.provider_block(), &format!("{local}{change}"));
            let said = workspace.plan().failed().prose();
            assert!(said.contains(summary), "{said}");
        }
        lab.edit(&lab.place("template"), &json!({"ide2": "local:iso/debian-13-netinst.iso,media=cdrom"}));
        workspace.configure(&lab.provider_block(), &format!("{local}{one}"));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Template holds a disc"), "{said}");
        assert_eq!(lab.vms().len(), 1);
    });
}

#[test]
fn a_template_with_linked_clones_is_not_deleted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), TEMPLATE);
        workspace.apply().ok();
        let template = lab.place("template");
        let made = lab.task(
            "POST",
            &format!("/nodes/pve1/qemu/{}/clone", template.id),
            Some(&json!({"newid": 900, "name": "linked"})),
        );
        assert_eq!(made["exitstatus"], "OK");
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Template has linked clones"), "{said}");
        assert_eq!(lab.config(&template)["name"], "template");
        lab.destroy(&Place { node: "pve1".to_owned(), id: 900 });
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_machine_becomes_a_template_and_never_back() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let vm = |template: bool| {
            format!(
                "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  name = \"this\"\n  template = {template}\n  \
                 disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 1 }} }}\n}}\n"
            )
        };
        workspace.configure(&lab.provider_block(), &vm(false));
        workspace.apply().ok();
        let first = lab.place("this");
        assert!(lab.runs(&first));
        workspace.configure(&lab.provider_block(), &vm(true));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!((lab.place("this"), &lab.config(&first)["template"]), (first.clone(), &json!(1)));
        workspace.configure(&lab.provider_block(), &vm(false));
        let plan = workspace.plan().prose();
        assert!(plan.contains("must be replaced"), "{plan}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.config(&lab.place("this"))["template"].is_null());
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}
