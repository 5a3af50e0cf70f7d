//! Snapshots and the way back.

use crate::bench::Bench;

const SNAPSHOTS: &str = "/nodes/pve1/qemu/100/snapshot";

fn vm(format: &str) -> Bench {
    let mut bench = Bench::new("empty");
    let form = format!("vmid=100&cores=1&scsi0=local:1,format={format}");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &form), "OK");
    bench
}

#[test]
fn going_back_restores_options_sizes_and_slots() {
    let mut bench = vm("qcow2");
    assert_eq!(bench.task("POST", SNAPSHOTS, "snapname=s1"), "OK");
    let vmgenid = bench.option(100, "vmgenid").map(str::to_owned);
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "cores=4&scsi1=local:1,format=qcow2");
    bench.task("PUT", "/nodes/pve1/qemu/100/resize", "disk=scsi0&size=2G");
    assert_eq!(bench.task("POST", &format!("{SNAPSHOTS}/s1/rollback"), ""), "OK");
    assert_eq!(bench.option(100, "cores"), Some("1"));
    assert_eq!(bench.option(100, "scsi0"), Some("local:100/vm-100-disk-0.qcow2,size=1G"));
    assert_eq!(bench.option(100, "scsi1"), None);
    assert_eq!(bench.option(100, "unused0"), Some("local:100/vm-100-disk-1.qcow2"));
    assert_eq!(bench.option(100, "parent"), Some("s1"));
    assert_ne!(bench.option(100, "vmgenid").map(str::to_owned), vmgenid);
}

#[test]
fn children_of_a_removed_snapshot_get_its_parent() {
    let mut bench = vm("qcow2");
    for name in ["s1", "s2", "s3"] {
        assert_eq!(bench.task("POST", SNAPSHOTS, &format!("snapname={name}")), "OK");
    }
    assert_eq!(bench.task("DELETE", &format!("{SNAPSHOTS}/s2"), ""), "OK");
    assert_eq!(bench.lab.vms[&100].snapshots["s3"].get("parent").map(String::as_str), Some("s1"));
    assert_eq!(bench.task("DELETE", &format!("{SNAPSHOTS}/s3"), ""), "OK");
    assert_eq!(bench.option(100, "parent"), Some("s1"));
    assert_eq!(bench.option(100, "lock"), None);
}

#[test]
fn raw_files_and_templates_take_no_snapshot() {
    let mut bench = vm("raw");
    assert_eq!(bench.task("POST", SNAPSHOTS, "snapname=s1"), "snapshot feature is not available");
    bench.task("POST", "/nodes/pve1/qemu/100/template", "");
    assert_eq!(bench.task("POST", SNAPSHOTS, "snapname=s1"), "you can't take a snapshot if it's a template");
}

#[test]
fn a_snapshot_with_memory_keeps_a_volume_for_it() {
    let mut bench = vm("qcow2");
    bench.task("POST", "/nodes/pve1/qemu/100/status/start", "");
    assert_eq!(bench.task("POST", SNAPSHOTS, "snapname=live&vmstate=1"), "OK");
    assert!(bench.volumes("pve1", "local").contains(&"local:100/vm-100-state-live.raw".to_owned()));
    assert_eq!(bench.task("DELETE", &format!("{SNAPSHOTS}/live"), ""), "OK");
    assert_eq!(bench.volumes("pve1", "local"), ["local:100/vm-100-disk-0.qcow2"]);
}
