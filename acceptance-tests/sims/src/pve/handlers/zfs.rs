//! `/nodes/{node}/disks/zfs`: ZFS pools of a node.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure};
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;
use crate::pve::tasks::{Plan, Progress};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/disks/zfs", list),
    route("POST", "/nodes/{node}/disks/zfs", create),
    route("GET", "/nodes/{node}/disks/zfs/{name}", read),
    route("DELETE", "/nodes/{node}/disks/zfs/{name}", delete),
];

/// Bytes of each disk.
pub const DISK: u64 = 1 << 40;

/// The disk that holds the system.
pub const SYSTEM: &str = "/dev/sda";

/// Refuses a number of disks that a level cannot be made of.
fn require_enough(level: &str, count: usize) -> Result<(), Failure> {
    let least = match level {
        "mirror" | "draid" => 2,
        "raidz" | "draid2" => 3,
        "raid10" | "raidz2" | "draid3" => 4,
        "raidz3" => 5,
        _ => 1,
    };
    if level == "raid10" && !count.is_multiple_of(2) {
        return Err(Failure::died("raid10 needs an even number of disks"));
    }
    if level == "single" && count > 1 {
        return Err(Failure::died("please give only one disk for single disk mode"));
    }
    if count < least {
        return Err(Failure::died(format!("{level} needs at least {least} disks")));
    }
    Ok(())
}

/// The pools of a node, as if they were a file of sections.
fn file(request: &Request) -> String {
    format!("nodes/{}/zfs", request.node())
}

fn devices(entry: &Entry) -> Vec<String> {
    let text = entry.options.get("devices").map_or("", String::as_str);
    text.split([',', ';', ' ']).filter(|device| !device.is_empty()).map(str::to_owned).collect()
}

/// Devices that pools of a node use.
pub fn devices_in_use(lab: &Lab, node: &str) -> Vec<String> {
    lab.file(&format!("nodes/{node}/zfs")).entries.iter().flat_map(devices).collect()
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let pools = lab.file(&file(request)).entries;
    let shown = pools.iter().map(|pool| {
        let size = DISK * devices(pool).len() as u64;
        json!({"name": pool.id, "size": size, "free": size - (1 << 20), "alloc": 1 << 20, "frag": 0, "dedup": 1, "health": "ONLINE"})
    });
    Ok(shown.collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("name");
    let pools = lab.file(&file(request));
    let pool = pools.get(name).ok_or_else(|| Failure::died(format!("cannot open '{name}': no such pool")))?;
    let disks = devices(pool).into_iter().map(|device| {
        json!({"name": device.trim_start_matches("/dev/"), "state": "ONLINE", "read": 0, "write": 0, "cksum": 0, "msg": ""})
    });
    let disks: Vec<Value> = disks.collect();
    let level = pool.options.get("raidlevel").map_or("single", String::as_str);
    let group = |name: String, disks: &[Value]| json!({"name": name, "state": "ONLINE", "msg": "", "children": disks});
    let children = match level {
        "single" => json!(disks),
        "raid10" => {
            disks.chunks(2).zip(0..).map(|(pair, number)| group(format!("mirror-{number}"), pair)).collect()
        }
        // ZFS calls the first level of these kinds by its number too.
        "raidz" => json!([group("raidz1-0".to_owned(), &disks)]),
        level if level.starts_with("draid") => json!([group(draid(level, pool, disks.len()), &disks)]),
        level => json!([group(format!("{level}-0"), &disks)]),
    };
    Ok(json!({"name": name, "state": "ONLINE", "errors": "No known data errors", "children": [{"name": name, "state": "ONLINE", "msg": "", "children": children}]}).into())
}

/// The name of a dRAID tells its parity, data disks per group, disks and spares (OpenZFS 2.3, `zpoolconcepts(7)`).
fn draid(level: &str, pool: &Entry, count: usize) -> String {
    let parity = level.strip_prefix("draid").and_then(|digit| digit.parse().ok()).unwrap_or(1);
    let wanted = |name: &str| {
        let text = pool.options.get("draid-config")?;
        text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    let spares: usize = wanted("spares").unwrap_or(0);
    let data: usize = wanted("data").unwrap_or_else(|| count.saturating_sub(spares + parity).min(8));
    format!("draid{parity}:{data}d:{count}c:{spares}s-0")
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("name").to_owned();
    let file = file(request);
    let entry = Entry::of(&name, "zfs", request, "name");
    require_enough(entry.options.get("raidlevel").map_or("single", String::as_str), devices(&entry).len())?;
    let mut used = devices_in_use(lab, request.node());
    used.push(SYSTEM.to_owned());
    if let Some(device) = devices(&entry).into_iter().find(|device| used.contains(device)) {
        return Err(Failure::died(format!("device '{device}' is already in use")));
    }
    if lab.file(&file).get(&name).is_some() {
        return Err(Failure::died(format!("pool '{name}' already exists on node '{}'", request.node())));
    }
    let unknown =
        entry.options.keys().find(|key| !rules("POST", "/nodes/{node}/disks/zfs").contains_key(*key));
    debug_assert!(unknown.is_none(), "the schema is closed");
    let plan = Plan::new("zfscreate", name, lab.usual_task_time(), move |lab, _| {
        lab.volume_groups.insert(format!("zfs:{}", entry.id));
        lab.file_mut(&file).entries.push(entry);
        Progress::Done
    });
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text_or_empty("name").to_owned();
    let file = file(request);
    let plan = Plan::new("zfsremove", name.clone(), lab.usual_task_time(), move |lab, _| {
        if !lab.file_mut(&file).remove(&name) {
            return Progress::Failed(format!("cannot open '{name}': no such pool"));
        }
        lab.volume_groups.remove(&format!("zfs:{name}"));
        Progress::Done
    });
    Ok(lab.start_task(request.node(), &request.who.0, plan).to_string().into())
}
