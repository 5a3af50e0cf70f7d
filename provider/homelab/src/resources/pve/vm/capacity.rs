//! Whether a node has room for a machine: its processors, its memory and the storages of its disks, told with numbers.

use std::sync::{Mutex, PoisonError};

use pve_client::{Cluster, Guest, NodeName};
use tf_framework::prelude::*;

use super::model::Vm;
use super::{ownership, placement};
use crate::cx::Cx;
use crate::resources::pve::data_disk::DataDisk;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Memory that Proxmox VE gives to a machine that does not say, in MiB.
const DEFAULT_MEMORY_MIB: u64 = 512;

/// What the plans of this run ask for, so that machines that fit one by one are told when they do not fit together.
#[derive(Debug, Default)]
pub(crate) struct Planned(Mutex<BTreeMap<Who, Wish>>);

/// A machine of a plan: its number, if it has one, and its name.
type Who = (Option<u32>, String);

/// What a machine asks for.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wish {
    node: String,
    /// Bytes that it has when it runs.
    memory: u64,
    /// Bytes that are new to the node.
    more_memory: u64,
    /// Processors that it has when it runs, if they are more than before; otherwise none.
    processors: u64,
    /// Bytes that are new to each storage.
    storages: BTreeMap<String, u64>,
}

impl Planned {
    /// Notes a wish and answers those of others.
    fn note(&self, who: &Who, wish: &Wish) -> BTreeMap<Who, Wish> {
        let mut planned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others = planned.iter().filter(|(other, _)| *other != who);
        let others = others.map(|(who, wish)| (who.clone(), wish.clone())).collect();
        // A machine with neither cannot be told from its like when it is planned again.
        if who.0.is_some() || !who.1.is_empty() {
            planned.insert(who.clone(), wish.clone());
        }
        others
    }
}

/// Whether a wish is that of a guest.
fn is_of((id, name): &Who, guest: &Guest) -> bool {
    *id == Some(guest.id.number()) || guest.name.as_ref() == Some(name)
}

fn number(vm: &Value, path: impl Into<Path>) -> Option<u64> {
    vm.at(&path.into()).as_number().and_then(Number::to_i64).and_then(|number| u64::try_from(number).ok())
}

/// Memory of a machine that runs; nothing where only its template knows.
fn memory(vm: &Value) -> u64 {
    let known = number(vm, "memory.size_mib");
    let is_new = vm.attribute("clone").is_null() && !vm.at(&"memory.size_mib".into()).is_unknown();
    known.or(is_new.then_some(DEFAULT_MEMORY_MIB)).unwrap_or(0) * MIB
}

/// Processors of a machine that runs; one where only its template knows.
fn processors(vm: &Value) -> u64 {
    number(vm, "cpu.cores").unwrap_or(1) * number(vm, "cpu.sockets").unwrap_or(1)
}

/// What a change adds: memory on the node, and bytes on storages.
fn wish(before: Option<&Value>, after: &Value, moves: bool, node: &NodeName) -> Wish {
    let mut wish = Wish { node: node.to_string(), ..Wish::default() };
    let runs = |vm: &Value| vm.attribute("started").as_bool() != Some(false);
    if runs(after) {
        let has = before.filter(|before| runs(before) && !moves).map_or(0, memory);
        wish.memory = memory(after);
        wish.more_memory = wish.memory.saturating_sub(has);
        let had = before.filter(|before| runs(before) && !moves).map_or(0, processors);
        wish.processors = Some(processors(after)).filter(|now| *now > had).unwrap_or(0);
    }
    for (slot, disk) in after.attribute("disks").as_entries().into_iter().flatten() {
        let (Some(storage), Some(size)) = (disk.attribute("storage_name").as_str(), number(disk, "size_gib"))
        else {
            continue;
        };
        let old = before.map_or(&Value::Null, |before| before.at(&Path::from("disks").key(slot)));
        let stays = old.attribute("storage_name").as_str() == Some(storage);
        let has = if stays { number(old, "size_gib").unwrap_or(0) } else { 0 };
        let added = size.saturating_sub(has);
        if added > 0 {
            *wish.storages.entry(storage.to_owned()).or_default() += added * GIB;
        }
    }
    wish
}

/// Whether a change asks for more than the machine has.
pub(super) fn asks(before: Option<&Value>, after: &Value, node: &NodeName) -> bool {
    let wish = wish(before, after, false, node);
    wish.more_memory > 0 || wish.processors > 0 || !wish.storages.is_empty()
}

