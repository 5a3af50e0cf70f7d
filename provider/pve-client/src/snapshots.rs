//! Snapshots of virtual machines.

use serde_json::{Map, Value};

use crate::{
    Call, Error, Params, Pve, Result, SnapshotName, Upid, VmAddress, VmConfig,
    decode::{Fields as _, truth},
};

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The name.
    pub name: SnapshotName,
    /// The description.
    pub description: Option<String>,
    /// The snapshot it was made after.
    pub parent: Option<SnapshotName>,
    /// When it was made, in seconds since 1970.
    pub created_at: Option<i64>,
    /// Whether it holds the memory too.
    pub memory: bool,
}

impl Snapshot {
    fn decode(data: &Map<String, Value>) -> Option<Self> {
        let text = |name| data.text(name).map(|text| text.trim_end_matches('\n').to_owned());
        Some(Self {
            // The current state is in the list under a reserved name, which is no snapshot.
            name: data.parsed("name")?,
            description: text("description").filter(|text| !text.is_empty()),
            parent: data.parsed("parent"),
            created_at: data.int("snaptime"),
            memory: data.truth("vmstate"),
        })
    }
}

fn path(vm: &VmAddress, name: &SnapshotName) -> String {
    vm.path(&format!("/snapshot/{name}"))
}

fn create_call(vm: &VmAddress, name: &SnapshotName, description: Option<&str>, memory: bool) -> Call {
    let params = Params::new().set("snapname", name).opt("description", description).flag("vmstate", memory);
    Call::post(vm.path("/snapshot")).with(params)
}

fn describe_call(vm: &VmAddress, name: &SnapshotName, description: Option<&str>) -> Call {
    let params = Params::new().set("description", description.unwrap_or_default());
    Call::put(format!("{}/config", path(vm, name))).with(params)
}

impl Pve {
    /// The snapshots of a machine, oldest first.
    pub async fn snapshots(&self, vm: &VmAddress) -> Result<Vec<Snapshot>> {
        let rows = self.objects(&Call::get(vm.path("/snapshot"))).await?;
        let mut found: Vec<Snapshot> = rows.iter().filter_map(Snapshot::decode).collect();
        found.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
        Ok(found)
    }

    /// Whether all disks of a machine are where snapshots can be made.
    pub async fn can_snapshot(&self, vm: &VmAddress) -> Result<bool> {
        let call = Call::get(vm.path("/feature")).with(Params::new().set("feature", "snapshot"));
        Ok(self.send(&call).await?.get("hasFeature").and_then(truth).unwrap_or(true))
    }

    /// One snapshot.
    pub async fn snapshot(&self, vm: &VmAddress, name: &SnapshotName) -> Result<Snapshot> {
        let found = self.snapshots(vm).await?.into_iter().find(|snapshot| snapshot.name == *name);
        found.ok_or_else(|| Error::NotFound { message: format!("snapshot '{name}' does not exist") })
    }

    /// The configuration that a snapshot keeps.
    pub async fn snapshot_config(&self, vm: &VmAddress, name: &SnapshotName) -> Result<VmConfig> {
        self.object(&Call::get(format!("{}/config", path(vm, name))))
            .await
            .map(|data| VmConfig::decode(&data))
    }

    /// Starts to make a snapshot.
    pub async fn create_snapshot(
        &self,
        vm: &VmAddress,
        name: &SnapshotName,
        description: Option<&str>,
        memory: bool,
    ) -> Result<Upid> {
        self.upid(&create_call(vm, name, description, memory)).await
    }

    /// Changes the description.
    pub async fn describe_snapshot(
        &self,
        vm: &VmAddress,
        name: &SnapshotName,
        description: Option<&str>,
    ) -> Result<()> {
        self.send(&describe_call(vm, name, description)).await.map(drop)
    }

    /// Starts to delete a snapshot.
    pub async fn delete_snapshot(&self, vm: &VmAddress, name: &SnapshotName) -> Result<Upid> {
        self.upid(&Call::delete(path(vm, name))).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_current_state_is_no_snapshot() {
        let current = json!({"digest": "5b", "description": "You are here!", "parent": "snap1", "name": "current", "running": 0});
        assert_eq!(Snapshot::decode(current.as_object().unwrap()), None);
        let row = json!({"name": "snap1", "vmstate": 0, "snaptime": 1795406715, "description": "first"});
        let snapshot = Snapshot::decode(row.as_object().unwrap()).unwrap();
        assert_eq!((snapshot.created_at, snapshot.memory), (Some(1_795_406_715), false));
    }

    #[test]
    fn memory_is_asked_for_by_a_flag() {
        let vm = VmAddress::new("pve1".parse().unwrap(), "100".parse().unwrap());
        let name = "snap1".parse().unwrap();
        assert_eq!(
            create_call(&vm, &name, Some("first"), true).wire(),
            "POST /api2/json/nodes/pve1/qemu/100/snapshot snapname=snap1&description=first&vmstate=1"
        );
        assert_eq!(
            describe_call(&vm, &name, None).wire(),
            "PUT /api2/json/nodes/pve1/qemu/100/snapshot/snap1/config description="
        );
    }
}
