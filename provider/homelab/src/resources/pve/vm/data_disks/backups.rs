//! Whether backups include the machine's own disks, while it has data disks and without.

use pve_client::{Drive, Error as PveError, Params, VmConfig};
use tf_framework::prelude::*;

use super::ATTEMPTS;
use crate::cx::Cx;
use crate::resources::pve::vm::machine::Machine;
use crate::resources::pve::vm::model::Vm;
use crate::resources::pve::vm::{disk, ownership, slot};

/// How far the machine's backups were changed for the sake of data disks; kept beside the state until they are changed
/// back.
pub(super) const FOLLOWED: &str = "data_disk_backups";
pub(super) const BEGUN: &str = "begun";
pub(super) const DONE: &str = "done";

pub(super) fn is_followed(cx: &Cx) -> bool {
    cx.operation().private(FOLLOWED).is_some()
}

/// Slots of disks for which the configuration says itself whether backups include them; kept beside the state, which has
/// a value for every disk.
const NAMED: &str = "named_backups";

fn named(cx: &Cx) -> BTreeSet<String> {
    let noted = cx.operation().private(NAMED);
    let slots = noted.as_ref().and_then(serde_json::Value::as_array).into_iter().flatten();
    slots.filter_map(|slot| slot.as_str().map(str::to_owned)).collect()
}

fn note_named(cx: &Cx, slots: &BTreeSet<String>) {
    let noted = if slots.is_empty() { serde_json::Value::Null } else { slots.iter().cloned().collect() };
    cx.operation().set_private(NAMED, noted);
}

/// Whether a data disk comes into backups or leaves them in this run while the machine has it.
fn is_flipped(cx: &Cx) -> bool {
    let vm = ownership::vm_id(cx.operation());
    vm.zip(cx.ties()).is_some_and(|(vm, ties)| ties.is_flipped(vm))
}

fn has_none(vm: &Value) -> bool {
    let disks = vm.attribute("data_disks");
    !disks.is_unknown() && disks.as_entries().is_none_or(BTreeMap::is_empty)
}

/// Plans what the configuration does not say. A disk that is there stays as it is, until data disks come or go; one that is
/// named no more is included again.
pub(in crate::resources::pve::vm) fn plan(cx: &Cx, before: Option<&Value>, plan: &mut Plan<'_, Vm>) {
    let follows = match before {
        Some(before) => {
            mend(cx, before, plan)
                || is_flipped(cx)
                || before.attribute("data_disks") != plan.planned.attribute("data_disks")
        }
        None => !has_none(plan.planned),
    };
    let (was_named, mut is_named) = (named(cx), BTreeSet::new());
    let (alone, after) = (has_none(plan.planned), plan.planned.clone());
    let is_clone = !plan.config.attribute("clone").is_null();
    for slot in after.attribute("disks").as_entries().into_iter().flatten().map(|(slot, _)| slot) {
        let path = Path::from("disks").key(slot).then("backup");
        if !plan.config.at(&path).is_null() {
            is_named.insert(slot.clone());
            continue;
        }
        let had = before.map_or(&Value::Null, |before| before.at(&path));
        let is_new = had.is_null();
        let planned = match (follows, is_new || was_named.contains(slot)) {
            (false, false) => continue,
            (false, true) if alone && !(is_new && is_clone) => Value::Bool(true),
            _ => Value::Unknown,
        };
        if planned != *after.at(&path) {
            plan.set(path, planned);
            if before.is_some() {
                // The framework has not seen this change.
                plan.mark_unknown("pending_changes");
            }
        }
    }
    note_named(cx, &is_named);
}

