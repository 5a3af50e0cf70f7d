//! What ties a machine to its node: data disks on storage that no other node sees, and which belong to their holders. Neither
//! migration, nor recovery, nor replication takes them along.
//!
//! Whoever is planned last knows: the machine, or what is to move it. A disk that the same run makes has no ID before it is
//! there, so of a machine that gets one it is known only that it is among those that were planned before.

use std::sync::{Mutex, PoisonError};

use pve_client::{Cluster, NodeName, Pve, StorageName, VmAddress, VmId};
use tf_framework::prelude::*;

use super::foresight::TIES;
use super::holder::Holder;
use super::model::{DataDisk, Ownership};
use super::place::Place;
use super::tier::BackupTier;
use super::user;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::lifecycle::if_there;

/// What moves machines, or copies of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resources::pve) enum Mobility {
    /// The manager of high availability.
    HighAvailability,
    /// A replication job.
    Replication,
}

impl Mobility {
    /// Why a data disk of another owner is in the way.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::HighAvailability => {
                "the machine is managed by the high-availability service, which cannot recover it on another node"
            }
            Self::Replication => "the machine's replication jobs leave the disk out without a word",
        }
    }
}

/// What a run has planned of this.
#[derive(Debug, Default)]
pub(crate) struct Ties(Mutex<Planned>);

#[derive(Debug, Default)]
struct Planned {
    disks: Vec<NewDisk>,
    machines: Vec<(Option<VmId>, Option<Tied>)>,
    /// Whose moves are planned, and whether it was said already that a disk is in the way.
    moved: Vec<(VmId, Mobility, bool)>,
    /// Machines whose data disks come into backups or leave them where they are.
    flipped: BTreeSet<VmId>,
    /// How often a disk was planned that the run makes, and how many disks that it does not know yet each machine gets.
    made: usize,
    claims: BTreeMap<String, usize>,
    /// Where parked disks go, by ID.
    places: BTreeMap<String, Place>,
}

/// A disk that the run makes.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::resources::pve) struct NewDisk {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: Option<NodeName>,
    /// Its tier.
    pub tier: Option<BackupTier>,
    /// Its storage, if a machine only refers to what is on it.
    pub referred_on: Option<StorageName>,
    /// Whether it is given to the machine that uses it.
    pub is_given: bool,
    /// Whether it belongs to its holder, and no other node sees its storage.
    pub ties: bool,
}

/// The data disks by which a machine is tied.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tied {
    /// These.
    By(Vec<String>),
    /// One that is not there yet, which is among these.
    ByOneOf(Vec<String>),
    /// One that is not there yet, if it is one of these.
    Maybe(Vec<String>),
}

impl Tied {
    /// What a machine has, for messages.
    pub(super) fn told(&self) -> String {
        let list =
            |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        match self {
            Self::By(names) | Self::ByOneOf(names) if names.len() == 1 => {
                format!(
                    "uses the data disk {}, which is on a storage that only its own node sees",
                    list(names)
                )
            }
            Self::By(names) => {
                format!(
                    "uses the data disks {}, which are on storage that only its own node sees",
                    list(names)
                )
            }
            Self::ByOneOf(names) => format!(
                "uses a data disk that is made in this run, and each of those ({}) is on a storage that only its own node \
                 sees",
                list(names)
            ),
            Self::Maybe(names) => format!(
                "uses a data disk that is made in this run; some of those ({}) are on a storage that only their own node \
                 sees",
                list(names)
            ),
        }
    }
}

/// What to do about it.
pub(super) const ADVICE: &str =
    "Put the disk on shared storage, or set `ownership = \"transfer\"` for it while it is parked.";

