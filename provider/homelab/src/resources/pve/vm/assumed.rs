//! Settings that Proxmox VE assumes, or wants to be told, where a configuration says no more than that there is the device.
//!
//! They are in the plan and in the state, so that an import, which finds them, plans nothing.

use tf_framework::prelude::*;

use super::model::Vm;
use super::{config, cpu, display, extras};

/// Device, setting, and what is assumed.
fn assumed() -> [(&'static str, &'static str, Value); 4] {
    let text = |value: &str| Value::String(value.to_owned());
    [
        ("agent", "enabled", Value::Bool(false)),
        ("cpu", "type", text(cpu::DEFAULT_TYPE)),
        ("display", "type", text(display::STANDARD)),
        ("watchdog", "model", text(extras::WATCHDOG_MODEL)),
    ]
}

/// Plans them. What a clone has from its template stays.
pub(super) fn plan(before: Option<&Value>, plan: &mut Plan<'_, Vm>) {
    let is_clone = !plan.config.attribute("clone").is_null();
    for (device, setting, value) in assumed() {
        let path = Path::from(device).then(setting);
        if !plan.planned.attribute(device).is_set() || !plan.config.at(&path).is_null() {
            continue;
        }
        let had = before.map_or(&Value::Null, |before| before.at(&path));
        match is_clone {
            true if had.is_set() => plan.set(path, had.clone()),
            true => plan.mark_unknown(path),
            false => plan.set(path, value),
        }
    }
    let Some(before) = before else { return };
    let changes = |(device, setting, _): (&str, &str, Value)| {
        let path = Path::from(device).then(setting);
        plan.planned.at(&path) != before.at(&path)
    };
    if assumed().into_iter().any(changes) {
        // The framework has not seen this change.
        plan.mark_unknown("pending_changes");
    }
    spelling(before, plan);
}

/// Plans what Proxmox VE spells in its own way as the state has it, if only the spelling differs.
fn spelling(before: &Value, plan: &mut Plan<'_, Vm>) {
    let mut respelled = false;
    for (path, same) in [
        ("tags", same_tags as fn(&Value, &Value) -> bool),
        ("machine", same_type),
        ("cloud_init.ssh_keys", same_keys),
    ] {
        let path = Path::from(path);
        let (had, wanted) = (before.at(&path), plan.planned.at(&path));
        if had != wanted && had.is_set() && wanted.is_set() && same(had, wanted) {
            plan.set(path, had.clone());
            respelled = true;
        }
    }
    if respelled {
        unless_changed(before, plan);
    }
}

/// Proxmox VE makes tags lower case.
fn same_tags(had: &Value, wanted: &Value) -> bool {
    same_set(had, wanted, str::to_ascii_lowercase)
}

/// The end of a file's line is no part of a key.
fn same_keys(had: &Value, wanted: &Value) -> bool {
    same_set(had, wanted, |key| key.trim().to_owned())
}

fn same_set(had: &Value, wanted: &Value, spelt: fn(&str) -> String) -> bool {
    let spell = |texts: &Value| {
        let texts = texts.as_elements()?.iter().map(|text| text.as_str().map(spelt));
        texts.collect::<Option<BTreeSet<String>>>()
    };
    spell(had).is_some_and(|texts| spell(wanted) == Some(texts))
}

/// It pins the version of the type for a guest that runs Windows.
fn same_type(had: &Value, wanted: &Value) -> bool {
    had.as_str().zip(wanted.as_str()).is_some_and(|(had, wanted)| config::same_machine(wanted, had))
}

/// What an update would make known only afterwards stays as it is, if there is none after all.
pub(super) fn unless_changed(before: &Value, plan: &mut Plan<'_, Vm>) {
    let filled = |plan: &Plan<'_, Vm>, name: &str| {
        plan.planned.attribute(name).is_unknown() && plan.config.attribute(name).is_null()
    };
    let entries = || before.as_entries().into_iter().flatten();
    if entries().all(|(name, old)| plan.planned.attribute(name) == old || filled(plan, name)) {
        for (name, old) in entries() {
            plan.set(name.as_str(), old.clone());
        }
    }
}
