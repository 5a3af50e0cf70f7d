//! Making and destroying VMs.

use crate::bench::Bench;

#[test]
fn a_minimal_vm_has_an_identity_and_nothing_to_boot_from() {
    let mut bench = Bench::new("empty");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=103"), "OK");
    let keys: Vec<&str> = bench.lab.vms[&103].config.keys().map(String::as_str).collect();
    assert_eq!(keys, ["boot", "meta", "smbios1", "vmgenid"]);
    assert_eq!(bench.option(103, "boot"), Some(" "));
}

#[test]
fn a_failed_creation_leaves_neither_configuration_nor_volumes() {
    let mut bench = Bench::new("empty");
    bench.ok("POST", "/storage", "storage=far&type=nfs&server=192.0.2.99&export=/x&content=images&disable=1");
    bench.ok("PUT", "/storage/far", "disable=0");
    let end = bench.task("POST", "/nodes/pve1/qemu", "vmid=101&scsi0=local:1&scsi1=far:1");
    assert_eq!(end.trim_end(), "unable to create VM 101 - storage 'far' is not online");
    assert!(bench.lab.vms.is_empty());
    assert_eq!(bench.volumes("pve1", "local"), Vec::<String>::new());
}

#[test]
fn an_id_is_taken_from_the_moment_of_the_call() {
    let mut bench = Bench::new("empty");
    bench.ok("POST", "/nodes/pve1/qemu", "vmid=170");
    assert_eq!(bench.option(170, "lock"), Some("create"));
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/qemu", "vmid=170"),
        "unable to create VM 170 - VM 170 already exists on node 'pve1'\n"
    );
    bench.settle();
    assert_eq!(bench.option(170, "lock"), None);
}

#[test]
fn a_disk_from_an_image_has_the_size_of_the_image() {
    let mut bench = Bench::new("lab");
    let form = "vmid=100&scsi0=local-lvm:0,import-from=local:import/debian-13-genericcloud-amd64.qcow2\
                &ide2=local-lvm:cloudinit&net0=virtio,bridge=vmbr0";
    assert_eq!(bench.task("POST", "/nodes/pve2/qemu", form), "OK");
    assert_eq!(bench.option(100, "scsi0"), Some("local-lvm:vm-100-disk-0,size=3G"));
    assert_eq!(bench.option(100, "ide2"), Some("local-lvm:vm-100-cloudinit,media=cdrom"));
    assert_eq!(bench.option(100, "boot"), Some("order=scsi0;ide2;net0"));
    assert_eq!(bench.volumes("pve2", "local-lvm"), ["local-lvm:vm-100-cloudinit", "local-lvm:vm-100-disk-0"]);
    assert_eq!(
        bench.volumes("pve1", "local-lvm"),
        Vec::<String>::new(),
        "local volumes are on one node only"
    );
}

#[test]
fn only_a_size_of_zero_goes_with_an_import() {
    let mut bench = Bench::new("lab");
    let form = "vmid=100&scsi0=shared:5,import-from=shared:import/debian-13-genericcloud-amd64.qcow2";
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/qemu", form),
        "scsi0: 'import-from' requires special syntax - use <storage ID>:0,import-from=<source>\n"
    );
}

#[test]
fn a_storage_without_images_takes_no_disk() {
    let mut bench = Bench::new("lab");
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local:1"),
        "storage: storage 'local' does not support vm images\n"
    );
}

#[test]
fn destroying_a_vm_takes_its_volumes_acl_and_pool_membership() {
    let mut bench = Bench::new("empty");
    bench.ok("POST", "/pools", "poolid=p");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local:1&pool=p");
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "delete=scsi0");
    bench.ok("PUT", "/access/acl", "path=/vms/100&roles=PVEVMUser&users=root@pam");
    bench.ok("POST", "/nodes/pve1/storage/local/content", "vmid=100&filename=vm-100-disk-7.raw&size=1G");
    assert_eq!(bench.task("DELETE", "/nodes/pve1/qemu/100", ""), "OK");
    assert_eq!(
        bench.volumes("pve1", "local"),
        ["local:100/vm-100-disk-7.raw"],
        "what no configuration names stays"
    );
    assert!(bench.lab.access.acl.is_empty() && bench.lab.pools["p"].guests.is_empty());
}

#[test]
fn unreferenced_volumes_go_when_that_is_asked_for() {
    let mut bench = Bench::new("empty");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100");
    bench.ok("POST", "/nodes/pve1/storage/local/content", "vmid=100&filename=vm-100-disk-7.raw&size=1G");
    bench.ok("POST", "/nodes/pve1/storage/local/content", "vmid=101&filename=vm-101-disk-0.raw&size=1G");
    assert_eq!(bench.task("DELETE", "/nodes/pve1/qemu/100", "destroy-unreferenced-disks=1"), "OK");
    assert_eq!(bench.volumes("pve1", "local"), ["local:101/vm-101-disk-0.raw"]);
}

#[test]
fn firmware_disks_have_the_size_that_their_storage_gives_them() {
    let mut bench = Bench::new("lab");
    let form = "vmid=100&bios=ovmf&efidisk0=shared:1,efitype=4m&tpmstate0=local-lvm:1,version=v2.0";
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", form), "OK");
    assert_eq!(bench.option(100, "efidisk0"), Some("shared:100/vm-100-disk-0.raw,efitype=4m,size=528K"));
    assert_eq!(bench.option(100, "tpmstate0"), Some("local-lvm:vm-100-disk-0,size=4M,version=v2.0"));
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=101&efidisk0=local-lvm:1"), "OK");
    assert_eq!(bench.option(101, "efidisk0"), Some("local-lvm:vm-101-disk-0,size=4M"));
}
