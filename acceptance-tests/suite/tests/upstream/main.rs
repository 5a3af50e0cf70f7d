//! Every parameter that the upstream API takes is an argument of a resource, or is left out for a reason given here.
//!
//! It compares the documented schema, which another test holds against the running plugin, with the facts in
//! `acceptance-tests/spec/`.

mod rows;
mod vm;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};
use suite::process::root;

/// What a resource makes of the calls that write it.
struct Row {
    /// The resource, without `homelab_`.
    resource: &'static str,
    /// The calls that write it, as method and path.
    calls: &'static [(&'static str, &'static str)],
    /// Parameters that have another name in the schema: many of one kind are a map there.
    called: &'static [(&'static str, &'static [&'static str])],
    /// What is left out, by reason. Parts of a property string are named as `crs.ha`.
    left_out: &'static [(&'static str, &'static [&'static str])],
}

/// How any call is told what no resource has: they are the provider's own business.
const CONTROL: [&str; 2] = ["delete", "digest"];

/// Parameters by call.
type Calls = BTreeMap<(String, String), Map<String, Json>>;

struct Upstream {
    calls: Calls,
    formats: Json,
}

fn spec(file: &str) -> String {
    std::fs::read_to_string(root().join("acceptance-tests/spec").join(file)).expect("there are facts")
}

impl Upstream {
    fn load() -> Self {
        let mut calls = Calls::new();
        for line in spec("pve-api.jsonl").lines() {
            let call: Json = serde_json::from_str(line).expect("a line is JSON");
            if let (Some(path), Some(verb)) = (call["path"].as_str(), call["method"].as_str()) {
                let parameters = call["parameters"].as_object().cloned().unwrap_or_default();
                calls.insert((verb.to_owned(), path.to_owned()), parameters);
            }
        }
        let formats: Json = serde_json::from_str(&spec("pve-formats.json")).expect("formats are JSON");
        Self { calls, formats: formats["formats"].clone() }
    }

    /// The parts of a property string, aliases aside.
    fn parts(&self, parameter: &Json) -> Vec<String> {
        let format = match &parameter["format"] {
            Json::String(name) => &self.formats[name],
            format => format,
        };
        let parts = format.as_object().into_iter().flatten();
        parts.filter(|(_, part)| part["alias"].is_null()).map(|(name, _)| name.clone()).collect()
    }
}

/// Names of arguments on the wire, each with the names around it.
fn documented(attributes: &Json, around: &[String], found: &mut Vec<Vec<String>>) {
    for (name, attribute) in attributes.as_object().into_iter().flatten() {
        if name == "timeouts" {
            continue;
        }
        let wire = attribute["api_name"].as_str().unwrap_or(name);
        let path: Vec<String> = around.iter().cloned().chain([wire.to_owned()]).collect();
        documented(&attribute["attributes"], &path, found);
        found.push(path);
    }
}

/// Drives take nearly the same on every bus.
fn label(name: &str) -> &str {
    match name {
        "ide[n]" | "sata[n]" | "scsi[n]" | "virtio[n]" => "drive",
        other => other,
    }
}

/// What one resource has no argument for, and what it leaves out and has an argument for.
fn compare(row: &Row, upstream: &Upstream, attributes: &Json) -> BTreeSet<String> {
    let mut paths = Vec::new();
    documented(attributes, &[], &mut paths);
    let names: BTreeSet<&str> = paths.iter().filter_map(|path| Some(path.last()?.as_str())).collect();
    let mut left_out: BTreeSet<&str> = row.left_out.iter().flat_map(|(_, names)| *names).copied().collect();
    let mut wrong = BTreeSet::new();
    let listed = left_out.clone();
    let mut look = |name: &str, is_there: bool| match (listed.contains(name), is_there) {
        (false, false) => drop(wrong.insert(format!("{}: no argument for {name:?}", row.resource))),
        (true, true) => drop(wrong.insert(format!("{}: {name:?} is left out, and there", row.resource))),
        _ => {}
    };
    let mut seen = BTreeSet::new();
    for (verb, path) in row.calls {
        let parameters = upstream.calls.get(&((*verb).to_owned(), (*path).to_owned()));
        for (name, parameter) in parameters.unwrap_or_else(|| panic!("upstream has no {verb} {path}")) {
            if CONTROL.contains(&name.as_str()) {
                continue;
            }
            seen.insert(label(name).to_owned());
            let renamed = row.called.iter().find(|(wire, _)| wire == name);
            let own = [name.as_str()];
            let called: &[&str] = renamed.map_or(&own, |(_, called)| called);
            let is_there = called.iter().any(|name| names.contains(name));
            look(label(name), is_there);
            if !is_there {
                continue;
            }
            for part in upstream.parts(parameter) {
                let whole = format!("{}.{part}", label(name));
                seen.insert(whole.clone());
                let renamed = row.called.iter().find(|(wire, _)| *wire == whole);
                let inside = |path: &&Vec<String>| called.iter().any(|name| path.iter().any(|p| p == name));
                let is_part = paths.iter().filter(inside).any(|path| path.last() == Some(&part));
                look(
                    &whole,
                    is_part || renamed.is_some_and(|(_, to)| to.iter().any(|to| names.contains(to))),
                );
            }
        }
    }
    left_out.retain(|name| !seen.contains(*name));
    wrong.extend(left_out.iter().map(|name| format!("{}: upstream has no {name:?}", row.resource)));
    wrong
}

#[test]
fn every_parameter_is_an_argument_or_left_out_for_a_reason() {
    let text = std::fs::read_to_string(root().join("docs/schema.json")).expect("the schema is documented");
    let schema: Json = serde_json::from_str(&text).expect("the documented schema is JSON");
    let upstream = Upstream::load();
    let mut wrong = BTreeSet::new();
    for row in rows::ROWS.iter().chain([&vm::VM]) {
        let resource = &schema["resources"][format!("homelab_{}", row.resource)];
        assert!(resource.is_object(), "there is no {}", row.resource);
        wrong.extend(compare(row, &upstream, &resource["attributes"]));
    }
    assert!(
        wrong.is_empty(),
        "give these an argument, or a reason in tests/upstream:\n{}",
        Vec::from_iter(wrong).join("\n")
    );
}

#[test]
fn every_resource_of_proxmox_ve_is_compared() {
    let text = std::fs::read_to_string(root().join("docs/schema.json")).expect("the schema is documented");
    let schema: Json = serde_json::from_str(&text).expect("the documented schema is JSON");
    // These are made of several objects, each written as its own resource writes it.
    let composed = ["homelab_pve_data_disk", "homelab_backup_tier", "homelab_backup_schedule"];
    let compared: Vec<String> =
        rows::ROWS.iter().chain([&vm::VM]).map(|row| format!("homelab_{}", row.resource)).collect();
    let resources = schema["resources"].as_object().expect("it has resources");
    let missing: Vec<&String> = resources
        .keys()
        .filter(|name| !composed.contains(&name.as_str()) && !compared.contains(name))
        .collect();
    assert!(missing.is_empty(), "give these a row in tests/upstream: {missing:?}");
}
