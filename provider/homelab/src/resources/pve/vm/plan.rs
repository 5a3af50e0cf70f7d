//! What a plan says beyond the schema: what becomes known only later, what cannot work, and what the change costs.

use pve_client::VmId;
use tf_framework::prelude::*;

use super::model::Vm;
use super::placement::Placement;
use super::{
    assumed, availability, data_disks, fit, foresight, lookups, placement, privileges, references, seed,
    unfinished, volumes, wait_for, wishes,
};
use crate::cx::Cx;
use crate::memory::Expected;

/// Devices whose coming and going changes the order of booting.
const BOOT_DEVICES: [&str; 6] = ["disks", "cdroms", "networks", "pci_devices", "usb_devices", "cloud_init"];

/// See [`super::Vm`].
pub(super) async fn plan(cx: &Cx, plan: &mut Plan<'_, Vm>) -> Result<()> {
    if plan.is_destroy() {
        foresight::destroy(plan);
        availability::destroy(cx, plan).await?;
        return privileges::check(cx, &Placement::default(), false, plan).await;
    }
    power(plan);
    let wanted = data_disks::planned(plan.planned);
    let before = plan.prior.as_ref().map(|prior| data_disks::without_adopted(prior, &wanted).encode());
    assumed::plan(before.as_ref(), plan);
    let kept_from = match &before {
        Some(before) => availability::power(cx, before, plan).await?,
        None => None,
    };
    let placement = placement::plan(cx, before.as_ref(), plan).await?;
    let mut restarts = seed::plan::plan(cx, before.as_ref(), &placement, plan).await?;
    if let Some(before) = &before {
        leave_unknown(before, placement.moves, plan);
        if plan.prior.as_ref().is_some_and(Vm::is_template)
            && plan.planned.attribute("template").as_bool() == Some(false)
        {
            plan.require_replace("template");
        }
        restarts |= foresight::change(before, plan);
        restarts |= unfinished::check(cx, plan);
        // The framework has not seen this change.
        if plan.planned.attribute("started") != before.attribute("started") {
            plan.mark_unknown("pending_changes");
        }
    }
    fit::check(cx, before.as_ref(), plan).await?;
    wait_for::plan(before.as_ref(), restarts, plan);
    data_disks::plan(cx, before.as_ref(), plan).await?;
    volumes::check(cx, before.as_ref(), &placement, plan).await?;
    super::new_machine::plan(before.as_ref(), plan);
    super::boot_order::plan(before.as_ref(), plan);
    super::inherited::plan(cx, before.as_ref(), plan).await?;
    super::cpu_model::check(cx, before.as_ref(), &placement, plan).await;
    super::storages::check(cx, before.as_ref(), &placement, plan).await?;
    super::left_behind::plan(cx, before.as_ref(), &placement, plan).await?;
    super::root_only::plan(cx, before.as_ref(), plan);
    super::passthrough::plan(cx, before.as_ref(), &placement, plan).await?;
    let is_carried = lookups::check(cx, before.as_ref(), &placement, plan).await?;
    references::check(cx, before.as_ref(), &placement, plan).await?;
    if before.is_none()
        && let Some(id) = plan.planned.attribute("vm_id").as_number().and_then(Number::to_i64)
        && let Ok(id) = VmId::try_from(id)
    {
        if cx.expects(&Expected::Vm(id)) {
            plan.push(planned_twice(id));
        }
        cx.expect(Expected::Vm(id));
    }
    wishes::plan(cx, kept_from, plan);
    let placement = Placement { moves: placement.moves || is_carried, ..placement };
    privileges::check(cx, &placement, restarts, plan).await
}

/// Plans whether the machine runs, when the configuration does not say.
fn power(plan: &mut Plan<'_, Vm>) {
    if !plan.config.attribute("started").is_null() {
        return;
    }
    match plan.planned.attribute("template").as_bool() {
        Some(template) => plan.set("started", !template),
        None => plan.mark_unknown("started"),
    }
}

/// The warning for the second of two machines with one ID. A plugin that is kept running plans the same machine twice, so it
/// is not an error.
fn planned_twice(id: VmId) -> Diagnostic {
    Diagnostic::warning(
        "VM ID is planned twice",
        format!("Another machine with the ID {id} is planned already, and only one can have it. Give this one another ID, or none: \
                 then it gets a free one."),
    )
    .at("vm_id")
}

/// The message for a machine to clone that is not there.
pub(super) fn no_template(id: VmId) -> Diagnostic {
    Diagnostic::error(
        "Template does not exist",
        format!(
            "There is no VM {id} to clone on any node that is up and that this login may see. Check the ID, and that \
             the login has the privilege VM.Audit for it."
        ),
    )
    .at("clone.vm_id")
}

/// The error for a name or a tag that no template has.
pub(super) fn no_such_template(clone: &super::clone::Clone) -> Error {
    Error::new(
        "Template does not exist",
        format!(
            "{} Check it, and that the login has the privilege VM.Audit for the template: Proxmox VE hides machines \
             silently. If this configuration makes the template, name it by `clone.vm_id`, which waits for it.",
            clone.nothing_found()
        ),
    )
    .at(clone.argument())
}

fn keys(map: &Value) -> Vec<&String> {
    map.as_entries().into_iter().flatten().map(|(key, _)| key).collect()
}

/// Marks what an update makes known only afterwards.
fn leave_unknown(before: &Value, moves: bool, plan: &mut Plan<'_, Vm>) {
    let after = plan.planned.clone();
    let devices_change = BOOT_DEVICES.iter().any(|map| match *map {
        "cloud_init" => {
            let slot = |vm: &Value| vm.attribute("cloud_init").attribute("slot").clone();
            slot(before) != slot(&after)
        }
        map => keys(before.attribute(map)) != keys(after.attribute(map)),
    });
    if devices_change && plan.config.attribute("boot_order").is_null() {
        plan.mark_unknown("boot_order");
    }
    // Templates rename their volumes, and so may a move to another node.
    let renamed = moves || before.attribute("template") != after.attribute("template");
    for (slot, disk) in after.attribute("disks").as_entries().into_iter().flatten() {
        let path = Path::from("disks").key(slot);
        volume(plan, &path, before.at(&path), disk, &["storage_name", "format"], renamed);
    }
    for (name, identity) in [
        ("efi_disk", &["storage_name", "format", "type", "pre_enrolled_keys"][..]),
        ("tpm_state", &["storage_name", "version"][..]),
    ] {
        let path = Path::from(name);
        volume(plan, &path, before.attribute(name), after.attribute(name), identity, renamed);
    }
}

/// A volume that is moved, converted or made anew has another ID, and maybe another format.
fn volume(
    plan: &mut Plan<'_, Vm>,
    path: &Path,
    before: &Value,
    after: &Value,
    identity: &[&str],
    renamed: bool,
) {
    if !before.is_set() || !after.is_set() {
        return;
    }
    let changed = |name: &&&str| before.attribute(name) != after.attribute(name);
    let changes = identity.iter().any(|name| changed(&name));
    if changes || renamed {
        plan.mark_unknown(path.then("volume_id"));
    }
    let has_format = !after.attribute("format").is_null();
    if changes && has_format && plan.config.at(path).attribute("format").is_null() {
        plan.mark_unknown(path.then("format"));
    }
}
