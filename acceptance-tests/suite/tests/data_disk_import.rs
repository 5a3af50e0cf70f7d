//! Import of data disks, also of those that somebody has set up so that two machines have one volume; and volumes that
//! another machine has, which nobody may get a second time.

use serde_json::{Value, json};
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const DISK: &str = "homelab_pve_data_disk.pg";

fn disk(more: &str) -> String {
    format!(
        "resource \"homelab_pve_data_disk\" \"pg\" {{\n  name = \"pg\"\n  node_name = \"pve1\"\n  storage_name = \"shared\"\n  \
         size_gib = 2\n  backup_tier = 1\n  {more}\n}}\n"
    )
}

fn app(more: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"app\" {{\n  node_name = \"pve1\"\n  vm_id = 500\n  name = \"app\"\n  scsi_hardware = \
         \"virtio-scsi-single\"\n  disks = {{ scsi0 = {{ storage_name = \"shared\", size_gib = 1 }} }}\n  {more}\n}}\n"
    )
}

fn place(id: u64) -> Place {
    Place { node: "pve1".to_owned(), id }
}

fn with_pool() -> Lab {
    let lab = Lab::start();
    lab.request("POST", "/api2/json/pools", Some(&json!({ "poolid": "tier-1" }).to_string()));
    lab
}

/// The volume in a slot.
fn volume(lab: &Lab, id: u64, slot: &str) -> String {
    let drive = lab.config(&place(id))[slot].as_str().unwrap_or_default().to_owned();
    drive.split(',').next().unwrap_or_default().to_owned()
}

/// The usual way of a homelab: VM 900, which never starts, owns the volume that VM 500 uses.
fn data_machine(lab: &Lab) -> String {
    let data = json!({ "name": "pg", "scsi0": "shared:2", "memory": 16, "pool": "tier-1" });
    lab.make(&place(900), &data);
    let volume = volume(lab, 900, "scsi0");
    let user = json!({ "name": "app", "scsihw": "virtio-scsi-single", "scsi0": "shared:1", "scsi1": volume });
    lab.make(&place(500), &user);
    lab.task("POST", "/nodes/pve1/qemu/500/status/start", None);
    lab.write_disk(500, "scsi1", "precious");
    volume
}

fn contents(lab: &Lab, volume: &str) -> Value {
    lab.state()["volumes"][format!("/{volume}")]["contents"].clone()
}

#[test]
fn a_disk_is_imported_by_its_id_or_by_where_it_is() {
    with_each_cli(|cli| {
        let lab = with_pool();
        let workspace = Workspace::new(cli);
        let unprotected = disk("deletion_protection = true");
        workspace.configure(&lab.provider_block(), &unprotected);
        workspace.apply().ok();
        let known = workspace.resource(DISK);
        let (id, holder) =
            (known["id"].as_str().unwrap().to_owned(), known["holder_vm_id"].as_u64().unwrap());
        let attached =
            format!("{unprotected}{}", app("data_disks = { scsi1 = homelab_pve_data_disk.pg.id }"));
        let parked = [id.clone(), format!("pve1/{holder}/scsi0")];
        let used = [id.clone(), "pve1/500/scsi1".to_owned()];
        for (configuration, names) in [(unprotected, parked), (attached, used)] {
            workspace.configure(&lab.provider_block(), &configuration);
            workspace.apply().ok();
            for name in names {
                workspace.forget(DISK).ok();
                workspace.import(DISK, &name).ok();
                workspace.plan_is_empty();
                assert_eq!(workspace.resource(DISK)["id"], id.as_str());
            }
        }
        workspace.forget("homelab_pve_vm.app").ok();
        workspace.import("homelab_pve_vm.app", "pve1/500").ok();
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &disk("deletion_protection = false"));
        workspace.apply().ok();
        workspace.destroy().ok();
        assert_eq!(lab.guests(), Vec::<String>::new());
    });
}

