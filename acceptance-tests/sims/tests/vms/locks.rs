//! Who waits for whose lock file.

use crate::bench::Bench;

fn templates() -> Bench {
    let mut bench = Bench::new("empty");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local:1&net0=virtio,bridge=vmbr0");
    bench
}

#[test]
fn clones_of_a_stopped_vm_run_side_by_side() {
    let mut bench = templates();
    for newid in 101..111 {
        bench.ok("POST", "/nodes/pve1/qemu/100/clone", &format!("newid={newid}"));
    }
    bench.settle();
    assert!(bench.lab.tasks.list.iter().all(|task| task.exit.as_deref() == Some("OK")));
    assert_eq!(bench.lab.vms.len(), 11);
    assert!(bench.lab.file_locks.is_empty());
    let mut macs: Vec<&str> = (100..111).filter_map(|vmid| bench.option(vmid, "net0")).collect();
    macs.sort_unstable();
    macs.dedup();
    assert_eq!(macs.len(), 11, "each clone has an address of its own");
}

#[test]
fn two_clones_to_one_id_end_with_one_vm() {
    let mut bench = templates();
    bench.ok("POST", "/nodes/pve1/qemu/100/clone", "newid=101&name=first");
    bench.ok("POST", "/nodes/pve1/qemu/100/clone", "newid=101&name=second");
    bench.settle();
    let ends: Vec<&str> =
        bench.lab.tasks.list.iter().skip(1).filter_map(|task| task.exit.as_deref()).collect();
    assert_eq!(ends, ["OK", "unable to create VM 101: config file already exists"]);
    assert_eq!(bench.option(101, "name"), Some("first"));
    assert_eq!(bench.volumes("pve1", "local").len(), 2);
}

#[test]
fn a_change_is_refused_while_the_lock_file_is_held() {
    let mut bench = templates();
    bench.lab.file_locks.insert("/var/lock/qemu-server/lock-100.conf".to_owned(), "somebody".to_owned());
    assert_eq!(
        bench.refused("PUT", "/nodes/pve1/qemu/100/config", "cores=2"),
        "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout\n"
    );
    assert_eq!(
        bench.task("POST", "/nodes/pve1/qemu/100/status/start", ""),
        "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"
    );
}
