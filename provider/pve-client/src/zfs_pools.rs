//! ZFS pools of a node.

use serde_json::{Map, Value};

use crate::{Call, NodeName, Params, Pve, Result, Settings, StorageName, Upid, decode::Fields as _};

/// A pool, as the list of a node shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZfsPool {
    /// The name; it follows the rules of storage names.
    pub name: StorageName,
    /// `ONLINE`, `DEGRADED` and so on.
    pub health: String,
    /// The size in bytes, before redundancy.
    pub size_bytes: Option<i64>,
    /// The free space in bytes.
    pub free_bytes: Option<i64>,
    /// The space in use, in bytes.
    pub allocated_bytes: Option<i64>,
}

/// A part of a pool: the pool, a group such as `mirror-0`, or a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZfsPart {
    /// The name.
    pub name: String,
    /// The parts of it.
    pub children: Vec<ZfsPart>,
}

impl ZfsPart {
    fn decode(data: &Map<String, Value>) -> Self {
        let children = data.get("children").and_then(Value::as_array).into_iter().flatten();
        Self {
            name: data.text("name").unwrap_or_default(),
            children: children.filter_map(Value::as_object).map(Self::decode).collect(),
        }
    }

    /// The devices, in order.
    pub fn devices(&self) -> Vec<&str> {
        if self.children.is_empty() {
            return vec![&self.name];
        }
        self.children.iter().flat_map(ZfsPart::devices).collect()
    }
}

impl ZfsPool {
    fn decode(data: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            name: data.parsed("name")?,
            health: data.text("health").unwrap_or_default(),
            size_bytes: data.int("size"),
            free_bytes: data.int("free"),
            allocated_bytes: data.int("alloc"),
        })
    }
}

fn path(node: &NodeName) -> String {
    format!("/nodes/{node}/disks/zfs")
}

fn create_call(node: &NodeName, name: &StorageName, settings: &Settings) -> Call {
    Call::post(path(node)).with(Params::new().set("name", name).and(settings.params()))
}

fn delete_call(node: &NodeName, name: &StorageName, wipe: bool) -> Call {
    Call::delete(format!("{}/{name}", path(node))).with(Params::new().flag("cleanup-disks", wipe))
}

impl Pve {
    /// The ZFS pools of a node, by name.
    pub async fn zfs_pools(&self, node: &NodeName) -> Result<Vec<ZfsPool>> {
        let rows = self.objects(&Call::get(path(node))).await?;
        let mut pools: Vec<ZfsPool> = rows.iter().filter_map(ZfsPool::decode).collect();
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pools)
    }

    /// The devices of a pool, as a tree.
    pub async fn zfs_pool_parts(&self, node: &NodeName, name: &StorageName) -> Result<ZfsPart> {
        Ok(ZfsPart::decode(&self.object(&Call::get(format!("{}/{name}", path(node)))).await?))
    }

    /// Starts to make a pool; whatever is on its devices is lost.
    pub async fn create_zfs_pool(
        &self,
        node: &NodeName,
        name: &StorageName,
        settings: &Settings,
    ) -> Result<Upid> {
        self.upid(&create_call(node, name, settings)).await
    }

    /// Starts to destroy a pool with everything on it.
    pub async fn delete_zfs_pool(&self, node: &NodeName, name: &StorageName, wipe: bool) -> Result<Upid> {
        self.upid(&delete_call(node, name, wipe)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn devices_are_the_leaves_of_the_tree() {
        let tree = json!({"name": "tank", "state": "ONLINE", "children": [{"name": "tank", "children": [
            {"name": "mirror-0", "children": [{"name": "sdb", "msg": ""}, {"name": "sdc", "msg": ""}]}]}]});
        assert_eq!(ZfsPart::decode(tree.as_object().unwrap()).devices(), ["sdb", "sdc"]);
    }

    #[test]
    fn a_pool_is_made_of_devices_and_destroyed_with_or_without_them() {
        let (node, name) = ("pve1".parse().unwrap(), "tank".parse().unwrap());
        let settings = Settings::new().words("devices", ["/dev/sdb", "/dev/sdc"]).set("raidlevel", "mirror");
        assert_eq!(
            create_call(&node, &name, &settings).wire(),
            "POST /api2/json/nodes/pve1/disks/zfs name=tank&devices=%2Fdev%2Fsdb%2C%2Fdev%2Fsdc&raidlevel=mirror"
        );
        assert_eq!(delete_call(&node, &name, false).wire(), "DELETE /api2/json/nodes/pve1/disks/zfs/tank");
        assert_eq!(
            delete_call(&node, &name, true).wire(),
            "DELETE /api2/json/nodes/pve1/disks/zfs/tank?cleanup-disks=1"
        );
    }
}
