//! `homelab_pve_storage`: the definition of a storage, of any type.

mod common;
mod file;
mod kinds;
mod lvm;
mod network_file;
mod object;

use std::time::Duration;

use pve_client::{Secrets, Settings, StorageConfig, StorageName};
use tf_framework::prelude::*;

pub use self::common::BandwidthLimits;
use self::common::CONTENT;
use self::file::{Btrfs, Dir, ZfsPool};
use self::lvm::{Iscsi, Lvm, LvmThin};
use self::network_file::{CephFs, Cifs, Nfs};
use self::object::{Pbs, Rbd};
use super::lifecycle::Object;
use super::prune::PruneBackups;
use crate::cx::Cx;
use crate::memory::Expected;
use crate::preflight::need;

/// The definition of a storage: where it is, which nodes use it, and for what.
///
/// Exactly one of the objects `dir`, `zfspool`, `nfs`, `cifs`, `lvm`, `lvmthin`, `btrfs`, `pbs`, `iscsi`, `cephfs` and
/// `rbd` says what type it has. Proxmox VE activates a storage when it is defined and keeps nothing if that fails, so a
/// server that cannot be reached is an error at once. Deleting the resource removes the definition; what is stored
/// there stays.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_storage")]
pub struct Storage {
    /// Name of the storage: a letter, then letters, digits, `.`, `-` or `_`. A change replaces the definition.
    #[schema(parse, wire = "storage", replace)]
    pub name: StorageName,

    /// Type of the storage: the name of the object that is set. A change replaces the definition.
    #[schema(wire = "type")]
    pub r#type: Computed<String>,

    /// What may be stored: `images` (disks of VMs), `rootdir` (containers), `iso`, `vztmpl` (container templates),
    /// `backup`, `snippets`, `import` (disk images to import), or only `none`. Without it, Proxmox VE's default for the
    /// type.
    #[schema(wire = "content", keep, validate = length(1, usize::MAX), validate = each(one_of(CONTENT)))]
    pub content: Defaulted<BTreeSet<String>>,

    /// Nodes that use the storage. Without it, all.
    #[schema(parse, wire = "nodes", validate = length(1, usize::MAX))]
    pub nodes: Option<BTreeSet<pve_client::NodeName>>,

    /// Whether the storage is used at all. One that is not enabled is not activated either, so it can be defined
    /// before its server is there. Default `true`.
    #[schema(wire = "disable", default = true)]
    pub enabled: Defaulted<bool>,

    /// Which backups of a guest to keep here, for jobs that do not say it themselves.
    #[schema(wire = "prune-backups")]
    pub prune_backups: Option<PruneBackups>,

    /// How many protected backups a guest may have here; -1 for any number. Without it, any number for users with
    /// `Datastore.Allocate`, and 5 for others.
    #[schema(wire = "max-protected-backups", validate = range(-1, i64::MAX))]
    pub max_protected_backups: Option<i64>,

    /// Limits of the bandwidth of operations. `btrfs` and `pbs` have none.
    #[schema(wire = "bwlimit", validate = not_empty())]
    pub bandwidth_limits: Option<BandwidthLimits>,

    /// A directory.
    pub dir: Option<Dir>,

    /// A ZFS pool, or a file system of one.
    pub zfspool: Option<ZfsPool>,

    /// A share of an NFS server.
    pub nfs: Option<Nfs>,

    /// A share of a CIFS (SMB) server.
    pub cifs: Option<Cifs>,

    /// An LVM volume group.
    pub lvm: Option<Lvm>,

    /// A thin pool of LVM.
    pub lvmthin: Option<LvmThin>,

    /// A directory on Btrfs.
    pub btrfs: Option<Btrfs>,

    /// A datastore of a Proxmox Backup Server.
    pub pbs: Option<Pbs>,

    /// The devices of an iSCSI target.
    pub iscsi: Option<Iscsi>,

    /// A file system of Ceph.
    pub cephfs: Option<CephFs>,

    /// A pool of Ceph block devices.
    pub rbd: Option<Rbd>,
}

/// The types, in the order of their objects.
const TYPES: [&str; 11] =
    ["dir", "zfspool", "nfs", "cifs", "lvm", "lvmthin", "btrfs", "pbs", "iscsi", "cephfs", "rbd"];

