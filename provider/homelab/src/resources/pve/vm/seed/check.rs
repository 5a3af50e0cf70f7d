//! Rules for the documents that can be told without asking anybody.

use cloud_init::{Format, format_of};
use tf_framework::prelude::*;

use super::DOCUMENTS;

/// Arguments that Proxmox VE writes on its own drive, which a machine with documents does not have.
const NATIVE: [&str; 10] = [
    "storage_name",
    "user",
    "password",
    "password_wo",
    "ssh_keys",
    "ip_configs",
    "name_servers",
    "search_domain",
    "upgrade_packages",
    "type",
];

/// First keys by which a cloud-config that lacks its first line is known.
const SETTINGS: [&str; 12] = [
    "apt",
    "bootcmd",
    "chpasswd",
    "disable_root",
    "hostname",
    "package_update",
    "package_upgrade",
    "packages",
    "runcmd",
    "ssh_authorized_keys",
    "users",
    "write_files",
];

/// See the module.
pub(in crate::resources::pve::vm) fn validate(cloud_init: &Value, out: &mut Diagnostics) {
    let at = |name: &str| Path::from("cloud_init").then(name);
    let Some((document, _)) = DOCUMENTS.into_iter().find(|(name, _)| cloud_init.attribute(name).is_set())
    else {
        let unknown = DOCUMENTS.into_iter().any(|(name, _)| cloud_init.attribute(name).is_unknown());
        if cloud_init.attribute("iso_storage_name").is_set() && !unknown {
            out.error(
                at("iso_storage_name"),
                "Storage without disc",
                "There is a disc only with a document of your own. Set one, such as `user_data`, or remove \
                 `iso_storage_name`; the drive of Proxmox VE is on `storage_name`.",
            );
        }
        return;
    };
    for name in NATIVE.into_iter().filter(|name| cloud_init.attribute(name).is_set()) {
        out.error(
            at(name),
            "Conflicting arguments",
            format!(
                "`{name}` goes on the drive that Proxmox VE writes, and with `{document}` the machine has a disc with your \
                 documents instead: cloud-init reads one of them only. Say it in `{}`, or remove the documents.",
                instead(name)
            ),
        );
    }
    let text = |name: &str| cloud_init.attribute(name).as_str();
    if let Some(text) = text("user_data") {
        user_data(at("user_data"), text, out);
    }
    if let Some(text) = text("vendor_data").filter(|text| format_of(text.as_bytes()).is_none()) {
        unknown_format(at("vendor_data"), text, out);
    }
    for name in ["user_data", "vendor_data", "meta_data", "network_config"] {
        let is_yaml = |text: &&str| {
            !name.ends_with("r_data") || format_of(text.as_bytes()) == Some(Format::CloudConfig)
        };
        if let Some(Err(broken)) = text(name).filter(is_yaml).map(cloud_init::check_yaml) {
            broken_yaml(at(name), &broken, out);
        }
    }
    for name in ["meta_data", "network_config"] {
        if let Some(text) = text(name).filter(|text| !is_mapping(text)) {
            let first = first_line(text);
            let detail = format!("`{name}` has to be a YAML mapping, and its first line is {first:?}.");
            out.error(at(name), "Invalid document", detail);
        }
    }
    if let Some(text) = text("network_config").filter(|text| is_mapping(text) && !text.contains("version")) {
        let first = first_line(text);
        let detail = format!(
            "cloud-init takes a network configuration only with its `version`, 1 or 2, and this one, which begins with \
             {first:?}, has none."
        );
        out.error(at("network_config"), "Missing version", detail);
    }
}

/// Readers of YAML differ a little, so this stops nobody.
fn broken_yaml(at: Path, broken: &cloud_init::BrokenYaml, out: &mut Diagnostics) {
    out.warn(
        at,
        "Document is not YAML",
        format!(
            "It cannot be read from {broken}. cloud-init takes a document that it cannot read for an empty one, and the \
             guest comes up without what is in it. Mind the indentation, or write it with `yamlencode` or the function \
             `cloud_config`."
        ),
    );
}

/// Where a setting of Proxmox VE belongs among the documents.
fn instead(name: &str) -> &'static str {
    match name {
        "storage_name" => "iso_storage_name",
        "ip_configs" | "name_servers" | "search_domain" => "network_config",
        _ => "user_data",
    }
}

fn user_data(at: Path, text: &str, out: &mut Diagnostics) {
    if format_of(text.as_bytes()).is_none() {
        unknown_format(at, text, out);
        return;
    }
    // What follows the first line may be JSON, which is YAML too.
    let rest = text.trim_start().strip_prefix("#cloud-config\n").unwrap_or_default();
    let Ok(config) = serde_json::from_str::<serde_json::Value>(rest) else { return };
    for mistake in cloud_init::mistakes(&config) {
        out.error(
            at.clone(),
            "Invalid cloud-config",
            format!("cloud-init would not accept this: {mistake}."),
        );
    }
}

