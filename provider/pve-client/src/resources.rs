//! What there is in the cluster, and finding guests in it.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    Call, NodeName, PoolName, Pve, Result, StorageName, VmAddress, VmId,
    decode::{Fields as _, words},
};

/// Virtual machine or container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Vm,
    /// A container.
    Container,
}

/// A guest as the cluster's list shows it; name and status lag up to ten seconds behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its number.
    pub id: VmId,
    /// Its node.
    pub node: NodeName,
    /// What it is.
    pub kind: GuestKind,
    /// Its name, once known.
    pub name: Option<String>,
    /// `running`, `stopped` or `unknown`.
    pub status: String,
    /// Whether it is a template.
    pub template: bool,
    /// Its pool.
    pub pool: Option<PoolName>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// Its lock.
    pub lock: Option<String>,
    /// The state that high availability is asked to keep it in, if its manager knows it; `ignored` is left alone.
    pub ha_state: Option<String>,
    /// The memory that it may take, in bytes, once known.
    pub memory_bytes: Option<u64>,
}

/// A node, as the cluster's list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Its name.
    pub name: NodeName,
    /// Whether it is up.
    pub online: bool,
    /// Its memory in bytes, for who may see it and while it is up.
    pub memory_bytes: Option<u64>,
    /// How many processors it has, threads included, for who may see it and while it is up.
    pub processors: Option<u64>,
}

/// A storage on one node, as the cluster's list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterStorage {
    /// Its name.
    pub name: StorageName,
    /// The node.
    pub node: NodeName,
    /// Its type, such as `dir` or `lvmthin`.
    pub kind: String,
    /// Whether all its nodes see the same content.
    pub shared: bool,
    /// The kinds of content it may hold, such as `images`.
    pub content: BTreeSet<String>,
    /// The size in bytes, while it is available.
    pub total_bytes: Option<u64>,
    /// The free space in bytes, while it is available.
    pub free_bytes: Option<u64>,
}

/// What there is in the cluster, as far as the user may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The guests by number.
    pub guests: Arc<Vec<Guest>>,
    /// The nodes by name.
    pub nodes: Vec<ClusterNode>,
    /// The storages, once for each node.
    pub storages: Vec<ClusterStorage>,
    /// The pools by name.
    pub pools: BTreeSet<PoolName>,
}

impl Cluster {
    /// Whether all nodes see the same content of a storage; nothing if it is not in the list.
    pub fn is_shared(&self, storage: &StorageName) -> Option<bool> {
        self.storages.iter().find(|found| found.name == *storage).map(|found| found.shared)
    }

    /// A guest.
    pub fn guest(&self, id: VmId) -> Option<&Guest> {
        self.guests.iter().find(|guest| guest.id == id)
    }

    fn decode(rows: &[Map<String, Value>]) -> Self {
        let of =
            |kind: &'static str| rows.iter().filter(move |row| row.text("type").as_deref() == Some(kind));
        let mut guests: Vec<Guest> = of("qemu").chain(of("lxc")).filter_map(Guest::decode).collect();
        guests.sort_by_key(|guest| guest.id);
        let node = |row: &Map<String, Value>| {
            let online = row.text("status").as_deref() == Some("online");
            Some(ClusterNode {
                name: row.parsed("node")?,
                online,
                memory_bytes: number(row, "maxmem"),
                processors: number(row, "maxcpu").filter(|count| *count > 0),
            })
        };
        let storage = |row: &Map<String, Value>| {
            let (name, node) = (row.parsed("storage")?, row.parsed("node")?);
            let content = row.text("content").unwrap_or_default();
            let content = words(&content).map(str::to_owned).collect();
            let total_bytes = number(row, "maxdisk");
            let free = |total: u64| total.saturating_sub(number(row, "disk").unwrap_or(0));
            Some(ClusterStorage {
                name,
                node,
                kind: row.text("plugintype").unwrap_or_default(),
                shared: row.truth("shared"),
                content,
                total_bytes,
                free_bytes: total_bytes.map(free),
            })
        };
        let mut nodes: Vec<ClusterNode> = of("node").filter_map(node).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let pools = of("pool").filter_map(|row| row.parsed("pool")).collect();
        Self { guests: Arc::new(guests), nodes, storages: of("storage").filter_map(storage).collect(), pools }
    }
}

fn number(row: &Map<String, Value>, key: &str) -> Option<u64> {
    row.int(key).and_then(|number| u64::try_from(number).ok())
}

impl Guest {
    fn decode(row: &Map<String, Value>) -> Option<Self> {
        let container = row.text("type").as_deref() == Some("lxc");
        Some(Self {
            id: row.parsed("vmid")?,
            node: row.parsed("node")?,
            kind: if container { GuestKind::Container } else { GuestKind::Vm },
            name: row.text("name"),
            status: row.text("status").unwrap_or_else(|| "unknown".into()),
            template: row.truth("template"),
            pool: row.parsed("pool"),
            tags: row.text("tags").map(|tags| words(&tags).map(str::to_owned).collect()).unwrap_or_default(),
            lock: row.text("lock"),
            ha_state: row.text("hastate"),
            memory_bytes: number(row, "maxmem"),
        })
    }
}

