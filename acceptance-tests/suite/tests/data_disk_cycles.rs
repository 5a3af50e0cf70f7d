//! Twenty times round: a disk is attached, detached, attached, its machine replaced and destroyed, with a fault planted at
//! another call each time. In the end it is the disk that it was, and it was never on two buses.

use serde_json::{Value, json};
use suite::data_disks::{World, machine};

const ROUNDS: u64 = 20;

/// What meets an apply; every round each part of the way meets another one.
fn fault(kind: u64, n: u64) -> Value {
    match kind % 4 {
        0 => json!({ "kind": "reply_lost", "path": "/**", "after": n }),
        1 => {
            json!({ "kind": "status", "status": 500, "message": "something went wrong", "path": "/**", "after": n })
        }
        2 => json!({ "kind": "delay", "milliseconds": 200, "path": "/**", "after": n }),
        _ => json!({
            "kind": "task_fails", "message": "the disk is on fire", "method": "POST", "path": "/nodes/**", "after": n % 3,
        }),
    }
}

async fn twenty_times(ownership: &str) {
    let parts = [
        ("attach to a new machine", Some(machine(500, Some("scsi1")))),
        ("detach", Some(machine(500, None))),
        ("attach to a present machine", Some(machine(500, Some("scsi1")))),
        ("replace the machine", Some(machine(501, Some("scsi1")))),
        ("destroy the machine", None),
    ];
    let mut world = World::new(ownership, "1");
    world.converge(None, "the disk is made").await;
    let made = world.value();
    let contents = "what somebody has written";
    world.lab.write_disk(world.holder(), "scsi0", contents);
    let mut struck = 0;
    for round in 0..ROUNDS {
        for (part, (what, vm)) in (0..).zip(&parts) {
            let (kind, n) = (round + part, (7 * round + 5 * part) % 25);
            let story =
                format!("round {round}, {what} ({ownership}) with fault {} at call {n}", fault(kind, n));
            world.lab.plant(&fault(kind, n));
            // The third kind is there to be killed at.
            let run = if kind % 4 == 2 {
                world.apply_killed(vm.as_ref()).await
            } else {
                world.apply(vm.as_ref()).await
            };
            struck += world.lab.unplant();
            let told = format!("{story}, which said {}", run.said);
            world.check_always(&told);
            world.converge(vm.as_ref(), &told).await;
        }
    }
    assert!(struck >= ROUNDS * 2, "only {struck} faults have struck");
    let now = world.value();
    assert_eq!((&now["id"], &now["serial"]), (&made["id"], &made["serial"]), "it is the same disk");
    if ownership == "holder" {
        assert_eq!(now["volume_id"], made["volume_id"], "its volume is the same");
    }
    let state = world.lab.state();
    let volume = format!("/{}", now["volume_id"].as_str().unwrap_or_default());
    assert_eq!(
        state["volumes"][&volume]["contents"], contents,
        "nobody has written on it: {}",
        state["volumes"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_disk_goes_round_twenty_times_whatever_fails() {
    twenty_times("holder").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_given_disk_goes_round_twenty_times_whatever_fails() {
    twenty_times("transfer").await;
}
