//! `/nodes/{node}/disks/lvm`, `…/lvmthin` and `/nodes/{node}/scan`: volume groups, thin pools and ZFS pools of a node.

use serde_json::{Value, json};

use super::{Request, Route, route, zfs};
use crate::pve::answer::{Answer, Failure};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/disks/directory", directories),
    route("GET", "/nodes/{node}/disks/lvm", groups),
    route("GET", "/nodes/{node}/disks/lvmthin", thin_pools),
    route("GET", "/nodes/{node}/scan/lvm", scan_groups),
    route("GET", "/nodes/{node}/scan/lvmthin", scan_thin_pools),
    route("GET", "/nodes/{node}/scan/zfs", scan_zfs),
];

/// Bytes of the metadata of a thin pool.
const METADATA: u64 = 1 << 30;

impl Lab {
    fn group_names(&self) -> impl Iterator<Item = &str> {
        self.volume_groups.iter().map(String::as_str).filter(|name| !name.contains([':', '/']))
    }

    /// Groups and names of thin pools.
    fn thin_pool_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.volume_groups.iter().filter(|name| !name.contains(':')).filter_map(|name| name.split_once('/'))
    }
}

fn directories(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

/// The system's disk holds every group; its thin pools take a tenth each.
fn groups(lab: &mut Lab, _: &Request) -> Answer {
    let groups = lab.group_names().map(|name| {
        let pools = lab.thin_pool_names().filter(|(group, _)| *group == name).count() as u64;
        let free = zfs::DISK - pools * zfs::DISK / 10;
        let disk = json!({"name": "/dev/sda3", "size": zfs::DISK, "free": free, "leaf": 1});
        json!({"name": name, "size": zfs::DISK, "free": free, "leaf": 0, "lvcount": pools, "children": [disk]})
    });
    Ok(json!({"leaf": 0, "children": groups.collect::<Vec<Value>>()}).into())
}

fn thin_pools(lab: &mut Lab, request: &Request) -> Answer {
    let pools = lab.thin_pool_names().map(|(group, name)| {
        let uses = |options: &crate::pve::state::Options| {
            options.get("vgname").is_some_and(|text| text == group)
                && options.get("thinpool").is_some_and(|text| text == name)
        };
        let storages = lab.storages.iter().filter(|(_, storage)| uses(&storage.options)).map(|(id, _)| id);
        let used: u64 =
            storages.flat_map(|id| lab.volumes_on(request.node(), id)).map(|(_, volume)| volume.used).sum();
        json!({
            "vg": group, "lv": name, "lv_size": zfs::DISK / 10, "used": used,
            "metadata_size": METADATA, "metadata_used": METADATA / 100,
        })
    });
    Ok(pools.collect::<Vec<Value>>().into())
}

fn scan_groups(lab: &mut Lab, _: &Request) -> Answer {
    Ok(lab.group_names().map(|name| json!({"vg": name})).collect::<Vec<Value>>().into())
}

fn scan_thin_pools(lab: &mut Lab, request: &Request) -> Answer {
    let wanted = request.params.text_or_empty("vg");
    if !lab.group_names().any(|name| name == wanted) {
        return Err(Failure::died(format!("no such volume group '{wanted}'")));
    }
    let pools = lab.thin_pool_names().filter(|(group, _)| *group == wanted);
    Ok(pools.map(|(_, name)| json!({"lv": name})).collect::<Vec<Value>>().into())
}

fn scan_zfs(lab: &mut Lab, _: &Request) -> Answer {
    let pools = lab.volume_groups.iter().filter_map(|name| name.strip_prefix("zfs:"));
    Ok(pools.map(|name| json!({"pool": name})).collect::<Vec<Value>>().into())
}
