//! Changing configurations: what is in force at once, what is pending, what is refused.

use serde_json::json;

use crate::bench::Bench;

fn running() -> Bench {
    let mut bench = Bench::new("empty");
    let form = "vmid=100&memory=256&cores=1&agent=1&scsi0=local:1&net0=virtio=BC:24:11:00:00:01,bridge=vmbr0&start=1";
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", form), "OK");
    assert!(bench.lab.vms[&100].is_running());
    bench
}

const CONFIG: &str = "/nodes/pve1/qemu/100/config";

#[test]
fn a_stopped_vm_takes_everything_at_once() {
    let mut bench = Bench::new("empty");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100&cores=1");
    bench.ok("PUT", CONFIG, "cores=4&memory=1024&tags=B;a&delete=vmgenid");
    assert_eq!(bench.option(100, "cores"), Some("4"));
    assert_eq!(bench.option(100, "tags"), Some("a;b"));
    assert_eq!(bench.option(100, "vmgenid"), None);
    assert!(bench.lab.vms[&100].pending.is_empty());
}

#[test]
fn a_running_vm_keeps_cpu_and_memory_pending_until_it_stops() {
    let mut bench = running();
    bench.ok("PUT", CONFIG, "cores=2&memory=512&name=renamed&delete=agent");
    assert_eq!(bench.option(100, "name"), Some("renamed"));
    assert_eq!((bench.option(100, "cores"), bench.option(100, "agent")), (Some("1"), Some("1")));
    let shown = bench.ok("GET", CONFIG, "");
    assert_eq!(
        (&shown["cores"], &shown["memory"], &shown["agent"]),
        (&json!(2), &json!("512"), &json!(null))
    );
    assert_eq!(bench.ok("GET", CONFIG, "current=1")["cores"], 1);
    bench.ok("PUT", CONFIG, "revert=memory");
    bench.task("POST", "/nodes/pve1/qemu/100/status/stop", "");
    assert_eq!((bench.option(100, "cores"), bench.option(100, "agent")), (Some("2"), None));
    assert_eq!(bench.option(100, "memory"), Some("256"));
}

#[test]
fn a_problem_with_one_device_does_not_come_back_with_the_next_change() {
    let mut bench = running();
    assert_eq!(
        bench.refused("PUT", CONFIG, "delete=net0"),
        "net0: hotplug problem - error on hot-unplugging device 'net0' - still busy in guest?\n"
    );
    bench.ok("PUT", CONFIG, "description=x");
    assert_eq!(bench.lab.vms[&100].pending_delete.keys().collect::<Vec<_>>(), ["net0"]);
}

#[test]
fn a_stale_digest_changes_nothing() {
    let mut bench = running();
    let digest = bench.ok("GET", CONFIG, "")["digest"].as_str().expect("a digest").to_owned();
    bench.ok("PUT", CONFIG, &format!("description=one&digest={digest}"));
    assert_eq!(
        bench.refused("PUT", CONFIG, &format!("description=two&digest={digest}")),
        "checksum mismatch (file change by other user?)\n"
    );
    assert_eq!(bench.option(100, "description"), Some("one"));
}

#[test]
fn a_lock_stops_changes_and_only_root_passes_it() {
    let mut bench = running();
    bench.ok("PUT", CONFIG, "lock=backup");
    assert_eq!(bench.refused("PUT", CONFIG, "cores=2"), "VM is locked (backup)\n");
    bench.ok("PUT", CONFIG, "delete=lock&skiplock=1");
    bench.ok("PUT", CONFIG, "cores=2");
}

#[test]
fn a_device_that_goes_leaves_the_boot_order_and_a_new_cd_enters_it() {
    let mut bench = Bench::new("empty");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local:1&net0=virtio,bridge=vmbr0");
    bench.ok("PUT", CONFIG, "ide2=none,media=cdrom");
    assert_eq!(bench.option(100, "boot"), Some("order=scsi0;net0;ide2"));
    bench.ok("PUT", CONFIG, "delete=scsi0,net0,ide2");
    assert_eq!(bench.option(100, "boot"), Some(" "));
    assert_eq!(
        bench.refused("PUT", CONFIG, "boot=order%3Dscsi30"),
        "invalid bootorder: device 'scsi30' does not exist'\n"
    );
}

#[test]
fn protection_keeps_disks_even_if_the_same_call_lifts_it() {
    let mut bench = Bench::new("empty");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100&scsi0=local:1&protection=1");
    assert_eq!(
        bench.refused("PUT", CONFIG, "delete=scsi0&protection=0"),
        "can't remove drive 'scsi0' - protection mode enabled\n"
    );
    assert_eq!(bench.option(100, "protection"), Some("1"));
}

#[test]
fn cloud_init_changes_of_a_running_vm_wait_for_a_new_drive() {
    let mut bench = Bench::new("empty");
    let form = "vmid=100&ide2=local:cloudinit&ciuser=u&ipconfig0=ip%3Ddhcp&net0=virtio,bridge=vmbr0&start=1";
    bench.task("POST", "/nodes/pve1/qemu", form);
    bench.ok("PUT", CONFIG, "ciuser=v&ipconfig0=ip%3D192.0.2.7/24");
    assert_eq!(bench.option(100, "ciuser"), Some("v"), "the configuration has it at once");
    let cloudinit = "/nodes/pve1/qemu/100/cloudinit";
    assert_eq!(bench.ok("GET", cloudinit, ""), json!([{"key": "ciuser", "value": "u", "pending": "v"}]));
    bench.ok("PUT", cloudinit, "");
    assert_eq!(bench.ok("GET", cloudinit, ""), json!([{"key": "ciuser", "value": "v"}]));
}

#[test]
fn a_custom_cpu_model_must_be_defined_first() {
    let mut bench = Bench::new("empty");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100");
    assert_eq!(
        bench.refused("PUT", CONFIG, "cpu=custom-tf"),
        "cpu: invalid format - Custom cputype 'tf' not found\n"
    );
    let form = "cputype=custom-tf&reported-model=kvm64&flags=%2Baes";
    bench.ok("POST", "/cluster/qemu/custom-cpu-models", form);
    bench.ok("PUT", CONFIG, "cpu=custom-tf");
    assert_eq!(bench.option(100, "cpu"), Some("custom-tf"));
}