/// A cloud-config without its first line is a mistake; anything else may be meant for another reader, such as Talos.
fn unknown_format(at: Path, text: &str, out: &mut Diagnostics) {
    let first = first_line(text);
    let key = first.split(':').next().unwrap_or_default().trim_matches(['"', '\'']);
    if SETTINGS.contains(&key) {
        out.error(
            at,
            "First line is missing",
            "cloud-init takes a cloud-config only if its first line is `#cloud-config`, and ignores this one without a \
             word. Add the line, or use the function `cloud_config`.",
        );
    } else if !is_for_talos(text) {
        out.warn(
            at,
            "Unknown format",
            format!(
                "cloud-init knows a document by its beginning, for example `#cloud-config` or `#!`. This one begins with \
                 {first:?}, so cloud-init ignores it. If something else in the guest reads it, nothing is wrong."
            ),
        );
    }
}

fn is_for_talos(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("version: v1alpha") || line.starts_with("apiVersion: v1alpha"))
}

/// The first line with something in it.
fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim_end);
    lines.find(|line| !line.is_empty() && *line != "---" && !line.starts_with('#')).unwrap_or_default()
}

fn is_mapping(text: &str) -> bool {
    let first = first_line(text);
    first.starts_with('{') || first.contains(':') && !first.starts_with("- ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(cloud_init: serde_json::Value, blamed: &[(&str, &str)]) {
        let (value, _) = Value::from_plain_json(&cloud_init);
        let mut out = Diagnostics::new();
        validate(&value, &mut out);
        let found: Vec<(String, String)> = out
            .into_vec()
            .into_iter()
            .map(|problem| (problem.path.map(|path| path.to_string()).unwrap_or_default(), problem.summary))
            .collect();
        let blamed: Vec<(String, String)> = blamed
            .iter()
            .map(|(path, summary)| (format!("cloud_init.{path}"), (*summary).to_owned()))
            .collect();
        assert_eq!(found, blamed, "{cloud_init}");
    }

    #[test]
    fn settings_of_proxmox_do_not_go_with_documents() {
        check(json!({"user": "a", "iso_storage_name": null}), &[]);
        check(
            json!({"user_data": "#!/bin/sh\n", "user": "a", "ip_configs": {}, "slot": "ide2"}),
            &[("user", "Conflicting arguments"), ("ip_configs", "Conflicting arguments")],
        );
        check(json!({"user": "a", "iso_storage_name": "b"}), &[("iso_storage_name", "Storage without disc")]);
    }

    #[test]
    fn what_cloud_init_would_ignore_is_told() {
        check(json!({"user_data": "#cloud-config\npackages: [curl]\n"}), &[]);
        check(json!({"user_data": "packages: [curl]\n"}), &[("user_data", "First line is missing")]);
        check(json!({"user_data": "\"users\":\n  - default\n"}), &[("user_data", "First line is missing")]);
        check(json!({"user_data": "echo hello"}), &[("user_data", "Unknown format")]);
        check(json!({"user_data": "version: v1alpha1\nmachine: {}\n"}), &[]);
        check(
            json!({"user_data": "#cloud-config\n{\"packages\": \"curl\"}"}),
            &[("user_data", "Invalid cloud-config")],
        );
        check(json!({"vendor_data": "runcmd: []\n"}), &[("vendor_data", "First line is missing")]);
    }

    #[test]
    fn the_other_documents_are_mappings() {
        check(json!({"network_config": "version: 2\nethernets: {}\n", "meta_data": "---\n# x\na: b\n"}), &[]);
        check(json!({"network_config": "network:\n  version: 2\n"}), &[]);
        check(json!({"network_config": "{\"version\": 2}"}), &[]);
        check(json!({"network_config": "ethernets: {}\n"}), &[("network_config", "Missing version")]);
        check(json!({"meta_data": "- a: b\n"}), &[("meta_data", "Invalid document")]);
        check(json!({"meta_data": "hello"}), &[("meta_data", "Invalid document")]);
    }

    #[test]
    fn what_is_no_yaml_is_told_where_yaml_is_meant() {
        let broken = "#cloud-config\npackages:\n  - curl\n - git\n";
        check(json!({ "user_data": broken }), &[("user_data", "Document is not YAML")]);
        check(json!({ "vendor_data": broken }), &[("vendor_data", "Document is not YAML")]);
        check(
            json!({"network_config": "version: 2\n\tethernets: {}\n"}),
            &[("network_config", "Document is not YAML")],
        );
        check(json!({"user_data": "#!/bin/sh\necho 'a: [\n"}), &[]);
        check(json!({"user_data": "## template: jinja\n#cloud-config\n{% if a %}\nb: [{{ c }}\n"}), &[]);
    }
}