/// Tells what will not fit.
pub(super) fn check(
    cx: &Cx,
    cluster: &Cluster,
    placement: &placement::Placement,
    before: Option<&Value>,
    plan: &mut Plan<'_, Vm>,
) {
    let Some(node) = &placement.node else { return };
    let after = plan.planned.clone();
    let wish = wish(before, &after, placement.moves, node);
    let name = after.attribute("name").as_str().unwrap_or_default().to_owned();
    let id = ownership::vm_id(cx.operation()).map(pve_client::VmId::number);
    let id = id.or_else(|| number(&after, "vm_id").and_then(|id| u32::try_from(id).ok()));
    let others = cx.capacity().map(|planned| planned.note(&(id, name), &wish)).unwrap_or_default();
    let room = Room { cluster, node, others: &others };
    room.check_processors(wish.processors, plan);
    if wish.more_memory > 0 {
        room.check_memory(id, wish.memory, plan);
    }
    for (storage, asked) in &wish.storages {
        room.check_storage(storage, *asked, "disks", "machine", plan);
    }
}

/// Tells when the storage of a data disk does not have the bytes that are new to it, beside what others of this run ask of
/// it. A disk is known by the name of its holder.
pub(in crate::resources::pve) fn check_data_disk(
    cx: &Cx,
    cluster: &Cluster,
    holder: String,
    node: &NodeName,
    (storage, bytes): (&str, u64),
    plan: &mut Plan<'_, DataDisk>,
) {
    let storages = BTreeMap::from([(storage.to_owned(), bytes)]);
    let wish = Wish { node: node.to_string(), storages, ..Wish::default() };
    let others = cx.capacity().map(|planned| planned.note(&(None, holder), &wish)).unwrap_or_default();
    let argument = if plan.is_create() { "storage_name" } else { "size_gib" };
    Room { cluster, node, others: &others }.check_storage(storage, bytes, argument, "data disk", plan);
}

fn gib(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10 + u128::from(GIB) / 2) / u128::from(GIB);
    if tenths % 10 == 0 {
        format!("{} GiB", tenths / 10)
    } else {
        format!("{}.{} GiB", tenths / 10, tenths % 10)
    }
}

/// A node, and what the other machines of this run want of it.
struct Room<'a> {
    cluster: &'a Cluster,
    node: &'a NodeName,
    others: &'a BTreeMap<Who, Wish>,
}

