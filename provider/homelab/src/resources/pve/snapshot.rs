//! `homelab_pve_snapshot`: a snapshot of a virtual machine.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use pve_client::{Error as PveError, Pve, SnapshotName, Upid, VmAddress, VmId};
use tf_framework::prelude::*;

use super::lifecycle::if_there;
use super::text::{moment, without_final_line_break};
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;
use crate::preflight::need;

/// A snapshot of a virtual machine. It is no backup: it lies on the same disks.
///
/// All disks have to be on storages that can make snapshots. Deleting the resource deletes the snapshot and leaves the
/// machine as it is now.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_snapshot")]
pub struct Snapshot {
    /// ID of the machine. A change replaces the snapshot.
    #[schema(wire = "vmid", replace, validate = range(100, 999_999_999))]
    pub vm_id: u32,

    /// Name of the snapshot: a letter, then letters, digits, `-` or `_`, at most 40. A change replaces the snapshot.
    #[schema(parse, wire = "snapname", replace)]
    pub name: SnapshotName,

    /// Text about the snapshot.
    #[schema(wire = "description", validate = matches("not empty, without a line break at its end (around a heredoc: `chomp(…)`)", without_final_line_break))]
    pub description: Option<String>,

    /// Whether the memory of a running machine is in the snapshot too, so that it goes on from there. Default `false`. A
    /// change replaces the snapshot.
    #[schema(wire = "vmstate", default = false, replace)]
    pub memory: Defaulted<bool>,

    /// Name of the snapshot that the machine was at when this one was made; null for the first.
    #[schema(parse, wire = "parent")]
    pub parent: Computed<SnapshotName>,

    /// When the snapshot was made, as RFC 3339.
    #[schema(parse, keep, wire = "snaptime")]
    pub created_at: Computed<Timestamp>,
}

/// `vm/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotId {
    vm: VmId,
    name: SnapshotName,
}

/// A text is no id of a snapshot.
#[derive(Debug, thiserror::Error)]
#[error("it has to be VM id and name, such as 100/before-upgrade")]
pub struct InvalidSnapshotId;

impl FromStr for SnapshotId {
    type Err = InvalidSnapshotId;

    fn from_str(text: &str) -> Result<Self, InvalidSnapshotId> {
        let (vm, name) = text.split_once('/').ok_or(InvalidSnapshotId)?;
        match (vm.parse(), name.parse()) {
            (Ok(vm), Ok(name)) => Ok(Self { vm, name }),
            _ => Err(InvalidSnapshotId),
        }
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.vm, self.name)
    }
}

impl SnapshotId {
    fn title(&self) -> String {
        format!("snapshot {:?} of VM {}", self.name.as_str(), self.vm)
    }
}

/// Where the machine is now; it may have been moved.
pub(crate) async fn address(pve: &Pve, vm: VmId) -> pve_client::Result<VmAddress> {
    match pve.find_vm(vm, None).await? {
        Some((address, _)) => Ok(address),
        None => Err(PveError::NotFound { message: format!("VM {vm} does not exist") }),
    }
}

async fn find(pve: &Pve, id: &SnapshotId) -> pve_client::Result<Option<pve_client::Snapshot>> {
    let Some(at) = if_there(address(pve, id.vm).await)? else { return Ok(None) };
    if_there(pve.snapshot(&at, &id.name).await)
}

/// Starts to make the snapshot; an answer that was lost is no task that could be awaited.
async fn start(pve: &Pve, at: &VmAddress, id: &SnapshotId, want: &Snapshot) -> pve_client::Result<Upid> {
    pve.create_snapshot(at, &id.name, want.description.as_deref(), want.wants_memory()).await
}

impl Snapshot {
    fn wants_memory(&self) -> bool {
        self.memory.known().copied().unwrap_or(false)
    }
}

/// The message for a machine that has no memory to save.
fn off(id: &SnapshotId) -> Diagnostic {
    Diagnostic::error(
        "VM does not run",
        format!(
            "The {} is to have the memory too, and VM {} does not run, so it has none. Start it first, or remove `memory`.",
            id.title(),
            id.vm
        ),
    )
}

/// Warns of a machine that does not run now: the same run may start it.
async fn check_running(cx: &Cx, want: &Snapshot, plan: &mut Plan<'_, Snapshot>) -> Result<()> {
    // Without a connection there is nothing to look at, and a plan needs none.
    let Ok(pve) = cx.pve() else { return Ok(()) };
    let cluster = pve.cluster().await.explain::<Snapshot>(cx, "list what is in the cluster")?;
    let id = want.id();
    if cluster.guest(id.vm).is_some_and(|guest| guest.status == "stopped") {
        plan.warn(
            "memory",
            "VM does not run",
            format!("{} Unless this run starts it before, the apply fails.", off(&id).detail),
        );
    }
    Ok(())
}

