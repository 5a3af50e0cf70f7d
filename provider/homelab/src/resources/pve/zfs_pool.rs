//! `homelab_pve_zfs_pool`: a ZFS pool of a node.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use pve_client::{NodeName, PropertyString, Pve, Settings, StorageName};
use tf_framework::prelude::*;

use super::lifecycle::if_there;
use super::zfs_layout::Layout;
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;
use crate::preflight::need;

/// A ZFS pool on disks of a node. Making it destroys what is on the disks, and destroying it destroys everything in it,
/// so it is protected until `deletion_protection = false` is applied.
///
/// To use the pool for guests, define a `homelab_pve_storage` with `zfspool`.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_zfs_pool")]
pub struct ZfsPool {
    /// Node with the disks. A change replaces the pool.
    #[schema(parse, wire = "node", replace)]
    pub node_name: NodeName,

    /// Name of the pool: a letter, then letters, digits, `.`, `-` or `_`. A change replaces the pool.
    #[schema(parse, wire = "name", replace)]
    pub name: StorageName,

    /// How the disks stand in for each other: `single`, `mirror`, `raid10`, `raidz`, `raidz2`, `raidz3`, `draid`,
    /// `draid2` or `draid3`. It matters only when the pool is made; a later change does nothing.
    #[schema(wire = "raidlevel", create_only, validate = one_of(LEVELS))]
    pub raid_level: Option<String>,

    /// The disks, such as `/dev/disk/by-id/ata-…`. They have to be unused. It matters only when the pool is made; a later
    /// change does nothing.
    #[schema(wire = "devices", create_only, validate = length(1, usize::MAX))]
    pub devices: Option<Vec<String>>,

    /// Size of the sectors, as a power of two. Proxmox VE's default is 12 (4 KiB). It matters only when the pool is made.
    #[schema(wire = "ashift", create_only, validate = range(9, 16))]
    pub sector_size_exponent: Option<i64>,

    /// Compression: `on`, `off`, `gzip`, `lz4`, `lzjb`, `zle` or `zstd`. Proxmox VE's default is `on`. It matters only
    /// when the pool is made.
    #[schema(wire = "compression", create_only, validate = one_of(["on", "off", "gzip", "lz4", "lzjb", "zle", "zstd"]))]
    pub compression: Option<String>,

    /// Groups of a dRAID. It matters only when the pool is made.
    #[schema(wire = "draid-config", create_only)]
    pub draid: Option<Draid>,

    /// Whether destroying the pool is refused. Default `true`.
    #[schema(default = true)]
    pub deletion_protection: Defaulted<bool>,

    /// Whether destroying the pool wipes its disks, so that they can be used again at once. Default `false`.
    #[schema(wire = "cleanup-disks", default = false)]
    pub wipe_disks_on_destroy: Defaulted<bool>,

    /// Size in GiB, before redundancy.
    #[schema(keep, wire = "size")]
    pub size_gib: Computed<i64>,
}

/// Groups of a dRAID.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Draid {
    /// Data disks per group.
    #[schema(wire = "data", validate = range(1, i64::MAX))]
    pub data_disks: i64,

    /// Spare disks.
    #[schema(wire = "spares", validate = range(0, i64::MAX))]
    pub spare_disks: i64,
}

pub(super) const LEVELS: [&str; 9] =
    ["single", "mirror", "raid10", "raidz", "raidz2", "raidz3", "draid", "draid2", "draid3"];

/// How many disks each level needs at least (pve-storage 9.1.7, `API2/Disks/ZFS.pm`).
fn least_disks(level: &str) -> usize {
    match level {
        "mirror" | "draid" => 2,
        "raid10" | "raidz2" => 4,
        "raidz" | "draid2" => 3,
        "draid3" => 4,
        "raidz3" => 5,
        _ => 1,
    }
}

/// `node/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZfsPoolId {
    node: NodeName,
    name: StorageName,
}

/// A text is no id of a pool.
#[derive(Debug, thiserror::Error)]
#[error("it has to be node and pool, such as pve1/tank")]
pub struct InvalidZfsPoolId;

impl FromStr for ZfsPoolId {
    type Err = InvalidZfsPoolId;

    fn from_str(text: &str) -> Result<Self, InvalidZfsPoolId> {
        let (node, name) = text.split_once('/').ok_or(InvalidZfsPoolId)?;
        match (node.parse(), name.parse()) {
            (Ok(node), Ok(name)) => Ok(Self { node, name }),
            _ => Err(InvalidZfsPoolId),
        }
    }
}