impl Room<'_> {
    /// The wishes of machines that the cluster does not show yet.
    fn new_ones(&self) -> impl Iterator<Item = &Wish> {
        let there = |who: &Who| self.cluster.guests.iter().any(|guest| is_of(who, guest));
        self.others.iter().filter(move |(who, _)| !there(who)).map(|(_, wish)| wish)
    }

    /// Memory of each other guest that runs on the node, once the plans of this run are applied.
    fn running(&self, id: Option<u32>) -> Vec<u64> {
        let here = self.cluster.guests.iter().filter(|guest| {
            guest.node == *self.node && guest.status == "running" && Some(guest.id.number()) != id
        });
        let memory = |guest: &Guest| {
            let planned = self.others.iter().find(|(who, _)| is_of(who, guest));
            guest.memory_bytes.max(planned.map(|(_, wish)| wish.memory))
        };
        here.filter_map(memory).collect()
    }

    fn check_processors(&self, ours: u64, plan: &mut Plan<'_, Vm>) {
        let found = self.cluster.nodes.iter().find(|found| found.name == *self.node);
        let Some(there) = found.and_then(|found| found.processors).filter(|there| *there < ours) else {
            return;
        };
        plan.warn(
            "cpu",
            "Node has fewer processors",
            format!(
                "Node {:?} has {there} processors, and this machine gets {ours}. Proxmox VE does not start a machine that \
                 has more than its node. Lower `cores` or `sockets`, or choose another node.",
                self.node.as_str(),
            ),
        );
    }

    fn check_memory(&self, id: Option<u32>, ours: u64, plan: &mut Plan<'_, Vm>) {
        let found = self.cluster.nodes.iter().find(|found| found.name == *self.node);
        let Some(total) = found.and_then(|found| found.memory_bytes) else { return };
        let running = self.running(id);
        let used: u64 = running.iter().sum();
        let new = self.new_ones().filter(|other| other.node == self.node.as_str());
        let planned: u64 = new.map(|other| other.memory).sum();
        if used + planned + ours <= total {
            return;
        }
        let sum = match (running.len(), planned) {
            (0, 0) => format!("This machine gets {}", gib(ours)),
            (0, _) => format!(
                "Other new machines of this plan get {}, and this machine gets {}",
                gib(planned),
                gib(ours)
            ),
            (1, 0) => format!(
                "The other guest that runs there has {}, and this machine gets {}",
                gib(used),
                gib(ours)
            ),
            (count, 0) => {
                format!(
                    "The {count} other guests that run there have {}, and this machine gets {}",
                    gib(used),
                    gib(ours)
                )
            }
            (_, _) => format!(
                "Guests that run there have {}, other new machines of this plan get {}, and this machine gets {}",
                gib(used),
                gib(planned),
                gib(ours)
            ),
        };
        let together = match used + planned {
            0 => String::new(),
            others => format!(": together {}", gib(others + ours)),
        };
        let path = if plan.config.attribute("memory").is_set() { "memory.size_mib" } else { "memory" };
        plan.warn(
            path,
            "Node is short of memory",
            format!(
                "Node {:?} has {}. {sum}{together}. Without enough memory it does not start, or the node ends processes. \
                 Choose another node, or give less.",
                self.node.as_str(),
                gib(total),
            ),
        );
    }

    fn check_storage<M: SchemaModel>(
        &self,
        storage: &str,
        asked: u64,
        argument: &str,
        who: &str,
        plan: &mut Plan<'_, M>,
    ) {
        let mut here = self.cluster.storages.iter().filter(|found| found.node == *self.node);
        let Some(found) = here.find(|found| found.name.as_str() == storage) else { return };
        let (Some(total), Some(free)) = (found.total_bytes, found.free_bytes) else { return };
        let new = self.new_ones().filter(|other| found.shared || other.node == self.node.as_str());
        let planned: u64 = new.filter_map(|other| other.storages.get(storage)).sum();
        if planned + asked <= free {
            return;
        }
        let more = match planned {
            0 => String::new(),
            planned => format!(", and what else this plan makes for {}", gib(planned)),
        };
        plan.warn(
            argument,
            "Storage is short of space",
            format!(
                "The storage {storage:?} on node {:?} has {} free of {}. This {who} asks for {} more{more}. A storage \
                 that hands out space only when it is written may take it, and machines stop when it is full. Free space, \
                 or choose another storage.",
                self.node.as_str(),
                gib(free),
                gib(total),
                gib(asked),
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn vm(json: serde_json::Value) -> Value {
        Value::from_json(&json, &Vm::schema().ty()).unwrap()
    }

    #[test]
    fn a_change_asks_for_what_it_adds() {
        use serde_json::json;
        let node: NodeName = "pve1".parse().unwrap();
        let disk = |storage: &str, size: u32| json!({"storage_name": storage, "size_gib": size});
        let new = vm(
            json!({"memory": {"size_mib": 1024}, "disks": {"scsi0": disk("a", 2), "scsi1": disk("a", 3)}}),
        );
        let asked = wish(None, &new, false, &node);
        assert_eq!((asked.more_memory, asked.storages["a"]), (1024 * MIB, 5 * GIB));
        let wider = vm(
            json!({"memory": {"size_mib": 1024}, "cpu": {"cores": 4, "sockets": 2}, "disks": {"scsi0": disk("a", 2), "scsi1": disk("a", 3)}}),
        );
        assert_eq!(
            [
                wish(Some(&new), &wider, false, &node).processors,
                wish(Some(&wider), &new, false, &node).processors
            ],
            [8, 0]
        );
        assert!(!asks(Some(&new), &new, &node));
        let more = vm(
            json!({"memory": {"size_mib": 1536}, "disks": {"scsi0": disk("a", 4), "scsi1": disk("b", 3)}}),
        );
        let asked = wish(Some(&new), &more, false, &node);
        assert_eq!(
            (asked.more_memory, asked.storages["a"], asked.storages["b"]),
            (512 * MIB, 2 * GIB, 3 * GIB)
        );
        assert_eq!(wish(Some(&new), &new, true, &node).more_memory, 1024 * MIB);
        let off = vm(json!({"started": false, "memory": {"size_mib": 1024}}));
        assert_eq!(wish(None, &off, false, &node), Wish { node: "pve1".into(), ..Wish::default() });
    }

    #[test]
    fn machines_of_one_plan_count_together_until_they_are_there() {
        let planned = Planned::default();
        let wish = |memory: u64| Wish { node: "pve1".into(), memory, ..Wish::default() };
        let who = |id: Option<u32>, name: &str| (id, name.to_owned());
        assert!(planned.note(&who(None, "a"), &wish(7)).is_empty());
        assert_eq!(planned.note(&who(None, ""), &wish(1)).len(), 1);
        assert!(planned.note(&who(None, "a"), &wish(8)).is_empty());
        let others = planned.note(&who(Some(100), "b"), &wish(5));
        assert_eq!(others, [(who(None, "a"), wish(8))].into());
        let guest = |name: &str, memory_bytes: u64| Guest {
            id: pve_client::VmId::new(200).unwrap(),
            node: "pve1".parse().unwrap(),
            kind: pve_client::GuestKind::Vm,
            name: Some(name.into()),
            status: "running".into(),
            template: false,
            pool: None,
            tags: BTreeSet::new(),
            lock: None,
            ha_state: None,
            memory_bytes: Some(memory_bytes),
        };
        let node: NodeName = "pve1".parse().unwrap();
        let counted = |guest: Guest| {
            let cluster = Cluster { guests: Arc::new(vec![guest]), ..Cluster::default() };
            let room = Room { cluster: &cluster, node: &node, others: &others };
            (room.running(None), room.new_ones().count())
        };
        assert_eq!(counted(guest("other", 3)), (vec![3], 1));
        assert_eq!(counted(guest("a", 3)), (vec![8], 0));
        assert_eq!(counted(guest("a", 9)), (vec![9], 0));
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        assert_eq!([gib(3 * GIB), gib(GIB + GIB / 2), gib(0)], ["3 GiB", "1.5 GiB", "0 GiB"]);
    }
}
