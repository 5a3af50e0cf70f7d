//! The disks of a node.

use serde_json::{Map, Value};

use crate::{Call, NodeName, Params, Pve, Result, decode::Fields as _};

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The name of its device, such as `/dev/sdb`.
    pub path: String,
    /// A name that stays, such as `/dev/disk/by-id/ata-…`; one of several that it may have.
    pub stable_path: Option<String>,
    /// What it is used for, such as `LVM` or `ZFS`.
    pub used: Option<String>,
}

impl Disk {
    fn decode(data: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            path: data.text("devpath")?,
            stable_path: data.text("by_id_link"),
            used: data.text("used").filter(|used| !used.is_empty()),
        })
    }
}

/// Without asking each disk how it feels, which takes long.
fn list_call(node: &NodeName) -> Call {
    Call::get(format!("/nodes/{node}/disks/list")).with(Params::new().set("skipsmart", 1))
}

impl Pve {
    /// The disks of a node.
    pub async fn disks(&self, node: &NodeName) -> Result<Vec<Disk>> {
        Ok(self.objects(&list_call(node)).await?.iter().filter_map(Disk::decode).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_disk_is_known_by_two_names_and_by_its_use() {
        let row =
            json!({"devpath": "/dev/sda", "used": "LVM", "by_id_link": "/dev/disk/by-id/ata-A", "size": 1});
        let disk = Disk::decode(row.as_object().unwrap()).unwrap();
        assert_eq!(
            (&*disk.path, disk.stable_path.as_deref(), disk.used.as_deref()),
            ("/dev/sda", Some("/dev/disk/by-id/ata-A"), Some("LVM"))
        );
        let free = json!({"devpath": "/dev/sdb"});
        assert_eq!(Disk::decode(free.as_object().unwrap()).unwrap().used, None);
        assert_eq!(
            list_call(&"pve1".parse().unwrap()).wire(),
            "GET /api2/json/nodes/pve1/disks/list?skipsmart=1"
        );
    }
}
