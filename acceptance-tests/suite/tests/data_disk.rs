//! The life of a data disk: made, attached, moved between machines, changed where it is, parked, destroyed.

use serde_json::json;
use suite::data_disks::{World, machine};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_outlives_the_machines_that_use_it() {
    for ownership in ["holder", "transfer"] {
        let mut world = World::new(ownership, "1");
        world.converge(None, "parked").await;
        let holder = world.holder();
        let serial = world.value()["serial"].clone();
        let first = machine(500, Some("scsi1"));
        world.converge(Some(&first), "attached to a new machine").await;
        let boot = world.guest(500)["scsi0"].clone();
        assert!(
            boot.as_str().unwrap_or_default().contains("backup=0"),
            "the machine's own disk is left out: {boot}"
        );
        world.converge(Some(&machine(500, None)), "detached").await;
        let boot = world.guest(500)["scsi0"].clone();
        assert!(!boot.as_str().unwrap_or_default().contains("backup=0"), "it is included again: {boot}");
        world.converge(Some(&machine(500, Some("virtio3"))), "in another slot").await;
        world.converge(Some(&machine(501, Some("scsi2"))), "with a machine that replaces the first").await;
        let drive = world.guest(501)["scsi2"].clone();
        assert!(
            drive.as_str().unwrap_or_default().contains("discard=on"),
            "it has the options of a first machine's: {drive}"
        );
        assert!(world.guest(500).is_null(), "the first machine is gone");
        world.disk_config["size_gib"] = json!(3);
        world.disk_config["backup_tier"] = json!("3");
        world.converge(Some(&machine(501, Some("scsi2"))), "grown, and in another tier").await;
        world.converge(None, "parked again").await;
        assert_eq!((world.holder(), &world.value()["serial"]), (holder, &serial), "it is the same disk");
        let gone = world.destroy_disk().await;
        assert!(gone.worked, "{}", gone.said);
        assert!(world.guest(holder).is_null(), "the holder is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_outlives_its_apply_is_waited_for() {
    for ownership in ["holder", "transfer"] {
        let mut world = World::with(&["--task-time", "1500"], ownership, "1");
        let config = machine(500, Some("scsi1"));
        world.converge(Some(&config), "attached").await;
        assert!(world.write("what the guest has written"));
        let before = world.lab.calls();
        world.disk_config["storage_name"] = json!("local-lvm");
        // The first look at the task of the copy, during which the plugin is killed.
        world
            .lab
            .plant(&json!({ "kind": "delay", "milliseconds": 300, "path": "/nodes/pve1/tasks/*/status" }));
        world.apply_killed(Some(&config)).await;
        assert_eq!(world.lab.unplant(), 1);
        world.converge(Some(&config), "after the kill").await;
        let calls = world.lab.calls_since(before);
        let moves =
            calls.iter().filter(|call| call.starts_with("POST") && call.contains("move_disk")).count();
        assert_eq!(moves, 1, "{ownership}: it was copied once: {calls:#?}");
        assert_eq!(world.contents().as_deref(), Some("what the guest has written"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_takes_over_in_the_run_that_destroys_the_machine() {
    let mut world = World::new("holder", "1");
    world.converge(Some(&machine(500, Some("scsi1"))), "attached").await;
    let run = world.apply(Some(&machine(501, Some("scsi1")))).await;
    assert!(run.worked, "{}", run.said);
    world.converge(Some(&machine(501, Some("scsi1"))), "with the other machine").await;
}