impl Pve {
    /// What there is in the cluster, remembered until the next write of this client.
    pub async fn cluster(&self) -> Result<Arc<Cluster>> {
        if let (_, Some(cluster)) = self.client.remembered() {
            return Ok(cluster);
        }
        // Those that come at once share the answer to the first.
        let _first = self.scope.run(self.client.listing().lock()).await?;
        match self.client.remembered() {
            (_, Some(cluster)) => Ok(cluster),
            (_, None) => self.cluster_now().await,
        }
    }

    /// What there is in the cluster, asked anew. One call lists everything.
    pub async fn cluster_now(&self) -> Result<Arc<Cluster>> {
        let (generation, _) = self.client.remembered();
        let cluster = Arc::new(Cluster::decode(&self.objects(&Call::get("/cluster/resources")).await?));
        self.client.remember(generation, &cluster);
        Ok(cluster)
    }

    /// All guests by number, remembered until the next write of this client.
    pub async fn guests(&self) -> Result<Arc<Vec<Guest>>> {
        Ok(self.cluster().await?.guests.clone())
    }

    /// All guests by number, asked anew.
    pub async fn guests_now(&self) -> Result<Arc<Vec<Guest>>> {
        Ok(self.cluster_now().await?.guests.clone())
    }

    /// Where the list of guests has a machine. `None` is only a hint that it is gone.
    pub async fn locate(&self, id: VmId) -> Result<Option<VmAddress>> {
        let find =
            |guests: &[Guest]| guests.iter().find(|g| g.id == id).map(|g| VmAddress::new(g.node.clone(), id));
        let (_, remembered) = self.client.remembered();
        if let Some(found) = remembered.and_then(|cluster| find(&cluster.guests)) {
            return Ok(Some(found));
        }
        Ok(find(&self.guests_now().await?))
    }

    /// Finds a machine by asking the nodes for its configuration: first where it was seen last, then
    /// where the list has it, then everywhere. `None` means that no online node has it.
    pub async fn find_vm(
        &self,
        id: VmId,
        hint: Option<&NodeName>,
    ) -> Result<Option<(VmAddress, crate::VmConfig)>> {
        let mut asked: Vec<NodeName> = Vec::new();
        if let Some(node) = hint {
            if let Some(found) = self.vm_on(node, id).await? {
                return Ok(Some(found));
            }
            asked.push(node.clone());
            // The list that sent us to the wrong node is old.
            self.client.forget_guests();
        }
        if let Some(seen) = self.locate(id).await?.filter(|seen| !asked.contains(&seen.node)) {
            if let Some(found) = self.vm_on(&seen.node, id).await? {
                return Ok(Some(found));
            }
            asked.push(seen.node);
        }
        for node in self.nodes().await?.into_iter().filter(|node| node.online && !asked.contains(&node.name))
        {
            if let Some(found) = self.vm_on(&node.name, id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn vm_on(&self, node: &NodeName, id: VmId) -> Result<Option<(VmAddress, crate::VmConfig)>> {
        let address = VmAddress::new(node.clone(), id);
        match self.vm_config(&address).await {
            Ok(config) => Ok(Some((address, config))),
            Err(error) if error.is_not_found() => Ok(None),
            // A node that left the cluster does not hold the machine any more; the list knows better.
            Err(error) if error.problem() == crate::Problem::NoNode => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_list_tells_guests_nodes_and_storages() {
        let Value::Array(rows) = json!([
            {"id": "qemu/101", "type": "qemu", "vmid": 101, "node": "pve1", "status": "unknown", "hastate": "started"},
            {"id": "lxc/100", "type": "lxc", "vmid": 100, "node": "pve2", "status": "running", "template": 0},
            {"id": "node/pve2", "type": "node", "node": "pve2", "status": "offline"},
            {"id": "node/pve1", "type": "node", "node": "pve1", "status": "online", "maxmem": 64},
            {"id": "storage/pve1/ds", "type": "storage", "node": "pve1", "storage": "ds", "shared": 1, "content": "iso,images", "disk": 3, "maxdisk": 10},
            {"id": "/pool/p", "type": "pool", "pool": "p"},
        ]) else {
            unreachable!()
        };
        let rows: Vec<Map<String, Value>> =
            rows.into_iter().filter_map(|row| row.as_object().cloned()).collect();
        let cluster = Cluster::decode(&rows);
        let guests: Vec<(u32, GuestKind)> = cluster.guests.iter().map(|g| (g.id.number(), g.kind)).collect();
        assert_eq!(guests, [(100, GuestKind::Container), (101, GuestKind::Vm)]);
        let nodes: Vec<(&str, bool)> = cluster.nodes.iter().map(|n| (n.name.as_str(), n.online)).collect();
        assert_eq!(nodes, [("pve1", true), ("pve2", false)]);
        assert!(cluster.pools.contains(&"p".parse().unwrap()));
        assert_eq!(cluster.is_shared(&"ds".parse().unwrap()), Some(true));
        assert!(cluster.storages[0].content.contains("images"));
        assert_eq!((cluster.storages[0].total_bytes, cluster.storages[0].free_bytes), (Some(10), Some(7)));
        assert_eq!((cluster.nodes[0].memory_bytes, cluster.nodes[1].memory_bytes), (Some(64), None));
        assert_eq!(cluster.guests[1].ha_state.as_deref(), Some("started"));
        assert_eq!(cluster.is_shared(&"other".parse().unwrap()), None);
    }
}
