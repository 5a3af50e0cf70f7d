//! Rules over several arguments, which a random configuration is mended to keep: a plan would refuse it otherwise.

use serde_json::{Value as Json, json};

mod devices;
mod vm;

/// Mends both configurations of an object, and the change from one to the other.
pub fn mend(kind: &str, label: &str, first: &mut Json, second: &mut Json) {
    for config in [&mut *first, &mut *second] {
        one(kind, label, config);
    }
    if kind == "homelab_pve_vm" {
        vm::change(label, first, second);
    }
    if kind == "homelab_pve_data_disk" {
        data_disk_change(first, second);
    }
    for config in [first, second] {
        without_nulls(config);
        versions(config);
    }
}

/// What is set to nothing is not set.
fn without_nulls(config: &mut Json) {
    match config {
        Json::Object(entries) => {
            entries.values_mut().for_each(without_nulls);
            entries.retain(|_, value| !value.is_null());
        }
        Json::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// A secret that is not stored has a version, and nothing else has one.
fn versions(config: &mut Json) {
    let Some(entries) = config.as_object_mut() else { return };
    let secrets: Vec<String> = entries.keys().filter(|name| name.ends_with("_wo")).cloned().collect();
    entries
        .retain(|name, _| !name.ends_with("_wo_version") || secrets.contains(&name.replace("_version", "")));
    for secret in secrets {
        entries.entry(format!("{secret}_version")).or_insert_with(|| json!(1));
    }
    entries.values_mut().for_each(versions);
}

fn one(kind: &str, label: &str, config: &mut Json) {
    prune_backups(config);
    match kind {
        "homelab_pve_vm" => vm::one(label, config),
        "homelab_pve_acl" => only_one(config, &["user_id", "group", "token_id"], "user_id"),
        // One that is to be started starts the machine, whatever the machine's own `started` says.
        "homelab_pve_ha_resource" if !is_set(config, "state") => config["state"] = json!("ignored"),
        "homelab_pve_backup_job" => backup_job(config),
        "homelab_pve_dir_mapping" => one_for_each_node(config, "directories"),
        "homelab_pve_usb_mapping" => one_for_each_node(config, "devices"),
        "homelab_pve_storage" => storage(config),
        "homelab_pve_cluster_options" => cluster_options(config),
        "homelab_pve_bond" => bond(config),
        "homelab_pve_bridge" if config["vlan_aware"] != true => unset(config, "vlan_ids"),
        "homelab_pve_ha_rule" => ha_rule(config),
        "homelab_backup_tier" => tier(config),
        _ => {}
    }
}

/// The value at a path of names; null when there is none.
fn at<'c>(config: &'c Json, path: &str) -> &'c Json {
    path.split('.').fold(config, |value, name| &value[name])
}

fn is_set(config: &Json, path: &str) -> bool {
    !at(config, path).is_null()
}

pub fn unset(config: &mut Json, name: &str) {
    if let Some(entries) = config.as_object_mut() {
        entries.remove(name);
    }
}

/// The entries of a map.
fn entries_mut<'c>(config: &'c mut Json, name: &str) -> impl Iterator<Item = (&'c String, &'c mut Json)> {
    config.get_mut(name).and_then(Json::as_object_mut).into_iter().flatten()
}

