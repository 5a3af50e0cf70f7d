//! Settings that Proxmox VE wants to fit together, as the machine will have them: with the defaults that apply, and with
//! what it loses.

use pve_client::{Guest, VmConfig};
use tf_framework::prelude::*;

use super::inherited::Question;
use super::memory::DEFAULT_MIB;
use super::model::Vm;
use super::{hotplug, ownership};
use crate::cx::Cx;
use crate::errors::Explain as _;

/// What memory has to have at least to be plugged in, in MiB (qemu-server 9.2, `Memory.pm`).
const LEAST_TO_PLUG: i64 = 1024;

/// A machine before and after, and where it comes from.
struct Machine<'a> {
    before: Option<&'a Value>,
    after: &'a Value,
}

impl<'a> Machine<'a> {
    /// A setting as it will be, with its default; nothing when only the machine itself, or its template, knows.
    fn will<T>(&self, path: &str, default: T, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let path = Path::from(path);
        match self.after.at(&path) {
            Value::Null if self.is_open(&path) => None,
            Value::Null => Some(default),
            value => read(value),
        }
    }

    /// Whether a setting without a value may have one all the same, because nobody named it.
    fn is_open(&self, path: &Path) -> bool {
        match self.before {
            Some(before) => before.at(path).is_null(),
            None => !self.after.attribute("clone").is_null(),
        }
    }

