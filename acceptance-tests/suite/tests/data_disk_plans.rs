//! What a plan says about data disks, and what it keeps to itself.

use serde_json::json;
use suite::data_disks::{World, machine};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

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
        if ownership == "transfer" {
            world.disk_config["storage_name"] = json!("local-lvm");
            let run = world.apply(Some(&machine(500, None))).await;
            assert!(!run.worked && run.said.contains("Snapshot keeps volume"), "{}", run.said);
            assert!(world.guest(500)["scsi1"].is_string(), "the guest keeps what cannot be given back");
        }
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
async fn a_pool_that_somebody_has_deleted_is_told_before_the_disk_is_put_there_again() {
    let mut world = World::new("holder", "3");
    world.converge(None, "parked").await;
    let member = json!({ "poolid": "tier-3", "vms": world.holder().to_string(), "delete": 1 });
    world.lab.request("PUT", "/api2/json/pools", Some(&member.to_string()));
    world.lab.request("DELETE", "/api2/json/pools/tier-3", None);
    let run = world.apply(None).await;
    assert_eq!(run.said.matches("There is no pool").count(), 1, "{}", run.said);
    world.lab.request("POST", "/api2/json/pools", Some(&json!({ "poolid": "tier-3" }).to_string()));
    world.converge(None, "in its pool again").await;
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
    for (pool, words, job) in [
        (None, "goes into the pool \"tier-3\"", "Now that is: `t3` ("),
        (Some("web"), "stays in the pool \"web\"", "`t3-vm500` beside `t3`"),
    ] {
        world.disk_config["backup_tier"] = json!("1");
        config["pool_name"] = json!(pool);
        world.converge(Some(&config), "of tier 1").await;
        world.disk_config["backup_tier"] = json!("3");
        let run = world.apply(Some(&config)).await;
        assert!(run.worked && run.said.contains(&words.replace('"', "\\\"")), "{words}: {}", run.said);
        assert!(run.said.contains(job), "{job}: {}", run.said);
    }
    config["pool_name"] = json!(null);
    world.disk_config["backup_tier"] = json!("2");
    let run = world.apply(Some(&config)).await;
    assert!(run.worked && run.said.contains("No enabled backup job does so yet"), "{}", run.said);
    world.lab.request("DELETE", "/api2/json/pools/tier-4", None);
    world.disk_config["backup_tier"] = json!("4");
    let run = world.apply(Some(&config)).await;
    assert!(run.said.contains("Pool does not exist"), "{}", run.said);
}

/// A machine with a disk, and what follows.
fn stack(storage: &str, vm: &str, rest: &str) -> String {
    format!(
        "resource \"homelab_pve_data_disk\" \"pg\" {{\n  name = \"pg\"\n  node_name = \"pve1\"\n  storage_name = \"{storage}\"\n  \
         size_gib = 1\n  backup_tier = 1\n  deletion_protection = false\n}}\n\
         resource \"homelab_pve_vm\" \"db\" {{\n  name = \"db\"\n  started = false\n  data_disks = {{ scsi1 = \
         homelab_pve_data_disk.pg.id }}\n  {vm}\n}}\n{rest}"
    )
}

const MANAGED: &str = "resource \"homelab_pve_ha_resource\" \"db\" {\n  service_id = \"vm:${homelab_pve_vm.db.vm_id}\"\n  \
                       state = \"stopped\"\n}\n";

const REPLICATED: &str = "resource \"homelab_pve_replication_job\" \"db\" {\n  job_id = \"${homelab_pve_vm.db.vm_id}-0\"\n  \
                          target_node_name = \"pve2\"\n}\n";

/// Another machine, which no data disk ties.
const FREE: &str =
    "resource \"homelab_pve_vm\" \"web\" {\n  name = \"web\"\n  node_name = \"pve1\"\n  started = false\n}\n";

