//! Several nodes: where configurations and volumes are, and how they move.

use crate::bench::Bench;

fn on(node: &str, form: &str) -> Bench {
    let mut bench = Bench::new("lab");
    assert_eq!(bench.task("POST", &format!("/nodes/{node}/qemu"), &format!("vmid=100&{form}")), "OK");
    bench
}

#[test]
fn a_vm_is_found_on_its_node_only() {
    let mut bench = on("pve2", "scsi0=shared:1");
    bench.ok("GET", "/nodes/pve2/qemu/100/config", "");
    assert_eq!(
        bench.refused("GET", "/nodes/pve1/qemu/100/config", ""),
        "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist\n"
    );
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/qemu", "vmid=100"),
        "unable to create VM 100 - VM 100 already exists on node 'pve2'\n"
    );
}

#[test]
fn shared_volumes_are_seen_everywhere() {
    let bench = on("pve2", "scsi0=shared:1");
    for node in ["pve1", "pve2", "pve3"] {
        assert!(bench.volumes(node, "shared").contains(&"shared:100/vm-100-disk-0.raw".to_owned()), "{node}");
    }
}

#[test]
fn a_clone_goes_to_another_node_only_from_shared_storage() {
    let mut bench = on("pve1", "scsi0=shared:1,format=qcow2");
    let clone = "/nodes/pve1/qemu/100/clone";
    assert_eq!(bench.task("POST", clone, "newid=101&target=pve3&full=1"), "OK");
    assert_eq!(bench.lab.vms[&101].node, "pve3");
    assert_eq!(
        bench.refused("POST", clone, "newid=102&target=pve3&full=1&storage=local-lvm"),
        "can't clone to non-shared storage 'local-lvm'\n"
    );
    let mut bench = on("pve1", "scsi0=local-lvm:1");
    assert_eq!(
        bench.refused("POST", clone, "newid=101&target=pve3"),
        "can't clone VM to node 'pve3' (VM uses local storage)\n"
    );
}

#[test]
fn a_stopped_vm_moves_with_its_local_disks() {
    let mut bench = on("pve1", "scsi0=local-lvm:1&ide2=local-lvm:cloudinit");
    let migrate = "/nodes/pve1/qemu/100/migrate";
    let preview = bench.ok("GET", migrate, "");
    assert_eq!(preview["allowed_nodes"], serde_json::json!(["pve2", "pve3"]));
    assert_eq!(preview["local_disks"].as_array().map(Vec::len), Some(2));
    assert_eq!(bench.task("POST", migrate, "target=pve2"), "OK");
    assert_eq!(bench.lab.vms[&100].node, "pve2");
    assert_eq!(bench.option(100, "scsi0"), Some("local-lvm:vm-100-disk-0,size=1G"));
    assert_eq!(bench.volumes("pve1", "local-lvm"), Vec::<String>::new());
    assert_eq!(bench.volumes("pve2", "local-lvm").len(), 2);
}

#[test]
fn a_running_vm_moves_online_and_asks_before_it_takes_local_disks() {
    let mut bench = on("pve1", "scsi0=local-lvm:1&start=1");
    let migrate = "/nodes/pve1/qemu/100/migrate";
    assert_eq!(bench.refused("POST", migrate, "target=pve2"), "can't migrate running VM without --online\n");
    assert_eq!(bench.task("POST", migrate, "target=pve2&online=1"), "migration aborted");
    assert_eq!(bench.option(100, "lock"), None);
    assert_eq!(bench.task("POST", migrate, "target=pve2&online=1&with-local-disks=1"), "OK");
    assert!(bench.lab.vms[&100].is_running());
}

#[test]
fn a_disk_of_another_vm_keeps_a_vm_on_its_node() {
    let mut bench = on("pve1", "scsi0=local-lvm:1");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=101");
    bench.ok("PUT", "/nodes/pve1/qemu/101/config", "scsi0=local-lvm:vm-100-disk-0");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu/101/migrate", "target=pve2"), "migration aborted");
    assert!(bench.log().iter().any(|line| line.contains("owned by other VM")), "{:?}", bench.log());
}

#[test]
fn a_storage_keeps_what_its_plugin_needs() {
    let mut bench = Bench::new("lab");
    bench.ok("POST", "/storage", "storage=ds2&type=dir&path=/mnt/ds2&nodes=pve1");
    let mut refused = |name: &str| bench.refused("PUT", "/storage/ds2", &format!("delete={name}"));
    assert_eq!(refused("path"), "update storage failed: unable to delete required option 'path'\n");
    assert_eq!(refused("vgname"), "update storage failed: unable to delete fixed option 'vgname'\n");
    assert_eq!(refused("nonsense"), "update storage failed: no such option 'nonsense'\n");
    bench.ok("PUT", "/storage/ds2", "delete=nodes");
    assert_eq!(
        bench.refused("POST", "/storage", "storage=ds3&type=dir&path=mnt"),
        "path: invalid format - value does not look like a valid filesystem path\n"
    );
}

#[test]
fn names_of_built_in_roles_and_kinds_of_resources_are_not_free() {
    let mut bench = Bench::new("lab");
    assert_eq!(
        bench.refused("POST", "/access/roles", "roleid=pveMine"),
        "roleid: cannot use role ID starting with the (case-insensitive) 'PVE' namespace\n"
    );
    assert_eq!(bench.refused("POST", "/cluster/ha/resources", "sid=foo:1"), "unknown section type 'foo'\n");
}
