//! Every planted fault at every call of a data disk's way: to a machine, back, to the next machine, and when its machine
//! is destroyed. The volume is never deleted, never on two buses, and covered by its tier's job once an apply has worked.

use serde_json::{Value, json};
use suite::data_disks::{World, machine};

/// No operation makes more calls than this, polls included.
const MOST_CALLS: u64 = 150;

/// How far apart the calls are that a short run strikes; prime, so that the steps are not struck at the same places.
const STRIDE: u64 = 7;

/// A fault at the n-th call.
fn fault(kind: &str, n: u64) -> Value {
    match kind {
        "refused" => {
            json!({ "kind": "status", "status": 500, "message": "something went wrong", "path": "/**", "after": n })
        }
        // The answer is held back while the plugin is killed; the call itself was executed.
        "killed" => json!({ "kind": "delay", "milliseconds": 200, "path": "/**", "after": n }),
        "task_fails" => {
            json!({ "kind": kind, "message": "the disk is on fire", "method": "POST", "path": "/nodes/**", "after": n })
        }
        _ => json!({ "kind": kind, "path": "/**", "after": n }),
    }
}

/// The volumes of the disk, by when they were made.
fn volume(world: &World) -> (u64, Value) {
    let state = world.lab.state();
    let holder = state["vms"][world.holder().to_string()]["config"].clone();
    let user = ["500", "501"].map(|id| state["vms"][id]["config"]["scsi1"].clone());
    let places = [holder["scsi0"].clone(), holder["unused0"].clone()].into_iter().chain(user);
    let found: Vec<String> = places.filter_map(|place| place.as_str().map(str::to_owned)).collect();
    let id = found.first().and_then(|text| text.split(',').next()).unwrap_or_default().to_owned();
    (world.holder(), json!(id))
}

async fn every_call(kind: &str, ownership: &str) {
    let steps: [(&str, Option<Value>); 6] = [
        ("attach to a new machine", Some(machine(500, Some("scsi1")))),
        ("detach", Some(machine(500, None))),
        ("attach to a present machine", Some(machine(500, Some("scsi1")))),
        ("replace the machine", Some(machine(501, Some("scsi1")))),
        ("destroy the machine", None),
        ("attach again", Some(machine(501, Some("scsi1")))),
    ];
    let mut world = World::new(ownership, "1");
    world.converge(None, "the disk is made").await;
    let (holder, made) = volume(&world);
    // Few calls start tasks.
    let all = std::env::var_os("HOMELAB_EVERY_CALL").is_some() || kind == "task_fails";
    let stride = if all { 1 } else { STRIDE };
    // Each kind begins elsewhere.
    let mut n = if stride == 1 { 0 } else { (kind.len() + ownership.len()) as u64 % stride };
    let mut rounds = 0;
    let mut missed = 0;
    // Each round strikes each step some calls later, until none is struck.
    while missed < steps.len() {
        assert!(n < MOST_CALLS, "an operation makes more than {MOST_CALLS} calls");
        missed = 0;
        for (what, vm) in &steps {
            let story = format!("{what} ({ownership}) with {kind} at call {n}");
            world.lab.plant(&fault(kind, n));
            let run = if kind == "killed" {
                world.apply_killed(vm.as_ref()).await
            } else {
                world.apply(vm.as_ref()).await
            };
            missed += usize::from(world.lab.unplant() == 0);
            world.converge(vm.as_ref(), &format!("{story}, which said {}", run.said)).await;
            let (now, volume) = volume(&world);
            assert_eq!(now, holder, "{story}: it is the same disk");
            if ownership == "holder" {
                assert_eq!(volume, made, "{story}: its volume is the same");
            }
        }
        world.converge(None, "between two rounds").await;
        n += stride;
        rounds += 1;
    }
    assert!(rounds >= 2, "{kind} struck {rounds} rounds only");
}

macro_rules! faults {
    ($($name:ident: $kind:literal, $ownership:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                every_call($kind, $ownership).await;
            }
        )*
    };
}

faults! {
    a_held_disk_survives_lost_replies: "reply_lost", "holder";
    a_held_disk_survives_refusals: "refused", "holder";
    a_held_disk_survives_cut_connections: "cut", "holder";
    a_held_disk_survives_kills: "killed", "holder";
    a_given_disk_survives_lost_replies: "reply_lost", "transfer";
    a_given_disk_survives_refusals: "refused", "transfer";
    a_given_disk_survives_failing_tasks: "task_fails", "transfer";
    a_given_disk_survives_kills: "killed", "transfer";
}