fn keys(config: &Json, name: &str) -> Vec<String> {
    config[name].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

/// Keeps the first of several arguments that exclude each other; `default` must be among those that are drawn.
fn only_one(config: &mut Json, names: &[&str], default: &str) {
    let set: Vec<&str> = names.iter().copied().filter(|name| is_set(config, name)).collect();
    set.iter().skip(1).for_each(|name| unset(config, name));
    if set.is_empty() {
        config[default] = match default {
            "user_id" => json!("root@pam"),
            "all" => json!(true),
            _ => json!({ "path": "/mnt/default" }),
        };
    }
}

/// What a tier promises is what its schedule can keep; tier 0 promises nothing.
fn tier(config: &mut Json) {
    if config["number"] == 0 {
        let kept = ["number", "name", "timeouts"];
        config.as_object_mut().expect("an object").retain(|name, _| kept.contains(&name.as_str()));
    } else if !is_set(config, "schedule") {
        unset(config, "rpo_hours");
    }
}

/// Rules of pruning exclude keeping everything, and one is needed.
fn prune_backups(config: &mut Json) {
    if !is_set(config, "prune_backups") {
        return;
    }
    let rules = config["prune_backups"].as_object_mut().expect("an object");
    if rules.len() > 1 {
        rules.remove("keep_all");
    }
    if rules.is_empty() {
        rules.insert("keep_last".to_owned(), json!(3));
    }
}

fn data_disk_change(first: &mut Json, second: &mut Json) {
    let size = |config: &Json| config["size_gib"].as_u64().unwrap_or(1);
    if size(second) < size(first) {
        second["size_gib"] = first["size_gib"].clone();
    }
    // Neither can change while the disk is attached, and it may be.
    for name in ["ownership", "storage_name"] {
        second[name] = first[name].clone();
    }
}

/// A node has one directory or USB device of a mapping.
fn one_for_each_node(config: &mut Json, list: &str) {
    let mut seen = Vec::new();
    if let Some(entries) = config[list].as_array_mut() {
        entries.retain(|entry| {
            let is_new = !seen.contains(&entry["node_name"]);
            seen.push(entry["node_name"].clone());
            is_new
        });
    }
}

fn backup_job(config: &mut Json) {
    only_one(config, &["vm_ids", "pool_name", "all"], "all");
    if !is_set(config, "all") {
        unset(config, "exclude_vm_ids");
    }
    if !is_set(config, "storage_name") {
        unset(config, "notes_template");
        unset(config, "protected");
    }
}

fn bond(config: &mut Json) {
    if !["balance-xor", "802.3ad"].contains(&config["mode"].as_str().unwrap_or("balance-rr")) {
        unset(config, "transmit_hash_policy");
    }
    if config["mode"] == "active-backup" {
        config["primary"] = config["interfaces"][0].clone();
    }
}

fn ha_rule(config: &mut Json) {
    if config["type"] == "node-affinity" {
        unset(config, "affinity");
        if !is_set(config, "node_priorities") {
            config["node_priorities"] = json!({ "pve1": 1 });
        }
    } else {
        unset(config, "node_priorities");
        unset(config, "strict");
        if !is_set(config, "affinity") {
            config["affinity"] = json!("positive");
        }
        let all = config["service_ids"].as_array().map(Vec::len).unwrap_or_default();
        if all < 2 {
            let text = config["service_ids"][0].as_str().unwrap_or_default().to_owned();
            let other = text.replace(".h", ".\u{0}").replace(".i", ".h").replace(".\u{0}", ".i");
            config["service_ids"] = json!([text, other]);
        }
    }
}

/// The types of storages.
const TYPES: [&str; 11] =
    ["dir", "nfs", "cifs", "lvm", "lvmthin", "zfspool", "btrfs", "iscsi", "cephfs", "rbd", "pbs"];

fn storage(config: &mut Json) {
    only_one(config, &TYPES, "dir");
    // None of the servers is there, so only a directory can be switched on.
    if !is_set(config, "dir") {
        config["enabled"] = json!(false);
    }
    let kind = TYPES.into_iter().find(|kind| is_set(config, kind)).unwrap_or_default();
    let holds: &[&str] = match kind {
        "pbs" => &["backup"],
        "iscsi" => &["images"],
        "cephfs" => &["backup", "iso", "vztmpl"],
        "lvm" | "lvmthin" | "zfspool" | "rbd" => &["images", "rootdir"],
        _ => &["backup", "iso", "vztmpl", "images", "rootdir"],
    };
    if let Some(content) = config["content"].as_array_mut() {
        content.retain(|word| holds.iter().any(|held| word == held));
    }
    if config["content"] == json!([]) {
        unset(config, "content");
    }
    if matches!(kind, "btrfs" | "pbs") {
        unset(config, "bandwidth_limits");
    }
    if !holds.contains(&"backup") {
        unset(config, "prune_backups");
        unset(config, "max_protected_backups");
    }
}

/// Moves of running guests are tuned only where there are any.
fn cluster_options(config: &mut Json) {
    if is_set(config, "scheduling") && !is_set(config, "scheduling.ha_auto_rebalance") {
        for rest in ["threshold_percent", "hold_rounds", "margin_percent", "method"] {
            unset(&mut config["scheduling"], &format!("ha_auto_rebalance_{rest}"));
        }
        if config["scheduling"] == json!({}) {
            unset(config, "scheduling");
        }
    }
}
