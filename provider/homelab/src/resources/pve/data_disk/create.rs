//! Making a data disk: one call makes the holder with its volume, and the record says which create it was.

use std::time::Duration;

use pve_client::{Drive, Error as PveError, GuestKind, Params, Pve, Scope, Upid, VmAddress, VmId};
use sha2::{Digest as _, Sha256};
use tf_framework::prelude::*;

use super::holder::{self, Holder, TAG};
use super::id::{DataDiskId, DataDiskReference};
use super::model::DataDisk;
use super::record::Record;
use super::tier::BackupTier;
use super::tier_reference;
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::resources::pve::vm::{Creations, Held, nonce};

/// How often a create whose answer was lost is sent.
const ATTEMPTS: u32 = 4;

/// The ID of a disk whose create began, kept beside the state.
const ID: &str = "id";

/// Whether its create has not ended well, kept beside the state.
const CREATING: &str = "creating";

/// Notes the disk that a create is about to make.
fn note(cx: &Cx, id: &DataDiskId) {
    cx.operation().set_private(ID, id.to_string().into());
    cx.operation().set_private(CREATING, true.into());
}

/// The ID noted for the disk.
pub(super) fn noted(cx: &Cx) -> Option<DataDiskId> {
    cx.operation().private(ID)?.as_str()?.parse().ok()
}

/// Whether the disk was never complete, so that nothing can be on it.
pub(super) fn is_unfinished(cx: &Cx) -> bool {
    cx.operation().private(CREATING).is_some()
}

struct Create<'a> {
    cx: &'a Cx,
    pve: Pve,
    creations: &'a Creations,
    want: &'a DataDisk,
    tier: BackupTier,
    fingerprint: String,
}

/// See [`super::DataDisk`].
pub(super) async fn create(cx: &Cx, want: &DataDisk) -> Result<DataDiskReference> {
    let pve = cx.pve()?;
    let creations = cx.creations().ok_or_else(errors::pve_not_configured)?;
    let tier = tier_reference::settled(cx, want).await?;
    let create = Create { cx, pve, creations, want, tier, fingerprint: fingerprint(want) };
    if let Some(left) = create.leftover().await? {
        note(cx, &left.id());
        cx.operation().created(&left.id());
        tracing::info!(vm_id = left.at.id.number(), "taking over what an interrupted apply left");
        super::update::settle(cx, &create.pve, left.clone(), (want, tier), true).await?;
        return Ok(left.id().into());
    }
    create.make().await.map(DataDiskReference::from)
}

