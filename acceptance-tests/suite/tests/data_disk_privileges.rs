//! Privileges for data disks: each that is missing is told by the plan, and what a plan lets pass does apply.

use serde_json::{Value, json};
use suite::data_disks::{World, machine};

/// What a login needs to find its way at all.
const ALWAYS: [&str; 2] = ["VM.Audit", "Pool.Audit"];

/// What is taken away, one at a time.
const EACH: [&str; 13] = [
    "Datastore.AllocateSpace",
    "Datastore.Audit",
    "Pool.Allocate",
    "Sys.Audit",
    "Sys.Modify",
    "VM.Allocate",
    "VM.Config.CPU",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Options",
    "VM.Migrate",
    "VM.PowerMgmt",
];

/// Lets the login have everything but one privilege.
fn allow_all_but(world: &World, missing: Option<&str>) {
    let names: Vec<&str> = ALWAYS.into_iter().chain(EACH).filter(|name| Some(*name) != missing).collect();
    let body = json!({ "privs": names.join(",") }).to_string();
    world.lab.request("PUT", "/api2/json/access/roles/Limited", Some(&body));
}

/// Part of a disk's life: what it is, the machine if there is one, and what the disk is to have.
type Step = (&'static str, Option<Value>, Value);

/// Goes a way with a login that lacks one privilege after the other. Says which were missed at which step.
async fn way(ownership: &str, steps: Vec<Step>) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut world = World::new(ownership, "1");
    let post = |path: &str, body: Value| world.lab.request("POST", path, Some(&body.to_string()));
    post("/api2/json/access/roles", json!({ "roleid": "Limited", "privs": "VM.Audit" }));
    post("/api2/json/access/users", json!({ "userid": "tf@pve" }));
    let made = post("/api2/json/access/users/tf@pve/token/ci", json!({ "privsep": 0 }));
    let grant = json!({ "path": "/", "roles": "Limited", "users": "tf@pve" });
    world.lab.request("PUT", "/api2/json/access/acl", Some(&grant.to_string()));
    let secret = made["data"]["value"].as_str().expect("the lab tells the secret");
    world.api_token = Some(format!("tf@pve!ci={secret}"));
    let mut missed = Vec::new();
    for (what, vm, disk) in steps {
        for (name, value) in disk.as_object().into_iter().flatten() {
            world.disk_config[name] = value.clone();
        }
        let from = world.save();
        let mut needed = Vec::new();
        for missing in EACH {
            world.restore(&from);
            allow_all_but(&world, Some(missing));
            let story = format!("{what} ({ownership}) without {missing}");
            let (writes, run) = (world.lab.writes(), world.apply(vm.as_ref()).await);
            if run.worked {
                world.converge(vm.as_ref(), &story).await;
                continue;
            }
            assert!(run.said.contains("Permission is missing"), "{story}: {}", run.said);
            assert!(run.said.contains(&format!("--privs {missing}")), "{story}: {}", run.said);
            assert_eq!(world.lab.writes(), writes, "{story}: nothing was begun: {}", run.said);
            needed.push(missing);
        }
        world.restore(&from);
        allow_all_but(&world, None);
        world.converge(vm.as_ref(), what).await;
        missed.push((what, needed));
    }
    missed
}

/// A machine with the disk, in a pool of the user's own or not.
fn user(slot: Option<&str>, pool: Option<&str>) -> Option<Value> {
    let mut config = machine(500, slot);
    if let Some(pool) = pool {
        config["pool_name"] = json!(pool);
    }
    Some(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_held_disk_needs_is_told_by_the_plan() {
    let (bare, with) = (user(None, None), user(Some("scsi1"), None));
    let missed = way(
        "holder",
        vec![
            ("make the disk", None, json!({})),
            ("make a machine", bare.clone(), json!({})),
            ("attach", with.clone(), json!({})),
            ("grow", with.clone(), json!({ "size_gib": 3 })),
            ("go to another tier", with.clone(), json!({ "backup_tier": "3" })),
            ("go out of backups", with.clone(), json!({ "backup_tier": "0" })),
            ("come into backups", with.clone(), json!({ "backup_tier": "1" })),
            ("move", with, json!({ "storage_name": "local-lvm" })),
            ("detach", bare, json!({})),
            ("destroy the machine", None, json!({})),
        ],
    )
    .await;
    let needed =
        |what: &str| missed.iter().find(|(found, _)| *found == what).map(|(_, needed)| needed.clone());
    let attach = ["Datastore.Audit", "Pool.Allocate", "VM.Allocate", "VM.Config.Disk", "VM.Config.Options"];
    assert_eq!(needed("attach").unwrap_or_default(), attach, "{missed:?}");
    assert!(needed("detach").is_some_and(|needed| needed.contains(&"Pool.Allocate")), "{missed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_given_disk_needs_is_told_by_the_plan() {
    let with = user(Some("scsi1"), None);
    way(
        "transfer",
        vec![
            ("make the disk", None, json!({})),
            ("make a machine with it", with.clone(), json!({})),
            ("go to another tier", with, json!({ "backup_tier": "3" })),
            ("destroy the machine that has it", None, json!({})),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_disk_needs_in_a_pool_of_its_own_is_told_by_the_plan() {
    let (bare, with) = (user(None, Some("web")), user(Some("scsi1"), Some("web")));
    let missed = way(
        "holder",
        vec![
            ("make the disk", None, json!({})),
            ("make a machine with it", with.clone(), json!({})),
            ("go to another tier", with.clone(), json!({ "backup_tier": "3" })),
            ("detach", bare.clone(), json!({})),
            ("attach", with, json!({})),
            ("destroy the machine that has it", None, json!({})),
        ],
    )
    .await;
    let attach = missed.iter().find(|(what, _)| *what == "attach").map(|(_, needed)| needed.clone());
    assert!(attach.is_some_and(|needed| needed.contains(&"Sys.Modify")), "{missed:?}");
}