#[test]
fn a_volume_on_the_buses_of_two_machines_is_recognised_and_converted_in_place() {
    with_each_cli(|cli| {
        for name in ["pve1/500/scsi1", "pve1/900/scsi0"] {
            let lab = with_pool();
            let workspace = Workspace::new(cli);
            let volume = data_machine(&lab);
            let process = lab.get("/api2/json/nodes/pve1/qemu/500/status/current")["data"]["pid"].clone();
            assert!(lab.get("/lab/double-use")[&volume].is_array(), "that is how it is done: {volume}");
            workspace.configure(&lab.provider_block(), &disk("deletion_protection = false"));
            let said = workspace.import(DISK, name).ok().prose();
            assert!(
                said.contains("Data disk is converted")
                    && said.contains("VM 500 uses its volume as \"scsi1\" at the same time"),
                "{said}"
            );
            assert!(lab.get("/lab/double-use")[&volume].is_array(), "an import changes nothing");
            let plan = workspace.plan();
            assert_eq!(plan.code, Some(2), "{}", plan.text);
            assert!(plan.prose().contains("No byte of the volume is touched"), "{}", plan.text);
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(lab.get("/lab/double-use"), json!({}), "one machine has it now");
            assert_eq!(
                (volume.clone(), json!("precious")),
                (self::volume(&lab, 500, "scsi1"), contents(&lab, &volume))
            );
            let holder = lab.config(&place(900));
            assert_eq!((&holder["unused0"], &holder["protection"]), (&json!(volume), &json!(1)), "{holder}");
            assert_eq!(holder["scsi0"], Value::Null);

            // The machine comes under management with it, and the disk outlives it.
            let both = format!(
                "{}{}",
                disk("deletion_protection = false"),
                app("data_disks = { scsi1 = homelab_pve_data_disk.pg.id }")
            );
            workspace.configure(&lab.provider_block(), &both);
            workspace.import("homelab_pve_vm.app", "pve1/500").ok();
            workspace.apply().ok();
            workspace.plan_is_empty();
            let still = lab.get("/api2/json/nodes/pve1/qemu/500/status/current")["data"]["pid"].clone();
            assert_eq!(process, still, "the machine went on");
            workspace.configure(&lab.provider_block(), &disk("deletion_protection = false"));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(contents(&lab, &volume), "precious");
            workspace.destroy().ok();
            assert_eq!(lab.guests(), Vec::<String>::new());
        }
    });
}

#[test]
fn a_machine_keeps_the_volume_it_uses_when_both_are_taken_over_at_once() {
    with_each_cli(|cli| {
        let lab = with_pool();
        let workspace = Workspace::new(cli);
        let volume = data_machine(&lab);
        // Whoever takes the drive out and puts it back loses this.
        lab.edit(&place(500), &json!({ "scsi1": format!("{volume},backup=0,mbps_rd=50") }));
        let process = lab.get("/api2/json/nodes/pve1/qemu/500/status/current")["data"]["pid"].clone();
        let both = format!(
            "{}{}",
            disk("deletion_protection = false"),
            app("data_disks = { scsi1 = homelab_pve_data_disk.pg.id }")
        );
        workspace.configure(&lab.provider_block(), &both);
        workspace.import(DISK, "pve1/500/scsi1").ok();
        workspace.import("homelab_pve_vm.app", "pve1/500").ok();
        let plan = workspace.plan();
        assert!(!plan.prose().contains("Disk is detached"), "it stays where it is: {}", plan.text);
        workspace.apply().ok();
        workspace.plan_is_empty();
        let drive = lab.config(&place(500))["scsi1"].as_str().unwrap().to_owned();
        assert!(
            drive.starts_with(&volume) && drive.contains("mbps_rd=50"),
            "it never left the machine: {drive}"
        );
        let still = lab.get("/api2/json/nodes/pve1/qemu/500/status/current")["data"]["pid"].clone();
        assert_eq!(process, still, "the machine went on");
        assert_eq!((lab.get("/lab/double-use"), contents(&lab, &volume)), (json!({}), json!("precious")));
        workspace.destroy().ok();
        assert_eq!(lab.guests(), Vec::<String>::new());
    });
}

