//! The life of a resource: created, changed step by step, imported, destroyed, and after each an empty plan.

use crate::workspace::with_each_cli;
use crate::{Lab, Workspace};

/// Lives a life with every CLI: each step is a whole configuration, a change of the one before. `import` names the
/// resources to forget and import again, by address and id.
pub fn live(steps: &[String], import: &[(&str, &str)], nothing_left: impl Fn(&Lab)) {
    live_in(&[], steps, import, nothing_left);
}

/// As [`live`], in a lab with further arguments.
pub fn live_in(lab: &[&str], steps: &[String], import: &[(&str, &str)], nothing_left: impl Fn(&Lab)) {
    with_each_cli(|cli| {
        let lab = Lab::with(lab);
        let workspace = Workspace::new(cli);
        for step in steps {
            workspace.configure(&lab.provider_block(), step);
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        for (address, id) in import {
            workspace.forget(address).ok();
            workspace.import(address, id).ok();
            workspace.plan_is_empty();
        }
        workspace.destroy().ok();
        nothing_left(&lab);
    });
}

/// The texts of one field of a list that the lab answers, in order.
pub fn names(lab: &Lab, path: &str, field: &str) -> Vec<String> {
    let found = lab.get(path);
    let mut names: Vec<String> = found["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row[field].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}
