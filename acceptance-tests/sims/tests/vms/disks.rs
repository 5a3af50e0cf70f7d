//! Volumes on their way between slots, storages and VMs.

use crate::bench::Bench;

const CONFIG: &str = "/nodes/pve1/qemu/100/config";

fn with_disk() -> Bench {
    let mut bench = Bench::new("empty");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local:1,discard=on"), "OK");
    bench
}

#[test]
fn a_volume_that_leaves_its_slot_is_kept_and_can_come_back() {
    let mut bench = with_disk();
    bench.ok("PUT", CONFIG, "scsi0=local:2");
    assert_eq!(bench.option(100, "unused0"), Some("local:100/vm-100-disk-0.raw"));
    bench.ok("PUT", CONFIG, "scsi1=local:100/vm-100-disk-0.raw,size=99G");
    assert_eq!(bench.option(100, "scsi1"), Some("local:100/vm-100-disk-0.raw,size=1G"));
    assert_eq!(bench.option(100, "unused0"), None);
}

#[test]
fn unlinking_by_force_frees_the_volume() {
    let mut bench = with_disk();
    bench.ok("PUT", "/nodes/pve1/qemu/100/unlink", "idlist=scsi0&force=1");
    assert_eq!((bench.option(100, "scsi0"), bench.option(100, "unused0")), (None, None));
    assert_eq!(bench.volumes("pve1", "local"), Vec::<String>::new());
}

#[test]
fn disks_grow_and_never_shrink() {
    let mut bench = with_disk();
    let resize = "/nodes/pve1/qemu/100/resize";
    assert_eq!(bench.task("PUT", resize, "disk=scsi0&size=%2B512M"), "OK");
    assert_eq!(bench.option(100, "scsi0"), Some("local:100/vm-100-disk-0.raw,discard=on,size=1536M"));
    assert_eq!(bench.task("PUT", resize, "disk=scsi0&size=1536M"), "OK");
    assert_eq!(bench.task("PUT", resize, "disk=scsi0&size=1G"), "shrinking disks is not supported");
    assert_eq!(bench.task("PUT", resize, "disk=scsi9&size=1G"), "disk 'scsi9' does not exist");
}

#[test]
fn moving_to_another_storage_keeps_the_options_and_the_source() {
    let mut bench = with_disk();
    bench.ok("POST", "/storage", "storage=ds2&type=dir&path=/mnt/ds2&content=images");
    let path = "/nodes/pve1/qemu/100/move_disk";
    assert_eq!(bench.task("POST", path, "disk=scsi0&storage=ds2&format=qcow2"), "OK");
    assert_eq!(bench.option(100, "scsi0"), Some("ds2:100/vm-100-disk-0.qcow2,discard=on,size=1G"));
    assert_eq!(bench.option(100, "unused0"), Some("local:100/vm-100-disk-0.raw"));
    assert_eq!(
        bench.refused("POST", path, "disk=scsi0&storage=ds2"),
        "you can't move to the same storage with same format\n"
    );
}

#[test]
fn what_a_vm_only_refers_to_is_copied_for_that_vm_and_stays_with_its_owner() {
    let mut bench = with_disk();
    bench.ok("POST", "/storage", "storage=ds2&type=dir&path=/mnt/ds2&content=images");
    bench.ok("PUT", CONFIG, "delete=scsi0");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=101");
    bench.ok("PUT", "/nodes/pve1/qemu/101/config", "scsi1=local:100/vm-100-disk-0.raw");
    let path = "/nodes/pve1/qemu/101/move_disk";
    assert_eq!(bench.task("POST", path, "disk=scsi1&storage=ds2"), "OK");
    assert_eq!(bench.option(101, "scsi1"), Some("ds2:101/vm-101-disk-0.raw,size=1G"));
    let source = Some("local:100/vm-100-disk-0.raw");
    assert_eq!((bench.option(101, "unused0"), bench.option(100, "unused0")), (source, source));
    bench.ok("PUT", "/nodes/pve1/qemu/101/config", "delete=unused0");
    assert_eq!(bench.volumes("pve1", "local"), ["local:100/vm-100-disk-0.raw"], "it is not VM 101's to free");
}

#[test]
fn a_volume_in_two_configurations_can_be_told() {
    let mut bench = with_disk();
    bench.task("POST", "/nodes/pve1/qemu", "vmid=101");
    assert!(bench.lab.volumes_on_two_buses().is_empty());
    bench.ok("PUT", "/nodes/pve1/qemu/101/config", "scsi0=local:100/vm-100-disk-0.raw");
    let shared = bench.lab.volumes_on_two_buses();
    assert_eq!(shared.into_values().collect::<Vec<_>>(), [vec![100, 101]]);
    bench.ok("PUT", CONFIG, "delete=scsi0");
    assert!(bench.lab.volumes_on_two_buses().is_empty(), "an unused entry is on no bus");
}

#[test]
fn a_referenced_volume_outlives_the_vm_that_refers_to_it() {
    let mut bench = with_disk();
    bench.ok("PUT", CONFIG, "delete=scsi0");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=101&scsi0=local:1");
    bench.ok("PUT", "/nodes/pve1/qemu/101/config", "scsi1=local:100/vm-100-disk-0.raw");
    let form = "purge=1&destroy-unreferenced-disks=1";
    assert_eq!(bench.task("DELETE", "/nodes/pve1/qemu/101", form), "OK");
    assert_eq!(bench.volumes("pve1", "local"), ["local:100/vm-100-disk-0.raw"]);
}

#[test]
fn a_linked_clone_keeps_its_template_from_being_destroyed() {
    let mut bench = with_disk();
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu/100/template", ""), "OK");
    assert_eq!(bench.option(100, "scsi0"), Some("local:100/base-100-disk-0.raw,discard=on,size=1G"));
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu/100/clone", "newid=101"), "OK");
    assert_eq!(
        bench.option(101, "scsi0"),
        Some("local:100/base-100-disk-0.raw/101/vm-101-disk-0.qcow2,discard=on,size=1G")
    );
    assert_eq!(
        bench.task("DELETE", "/nodes/pve1/qemu/100", ""),
        "base volume 'local:100/base-100-disk-0.raw' is still in use by linked cloned"
    );
    assert!(bench.lab.vms.contains_key(&100));
    assert_eq!(bench.task("DELETE", "/nodes/pve1/qemu/101", ""), "OK");
    assert_eq!(bench.task("DELETE", "/nodes/pve1/qemu/100", ""), "OK");
    assert_eq!(bench.volumes("pve1", "local"), Vec::<String>::new());
}
