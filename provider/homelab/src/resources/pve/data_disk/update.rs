//! Changing a data disk where it is, and mending what an interrupted apply or somebody else has left.

use pve_client::{NodeName, Params, Pve, Size, VmAddress};
use tf_framework::prelude::*;

use super::coverage::{self, Backups};
use super::holder::{Holder, machine_name};
use super::id::DataDiskReference;
use super::model::DataDisk;
use super::record::Record;
use super::sight::Sight;
use super::tier::BackupTier;
use super::work::Work;
use super::{companions, create, storage, tier_reference};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// How often a write is tried that others get in the way of.
const ATTEMPTS: usize = 6;

/// See [`super::DataDisk`].
pub(super) async fn update(cx: &Cx, id: &DataDiskReference, change: Change<'_, DataDisk>) -> Result<()> {
    let pve = cx.pve()?;
    let Change { prior, want } = change;
    let DataDiskReference::Id(id) = id else { return Err(gone(&id.to_string())) };
    let found = super::holder::find(cx, &pve, id, Some(&prior.node_name)).await?;
    let mut holder = found.ok_or_else(|| gone(&id.to_string()))?;
    holder.look_for_user(cx, &pve).await?;
    let tier = tier_reference::settled(cx, want).await?;
    settle(cx, &pve, holder, (want, tier), prior.tags.is_some()).await
}

fn gone(id: &str) -> Error {
    Error::new(
        "Data disk is gone",
        format!(
            "The holder of data disk {id} was there when the plan was made, and is not there now: somebody deleted it or \
             made another machine with its number. Plan again."
        ),
    )
}

/// Makes a disk what is wanted, in a tier. `had_tags`: the state names tags, which go if the configuration names none any
/// more.
pub(super) async fn settle(
    cx: &Cx,
    pve: &Pve,
    found: Holder,
    (want, tier): (&DataDisk, BackupTier),
    had_tags: bool,
) -> Result<()> {
    let id = found.id();
    let Some(mut work) = Work::begin(cx, pve, &id, Some(&found.at.node)).await? else {
        return Err(gone(&id.to_string()));
    };
    if work.holder.foreign {
        work.holder.record = found.record;
    }
    // What an earlier apply began goes on, unless it is not wanted any more.
    work.storage = work.is_moving().then(|| want.storage_name.clone());
    describe(cx, pve, &mut work.holder, (want, tier), had_tags).await?;
    coverage::place_holder(cx, pve, &work.holder, tier).await?;
    let sight = work.sight().await?;
    let sight = work.bring(&Work::settled_goal(&sight), None).await?;
    let used = sight.user.as_ref().is_some_and(|user| user.bus.is_some());
    let bus = work.bus(&sight);
    if let Some((at, ..)) = bus.as_ref().filter(|_| used) {
        let mut backups = Backups::default();
        let before = work.holder.record.former_tier.unwrap_or(tier);
        backups.after(cx, pve, at, before).await?;
        // The machine is planned once more before it is changed, and has to know.
        if let Some(ties) = cx.ties().filter(|_| before.is_backed_up() != tier.is_backed_up()) {
            ties.flip(at.id);
        }
        // One that has left a pool of the user's own may have companions still.
        if !backups.is_in_own_pool() {
            companions::settle(cx, pve, at.id, BackupTier::NONE, true).await?;
        }
    }
    rewrite(cx, pve, &mut work.holder, Params::new(), |before| Record { former_tier: None, ..before })
        .await?;
    if !used && work.holder.at.node != want.node_name {
        migrate(cx, pve, &mut work.holder, &want.node_name).await?;
    }
    let sight = storage::bring_to(cx, pve, &mut work, sight, &want.storage_name).await?;
    grow(cx, pve, &work, &sight, want.size_gib).await
}

