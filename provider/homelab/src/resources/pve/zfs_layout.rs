//! How a ZFS pool is made up, as far as its groups of disks tell: what an import takes over.

use pve_client::{NodeName, Pve, StorageName, ZfsPart};

use super::zfs_pool::{Draid, LEVELS};

/// What was asked for when the pool was made.
pub(super) struct Layout {
    pub(super) level: Option<String>,
    /// The disks as the node names them.
    pub(super) devices: Option<Vec<String>>,
    pub(super) draid: Option<Draid>,
}

impl Layout {
    /// That of a pool, if the login may look at it.
    pub(super) async fn of(pve: &Pve, node: &NodeName, name: &StorageName) -> Option<Self> {
        let parts = pve.zfs_pool_parts(node, name).await.ok()?;
        let path = |name: &str| if name.starts_with('/') { name.to_owned() } else { format!("/dev/{name}") };
        Some(Self {
            level: level_of(&parts).map(str::to_owned),
            devices: Some(parts.devices().into_iter().map(path).collect()),
            draid: draid_of(&parts),
        })
    }
}

/// Groups of a dRAID by their name: `draid1:4d:6c:1s-0` has 4 data disks of 6, and 1 spare.
fn draid_of(parts: &ZfsPart) -> Option<Draid> {
    let groups = groups(parts);
    let (kind, rest) = groups.first()?.split_once(':')?;
    let numbers = rest.split('-').next()?;
    let of = |unit: char| numbers.split(':').find_map(|number| number.strip_suffix(unit)?.parse().ok());
    let draid = Draid { data_disks: of('d')?, spare_disks: of('s')? };
    kind.starts_with("draid").then_some(draid)
}

/// The level of a pool by its groups of disks, such as `mirror-0`; none if they are not of one kind.
fn level_of(parts: &ZfsPart) -> Option<&'static str> {
    let groups = groups(parts);
    let mut kinds: Vec<&str> =
        groups.iter().map(|name| name.split(['-', ':']).next().unwrap_or_default()).collect();
    kinds.dedup();
    match (kinds[..].first().copied(), kinds.len()) {
        (None, _) => (parts.devices().len() == 1).then_some("single"),
        (Some("mirror"), 1) => Some(if groups.len() == 1 { "mirror" } else { "raid10" }),
        // ZFS calls the first level of each kind by its number too.
        (Some("raidz" | "raidz1"), 1) => Some("raidz"),
        (Some("draid" | "draid1"), 1) => Some("draid"),
        (Some(kind), 1) => LEVELS.into_iter().find(|level| *level == kind),
        _ => None,
    }
}

/// Names of the groups that hold disks. The pool itself is none.
fn groups(parts: &ZfsPart) -> Vec<&str> {
    let below = parts.children.iter().filter(|part| !part.children.is_empty());
    below
        .flat_map(|part| if part.name == parts.name { groups(part) } else { vec![part.name.as_str()] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, children: Vec<ZfsPart>) -> ZfsPart {
        ZfsPart { name: name.to_owned(), children }
    }

    #[test]
    fn the_level_is_known_by_the_groups_of_disks() {
        let level = |groups: &[&str], disks: usize| {
            let disks = || (0..disks).map(|number| part(&format!("sd{number}"), Vec::new())).collect();
            let parts = match groups {
                [] => disks(),
                groups => groups.iter().map(|name| part(name, disks())).collect(),
            };
            level_of(&part("tank", vec![part("tank", parts)]))
        };
        assert_eq!(level(&[], 1), Some("single"));
        assert_eq!(level(&[], 2), None, "a stripe is no level");
        assert_eq!(level(&["mirror-0"], 2), Some("mirror"));
        assert_eq!(level(&["mirror-0", "mirror-1"], 2), Some("raid10"));
        assert_eq!(level(&["raidz1-0"], 3), Some("raidz"));
        assert_eq!(level(&["raidz2-0"], 4), Some("raidz2"));
        assert_eq!(level(&["draid1:4d:6c:1s-0"], 6), Some("draid"));
        assert_eq!(level(&["mirror-0", "raidz1-1"], 3), None);
    }

    #[test]
    fn groups_of_a_draid_are_known_by_their_name() {
        let of = |group: &str| draid_of(&part("tank", vec![part(group, vec![part("sdb", Vec::new())])]));
        assert_eq!(of("draid2:4d:8c:2s-0"), Some(Draid { data_disks: 4, spare_disks: 2 }));
        assert_eq!(of("mirror-0"), None);
    }
}