fn object(name: &StorageName) -> Object<'_> {
    Object::new("storage", name, "name")
}

impl Storage {
    /// The type and its options.
    fn typed(&self) -> (&'static str, Settings) {
        let found = [
            self.dir.as_ref().map(|of| ("dir", of.settings())),
            self.zfspool.as_ref().map(|of| ("zfspool", of.settings())),
            self.nfs.as_ref().map(|of| ("nfs", of.settings())),
            self.cifs.as_ref().map(|of| ("cifs", of.settings())),
            self.lvm.as_ref().map(|of| ("lvm", of.settings())),
            self.lvmthin.as_ref().map(|of| ("lvmthin", of.settings())),
            self.btrfs.as_ref().map(|of| ("btrfs", of.settings())),
            self.pbs.as_ref().map(|of| ("pbs", of.settings())),
            self.iscsi.as_ref().map(|of| ("iscsi", of.settings())),
            self.cephfs.as_ref().map(|of| ("cephfs", of.settings())),
            self.rbd.as_ref().map(|of| ("rbd", of.settings())),
        ];
        let only = found.into_iter().flatten().next();
        only.unwrap_or_else(|| unreachable!("validation leaves exactly one type"))
    }

    fn settings(&self) -> Settings {
        let settings = Settings::new()
            .words("content", self.content.known().into_iter().flatten())
            .words("nodes", self.nodes.iter().flatten())
            .bool("disable", (self.enabled.known() == Some(&false)).then_some(true))
            .opt("max-protected-backups", self.max_protected_backups)
            .and(self.typed().1);
        let settings = BandwidthLimits::write(self.bandwidth_limits.as_ref(), settings);
        PruneBackups::write(self.prune_backups.as_ref(), settings)
    }

    /// The secrets: those whose version differs from another state's, or all for a new storage.
    fn secrets(&self, before: Option<&Self>) -> Secrets {
        let mut secrets = Secrets::new();
        if let Some(cifs) = &self.cifs {
            secrets = cifs.secrets(secrets, before.and_then(|before| before.cifs.as_ref()));
        }
        if let Some(pbs) = &self.pbs {
            secrets = pbs.secrets(secrets, before.and_then(|before| before.pbs.as_ref()));
        }
        if let Some(cephfs) = &self.cephfs {
            secrets = cephfs.secrets(secrets, before.and_then(|before| before.cephfs.as_ref()));
        }
        if let Some(rbd) = &self.rbd {
            secrets = rbd.secrets(secrets, before.and_then(|before| before.rbd.as_ref()));
        }
        secrets
    }

    /// The secrets that another state had and this one has no more.
    fn forgotten(&self, before: &Self) -> Vec<String> {
        let mut names: Vec<&str> = Vec::new();
        if let (Some(cifs), Some(before)) = (&self.cifs, &before.cifs) {
            names.extend(cifs.forgotten(before));
        }
        if let (Some(pbs), Some(before)) = (&self.pbs, &before.pbs) {
            names.extend(pbs.forgotten(before));
        }
        if let (Some(cephfs), Some(before)) = (&self.cephfs, &before.cephfs) {
            names.extend(cephfs.forgotten(before));
        }
        if let (Some(rbd), Some(before)) = (&self.rbd, &before.rbd) {
            names.extend(rbd.forgotten(before));
        }
        names.into_iter().map(str::to_owned).collect()
    }

    fn read(found: StorageConfig, prior: Option<&Self>) -> Self {
        let (settings, kind) = (&found.settings, found.kind.as_str());
        let is = |name: &str| kind == name;
        Self {
            name: found.name,
            r#type: kind.into(),
            content: settings.word_set("content").into(),
            nodes: settings
                .word_set("nodes")
                .map(|names| names.iter().filter_map(|n| n.parse().ok()).collect()),
            enabled: (settings.truth("disable") != Some(true)).into(),
            prune_backups: PruneBackups::read(settings),
            max_protected_backups: settings.int("max-protected-backups"),
            bandwidth_limits: BandwidthLimits::read(settings),
            dir: is("dir").then(|| Dir::read(settings)),
            zfspool: is("zfspool").then(|| ZfsPool::read(settings)),
            nfs: is("nfs").then(|| Nfs::read(settings)),
            cifs: is("cifs").then(|| Cifs::read(settings, prior.and_then(|prior| prior.cifs.as_ref()))),
            lvm: is("lvm").then(|| Lvm::read(settings)),
            lvmthin: is("lvmthin").then(|| LvmThin::read(settings)),
            btrfs: is("btrfs").then(|| Btrfs::read(settings)),
            pbs: is("pbs").then(|| Pbs::read(settings, prior.and_then(|prior| prior.pbs.as_ref()))),
            iscsi: is("iscsi").then(|| Iscsi::read(settings)),
            cephfs: is("cephfs")
                .then(|| CephFs::read(settings, prior.and_then(|prior| prior.cephfs.as_ref()))),
            rbd: is("rbd").then(|| Rbd::read(settings, prior.and_then(|prior| prior.rbd.as_ref()))),
        }
    }
}