/// Brings the holder's name, tags and record up to date.
async fn describe(
    cx: &Cx,
    pve: &Pve,
    holder: &mut Holder,
    (want, tier): (&DataDisk, BackupTier),
    had_tags: bool,
) -> Result<()> {
    let tags = create::tags(want);
    let present: Vec<String> = holder.config.tags().into_iter().collect();
    let mut set = Params::new();
    if (had_tags || want.tags.is_some() || holder.foreign) && present.join(";") != tags {
        set.push("tags", tags);
    }
    if want.name != holder.record.name || holder.foreign {
        set.push("name", machine_name(&want.name));
    }
    rewrite(cx, pve, holder, set, |before| {
        let changes = before.tier != tier && before.at.is_some();
        Record {
            name: want.name.clone(),
            tier,
            former_tier: if changes { before.former_tier.or(Some(before.tier)) } else { before.former_tier },
            ownership: want.owner(),
            creating: None,
            ..before
        }
    })
    .await
}

/// Writes the record anew, and further options with it, unless nothing changes.
pub(super) async fn rewrite(
    cx: &Cx,
    pve: &Pve,
    holder: &mut Holder,
    set: Params,
    change: impl Fn(Record) -> Record,
) -> Result<()> {
    let what = format!("change the {}", holder.called());
    let mut set = set;
    for _ in 0..ATTEMPTS {
        let record = change(holder.record.clone());
        if record == holder.record && set.is_empty() && !holder.foreign {
            return Ok(());
        }
        let written = holder.write(pve, &record, set.clone(), &[]).await;
        let done = written.is_ok();
        match written {
            Ok(()) | Err(pve_client::Error::Conflict { .. } | pve_client::Error::MaybeApplied { .. }) => {}
            Err(error) => return Err(error).explain::<DataDisk>(cx, &what),
        }
        holder.refresh(pve).await.explain::<DataDisk>(cx, &what)?;
        if done {
            set = Params::new();
        }
    }
    Err(Error::new(
        "Data disk keeps changing",
        format!(
            "Proxmox VE was asked {ATTEMPTS} times to {what}, and somebody else changed it each time. Apply again."
        ),
    ))
}

/// Moves the holder to another node, with the volume if it has that.
pub(super) async fn migrate(cx: &Cx, pve: &Pve, holder: &mut Holder, node: &NodeName) -> Result<()> {
    let what = format!("move the {} to node {:?}", holder.called(), node.as_str());
    let at = holder.at.clone();
    let run = || async {
        let upid = pve.migrate_vm(&at, node, false, Params::new()).await?;
        pve.wait(&upid).await
    };
    let moved = pve.patiently(run).await;
    holder.at = VmAddress::new(node.clone(), at.id);
    if matches!(moved, Err(pve_client::Error::MaybeApplied { .. })) {
        // Only the nodes know.
        for task in pve.running_tasks(&at.node).await.explain::<DataDisk>(cx, &what)? {
            if task.kind() == "qmigrate" && task.object() == at.id.to_string() {
                pve.wait(&task).await.explain::<DataDisk>(cx, &what)?;
            }
        }
    } else {
        moved.explain::<DataDisk>(cx, &what)?;
    }
    holder.refresh(pve).await.explain::<DataDisk>(cx, &what)
}

/// Grows the volume through whoever has it on a bus, so that a guest sees it at once.
async fn grow(cx: &Cx, pve: &Pve, work: &Work<'_>, sight: &Sight, size_gib: u64) -> Result<()> {
    let Some((at, slot, drive)) = work.bus(sight) else { return Ok(()) };
    if drive.size().is_none_or(|size| size >= Size::gib(size_gib)) {
        return Ok(());
    }
    let size = Size::gib(size_gib).to_string();
    let run = || async {
        let upid = pve.resize_disk(&at, &slot, &size, None).await?;
        pve.wait(&upid).await
    };
    let mut grown = pve.patiently(run).await;
    if matches!(grown, Err(pve_client::Error::MaybeApplied { .. })) {
        // A size that is there already is fine, so this can be sent again.
        grown = pve.patiently(run).await;
    }
    grown.explain::<DataDisk>(cx, format_args!("grow the {}", work.holder().called())).map(drop)
}

/// The pool that the tier of a disk stands for.
pub(super) fn pool_of(tier: BackupTier) -> Value {
    tier.pool().map_or(Value::Null, |pool| Value::from(pool.as_str()))
}
