//! Disks: they grow, move and change while the machine runs, never shrink, and are never lost by surprise.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(node: &str, disks: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"{node}\"\n  vm_id = 4711\n  name = \"this\"\n  {disks}\n}}\n"
    )
}

fn here(node: &str) -> Place {
    Place { node: node.to_owned(), id: 4711 }
}

#[test]
fn a_disk_grows_and_moves_while_the_machine_runs() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let place = here("pve1");
        let uptime = || {
            let path = "/api2/json/nodes/pve1/qemu/4711/status/current";
            lab.get(path)["data"]["pid"].clone()
        };
        let disk = |json: &str| format!("disks = {{ scsi0 = {{ {json} }} }}");
        workspace.configure(
            &lab.provider_block(),
            &vm("pve1", &disk("storage_name = \"local-lvm\", size_gib = 1")),
        );
        workspace.apply().ok();
        let process = uptime();
        for json in [
            "storage_name = \"local-lvm\", size_gib = 2",
            "storage_name = \"shared\", size_gib = 2, format = \"qcow2\"",
            "storage_name = \"shared\", size_gib = 2, format = \"raw\"",
            "storage_name = \"local-lvm\", size_gib = 3",
        ] {
            workspace.configure(&lab.provider_block(), &vm("pve1", &disk(json)));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        assert_eq!(uptime(), process, "the machine was restarted");
        let config = lab.config(&place);
        assert!(config["scsi0"].as_str().unwrap().ends_with("size=3G"), "{config}");
        // The sources of the moves are gone.
        assert!(config["unused0"].is_null(), "{config}");
        assert_eq!((lab.volumes(&place, "shared").len(), lab.volumes(&place, "local-lvm").len()), (0, 1));

        workspace.configure(
            &lab.provider_block(),
            &vm("pve1", &disk("storage_name = \"local-lvm\", size_gib = 2")),
        );
        let writes = lab.writes();
        let plan = workspace.plan().failed().prose();
        assert!(
            plan.contains("Disk cannot shrink") && plan.contains("Set `size_gib` to 3 or more"),
            "{plan}"
        );
        assert_eq!(lab.writes(), writes);
        workspace.configure(
            &lab.provider_block(),
            &vm("pve1", &disk("storage_name = \"local-lvm\", size_gib = 3")),
        );
        workspace.destroy().ok();
    });
}

#[test]
fn a_disk_that_is_taken_out_is_detached_or_destroyed_as_said() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let place = here("pve1");
        let first = "scsi0 = { storage_name = \"local-lvm\", size_gib = 1 }";
        let all = format!(
            "disks = {{ {first}, scsi1 = {{ storage_name = \"local-lvm\", size_gib = 1 }}, \
             scsi2 = {{ storage_name = \"local-lvm\", size_gib = 1, on_remove = \"delete\" }} }}"
        );
        workspace.configure(&lab.provider_block(), &vm("pve1", &all));
        workspace.apply().ok();
        let volume = |slot: &str| {
            let config = lab.config(&place);
            config[slot].as_str().map(|drive| drive.split(',').next().unwrap_or_default().to_owned())
        };
        let (kept, doomed) = (volume("scsi1").unwrap(), volume("scsi2").unwrap());
        workspace.configure(&lab.provider_block(), &vm("pve1", &format!("disks = {{ {first} }}")));
        let plan = workspace.plan().prose();
        assert!(plan.contains("Disk is detached") && plan.contains("Disk is destroyed"), "{plan}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!((volume("scsi1"), volume("scsi2"), volume("unused0")), (None, None, Some(kept.clone())));
        let left = lab.volumes(&place, "local-lvm");
        assert!(left.contains(&kept) && !left.contains(&doomed), "{left:?}");
        workspace.destroy().ok();
    });
}

