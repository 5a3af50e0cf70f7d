//! Where discs can lie and which do, remembered for a run: one listing of a storage serves all machines.

use pve_client::{Cluster, NodeName, Pve, StorageName, VolumeId};
use tf_framework::prelude::*;
use tokio::sync::Mutex;

use super::DiscName;

/// A storage with the content `iso`, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// A node that sees it.
    pub node: NodeName,
    /// The storage.
    pub storage: StorageName,
    /// Whether all nodes see the same.
    pub shared: bool,
}

impl Place {
    /// A storage of a node; one that is not in the list is taken for the node's own.
    pub(super) fn of(cluster: &Cluster, node: &NodeName, storage: &StorageName) -> Self {
        let shared = cluster.is_shared(storage) == Some(true);
        Self { node: node.clone(), storage: storage.clone(), shared }
    }

    /// Every storage of the cluster that takes discs and is on a node that is up; a shared one counts once, as `here`
    /// sees it if it can.
    pub(super) fn all(cluster: &Cluster, here: &NodeName) -> BTreeSet<Self> {
        let up = |node: &NodeName| cluster.nodes.iter().any(|found| found.name == *node && found.online);
        let mut places: BTreeSet<Self> = BTreeSet::new();
        for found in cluster.storages.iter().filter(|found| found.content.contains("iso")) {
            let known = |places: &BTreeSet<Self>| places.iter().any(|place| place.storage == found.name);
            if found.node != *here && (!up(&found.node) || found.shared && known(&places)) {
                continue;
            }
            if found.shared {
                places.retain(|place| place.storage != found.name);
            }
            places.insert(Self {
                node: found.node.clone(),
                storage: found.name.clone(),
                shared: found.shared,
            });
        }
        places
    }

    /// The storage for the disc of a machine that names none: one that other nodes see too goes first, so that the
    /// machine can move, and among those the name decides.
    pub(super) fn first(cluster: &Cluster, node: &NodeName) -> Option<StorageName> {
        let fitting =
            cluster.storages.iter().filter(|found| found.node == *node && found.content.contains("iso"));
        fitting.min_by_key(|found| (!found.shared, &found.name)).map(|found| found.name.clone())
    }
}

/// Where a disc is known from: the node, unless all see the same, and the storage.
type Key = (Option<NodeName>, StorageName);

fn key(place: &Place) -> Key {
    ((!place.shared).then(|| place.node.clone()), place.storage.clone())
}

/// The discs of this provider that this run has seen or made.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Discs>);

#[derive(Debug, Default)]
struct Discs {
    listed: BTreeMap<Key, BTreeSet<VolumeId>>,
    made: BTreeSet<(Key, VolumeId)>,
}

impl Shelf {
    /// The discs at a place.
    pub(super) async fn at(&self, pve: &Pve, place: &Place) -> pve_client::Result<BTreeSet<VolumeId>> {
        // Held while one asks, so that the others share the answer.
        let mut discs = self.0.lock().await;
        if let Some(known) = discs.listed.get(&key(place)) {
            return Ok(known.clone());
        }
        let volumes = pve.volumes(&place.node, &place.storage, Some("iso"), None).await?;
        let found: BTreeSet<VolumeId> =
            volumes.into_iter().map(|volume| volume.id).filter(|id| DiscName::of(id).is_some()).collect();
        discs.listed.insert(key(place), found.clone());
        Ok(found)
    }

    /// Whether this run has made a disc, so that nobody need look for it.
    pub(super) async fn has_made(&self, place: &Place, disc: &VolumeId) -> bool {
        self.0.lock().await.made.contains(&(key(place), disc.clone()))
    }

    /// Notes a new disc.
    pub(super) async fn put(&self, place: &Place, disc: &VolumeId) {
        let mut discs = self.0.lock().await;
        discs.made.insert((key(place), disc.clone()));
        if let Some(listed) = discs.listed.get_mut(&key(place)) {
            listed.insert(disc.clone());
        }
    }

    /// Notes that a disc is gone.
    pub(super) async fn take(&self, place: &Place, disc: &VolumeId) {
        let mut discs = self.0.lock().await;
        discs.made.remove(&(key(place), disc.clone()));
        if let Some(listed) = discs.listed.get_mut(&key(place)) {
            listed.remove(disc);
        }
    }
}

#[cfg(test)]
mod tests {
    use pve_client::{ClusterNode, ClusterStorage};

    use super::*;

    fn cluster() -> Cluster {
        let storage = |name: &str, node: &str, shared, content: &str| ClusterStorage {
            name: name.parse().unwrap(),
            node: node.parse().unwrap(),
            kind: "dir".to_owned(),
            shared,
            content: [content.to_owned()].into(),
            total_bytes: None,
            free_bytes: None,
        };
        let node = |name: &str, online| ClusterNode {
            name: name.parse().unwrap(),
            online,
            memory_bytes: None,
            processors: None,
        };
        Cluster {
            nodes: vec![node("pve1", true), node("pve2", true), node("pve3", false)],
            storages: vec![
                storage("local", "pve1", false, "iso"),
                storage("local", "pve2", false, "iso"),
                storage("local", "pve3", false, "iso"),
                storage("thin", "pve1", true, "images"),
                storage("zz", "pve1", true, "iso"),
                storage("zz", "pve2", true, "iso"),
                storage("only2", "pve2", true, "iso"),
            ],
            ..Cluster::default()
        }
    }

    #[test]
    fn a_shared_storage_is_one_place_and_a_local_one_is_one_on_each_node_that_is_up() {
        let places = Place::all(&cluster(), &"pve2".parse().unwrap());
        let found: Vec<String> =
            places.iter().map(|place| format!("{}/{}", place.node, place.storage)).collect();
        assert_eq!(found, ["pve1/local", "pve2/local", "pve2/only2", "pve2/zz"]);
    }

    #[test]
    fn a_storage_that_other_nodes_see_is_the_first_choice() {
        let first =
            |node: &str| Place::first(&cluster(), &node.parse().unwrap()).map(|name| name.to_string());
        assert_eq!(first("pve1").as_deref(), Some("zz"));
        assert_eq!(first("pve2").as_deref(), Some("only2"));
        assert_eq!(first("pve3").as_deref(), Some("local"));
        assert_eq!(first("pve4"), None);
    }
}
