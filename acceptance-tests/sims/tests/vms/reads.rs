//! Reads of what a node has by itself.

use serde_json::{Value, json};

use super::bench::Bench;

#[test]
fn the_defaults_of_backups_are_those_of_the_storage_that_is_asked_for() {
    let mut bench = Bench::new("lab");
    bench.ok("PUT", "/storage/shared", "prune-backups=keep-last=3");
    let told = |answer: &Value| ["storage", "dumpdir", "prune-backups"].map(|key| answer[key].clone());
    let plain = bench.ok("GET", "/nodes/pve1/vzdump/defaults", "");
    assert_eq!(told(&plain), [json!("local"), json!("/var/lib/vz/dump"), json!("keep-all=1")]);
    let shared = bench.ok("GET", "/nodes/pve1/vzdump/defaults", "storage=shared");
    assert_eq!(told(&shared), [json!("shared"), json!("/mnt/pve/shared/dump"), json!("keep-last=3")]);
    assert_eq!(
        bench.refused("GET", "/nodes/pve1/vzdump/defaults", "storage=local-lvm"),
        "can't use storage 'local-lvm' for backups - wrong content type\n"
    );
}

#[test]
fn only_backups_on_a_backup_server_are_looked_into() {
    let mut bench = Bench::new("lab");
    let path = "/nodes/pve1/storage/local/file-restore/list";
    for (volume, expected) in [
        ("local:backup/x", "unable to parse directory volume name 'backup/x'\n"),
        ("x", "unable to parse directory volume name 'backup/x'\n"),
        ("shared:backup/x", "volume: storage ID mismatch (shared != local).\n"),
        ("local:iso/a.iso", "unable to use volume local:iso/a.iso - content type needs to be 'backup'\n"),
        (
            "vzdump-qemu-100-2026_01_01-00_00_00.vma.zst",
            "storage: Only PBS storages supported for file-restore.\n",
        ),
    ] {
        assert_eq!(bench.refused("GET", path, &format!("volume={volume}&filepath=/")), expected, "{volume}");
    }
}

/// The JSON type that the schema promises for an answer.
fn is_of_type(answer: &Value, kind: &str) -> bool {
    match kind {
        "array" => answer.is_array(),
        "object" => answer.is_object(),
        "integer" => answer.is_i64(),
        "string" => answer.is_string(),
        _ => false,
    }
}

#[test]
fn a_node_tells_what_it_has_in_the_form_that_the_schema_promises() {
    let mut bench = Bench::new("lab");
    for (path, form, kind) in [
        ("/access/users/root@pam/tfa", "multiple=1", "object"),
        ("/cluster/acme/directories", "", "array"),
        ("/cluster/ceph", "", "array"),
        ("/cluster/config/apiversion", "", "integer"),
        ("/cluster/config/qdevice", "", "object"),
        ("/cluster/config/totem", "", "object"),
        ("/cluster/log", "", "array"),
        ("/cluster/metrics/export", "", "object"),
        ("/cluster/notifications/matcher-field-values", "", "array"),
        ("/cluster/notifications/matcher-fields", "", "array"),
        ("/cluster/qemu/cpu-flags", "", "array"),
        ("/cluster/sdn/fabrics/all", "", "object"),
        ("/cluster/sdn/fabrics/fabric", "", "array"),
        ("/cluster/sdn/ipams/pve", "", "object"),
        ("/cluster/sdn/ipams/pve/status", "", "array"),
        ("/nodes/pve1/apt/repositories", "", "object"),
        ("/nodes/pve1/apt/update", "", "array"),
        ("/nodes/pve1/apt/versions", "", "array"),
        ("/nodes/pve1/ceph", "", "array"),
        ("/nodes/pve1/certificates/info", "", "array"),
        ("/nodes/pve1/disks/smart", "disk=/dev/sda", "object"),
        ("/nodes/pve1/firewall/log", "", "array"),
        ("/nodes/pve1/hardware/pci/0000:01:00.0", "", "array"),
        ("/nodes/pve1/hardware/pci/0000:01:00.0/mdev", "", "array"),
        ("/nodes/pve1/journal", "", "array"),
        ("/nodes/pve1/netstat", "", "array"),
        ("/nodes/pve1/report", "", "string"),
        ("/nodes/pve1/sdn/zones/zone1/content", "", "array"),
        ("/nodes/pve1/syslog", "", "array"),
    ] {
        let answer = bench.ok("GET", path, form);
        assert!(is_of_type(&answer, kind), "{path} is no {kind}: {answer}");
    }
}

#[test]
fn what_a_node_does_not_have_is_refused_in_its_words() {
    let mut bench = Bench::new("lab");
    for (path, form, expected) in [
        ("/nodes/pve1/ceph/status", "", "binary not installed: /usr/bin/ceph-mon\n"),
        ("/cluster/ceph/metadata", "", "binary not installed: /usr/bin/ceph-mon\n"),
        ("/cluster/sdn/controllers/evpn", "", "sdn 'evpn' does not exist\n"),
        ("/cluster/sdn/ipams/netbox", "", "sdn 'netbox' does not exist\n"),
        ("/cluster/jobs/realm-sync/nope", "", "id: No such job 'nope'\n"),
        ("/nodes/pve1/disks/smart", "disk=/dev/sdx", "no such block device '/dev/sdx'\n"),
    ] {
        assert_eq!(bench.refused("GET", path, form), expected, "{path}");
    }
}

#[test]
fn the_log_of_the_cluster_knows_how_tasks_ended() {
    let mut bench = Bench::new("lab");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=100"), "OK");
    assert_ne!(bench.task("POST", "/nodes/pve1/qemu/999/status/start", ""), "OK");
    let log = bench.ok("GET", "/cluster/log", "max=3");
    let told: Vec<(i64, bool)> = log
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let message = entry["msg"].as_str().unwrap_or_default();
            (entry["pri"].as_i64().unwrap_or_default(), message.starts_with("end task UPID:pve1:"))
        })
        .collect();
    assert_eq!(told, [(3, true), (6, false), (6, true)], "{log}");
}