#[test]
fn a_machine_is_made_from_an_image_and_gets_more_disks() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let image = "import_from = \"local:import/debian-13-genericcloud-amd64.qcow2\"";
        let steps = [
            format!("disks = {{ scsi0 = {{ storage_name = \"local-lvm\", {image} }} }}"),
            format!("disks = {{ scsi0 = {{ storage_name = \"local-lvm\", {image}, size_gib = 5 }} }}"),
            // A new disk, from an image and larger than it, on a machine that runs.
            format!(
                "disks = {{ scsi0 = {{ storage_name = \"local-lvm\", {image}, size_gib = 5 }}, scsi1 = {{ storage_name = \"shared\", {image}, size_gib = 4 }} }}"
            ),
            // Where a disk came from does not matter afterwards.
            "disks = { scsi0 = { storage_name = \"local-lvm\", import_from = \"local:import/other.qcow2\", size_gib = 5 }, scsi1 = { storage_name = \"shared\", size_gib = 4 } }"
                .to_owned(),
        ];
        for disks in &steps {
            workspace.configure(&lab.provider_block(), &vm("pve1", disks));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        let config = lab.config(&here("pve1"));
        assert!(config["scsi0"].as_str().unwrap().contains("size=5G"), "{config}");
        assert!(config["scsi1"].as_str().unwrap().contains("size=4G"), "{config}");
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_disk_of_an_odd_size_is_imported_without_a_difference() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let place = here("pve1");
        lab.make(&place, &json!({"name": "this", "scsi0": "local-lvm:1.5", "efidisk0": "local-lvm:1,efitype=4m", "bios": "ovmf"}));
        let body = |size: u32| {
            vm(
                "pve1",
                &format!(
                    "started = false\n  bios = \"ovmf\"\n  efi_disk = {{ type = \"4m\" }}\n  disks = {{ scsi0 = {{ size_gib = {size} }} }}"
                ),
            )
        };
        workspace.configure(&lab.provider_block(), &body(2));
        workspace.import("homelab_pve_vm.this", "pve1/4711").ok();
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &body(3));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.config(&place)["scsi0"].as_str().unwrap().contains("size=3G"));
        workspace.destroy().ok();
    });
}

#[test]
fn a_machine_moves_to_another_node_running_and_stopped() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disks = |storage: &str, started: bool| {
            format!(
                "started = {started}\n  disks = {{ scsi0 = {{ storage_name = \"{storage}\", size_gib = 1 }} }}"
            )
        };
        for (node, storage, started) in [
            ("pve1", "shared", true),
            ("pve2", "shared", true),
            ("pve3", "shared", false),
            ("pve1", "shared", false),
        ] {
            workspace.configure(&lab.provider_block(), &vm(node, &disks(storage, started)));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(lab.place("this"), here(node));
            assert_eq!(lab.runs(&here(node)), started);
        }
        // Moved by somebody else, it is found, and brought back.
        let moved = lab.task("POST", "/nodes/pve1/qemu/4711/migrate", Some(&json!({"target": "pve2"})));
        assert_eq!(moved["exitstatus"], "OK");
        let plan = workspace.plan();
        assert_eq!(plan.code, Some(2));
        assert!(plan.prose().contains("node_name = \"pve2\" -> \"pve1\""), "{}", plan.text);
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.place("this"), here("pve1"));
        workspace.destroy().ok();
    });
}

#[test]
fn a_new_disk_is_told_at_plan_where_it_goes() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let refused = |machine: &str, slot: &str| {
            workspace.configure(&lab.provider_block(), machine);
            let writes = lab.writes();
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(&format!("The machine has no disk \"{slot}\" yet")), "{plan}");
            assert!(plan.contains(&format!("disks[\"{slot}\"].storage_name")), "{plan}");
            assert_eq!(lab.writes(), writes);
        };
        refused(&vm("pve1", "disks = { scsi0 = { size_gib = 1 } }"), "scsi0");
        let first = "scsi0 = { storage_name = \"local-lvm\", size_gib = 1 }";
        workspace.configure(&lab.provider_block(), &vm("pve1", &format!("disks = {{ {first} }}")));
        workspace.apply().ok();
        refused(&vm("pve1", &format!("disks = {{ {first}, scsi1 = {{ size_gib = 1 }} }}")), "scsi1");

        // A disk that somebody gave the machine, or its template, is only changed.
        lab.task("POST", "/nodes/pve1/qemu/4711/config", Some(&json!({ "scsi1": "local-lvm:1" })));
        workspace.configure(
            &lab.provider_block(),
            &vm("pve1", &format!("disks = {{ {first}, scsi1 = {{ discard = true }} }}")),
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        let template = Place { node: "pve1".to_owned(), id: 9000 };
        lab.make(&template, &json!({ "name": "template", "scsi0": "local-lvm:4" }));
        lab.task("POST", "/nodes/pve1/qemu/9000/template", None);
        let clone = |slot: &str| {
            let disk = format!("disks = {{ {slot} = {{ size_gib = 9 }} }}");
            vm("pve1", &format!("clone = {{ vm_id = 9000 }}\n  {disk}"))
        };
        refused(&clone("scsi7"), "scsi7");
        workspace.configure(&lab.provider_block(), &clone("scsi0"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}
