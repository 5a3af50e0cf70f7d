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