impl fmt::Display for ZfsPoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.name)
    }
}

impl ZfsPoolId {
    fn title(&self) -> String {
        format!("ZFS pool {:?} on node {:?}", self.name.as_str(), self.node.as_str())
    }
}

impl ZfsPool {
    fn settings(&self) -> Settings {
        let draid = self.draid.as_ref().map(|of| {
            let mut text = PropertyString::default();
            text.set("data", Some(of.data_disks));
            text.set("spares", Some(of.spare_disks));
            text
        });
        Settings::new()
            .opt("raidlevel", self.raid_level.as_ref())
            .words("devices", self.devices.iter().flatten())
            .opt("ashift", self.sector_size_exponent)
            .opt("compression", self.compression.as_ref())
            .properties("draid-config", &draid.unwrap_or_default())
    }

    fn protected(&self) -> bool {
        self.deletion_protection.known().copied().unwrap_or(true)
    }
}

async fn find(pve: &Pve, id: &ZfsPoolId) -> pve_client::Result<Option<pve_client::ZfsPool>> {
    let pools = if_there(pve.zfs_pools(&id.node).await)?.unwrap_or_default();
    Ok(pools.into_iter().find(|pool| pool.name == id.name))
}

fn protected(id: &ZfsPoolId) -> Diagnostic {
    Diagnostic::error(
        "Pool is protected",
        format!(
            "The {} would be destroyed with everything in it, but it is protected. If that is meant, set \
             `deletion_protection = false` and apply first.",
            id.title()
        ),
    )
    .at("deletion_protection")
}

/// Looks whether the disks of a new pool are there and free. Those of one that goes are free again if they are wiped.
async fn check_disks(cx: &Cx, plan: &mut Plan<'_, ZfsPool>) {
    let want = plan.want();
    let goes = |prior: &&ZfsPool| want.as_ref().is_none_or(|want| want.id() != prior.id());
    let wiped = |prior: &&ZfsPool| prior.wipe_disks_on_destroy.known() == Some(&true);
    if let Some(prior) = plan.prior.as_ref().filter(goes).filter(wiped) {
        for disk in prior.devices.iter().flatten() {
            cx.expect(Expected::FreeDisk(prior.node_name.clone(), disk.clone()));
        }
    }
    if let (true, Some(want)) = (plan.is_create(), want) {
        let disks = want.devices.into_iter().flatten().enumerate();
        let disks = disks.map(|(index, disk)| (Path::from("devices").index(index), disk));
        cx.check_disks(plan, &want.node_name, disks).await;
    }
}

impl Resource for ZfsPool {
    type Cx = Cx;
    type Id = ZfsPoolId;

    fn id(&self) -> ZfsPoolId {
        ZfsPoolId { node: self.node_name.clone(), name: self.name.clone() }
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        let level = config.attribute("raid_level").as_str();
        let count = config.attribute("devices").as_elements().map(<[Value]>::len);
        if let (Some(level), Some(count)) = (level, count) {
            let least = least_disks(level);
            if count < least || level == "single" && count > 1 {
                let needs = if level == "single" {
                    "exactly 1 disk".to_owned()
                } else {
                    format!("{least} disks or more")
                };
                out.error(
                    "devices",
                    "Wrong number of disks",
                    format!("The level {level:?} needs {needs}; there are {count}."),
                );
            }
            if level == "raid10" && count % 2 == 1 {
                out.error(
                    "devices",
                    "Wrong number of disks",
                    format!("The level \"raid10\" needs pairs of disks; there are {count}."),
                );
            }
        }
        let mut seen = BTreeSet::new();
        for (index, disk) in config.attribute("devices").as_elements().into_iter().flatten().enumerate() {
            if let Some(path) = disk.as_str().filter(|path| !seen.insert((*path).to_owned())) {
                out.error(
                    Path::from("devices").index(index),
                    "Duplicate disk",
                    format!("The disk {path:?} is in this list already. Remove one of them."),
                );
            }
        }
        if config.attribute("draid").is_set() && level.is_some_and(|level| !level.starts_with("draid")) {
            out.error(
                "draid",
                "Conflicting arguments",
                "Only the levels `draid`, `draid2` and `draid3` have `draid`. Remove it.",
            );
        }
    }