#[test]
fn what_moves_a_machine_is_told_in_the_first_plan_that_a_data_disk_stays_behind() {
    let fixed = MANAGED.replace("${homelab_pve_vm.db.vm_id}", "500");
    let (here, numbered) = ("node_name = \"pve1\"", "node_name = \"pve1\"\n  vm_id = 500");
    let manager = "high-availability";
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"tier-1\"}"));
        let workspace = Workspace::new(cli);
        let told = |resources: &str| {
            workspace.configure(&lab.provider_block(), resources);
            let run = workspace.plan();
            assert_eq!(run.code, Some(2), "{}", run.text);
            run.prose()
        };
        for (resources, reasons) in [
            (stack("local-lvm", numbered, ""), &[][..]),
            (stack("shared", numbered, MANAGED), &[]),
            (stack("local-lvm", numbered, MANAGED), &[manager]),
            (stack("local-lvm", here, MANAGED), &[manager]),
            (stack("local-lvm", numbered, REPLICATED), &["replication jobs"]),
            (stack("local-lvm", here, REPLICATED), &["replication jobs"]),
            (stack("local-lvm", "nodes = [\"pve1\", \"pve2\"]", ""), &["`nodes` names several"]),
            (stack("local-lvm", numbered, &fixed), &[manager]),
        ] {
            let said = told(&resources);
            assert_eq!(said.matches("Data disk ties to node").count(), reasons.len(), "{resources}{said}");
            assert!(reasons.iter().all(|reason| said.contains(reason)), "{resources}{said}");
        }
        // One of two machines is meant, and nobody knows which.
        let said = told(&format!("{}{FREE}", stack("local-lvm", here, MANAGED)));
        assert!(said.contains("One of those uses the data disk \"pg\""), "{said}");
        assert!(
            said.contains("in the pool \"tier-1\"") && said.contains("new: \"pg\", tier 1, in the"),
            "{said}"
        );
        // A machine that has had the disk for long.
        workspace.configure(&lab.provider_block(), &stack("local-lvm", numbered, ""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        for (more, reason) in [(MANAGED, manager), (REPLICATED, "replication jobs")] {
            let said = told(&stack("local-lvm", numbered, more));
            assert_eq!(said.matches("Data disk ties to node").count(), 1, "{said}");
            assert!(said.contains("VM 500 uses the data disk \"pg\"") && said.contains(reason), "{said}");
        }
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_first_plan_names_the_tiers_of_new_disks_that_no_job_backs_up() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        for tier in ["tier-1", "tier-2"] {
            lab.request("POST", "/api2/json/pools", Some(&json!({ "poolid": tier }).to_string()));
        }
        let job = json!({ "id": "one", "pool": "tier-1", "storage": "shared", "schedule": "21:00" });
        lab.request("POST", "/api2/json/cluster/backup", Some(&job.to_string()));
        let one = stack("shared", "node_name = \"pve1\"", "");
        let (disk, machine) = one.split_once("resource \"homelab_pve_vm\"").unwrap();
        let other = disk.replace("pg", "other").replace("backup_tier = 1", "backup_tier = 2");
        let both = format!("{disk}{other}resource \"homelab_pve_vm\"{machine}");
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &both);
        let said = workspace.plan().prose();
        assert!(said.contains("unless this configuration makes one: \"tier-2\"."), "{said}");
    });
}

#[test]
fn a_first_plan_refuses_a_new_disk_that_is_used_twice_and_says_what_giving_one_costs() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"tier-1\"}"));
        let workspace = Workspace::new(cli);
        let here = "node_name = \"pve1\"";
        let other = "resource \"homelab_pve_vm\" \"web\" {\n  name = \"web\"\n  node_name = \"pve1\"\n  data_disks = { scsi1 = \
                     homelab_pve_data_disk.pg.id }\n}\n";
        let once =
            stack("shared", here, "").replace("backup_tier", "ownership = \"transfer\"\n  backup_tier");
        let slot = "scsi1 = homelab_pve_data_disk.pg.id";
        let two_slots = once.replace(slot, &format!("{slot}, scsi2 = homelab_pve_data_disk.pg.id"));
        for twice in [two_slots, format!("{once}{other}")] {
            workspace.configure(&lab.provider_block(), &twice);
            let said = workspace.apply().failed().prose();
            assert!(said.contains("Data disk is used twice") && said.contains("This run makes 1"), "{said}");
            assert!(lab.vms().is_empty(), "nothing was begun");
        }
        workspace.configure(&lab.provider_block(), &once);
        let said = workspace.plan().prose();
        assert!(
            said.contains("Volume changes its owner") && said.contains("these have `ownership"),
            "{said}"
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        // Both are made anew, and each is planned twice for that.
        workspace
            .run(&[
                "apply",
                "-auto-approve",
                "-no-color",
                "-replace=homelab_pve_data_disk.pg",
                "-replace=homelab_pve_vm.db",
            ])
            .ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_parked_disk_goes_where_a_machine_gets_it_in_the_same_run() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"tier-1\"}"));
        let workspace = Workspace::new(cli);
        let apply = |text: &str| {
            workspace.configure(&lab.provider_block(), text);
            workspace.apply()
        };
        let on_pve2 = |text: &str| text.replace("\"pve1\"", "\"pve2\"");
        let attached = stack("local-lvm", "node_name = \"pve1\"", "");
        let (parked, _) = attached.split_once("resource \"homelab_pve_vm\"").unwrap();
        apply(parked).ok();
        apply(&on_pve2(&attached)).ok();
        workspace.plan_is_empty();
        let said = apply(&attached).failed().prose();
        assert!(said.contains("Data disk is on another node") && said.contains("attach it again"), "{said}");
        apply(&on_pve2(parked)).ok();
        // The machine may be anywhere once the disk is on shared storage, and gets to own what it only referred to.
        let moved = attached
            .replacen("local-lvm", "shared", 1)
            .replace("backup_tier", "ownership = \"transfer\"\n  backup_tier");
        let said = apply(&on_pve2(&moved).replacen("\"pve2\"", "\"pve1\"", 1)).ok().prose();
        assert!(said.contains("Volume changes its owner"), "{said}");
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_machines_own_disks_follow_a_disk_that_leaves_its_backups_in_one_apply() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"tier-1\"}"));
        let workspace = Workspace::new(cli);
        let body = "node_name = \"pve1\"\n  vm_id = 500\n  disks = { scsi0 = { storage_name = \"shared\", size_gib = 1 } }";
        for (tier, left_out) in [("1", true), ("0", false), ("1", true)] {
            let resources =
                stack("shared", body, "").replace("backup_tier = 1", &format!("backup_tier = {tier}"));
            workspace.configure(&lab.provider_block(), &resources);
            workspace.apply().ok();
            workspace.plan_is_empty();
            let config = lab.get("/api2/json/nodes/pve1/qemu/500/config")["data"].clone();
            let own = config["scsi0"].as_str().unwrap_or_default();
            assert_eq!(own.contains("backup=0"), left_out, "tier {tier}: {config}");
        }
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}
