//! What a plan says about data disks, and what it keeps to itself.

use serde_json::json;
use suite::data_disks::{World, machine};

/// What is said when a machine gets a disk on a storage of its node alone, with the nodes that it may be on.
async fn said(nodes: Option<&[&str]>) -> String {
    let mut world = World::new("holder", "1");
    world.disk_config["storage_name"] = json!("local-lvm");
    world.converge(None, "parked").await;
    let mut config = machine(500, Some("scsi1"));
    if let Some(nodes) = nodes {
        config["node_name"] = json!(null);
        config["nodes"] = json!(nodes);
    }
    let run = world.apply(Some(&config)).await;
    assert!(run.worked, "{}", run.said);
    run.said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_disk_is_worth_a_warning_only_for_a_machine_that_may_move() {
    assert!(!said(None).await.contains("Data disk ties to node"));
    assert!(!said(Some(&["pve1"])).await.contains("Data disk ties to node"));
    let said = said(Some(&["pve1", "pve2"])).await;
    assert!(said.contains("Data disk ties to node") && said.contains("`nodes` names several"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn high_availability_for_a_machine_with_a_local_disk_is_warned_of() {
    let mut world = World::new("holder", "1");
    world.disk_config["storage_name"] = json!("local-lvm");
    world.converge(Some(&machine(500, None)), "without the disk").await;
    let managed = world.lab.request(
        "POST",
        "/api2/json/cluster/ha/resources",
        Some(&json!({ "sid": "vm:500", "state": "started" }).to_string()),
    );
    let run = world.apply(Some(&machine(500, Some("scsi1")))).await;
    assert!(run.said.contains("managed by the high-availability service"), "{managed:?} {}", run.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_in_a_snapshot_of_its_machine_does_not_move() {
    for ownership in ["holder", "transfer"] {
        let mut world = World::new(ownership, "1");
        world.disk_config["storage_name"] = json!("local-lvm");
        let mut config = machine(500, Some("scsi1"));
        config["disks"]["scsi0"]["storage_name"] = json!("local-lvm");
        world.converge(Some(&config), "attached").await;
        let snapshot = json!({ "snapname": "before" });
        world.lab.task("POST", "/nodes/pve1/qemu/500/snapshot", Some(&snapshot));
        world.disk_config["storage_name"] = json!("shared");
        let (writes, run) = (world.lab.writes(), world.apply(Some(&config)).await);
        assert!(!run.worked && run.said.contains("Snapshot keeps volume"), "{}", run.said);
        assert_eq!(world.lab.writes(), writes, "nothing was begun");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_somebody_has_deleted_is_not_said_to_have_the_disk() {
    let mut world = World::new("holder", "1");
    let config = machine(500, Some("scsi1"));
    world.converge(Some(&config), "attached").await;
    world.lab.task("POST", "/nodes/pve1/qemu/500/status/stop", None);
    world.lab.task("DELETE", "/nodes/pve1/qemu/500?purge=1", None);
    let run = world.apply(Some(&machine(501, Some("scsi1")))).await;
    assert!(run.worked && run.said.contains("Data disk is parked"), "{}", run.said);
    assert!(!run.said.contains("Data disk is in use"), "{}", run.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_cannot_be_is_an_error_before_anything_moves() {
    let mut world = World::new("holder", "1");
    let config = machine(500, Some("scsi1"));
    for vm in [None, Some(&config)] {
        world.converge(vm, "where it was").await;
        for (argument, value, words) in [
            ("storage_name", "local", "Storage takes no disks"),
            ("node_name", "pve9", "Node does not exist"),
        ] {
            let before = std::mem::replace(&mut world.disk_config[argument], json!(value));
            let (writes, run) = (world.lab.writes(), world.apply(vm).await);
            assert!(!run.worked && run.said.contains(words), "{}", run.said);
            assert_eq!(world.lab.writes(), writes, "{value}: nothing was begun");
            world.disk_config[argument] = before;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_tier_is_told_as_it_is_for_the_machine_that_has_the_disk() {
    let mut world = World::new("holder", "1");
    let mut config = machine(500, Some("scsi1"));
    for (pool, words) in [(None, "goes into the pool \"tier-3\""), (Some("web"), "stays in the pool \"web\"")]
    {
        world.disk_config["backup_tier"] = json!("1");
        config["pool_name"] = json!(pool);
        world.converge(Some(&config), "of tier 1").await;
        world.disk_config["backup_tier"] = json!("3");
        let run = world.apply(Some(&config)).await;
        assert!(run.worked && run.said.contains(&words.replace('"', "\\\"")), "{words}: {}", run.said);
    }
    world.lab.request("DELETE", "/api2/json/pools/tier-4", None);
    world.disk_config["backup_tier"] = json!("4");
    let run = world.apply(Some(&config)).await;
    assert!(run.said.contains("Pool does not exist"), "{}", run.said);
}