/// Warns of a machine with disks of which there can be no snapshot now: the same run may move them.
async fn check_disks(cx: &Cx, want: &Snapshot, plan: &mut Plan<'_, Snapshot>) {
    let Ok(pve) = cx.pve() else { return };
    // Whoever may not look is told nothing.
    let Ok(guests) = pve.guests().await else { return };
    let Some(guest) = guests.iter().find(|guest| guest.id == want.id().vm) else { return };
    let at = VmAddress::new(guest.node.clone(), guest.id);
    if let Ok(false) = pve.can_snapshot(&at).await {
        plan.warn(
            "vm_id",
            "Disks without snapshots",
            format!(
                "VM {} has a disk that Proxmox VE makes no snapshots of, so the apply fails unless that is moved before. \
                 Snapshots need qcow2 files, or a storage such as `lvmthin`, `zfspool`, `rbd` or `btrfs`.",
                at.id
            ),
        );
    }
}

impl Resource for Snapshot {
    type Cx = Cx;
    type Id = SnapshotId;

    const TIMEOUTS: [Duration; 4] = [
        Duration::from_secs(1800),
        Duration::from_secs(300),
        Duration::from_secs(300),
        Duration::from_secs(1800),
    ];

    fn id(&self) -> SnapshotId {
        let vm = VmId::new(self.vm_id).unwrap_or_else(|_| unreachable!("validation checks the range"));
        SnapshotId { vm, name: self.name.clone() }
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if let Some(want) = plan.want().filter(|want| plan.is_create() && want.wants_memory()) {
            check_running(cx, &want, plan).await?;
        }
        if let Some(want) = plan.want().filter(|_| plan.is_create()) {
            let machine = [("vm_id".into(), Expected::Vm(want.id().vm))];
            cx.check_there(plan, machine).await;
            check_disks(cx, &want, plan).await;
        }
        let vm = plan.want().or_else(|| plan.prior.clone()).map(|snapshot| snapshot.vm_id);
        match vm {
            Some(vm) => {
                let path = format!("/vms/{vm}");
                cx.preflight(plan, &[need(&path, &["VM.Snapshot"]), need(&path, &["VM.Audit"])]).await
            }
            None => Ok(()),
        }
    }

    async fn create(cx: &Cx, want: &Self) -> Result<SnapshotId> {
        let (pve, id) = (cx.pve()?, want.id());
        let what = format!("make the {}", id.title());
        if find(&pve, &id).await.explain::<Self>(cx, &what)?.is_some() {
            return Err(errors::not_ours::<Self>(id.title(), &id).at("name"));
        }
        let at = address(&pve, id.vm).await.explain::<Self>(cx, &what)?;
        // Proxmox VE would silently leave it out (pve-guest-common 6.0, `AbstractConfig.pm`).
        if want.wants_memory() && !pve.vm_status(&at).await.explain::<Self>(cx, &what)?.running {
            return Err(Error::from(off(&id)).at("memory"));
        }
        let upid = start(&pve, &at, &id, want).await.explain::<Self>(cx, &what)?;
        cx.operation().created(&id);
        cx.finish::<Self>(&pve, &upid, &what).await?;
        Ok(id)
    }

    async fn read(cx: &Cx, id: &SnapshotId, _prior: Option<&Self>) -> Result<Option<Self>> {
        let found =
            find(&cx.pve()?, id).await.explain::<Self>(cx, format_args!("read the {}", id.title()))?;
        Ok(found.map(|found| Self {
            vm_id: id.vm.number(),
            name: found.name,
            description: found.description,
            memory: found.memory.into(),
            parent: found.parent.into(),
            created_at: found.created_at.and_then(moment).into(),
        }))
    }

    async fn update(cx: &Cx, id: &SnapshotId, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let what = format!("change the {}", id.title());
        let at = address(&pve, id.vm).await.explain::<Self>(cx, &what)?;
        let done = pve.describe_snapshot(&at, &id.name, change.want.description.as_deref()).await;
        done.explain::<Self>(cx, &what)
    }

    async fn delete(cx: &Cx, id: &SnapshotId, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        let what = format!("delete the {}", id.title());
        let Some(at) = if_there(address(&pve, id.vm).await).explain::<Self>(cx, &what)? else {
            return Ok(());
        };
        let upid = pve.delete_snapshot(&at, &id.name).await.explain::<Self>(cx, &what)?;
        match pve.wait(&upid).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => result.explain::<Self>(cx, &what).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_machine_and_name() {
        assert_eq!("100/before-upgrade".parse::<SnapshotId>().unwrap().to_string(), "100/before-upgrade");
        for text in ["100", "100/current", "99/a1", "a/b"] {
            assert!(text.parse::<SnapshotId>().is_err(), "{text}");
        }
    }
}