/// Plans an apply for a machine whose disks an earlier one attached or detached without coming to the backups. Says whether
/// it does.
fn mend(cx: &Cx, before: &Value, plan: &mut Plan<'_, Vm>) -> bool {
    let is_empty = |vm: &Value| vm.attribute("data_disks").as_entries().is_none_or(BTreeMap::is_empty);
    let has_begun = cx.operation().private(FOLLOWED) == Some(BEGUN.into());
    let detail = match (is_empty(before), is_empty(plan.planned)) {
        (true, true) if is_followed(cx) => {
            "An apply that took the last data disk from this machine went no further. This one takes the machine out of \
             the backups of that disk's tier, and puts its own disks into its backups again."
        }
        (false, false) if has_begun => {
            "An apply that attached data disks to this machine went no further. This one sees to it that backups include \
             what they have to, and leave out the machine's other disks unless their `backup` is `true`."
        }
        _ => return false,
    };
    plan.mark_unknown("pending_changes");
    plan.warn("data_disks", "Backups are mended", detail);
    true
}

impl Machine<'_> {
    /// Takes the machine's own disks out of its backups while a tier's job takes them, and puts them back afterwards.
    /// Disks for which the configuration says itself whether backups include them stay as they are.
    pub(super) async fn leave_others_out(&self, want: &Vm, out: bool) -> Result<()> {
        let named = named(self.cx);
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            let current = self.config().await?;
            let set = others(&current, want, &named, out);
            if set.is_empty() {
                return Ok(());
            }
            let digest = current.digest.as_deref();
            match self.pve.patiently(|| self.pve.set_vm_config(&self.at, set.clone(), &[], digest)).await {
                Ok(()) => return Ok(()),
                Err(error @ (PveError::Conflict { .. } | PveError::MaybeApplied { .. })) => {
                    failed = Some(error)
                }
                Err(error) => return self.explain(Err(error), "configure"),
            }
        }
        self.explain(failed.map_or(Ok(()), Err), "configure")
    }
}

/// The changes of the machine's own disks.
fn others(current: &VmConfig, want: &Vm, named: &BTreeSet<String>, out: bool) -> Params {
    let mut set = Params::new();
    for key in current.values.keys().filter(|key| slot::is_disk(key)) {
        let is_data = want.data_disks.as_ref().is_some_and(|disks| disks.contains_key(key));
        let Some(drive) = disk::in_slot(current, key).filter(|_| !is_data && !named.contains(key)) else {
            continue;
        };
        if let Some(changed) = included(drive, !out) {
            set.push(key, changed);
        }
    }
    set
}

/// The drive as one that backups include or leave out; nothing when it is one already.
fn included(mut drive: Drive, included: bool) -> Option<Drive> {
    if drive.options.truth("backup").unwrap_or(true) == included {
        return None;
    }
    drive.options.set("backup", (!included).then_some(0));
    Some(drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(values: &[(&str, &str)]) -> VmConfig {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        VmConfig { values, digest: None }
    }

    #[test]
    fn own_disks_leave_the_backups_of_a_tier_unless_the_configuration_asks_for_them() {
        let current = config(&[
            ("scsi0", "a:vm-102-disk-0,size=1G"),
            ("scsi1", "a:vm-901-disk-0,backup=1,size=1G"),
            ("ide2", "none,media=cdrom"),
        ]);
        let mut want = Vm::nothing("pve1".parse().unwrap());
        want.data_disks = Some([("scsi1".to_owned(), "901-3f9a0c1b2d4e".parse().unwrap())].into());
        let set = others(&current, &want, &BTreeSet::new(), true);
        assert_eq!(set.iter().collect::<Vec<_>>(), [("scsi0", "a:vm-102-disk-0,backup=0,size=1G")]);
        assert!(others(&current, &want, &BTreeSet::new(), false).is_empty());
        let left_out = config(&[("scsi0", "a:vm-102-disk-0,backup=0,size=1G")]);
        let back = others(&left_out, &want, &BTreeSet::new(), false);
        assert_eq!(back.value("scsi0"), Some("a:vm-102-disk-0,size=1G"));
        assert!(others(&current, &want, &BTreeSet::from(["scsi0".to_owned()]), true).is_empty());
    }
}