    fn has_entries(&self, map: &str) -> bool {
        self.after.attribute(map).as_entries().is_some_and(|entries| !entries.is_empty())
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_number().and_then(Number::to_i64)
}

/// Tells what does not fit.
pub(super) async fn check(cx: &Cx, before: Option<&Value>, plan: &mut Plan<'_, Vm>) -> Result<()> {
    let after = plan.planned.clone();
    let machine = Machine { before, after: &after };
    numa(&machine, plan);
    balloon(cx, &machine, plan).await
}

/// Where no argument says whether there is NUMA, the machine or its template knows.
pub(super) fn questions(before: Option<&Value>, after: &Value) -> Vec<Question> {
    let plugs = |vm: &Value| vm.attribute("hotplug").is_set() && hotplug::has(vm, "memory");
    let machine = Machine { before, after };
    let numa = Path::from("cpu.numa");
    let is_open = after.at(&numa).is_null() && machine.is_open(&numa);
    if !plugs(after) || !is_open || before.is_some_and(plugs) {
        return Vec::new();
    }
    vec![Box::new(|found| (found.value("numa") != Some("1")).then(without_numa))]
}

fn without_numa() -> Diagnostic {
    Diagnostic::error(
        "Missing NUMA",
        "Memory can be plugged only into a machine with NUMA, and this one has none. Set `cpu.numa` to `true`, or take out \
         `memory`.",
    )
    .at("hotplug")
}

/// What of the memory needs NUMA, which is off unless somebody switches it on. Where the configuration itself says that it
/// is off, validation has told.
fn numa(machine: &Machine<'_>, plan: &mut Plan<'_, Vm>) {
    let is_off = machine.will("cpu.numa", false, Value::as_bool) == Some(false)
        && !machine.after.at(&"cpu.numa".into()).is_set();
    let size = machine.will("memory.size_mib", i64::from(DEFAULT_MIB), whole);
    if machine.after.attribute("hotplug").is_set() && hotplug::has(machine.after, "memory") {
        if is_off {
            plan.push(without_numa());
        }
        if let Some(size) = size.filter(|size| *size < LEAST_TO_PLUG) {
            plan.error(
                "hotplug",
                "Memory is too small",
                format!(
                    "Proxmox VE does not start a machine that memory can be plugged into with less than {LEAST_TO_PLUG} MiB, \
                     and this one has {size}. Raise `memory.size_mib`, or take out `memory`."
                ),
            );
        }
    }
    let has_pages = machine.after.at(&"memory.hugepages".into()).is_set();
    if is_off && has_pages {
        plan.error(
            "memory.hugepages",
            "Missing NUMA",
            "A machine with huge pages does not start without NUMA, and this one has none. Set `cpu.numa` to `true`, or remove \
             `hugepages`.",
        );
    }
    if machine.has_entries("numa_nodes") {
        numa_nodes(machine, is_off, has_pages, plan);
    }
}

fn numa_nodes(machine: &Machine<'_>, is_off: bool, has_pages: bool, plan: &mut Plan<'_, Vm>) {
    if is_off {
        plan.error(
            "numa_nodes",
            "Missing NUMA",
            "The machine has NUMA nodes only with `cpu.numa`, which is not set. Set that to `true`, or remove `numa_nodes`.",
        );
        return;
    }
    let nodes = machine.after.attribute("numa_nodes").as_entries().into_iter().flatten();
    let mut total = Some(0);
    for (slot, node) in nodes {
        total = total.zip(whole(node.attribute("memory_mib"))).map(|(sum, mib)| sum + mib);
        if has_pages && node.attribute("host_node_ids").is_null() {
            plan.error(
                Path::from("numa_nodes").key(slot).then("host_node_ids"),
                "Missing argument",
                "Huge pages are taken from NUMA nodes of the host, so each node has to say from which. Set `host_node_ids` and \
                 `policy`, or remove `memory.hugepages`.",
            );
        }
    }
    let says = machine.after.at(&"memory.size_mib".into()).is_set();
    let size = machine.will("memory.size_mib", i64::from(DEFAULT_MIB), whole).filter(|_| !says);
    if let (Some(total), Some(size)) = (total, size)
        && total != size
    {
        plan.error(
            "numa_nodes",
            "Memory does not add up",
            format!(
                "The NUMA nodes have {total} MiB together, and the machine has {size}, because nothing says more. Set \
                 `memory.size_mib` to {total}."
            ),
        );
    }
}

/// The least memory is at most the size, whichever of the two the configuration names.
async fn balloon(cx: &Cx, machine: &Machine<'_>, plan: &mut Plan<'_, Vm>) -> Result<()> {
    let at = |path: &str| machine.after.at(&path.into());
    let (size, least) = (at("memory.size_mib"), at("memory.minimum_mib"));
    let unknown = size.is_unknown() || least.is_unknown();
    // Validation has seen the two together.
    if unknown || size.is_set() == least.is_set() {
        return Ok(());
    }
    let changes = machine.before.is_none_or(|before| {
        ["memory.size_mib", "memory.minimum_mib"].iter().any(|path| before.at(&(*path).into()) != at(path))
    });
    if !changes {
        return Ok(());
    }
    if let Some(least) = whole(least) {
        let size = match machine.will("memory.size_mib", i64::from(DEFAULT_MIB), whole) {
            None => found_size(cx, machine, plan).await?,
            size => size,
        };
        if let Some(size) = size.filter(|size| least > *size) {
            plan.error("memory.minimum_mib", "Minimum exceeds size", exceeds(least, size));
        }
        return Ok(());
    }
    let Some(size) = whole(size).filter(|_| machine.is_open(&"memory.minimum_mib".into())) else {
        return Ok(());
    };
    let found = found_size(cx, machine, plan).await?;
    // What is not lowered stays above the least memory, and nobody need look.
    if found.is_none_or(|found| size >= found) {
        return Ok(());
    }
    let Some(least) = found_least(cx, machine, plan).await?.filter(|least| *least > size) else {
        return Ok(());
    };
    plan.error(
        "memory.size_mib",
        "Minimum exceeds size",
        format!(
            "The machine has a least memory of {least} MiB, which this configuration does not name, and {size} MiB is less. Set \
             `minimum_mib` to {size} or less, or raise `size_mib`."
        ),
    );
    Ok(())
}

fn exceeds(least: i64, size: i64) -> String {
    format!(
        "The least memory, {least} MiB, is more than the size, {size} MiB, which nothing here raises. Lower `minimum_mib`, or \
         set `size_mib`."
    )
}

/// The machine as the cluster's list has it: itself, or what it is cloned from.
async fn listed(cx: &Cx, machine: &Machine<'_>, plan: &Plan<'_, Vm>) -> Result<Option<Guest>> {
    // Without a connection there is nothing to look at, and a plan needs none.
    let Ok(pve) = cx.pve() else { return Ok(None) };
    let id = match machine.before {
        Some(_) => ownership::vm_id(cx.operation()),
        None => whole(plan.planned.at(&"clone.vm_id".into())).and_then(|id| id.try_into().ok()),
    };
    let Some(id) = id else { return Ok(None) };
    let cluster = pve.cluster().await.explain::<Vm>(cx, "list what is in the cluster")?;
    Ok(cluster.guest(id).cloned())
}

async fn found_size(cx: &Cx, machine: &Machine<'_>, plan: &Plan<'_, Vm>) -> Result<Option<i64>> {
    let bytes = listed(cx, machine, plan).await?.and_then(|guest| guest.memory_bytes);
    Ok(bytes.and_then(|bytes| i64::try_from(bytes >> 20).ok()))
}

/// The least memory that the machine, or what it is cloned from, has.
async fn found_least(cx: &Cx, machine: &Machine<'_>, plan: &Plan<'_, Vm>) -> Result<Option<i64>> {
    let (Some(guest), Ok(pve)) = (listed(cx, machine, plan).await?, cx.pve()) else { return Ok(None) };
    let at = pve_client::VmAddress::new(guest.node.clone(), guest.id);
    // Whoever may not look is not blamed.
    let config: Option<VmConfig> = pve.vm_config(&at).await.ok();
    Ok(config.and_then(|config| config.value("balloon")?.parse().ok()))
}