    const TIMEOUTS: [Duration; 4] = [Duration::from_secs(600); 4];

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if let Some(prior) = plan.prior.clone() {
            let gone = plan.is_destroy() || plan.want().is_some_and(|want| want.id() != prior.id());
            if gone && prior.protected() {
                plan.push(protected(&prior.id()));
            }
        } else {
            for name in ["raid_level", "devices"] {
                if plan.config.attribute(name).is_null() {
                    plan.error(name, "Missing argument", format!("A new pool needs `{name}`."));
                }
            }
        }
        if let Some(want) = plan.want() {
            cx.check_node(plan, "node_name", &want.node_name).await?;
        }
        check_disks(cx, plan).await;
        cx.preflight(plan, &[need("/", &["Sys.Modify"]), need("/", &["Sys.Audit"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<ZfsPoolId> {
        let (pve, id) = (cx.pve()?, want.id());
        let what = format!("make the {}", id.title());
        if find(&pve, &id).await.explain::<Self>(cx, &what)?.is_some() {
            return Err(errors::not_ours::<Self>(id.title(), &id).at("name"));
        }
        let upid =
            pve.create_zfs_pool(&id.node, &id.name, &want.settings()).await.explain::<Self>(cx, &what)?;
        cx.operation().created(&id);
        cx.finish::<Self>(&pve, &upid, &what).await?;
        Ok(id)
    }

    async fn read(cx: &Cx, id: &ZfsPoolId, prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        let found = find(&pve, id).await.explain::<Self>(cx, format_args!("read the {}", id.title()))?;
        let Some(found) = found else { return Ok(None) };
        let layout = match prior {
            Some(_) => None,
            None => Layout::of(&pve, &id.node, &id.name).await,
        };
        let layout = layout.unwrap_or_else(|| Layout {
            level: prior.and_then(|prior| prior.raid_level.clone()),
            devices: prior.and_then(|prior| prior.devices.clone()),
            draid: prior.and_then(|prior| prior.draid.clone()),
        });
        let of = |flag: fn(&Self) -> &Defaulted<bool>, default: bool| {
            prior.and_then(|prior| flag(prior).known().copied()).unwrap_or(default).into()
        };
        Ok(Some(Self {
            node_name: id.node.clone(),
            name: id.name.clone(),
            raid_level: layout.level,
            devices: layout.devices,
            sector_size_exponent: prior.and_then(|prior| prior.sector_size_exponent),
            compression: prior.and_then(|prior| prior.compression.clone()),
            draid: layout.draid,
            deletion_protection: of(|pool| &pool.deletion_protection, true),
            wipe_disks_on_destroy: of(|pool| &pool.wipe_disks_on_destroy, false),
            size_gib: found.size_bytes.map(|bytes| bytes >> 30).into(),
        }))
    }

    /// Nothing that can change is known to the service.
    async fn update(_cx: &Cx, _id: &ZfsPoolId, _change: Change<'_, Self>) -> Result<()> {
        Ok(())
    }

    async fn delete(cx: &Cx, id: &ZfsPoolId, prior: &Self) -> Result<()> {
        if prior.protected() {
            return Err(protected(id).into());
        }
        let pve = cx.pve()?;
        let what = format!("destroy the {}", id.title());
        if find(&pve, id).await.explain::<Self>(cx, &what)?.is_none() {
            return Ok(());
        }
        let wipe = prior.wipe_disks_on_destroy.known().copied().unwrap_or(false);
        let upid = pve.delete_zfs_pool(&id.node, &id.name, wipe).await.explain::<Self>(cx, &what)?;
        cx.finish::<Self>(&pve, &upid, &what).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_with_too_few_disks_is_refused_when_validating() {
        let count = |level: &str, disks: usize| {
            let devices = (0..disks).map(|n| Value::from(format!("/dev/sd{n}"))).collect();
            let config =
                Value::object([("raid_level", Value::from(level)), ("devices", Value::List(devices))]);
            let mut out = Diagnostics::new();
            ZfsPool::validate(&config, &mut out);
            out.0.len()
        };
        for (level, disks, wrong) in [
            ("single", 1, 0),
            ("single", 2, 1),
            ("mirror", 1, 1),
            ("mirror", 2, 0),
            ("raid10", 5, 1),
            ("raidz3", 5, 0),
        ] {
            assert_eq!(count(level, disks), wrong, "{level} {disks}");
        }
    }
}
