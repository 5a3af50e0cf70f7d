//! `/nodes/{node}/disks`: the disks of a node, what they are used for, and their health.

use serde_json::{Value, json};

use super::{Request, Route, route, zfs};
use crate::pve::answer::{Answer, Failure};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] =
    &[route("GET", "/nodes/{node}/disks/list", list), route("GET", "/nodes/{node}/disks/smart", smart)];

/// Disks that every node has: the first holds the system.
const DISKS: [&str; 4] = [zfs::SYSTEM, "/dev/sdb", "/dev/sdc", "/dev/sdd"];

/// Paths of a node's disks, with those that pools were made of.
fn paths(pooled: &[String]) -> Vec<String> {
    let others = pooled.iter().filter(|path| !DISKS.contains(&path.as_str())).cloned();
    DISKS.into_iter().map(str::to_owned).chain(others).collect()
}

/// They are all well.
fn smart(lab: &mut Lab, request: &Request) -> Answer {
    let disk = request.params.text_or_empty("disk");
    if !paths(&zfs::devices_in_use(lab, request.node())).iter().any(|path| path == disk) {
        return Err(Failure::died(format!("no such block device '{disk}'")));
    }
    let mut answer = json!({"health": "PASSED"});
    if !request.params.is_set("healthonly") {
        answer["type"] = "ata".into();
        answer["attributes"] = json!([]);
    }
    Ok(answer.into())
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let pooled = zfs::devices_in_use(lab, request.node());
    let paths = paths(&pooled);
    let unused = request.params.text("type") == Some("unused");
    let disks = paths.iter().filter_map(|path| {
        let used = match path.as_str() {
            zfs::SYSTEM => Some("LVM"),
            path if pooled.iter().any(|device| device == path) => Some("ZFS"),
            _ => None,
        };
        if unused && used.is_some() {
            return None;
        }
        let serial = format!("LAB-{}-{}", request.node(), path.rsplit('/').next().unwrap_or_default());
        let mut disk = json!({
            "devpath": path, "size": zfs::DISK, "gpt": i32::from(used.is_some()), "mounted": 0, "osdid": -1,
            "osdid-list": Value::Null, "model": "LAB_DISK", "vendor": "LAB", "serial": serial, "wwn": "unknown",
            "type": "ssd", "rpm": 0, "wearout": "N/A", "health": "PASSED",
            "by_id_link": format!("/dev/disk/by-id/ata-LAB_DISK_{serial}"),
        });
        if let Some(used) = used {
            disk["used"] = used.into();
        }
        Some(disk)
    });
    Ok(disks.collect::<Vec<Value>>().into())
}
