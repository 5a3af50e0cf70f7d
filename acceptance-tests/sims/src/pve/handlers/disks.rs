//! `/nodes/{node}/disks/list`: the disks of a node, and what they are used for.

use serde_json::{Value, json};

use super::{Request, Route, route, zfs};
use crate::pve::answer::Answer;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("GET", "/nodes/{node}/disks/list", list)];

/// Disks that every node has: the first holds the system.
const DISKS: [&str; 4] = [zfs::SYSTEM, "/dev/sdb", "/dev/sdc", "/dev/sdd"];

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let mut paths: Vec<String> = DISKS.iter().map(|path| (*path).to_owned()).collect();
    let pooled = zfs::devices_in_use(lab, request.node());
    paths.extend(pooled.iter().filter(|path| !DISKS.contains(&path.as_str())).cloned());
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