impl Ties {
    fn planned<T>(&self, look: impl FnOnce(&mut Planned) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a disk that the run makes.
    pub(super) fn disk(&self, disk: NewDisk) {
        self.planned(|planned| {
            planned.disks.retain(|known| known.name != disk.name || known.node != disk.node);
            planned.disks.push(disk);
            planned.made += 1;
        });
    }

    /// Notes where a parked disk goes.
    pub(super) fn goes(&self, id: String, place: Place) {
        self.planned(|planned| planned.places.insert(id, place));
    }

    /// Where a parked disk goes that the run changes.
    pub(super) fn place_of(&self, id: &str) -> Option<Place> {
        self.planned(|planned| planned.places.get(id).cloned())
    }

    /// Notes how many slots of a machine are for disks that the run makes. When all machines together have more than there
    /// are such disks, one is meant twice: says how many slots and disks there are. Whoever names a disk is planned after it.
    pub(in crate::resources::pve) fn claim_new(&self, who: &str, slots: usize) -> Option<(usize, usize)> {
        self.planned(|planned| {
            planned.claims.insert(who.to_owned(), slots);
            let (slots, made) = (planned.claims.values().sum(), planned.made);
            // Disks of another provider block are planned elsewhere.
            (made > 0 && slots > made).then_some((slots, made))
        })
    }

    /// The disks that the run makes, as far as a machine on a node could use them.
    pub(in crate::resources::pve) fn new_disks(&self, node: Option<&NodeName>) -> Vec<NewDisk> {
        let fits = |disk: &&NewDisk| {
            !disk.ties || node.is_none() || disk.node.is_none() || disk.node.as_ref() == node
        };
        self.planned(|planned| planned.disks.iter().filter(fits).cloned().collect())
    }

    /// Notes a machine, and says which moves of it are planned without a word about this so far.
    pub(super) fn machine(&self, vm: Option<VmId>, tied: Option<Tied>) -> Vec<Mobility> {
        self.planned(|planned| {
            planned.machines.push((vm, tied));
            let moved = planned.moved.iter().filter(|(of, _, told)| Some(*of) == vm && !told);
            moved.map(|(_, mobility, _)| *mobility).collect()
        })
    }

    /// Notes that a disk in use comes into backups or leaves them: its machine's own disks have to follow.
    pub(super) fn flip(&self, vm: VmId) {
        self.planned(|planned| planned.flipped.insert(vm));
    }

    /// Whether a machine's own disks have to follow a disk of another tier.
    pub(in crate::resources::pve) fn is_flipped(&self, vm: VmId) -> bool {
        self.planned(|planned| planned.flipped.contains(&vm))
    }

    fn of(&self, vm: VmId) -> Option<Option<Tied>> {
        self.planned(|planned| {
            let mut found = planned.machines.iter().rev();
            found.find(|(known, _)| *known == Some(vm)).map(|(_, tied)| tied.clone())
        })
    }

    /// Machines whose IDs are known only after apply: those that are tied, and whether all are.
    fn unnumbered(&self) -> (Vec<Tied>, bool) {
        self.planned(|planned| {
            let found: Vec<&Option<Tied>> =
                planned.machines.iter().filter(|(vm, _)| vm.is_none()).map(|(_, tied)| tied).collect();
            (found.iter().copied().flatten().cloned().collect(), found.iter().all(|tied| tied.is_some()))
        })
    }

    fn moved(&self, vm: VmId, mobility: Mobility, told: bool) {
        self.planned(|planned| planned.moved.push((vm, mobility, told)));
    }
}

/// The disk that a machine uses among those that the run makes.
pub(super) fn among(new: &[NewDisk]) -> Option<Tied> {
    let tying: Vec<String> = new.iter().filter(|disk| disk.ties).map(|disk| disk.name.clone()).collect();
    match tying.len() {
        0 => None,
        count if count == new.len() => Some(Tied::ByOneOf(tying)),
        _ => Some(Tied::Maybe(tying)),
    }
}

/// Whether a holder's volume is where no other node sees it, and stays there.
pub(super) fn ties(cluster: &Cluster, holder: &Holder) -> bool {
    holder.record.ownership == Ownership::Holder && cluster.nodes.len() > 1 && is_local(cluster, holder)
}

/// Whether only its own node sees a disk's storage.
pub(super) fn is_local(cluster: &Cluster, holder: &Holder) -> bool {
    holder.storage().and_then(|storage| cluster.is_shared(&storage)) == Some(false)
}

/// Notes a disk that a plan makes.
pub(super) fn note(cx: &Cx, cluster: &Cluster, tier: Option<BackupTier>, plan: &Plan<'_, DataDisk>) {
    let Some(ties) = cx.ties() else { return };
    let text = |name: &str| plan.planned.attribute(name).as_str();
    let storage: Option<StorageName> = text("storage_name").and_then(|name| name.parse().ok());
    let local = storage.as_ref().and_then(|storage| cluster.is_shared(storage)) == Some(false);
    let is_kept = text("ownership").is_some_and(|owner| owner == Ownership::Holder.to_string());
    ties.disk(NewDisk {
        name: text("name").unwrap_or_default().to_owned(),
        node: text("node_name").and_then(|name| name.parse().ok()),
        tier,
        referred_on: storage.filter(|_| is_kept),
        is_given: text("ownership").is_some_and(|owner| owner == Ownership::Transfer.to_string()),
        ties: local && is_kept && cluster.nodes.len() > 1,
    });
}

/// Notes a new machine without data disks.
pub(in crate::resources::pve) fn stays_free(cx: &Cx, planned: &Value) {
    if let Some(ties) = cx.ties() {
        ties.machine(id_of(planned), None);
    }
}

/// The ID that a machine is to have, if that is known.
pub(in crate::resources::pve) fn id_of(planned: &Value) -> Option<VmId> {
    let id = planned.attribute("vm_id").as_number().and_then(Number::to_i64);
    id.and_then(|id| VmId::try_from(id).ok())
}

/// Warns, in the plan of what moves a machine from now on, of data disks that stay behind. Nothing for `vm`: it is known only
/// after apply.
pub(in crate::resources::pve) async fn tell<M: SchemaModel>(
    cx: &Cx,
    vm: Option<VmId>,
    mobility: Mobility,
    argument: &str,
    plan: &mut Plan<'_, M>,
) -> Result<()> {
    // Without a connection there is nothing to look at, and a plan needs none.
    let (Ok(pve), Some(ties)) = (cx.pve(), cx.ties()) else { return Ok(()) };
    let Some(vm) = vm else {
        let (tied, all) = ties.unnumbered();
        if let [first, rest @ ..] = &tied[..] {
            let only = rest.is_empty() && all;
            let who = if only {
                "The machine"
            } else {
                "This is for a machine that is made in this run. One of those"
            };
            warn(who, first, mobility, argument, plan);
        }
        return Ok(());
    };
    let tied = match ties.of(vm) {
        Some(planned) => planned,
        None => present(cx, &pve, vm).await?,
    };
    ties.moved(vm, mobility, tied.is_some());
    if let Some(tied) = tied {
        warn(&format!("VM {vm}"), &tied, mobility, argument, plan);
    }
    Ok(())
}

fn warn<M: SchemaModel>(who: &str, tied: &Tied, mobility: Mobility, argument: &str, plan: &mut Plan<'_, M>) {
    let detail = format!("{who} {}: {}. {ADVICE}", tied.told(), mobility.reason());
    plan.warn(argument, TIES, detail);
}

/// The disks that a machine has now and that tie it.
async fn present(cx: &Cx, pve: &Pve, vm: VmId) -> Result<Option<Tied>> {
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, "list what is in the cluster")?;
    let Some(guest) = cluster.guest(vm) else { return Ok(None) };
    let at = VmAddress::new(guest.node.clone(), vm);
    let config = if_there(pve.vm_config(&at).await);
    // Whoever may not look is not blamed.
    let Ok(Some(config)) = config else { return Ok(None) };
    let mut names = Vec::new();
    for id in user::present(cx, pve, &at, &config).await?.into_values() {
        let found = user::find(cx, pve, &id).await?;
        names.extend(found.filter(|holder| ties(&cluster, holder)).map(|holder| holder.record.name));
    }
    Ok(Some(names).filter(|names| !names.is_empty()).map(Tied::By))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, ties: bool) -> NewDisk {
        NewDisk {
            name: name.to_owned(),
            node: "pve1".parse().ok(),
            tier: None,
            referred_on: None,
            is_given: false,
            ties,
        }
    }

    #[test]
    fn a_machine_uses_one_of_the_new_disks_that_its_node_sees() {
        let ties = Ties::default();
        assert_eq!(among(&ties.new_disks(None)), None);
        ties.disk(disk("pg", true));
        let here = "pve1".parse().ok();
        assert_eq!(among(&ties.new_disks(here.as_ref())), Some(Tied::ByOneOf(vec!["pg".to_owned()])));
        let elsewhere = "pve2".parse().ok();
        assert_eq!(among(&ties.new_disks(elsewhere.as_ref())), None);
        ties.disk(disk("files", false));
        assert_eq!(among(&ties.new_disks(here.as_ref())), Some(Tied::Maybe(vec!["pg".to_owned()])));
        ties.disk(disk("pg", false));
        assert_eq!(among(&ties.new_disks(None)), None, "the last plan counts");
    }

    #[test]
    fn more_slots_than_new_disks_mean_one_twice() {
        let ties = Ties::default();
        assert_eq!(ties.claim_new("a", 2), None, "nothing is known of them");
        let ties = Ties::default();
        ties.disk(disk("pg", false));
        assert_eq!(ties.claim_new("a", 1), None);
        assert_eq!(ties.claim_new("a", 1), None, "it was planned again, to be replaced");
        assert_eq!(ties.claim_new("b", 1), Some((2, 1)));
        ties.disk(disk("pg", false));
        assert_eq!(ties.claim_new("b", 1), None, "maybe another disk of that name");
    }

    #[test]
    fn whoever_is_planned_last_tells_of_it_once() {
        let vm = |id| VmId::new(id).unwrap();
        let (ties, tied) = (Ties::default(), Some(Tied::By(vec!["pg".to_owned()])));
        ties.moved(vm(500), Mobility::HighAvailability, false);
        ties.moved(vm(500), Mobility::Replication, true);
        assert_eq!(ties.machine(Some(vm(500)), tied.clone()), [Mobility::HighAvailability]);
        assert_eq!(ties.machine(Some(vm(501)), None), []);
        assert_eq!((ties.of(vm(500)), ties.of(vm(501)), ties.of(vm(502))), (Some(tied), Some(None), None));
        assert_eq!(ties.unnumbered(), (vec![], true));
        ties.machine(None, None);
        assert!(!ties.unnumbered().1);
    }
}