/// What makes a wish this disk and no other.
fn fingerprint(want: &DataDisk) -> String {
    let mut hash = Sha256::new();
    for part in [&want.name, want.node_name.as_str(), want.storage_name.as_str()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

impl Create<'_> {
    fn explain<T>(&self, result: pve_client::Result<T>) -> Result<T> {
        result.explain::<DataDisk>(self.cx, format_args!("create data disk {:?}", self.want.name))
    }

    /// What an interrupted create of the same wish left behind.
    async fn leftover(&self) -> Result<Option<Holder>> {
        let cluster = self.explain(self.creations.at_first(&self.pve).await)?;
        let name = holder::machine_name(&self.want.name);
        for guest in cluster.guests.iter().filter(|guest| guest.kind == GuestKind::Vm) {
            // A list may not know the name of a young machine yet.
            let fits =
                guest.node == self.want.node_name && guest.name.as_ref().is_none_or(|found| *found == name);
            if !fits {
                continue;
            }
            if let Some(left) = self.left_at(guest.id, None).await?
                && let Some(held) = self.creations.hold(guest.id)
            {
                held.keep();
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    /// What this wish, or this very create, has made of a machine.
    async fn left_at(&self, id: VmId, key: Option<&str>) -> Result<Option<Holder>> {
        let at = VmAddress::new(self.want.node_name.clone(), id);
        let config = match self.pve.vm_config(&at).await {
            Err(error) if error.is_not_found() => return Ok(None),
            config => self.explain(config)?,
        };
        let Some(record) = holder::record(&config) else { return Ok(None) };
        let ours = record.creating.as_deref() == Some(&*self.fingerprint);
        let same = key.is_none_or(|key| key == record.key);
        Ok((ours && same).then_some(Holder { at, config, record, foreign: false }))
    }

    async fn make(&self) -> Result<DataDiskId> {
        let cluster = self.explain(self.creations.at_first(&self.pve).await)?;
        let mut taken: BTreeSet<VmId> = cluster.guests.iter().map(|guest| guest.id).collect();
        let listed = taken.len();
        loop {
            let held = self.creations.next(&self.pve, &taken, taken.len() - listed).await;
            let held =
                self.explain(held)?.ok_or_else(|| Error::new("No free VM ID", "Every VM ID is taken."))?;
            if let Some(id) = self.attempt(&held).await? {
                held.keep();
                return Ok(id);
            }
            taken.insert(held.id());
        }
    }

    /// Makes the disk with one number for the holder; nothing when somebody has that number.
    async fn attempt(&self, held: &Held<'_>) -> Result<Option<DataDiskId>> {
        let nonce = nonce()?;
        let id = DataDiskId::new(held.id(), &nonce);
        note(self.cx, &id);
        let mut lost = None;
        for _ in 0..ATTEMPTS {
            match self.send(&id).await {
                Ok(()) => return Ok(Some(id)),
                Err(error @ PveError::MaybeApplied { .. }) => lost = Some(error),
                Err(error) if error.already_exists() && lost.is_none() => return Ok(None),
                Err(error) if error.already_exists() => {}
                Err(error) => return self.explain(Err(error)),
            }
            self.await_create(held.id()).await?;
            if self.left_at(held.id(), Some(&id.key)).await?.is_some() {
                self.cx.operation().created(&id);
                return Ok(Some(id));
            }
        }
        self.explain(lost.map_or(Ok(None), Err))
    }

    /// A create whose answer was lost may still be going on.
    async fn await_create(&self, id: VmId) -> Result<()> {
        let makes_it = |task: &Upid| task.kind() == "qmcreate" && task.object() == id.to_string();
        self.explain(self.pve.await_tasks(&self.want.node_name, makes_it).await.map(drop))
    }

    async fn send(&self, id: &DataDiskId) -> pve_client::Result<()> {
        let at = VmAddress::new(self.want.node_name.clone(), id.holder);
        let params = self.params(id);
        let run = || async {
            let upid = self.pve.create_vm(&at, params.clone()).await?;
            // From here on there is something that must not be lost.
            self.cx.operation().created(id);
            self.pve.wait(&upid).await
        };
        self.pve.patiently(run).await.map(drop)
    }

    fn params(&self, id: &DataDiskId) -> Params {
        let want = self.want;
        let record = Record {
            key: id.key.clone(),
            creating: Some(self.fingerprint.clone()),
            name: want.name.clone(),
            serial: id.serial(),
            tier: self.tier,
            former_tier: None,
            next: None,
            ownership: want.owner(),
            at: None,
        };
        let drive = Drive::allocate(&want.storage_name, want.size_gib)
            .with("serial", &record.serial)
            .with("backup", u8::from(record.tier.is_backed_up()))
            .with("discard", "on");
        Params::new()
            .set("name", holder::machine_name(&want.name))
            .set("description", record.description())
            .set("tags", tags(want))
            .set("memory", 16)
            .set("scsihw", "virtio-scsi-single")
            .set("scsi0", drive)
            .bool("protection", true)
            .opt("pool", self.tier.pool())
    }
}

/// The tags of a holder.
pub(super) fn tags(want: &DataDisk) -> String {
    let own = want.tags.iter().flatten().map(String::as_str);
    let all: BTreeSet<&str> = own.chain([TAG]).collect();
    all.into_iter().collect::<Vec<_>>().join(";")
}

/// How long ending the mark may take. The process ends soon after the last answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Ends the mark that says that the disk is being made, once the state knows of it.
pub(super) fn complete_later(cx: &Cx, pve: &Pve, holder: Holder) {
    cx.operation().set_private(CREATING, serde_json::Value::Null);
    let client = pve.client().clone();
    cx.operation().afterwards(async move {
        complete(&client.scoped(Scope::cleanup(LIMIT)), holder).await;
    });
}

/// Ends the mark; what is not done now is done by the next read.
pub(super) async fn complete(pve: &Pve, mut holder: Holder) {
    for _ in 0..ATTEMPTS {
        if holder.record.creating.is_none() {
            return;
        }
        let record = Record { creating: None, ..holder.record.clone() };
        match holder.write(pve, &record, Params::new(), &[]).await {
            Ok(()) => return,
            Err(PveError::Conflict { .. } | PveError::MaybeApplied { .. }) => {}
            Err(error) => {
                tracing::warn!(disk = %holder.id(), error = api_core::chain(&error), "the mark of a complete disk was not written");
                return;
            }
        }
        if holder.refresh(pve).await.is_err() {
            return;
        }
    }
}