#[test]
fn a_volume_of_three_machines_is_nobodys_guess() {
    with_each_cli(|cli| {
        let lab = with_pool();
        let workspace = Workspace::new(cli);
        let volume = data_machine(&lab);
        lab.make(&place(501), &json!({ "name": "other", "scsi3": volume }));
        workspace.configure(&lab.provider_block(), &disk(""));
        let said = workspace.import(DISK, "pve1/900/scsi0").failed().prose();
        assert!(said.contains("Volume is used twice"), "{said}");
        assert!(said.contains("VM 500 (scsi1)") && said.contains("VM 501 (scsi3)"), "{said}");
    });
}

#[test]
fn a_volume_that_a_stranger_has_is_not_put_on_a_second_bus() {
    with_each_cli(|cli| {
        let lab = with_pool();
        let workspace = Workspace::new(cli);
        let parked = disk("deletion_protection = false");
        workspace.configure(&lab.provider_block(), &parked);
        workspace.apply().ok();
        let holder = workspace.resource(DISK)["holder_vm_id"].as_u64().unwrap();
        let volume = volume(&lab, holder, "scsi0");
        lab.make(&place(700), &json!({ "name": "stranger", "scsi5": volume }));
        let both = format!("{parked}{}", app("data_disks = { scsi1 = homelab_pve_data_disk.pg.id }"));
        workspace.configure(&lab.provider_block(), &both);
        let said = workspace.apply().failed().prose();
        assert!(said.contains("Volume is used twice") && said.contains("VM 700 (scsi5)"), "{said}");
        assert_eq!(lab.config(&place(500))["scsi1"], Value::Null, "the machine did not get it");
        lab.edit(&place(700), &json!({ "delete": "scsi5" }));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(self::volume(&lab, 500, "scsi1"), volume);
        workspace.destroy().ok();
    });
}

#[test]
fn a_volume_that_comes_back_to_a_machine_by_hand_is_taken_out_before_that_starts() {
    with_each_cli(|cli| {
        let lab = with_pool();
        let workspace = Workspace::new(cli);
        let other = "resource \"homelab_pve_vm\" \"other\" {\n  node_name = \"pve1\"\n  vm_id = 501\n  name = \"other\"\n  started = \
                     false\n}\n";
        let disk = disk("deletion_protection = false");
        let parked = format!("{disk}{other}");
        let attached = format!("{parked}{}", app("data_disks = { scsi1 = homelab_pve_data_disk.pg.id }"));
        for (text, user) in [(attached, "VM 500 uses it"), (parked, "the disk is parked")] {
            workspace.configure(&lab.provider_block(), &text);
            workspace.apply().ok();
            let volume = workspace.resource(DISK)["volume_id"].as_str().unwrap().to_owned();
            // As the rollback of a snapshot does from when the machine had the disk.
            lab.edit(&place(501), &json!({ "scsi3": format!("{volume},backup=1") }));
            workspace.configure(&lab.provider_block(), &text.replace("started = false", "started = true"));
            let said = workspace.plan().prose();
            assert!(said.contains("Volume is used twice") && said.contains(user), "{said}");
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(lab.get("/lab/double-use"), json!({}));
            assert_eq!(lab.config(&place(501))["scsi3"], Value::Null);
            let status = lab.get("/api2/json/nodes/pve1/qemu/501/status/current");
            assert_eq!(status["data"]["status"], "running", "{status}");
            workspace.configure(&lab.provider_block(), &text);
            workspace.apply().ok();
        }
        workspace.destroy().ok();
        assert_eq!(lab.guests(), Vec::<String>::new());
    });
}
