//! Every planted fault at every call of a data disk's way: made, to a machine, back, to the next machine, into another
//! tier, and when its machine is destroyed. The volume is never lost and never on two buses, and once an apply has worked
//! it is where it is to be and covered by its tier's job.
//!
//! The way is gone once without faults. Then each part of it is repeated from where it began, with the fault at its first
//! call, at its second, and so on until the fault no longer strikes. Several labs share the work.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use suite::data_disks::{Saved, World, machine};

/// No operation makes more calls than this, polls included.
const MOST_CALLS: u64 = 150;

/// How many labs work at a time on one way; most of the time is spent waiting.
const LABS: usize = 3;

/// How far apart the calls are that a usual run strikes, for kinds whose sweep takes long; prime, so that the steps are not
/// struck at the same places. `HOMELAB_EVERY_CALL` strikes each.
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

/// One part of the way.
#[derive(Clone)]
struct Part {
    what: &'static str,
    vm: Option<Value>,
    tier: &'static str,
    from: Saved,
    /// The first call that was not struck yet, and whether the last strike missed.
    next: u64,
    over: bool,
}

/// A machine with the disk, in a pool of the user's own or not.
fn user(id: u64, slot: Option<&str>, pool: Option<&str>) -> Value {
    let mut config = machine(id, slot);
    if let Some(pool) = pool {
        config["pool_name"] = json!(pool);
    }
    config
}

/// Goes the way without faults, and keeps where each part of it begins.
async fn way(ownership: &str, pool: Option<&str>) -> Vec<Part> {
    let with = |id| Some(user(id, Some("scsi1"), pool));
    let parts = [
        ("make the disk", None, "1"),
        ("attach to a new machine", with(500), "1"),
        ("detach", Some(user(500, None, pool)), "1"),
        ("attach to a present machine", with(500), "1"),
        ("go to a looser tier", with(500), "3"),
        ("go to a stricter tier", with(500), "1"),
        ("replace the machine", with(501), "1"),
        ("destroy the machine", None, "1"),
    ];
    let mut world = World::new(ownership, "1");
    let mut found = Vec::new();
    for (what, vm, tier) in parts {
        let from = world.save();
        world.disk_config["backup_tier"] = json!(tier);
        world.converge(vm.as_ref(), what).await;
        found.push(Part { what, vm, tier, from, next: 0, over: false });
    }
    found
}

/// Takes the next strike from the list: the part, and the number of the call.
fn take(parts: &Mutex<Vec<Part>>, stride: u64) -> Option<(usize, Part)> {
    let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
    let index = parts.iter().position(|part| !part.over)?;
    let part = &mut parts[index];
    let taken = part.clone();
    part.next += stride;
    Some((index, taken))
}

/// Strikes until there is nothing left to strike.
async fn work(kind: &'static str, ownership: &'static str, parts: Arc<Mutex<Vec<Part>>>, stride: u64) -> u64 {
    let mut world = World::new(ownership, "1");
    let mut strikes = 0;
    while let Some((index, part)) = take(&parts, stride) {
        let n = part.next;
        let story = format!("{} ({ownership}) with {kind} at call {n}", part.what);
        assert!(n < MOST_CALLS, "{story}: an operation makes more than {MOST_CALLS} calls");
        world.restore(&part.from);
        world.disk_config["backup_tier"] = json!(part.tier);
        world.lab.plant(&fault(kind, n));
        let run = if kind == "killed" {
            world.apply_killed(part.vm.as_ref()).await
        } else {
            world.apply(part.vm.as_ref()).await
        };
        if world.lab.unplant() == 0 {
            parts.lock().unwrap_or_else(PoisonError::into_inner)[index].over = true;
            continue;
        }
        strikes += 1;
        let told = format!("{story}, which said {}", run.said);
        world.check_always(&told);
        // One whose create failed is made anew.
        let before = world.disk.clone().filter(|disk| !disk.tainted).map(|disk| disk.value.to_json());
        world.converge(part.vm.as_ref(), &told).await;
        if let Some(before) = before {
            let now = world.value();
            assert_eq!(now["id"], before["id"], "{told}: it is the same disk");
            if ownership == "holder" && before["volume_id"].is_string() {
                assert_eq!(now["volume_id"], before["volume_id"], "{told}: its volume is the same");
            }
        }
    }
    strikes
}

async fn every_call(kind: &'static str, ownership: &'static str, pool: Option<&str>, stride: u64) {
    let mut parts = way(ownership, pool).await;
    let stride = if std::env::var_os("HOMELAB_EVERY_CALL").is_some() { 1 } else { stride };
    // Each kind begins elsewhere.
    let first = (kind.len() + ownership.len()) as u64 % stride;
    parts.iter_mut().for_each(|part| part.next = first);
    let count = parts.len() as u64;
    let parts = Arc::new(Mutex::new(parts));
    let labs: Vec<_> =
        (0..LABS).map(|_| tokio::spawn(work(kind, ownership, parts.clone(), stride))).collect();
    let mut strikes = 0;
    for lab in labs {
        strikes += lab.await.expect("a lab has done its part");
    }
    eprintln!("{kind}, {ownership}: {strikes} strikes");
    // Few calls start tasks.
    let least = if kind == "task_fails" { 4 } else { count * 10 / stride };
    assert!(strikes >= least, "{kind} struck {strikes} times only");
}

macro_rules! faults {
    ($($name:ident: $kind:literal, $ownership:literal, $pool:expr, $stride:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                every_call($kind, $ownership, $pool, $stride).await;
            }
        )*
    };
}

faults! {
    a_held_disk_survives_kills_at_every_call: "killed", "holder", None, 1;
    a_held_disk_survives_lost_replies: "reply_lost", "holder", None, STRIDE;
    a_held_disk_survives_refusals: "refused", "holder", None, STRIDE;
    a_held_disk_survives_cut_connections: "cut", "holder", None, STRIDE;
    a_held_disk_in_a_pool_of_its_own_survives_kills: "killed", "holder", Some("web"), STRIDE;
    a_held_disk_in_a_pool_of_its_own_survives_lost_replies: "reply_lost", "holder", Some("web"), STRIDE;
    a_given_disk_survives_kills_at_every_call: "killed", "transfer", None, 1;
    a_given_disk_survives_lost_replies: "reply_lost", "transfer", None, STRIDE;
    a_given_disk_survives_refusals: "refused", "transfer", None, STRIDE;
    a_given_disk_survives_failing_tasks: "task_fails", "transfer", None, 1;
}