impl Resource for Storage {
    type Cx = Cx;
    type Id = StorageName;

    const TIMEOUTS: [Duration; 4] = [Duration::from_secs(300); 4];

    fn id(&self) -> StorageName {
        self.name.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        rules::exactly_one_of(config, &TYPES, out);
        PruneBackups::validate(config.attribute("prune_backups"), &"prune_backups".into(), out);
        kinds::validate(config, out);
        lvm::validate(config, out);
        network_file::validate(config, out);
        object::validate(config, out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        let set = TYPES.into_iter().find(|name| plan.config.attribute(name).is_set());
        if let Some(kind) = set.filter(|_| !plan.is_destroy()) {
            plan.set("type", kind);
            if plan.prior.as_ref().is_some_and(|prior| prior.r#type.known().map(String::as_str) != Some(kind))
            {
                plan.require_replace("type");
            }
        }
        object::warn_of_plain_backups(plan);
        if let Some(want) = plan.want() {
            if plan.is_create() {
                let storage = Expected::Storage(want.name.clone());
                cx.expect(storage.clone());
                object(&want.name).foresee(cx, plan, cx.is_there(&storage)).await;
            }
            let nodes = want.nodes.unwrap_or_default();
            cx.check_node_names(plan, nodes.into_iter().map(|node| ("nodes".into(), node))).await?;
        }
        cx.preflight(plan, &[need("/storage", &["Datastore.Allocate"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<StorageName> {
        let (pve, settings, secrets) = (cx.pve()?, want.settings(), want.secrets(None));
        let kind = want.typed().0;
        let make = || async {
            // A key is only ever given, so there is none in the answer.
            pve.create_storage(&want.name, kind, &settings, &secrets).await.map(drop)
        };
        let ours = |found: &StorageConfig| {
            let same = |(name, value): (&str, &str)| match name {
                "content" | "nodes" => found.settings.word_set(name) == settings.word_set(name),
                // Of this one the service only shows that it is there.
                "master-pubkey" => found.settings.text(name).is_some(),
                name => found.settings.text(name) == Some(value),
            };
            found.kind == kind && settings.params().iter().all(same)
        };
        object(&want.name)
            .create::<Self, _, _, _, _, _>(cx, || pve.storage_config(&want.name), ours, make)
            .await?;
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, id: &StorageName, prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        let Some(found) = object(id).read::<Self, _>(cx, pve.storage_config(id)).await? else {
            return Ok(None);
        };
        if !TYPES.contains(&found.kind.as_str()) {
            return Err(Error::new(
                "Storage type is not supported",
                format!(
                    "The storage {:?} has the type {:?}, which this resource does not know. It knows {}.",
                    id.as_str(),
                    found.kind,
                    TYPES.join(", ")
                ),
            ));
        }
        Ok(Some(Storage::read(found, prior)))
    }

    async fn update(cx: &Cx, id: &StorageName, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let mut changes = change.prior.settings().changes_to(&change.want.settings());
        changes.delete.extend(change.want.forgotten(change.prior));
        let secrets = change.want.secrets(Some(change.prior));
        object(id).change::<Self, _, _>(cx, || pve.change_storage(id, &changes, &secrets)).await
    }

    async fn delete(cx: &Cx, id: &StorageName, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        object(id).delete::<Self, _, _>(cx, || pve.delete_storage(id)).await
    }
}

#[cfg(test)]
mod tests;
