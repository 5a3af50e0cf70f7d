//! Every planted fault at every call of a data disk's way: made, to a machine, back, to the next machine, into another
//! tier, to another storage, and when its machine is destroyed. The volume is never lost and never on two buses, and once an apply has worked
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
    storage: &'static str,
    /// Whether the disk has the same volume afterwards.
    keeps_volume: bool,
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

/// One part of a way: what it is, the machine if there is one, the tier and the storage of the disk.
type Step = (&'static str, Option<Value>, &'static str, &'static str);

/// From the making of a disk to the end of its machine.
fn life(pool: Option<&str>) -> Vec<Step> {
    let with = |id| Some(user(id, Some("scsi1"), pool));
    vec![
        ("make the disk", None, "1", "shared"),
        ("attach to a new machine", with(500), "1", "shared"),
        ("detach", Some(user(500, None, pool)), "1", "shared"),
        ("attach to a present machine", with(500), "1", "shared"),
        ("go to a looser tier", with(500), "3", "shared"),
        ("go to a stricter tier", with(500), "1", "shared"),
        ("replace the machine", with(501), "1", "shared"),
        ("destroy the machine", None, "1", "shared"),
    ]
}

/// From one storage to another and back, while the machine runs and while it does not.
fn journey() -> Vec<Step> {
    let with = |id| Some(user(id, Some("scsi1"), None));
    let mut stopped = user(500, Some("scsi1"), None);
    stopped["started"] = json!(false);
    vec![
        ("attach to a new machine", with(500), "1", "shared"),
        ("move while the machine runs", with(500), "1", "local-lvm"),
        ("detach what has moved", Some(user(500, None, None)), "1", "local-lvm"),
        ("attach again", with(500), "1", "local-lvm"),
        ("move back while the machine runs", with(500), "1", "shared"),
        ("stop the machine", Some(stopped.clone()), "1", "shared"),
        ("move while the machine is stopped", Some(stopped), "1", "local-lvm"),
        ("start the machine", with(500), "1", "local-lvm"),
        ("move once more", with(500), "1", "shared"),
        ("replace the machine that has it", with(501), "1", "shared"),
        ("move for the last time", with(501), "1", "local-lvm"),
        ("destroy the machine that has it", None, "1", "local-lvm"),
    ]
}

/// Goes the way without faults, and keeps where each part of it begins.
async fn way(ownership: &str, steps: Vec<Step>) -> Vec<Part> {
    let mut world = World::new(ownership, "1");
    let mut found = Vec::new();
    for (what, vm, tier, storage) in steps {
        let from = world.save();
        world.disk_config["backup_tier"] = json!(tier);
        world.disk_config["storage_name"] = json!(storage);
        let (before, bus) = (world.contents(), world.bus());
        world.converge(vm.as_ref(), what).await;
        let volume = |bus: Option<(u64, String, String)>| bus.map(|(_, _, volume)| volume);
        let keeps_volume = volume(bus) == volume(world.bus());
        assert!(before.is_none() || world.contents() == before, "{what}: nobody has written on it");
        let _ = world.write(&format!("written after it was done: {what}"));
        found.push(Part { what, vm, tier, storage, keeps_volume, from, next: 0, over: false });
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
        world.disk_config["storage_name"] = json!(part.storage);
        let mut contents = world.contents();
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
        // A guest writes on what it has, and must find it again.
        if !world.disk.as_ref().is_none_or(|disk| disk.tainted) && world.write(&story) {
            contents = Some(story.clone());
        }
        // One whose create failed is made anew.
        let before = world.disk.clone().filter(|disk| !disk.tainted).map(|disk| disk.value.to_json());
        world.converge(part.vm.as_ref(), &told).await;
        assert!(contents.is_none() || world.contents() == contents, "{told}: what was written is there");
        if let Some(before) = before {
            let now = world.value();
            assert_eq!(now["id"], before["id"], "{told}: it is the same disk");
            if ownership == "holder" && part.keeps_volume && before["volume_id"].is_string() {
                assert_eq!(now["volume_id"], before["volume_id"], "{told}: its volume is the same");
            }
        }
    }
    strikes
}

async fn every_call(kind: &'static str, ownership: &'static str, steps: Vec<Step>, stride: u64) {
    let mut parts = way(ownership, steps).await;
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
    ($($name:ident: $kind:literal, $ownership:literal, $steps:expr, $stride:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                every_call($kind, $ownership, $steps, $stride).await;
            }
        )*
    };
}

faults! {
    a_held_disk_survives_kills_at_every_call: "killed", "holder", life(None), 1;
    a_held_disk_survives_lost_replies: "reply_lost", "holder", life(None), STRIDE;
    a_held_disk_survives_refusals: "refused", "holder", life(None), STRIDE;
    a_held_disk_survives_cut_connections: "cut", "holder", life(None), STRIDE;
    a_held_disk_in_a_pool_of_its_own_survives_kills: "killed", "holder", life(Some("web")), STRIDE;
    a_held_disk_in_a_pool_of_its_own_survives_lost_replies: "reply_lost", "holder", life(Some("web")), STRIDE;
    a_held_disk_survives_failing_tasks: "task_fails", "holder", life(None), 1;
    a_held_disk_in_a_pool_of_its_own_survives_refusals: "refused", "holder", life(Some("web")), STRIDE;
    a_moved_disk_survives_kills: "killed", "holder", journey(), STRIDE;
    a_moved_disk_survives_lost_replies: "reply_lost", "holder", journey(), STRIDE;
    a_moved_disk_survives_refusals: "refused", "holder", journey(), STRIDE;
    a_moved_disk_survives_cut_connections: "cut", "holder", journey(), STRIDE;
    a_moved_disk_survives_failing_tasks: "task_fails", "holder", journey(), 1;
    a_moved_given_disk_survives_kills: "killed", "transfer", journey(), STRIDE;
    a_moved_given_disk_survives_lost_replies: "reply_lost", "transfer", journey(), STRIDE;
    a_moved_given_disk_survives_refusals: "refused", "transfer", journey(), STRIDE;
    a_moved_given_disk_survives_cut_connections: "cut", "transfer", journey(), STRIDE;
    a_moved_given_disk_survives_failing_tasks: "task_fails", "transfer", journey(), 1;
    a_given_disk_survives_kills_at_every_call: "killed", "transfer", life(None), 1;
    a_given_disk_survives_lost_replies: "reply_lost", "transfer", life(None), STRIDE;
    a_given_disk_survives_refusals: "refused", "transfer", life(None), STRIDE;
    a_given_disk_survives_cut_connections: "cut", "transfer", life(None), STRIDE;
    a_given_disk_in_a_pool_of_its_own_survives_kills: "killed", "transfer", life(Some("web")), STRIDE;
    a_given_disk_in_a_pool_of_its_own_survives_lost_replies: "reply_lost", "transfer", life(Some("web")), STRIDE;
    a_given_disk_survives_failing_tasks: "task_fails", "transfer", life(None), 1;
}
