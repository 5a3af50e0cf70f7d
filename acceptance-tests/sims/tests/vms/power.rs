//! Starting and stopping.

use crate::bench::Bench;

fn vm(profile: &str, form: &str) -> Bench {
    let mut bench = Bench::new(profile);
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &format!("vmid=100&{form}")), "OK");
    bench
}

const STATUS: &str = "/nodes/pve1/qemu/100/status";

#[test]
fn starting_twice_and_stopping_twice_is_told_apart() {
    let mut bench = vm("empty", "memory=64");
    assert_eq!(bench.task("POST", &format!("{STATUS}/start"), ""), "OK");
    assert_eq!(bench.task("POST", &format!("{STATUS}/start"), ""), "VM 100 already running");
    assert_eq!(bench.task("POST", &format!("{STATUS}/stop"), ""), "OK");
    assert_eq!(bench.task("POST", &format!("{STATUS}/stop"), ""), "OK");
    assert_eq!(bench.refused("POST", &format!("{STATUS}/reboot"), ""), "VM 100 not running\n");
}

#[test]
fn a_guest_without_a_system_ignores_the_power_button() {
    let mut bench = vm("empty", "start=1");
    let end = "VM quit/powerdown failed - got timeout";
    assert_eq!(bench.task("POST", &format!("{STATUS}/shutdown"), "timeout=1"), end);
    assert!(bench.lab.vms[&100].is_running());
    assert_eq!(bench.task("POST", &format!("{STATUS}/shutdown"), "timeout=1&forceStop=1"), "OK");
    assert!(!bench.lab.vms[&100].is_running());
}

#[test]
fn a_reboot_brings_pending_changes_into_force() {
    let mut bench = vm("lab", "start=1&cores=1");
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "cores=2");
    let before = bench.lab.vms[&100].process.clone();
    assert_eq!(bench.task("POST", &format!("{STATUS}/reboot"), ""), "OK");
    assert_eq!(bench.option(100, "cores"), Some("2"));
    let after = bench.lab.vms[&100].process.clone();
    assert!(after.is_some() && after != before);
}

#[test]
fn a_missing_bridge_or_volume_stops_the_start() {
    let mut bench = vm("empty", "net0=virtio,bridge=vmbr99");
    let start = format!("{STATUS}/start");
    assert_eq!(bench.task("POST", &start, ""), "start failed: QEMU exited with code 1");
    assert_eq!(bench.log()[0], "bridge 'vmbr99' does not exist");
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "delete=net0&scsi0=local:1");
    bench.task("DELETE", "/nodes/pve1/storage/local/content/local:100/vm-100-disk-0.raw", "");
    assert_eq!(bench.task("POST", &start, ""), "volume 'local:100/vm-100-disk-0.raw' does not exist");
}

#[test]
fn the_agent_answers_where_the_profile_has_one() {
    let path = "/nodes/pve1/qemu/100/agent/network-get-interfaces";
    let mut bench = vm("empty", "agent=1&start=1");
    assert_eq!(bench.refused("GET", path, ""), "QEMU guest agent is not running\n");
    let form = "agent=1&net0=virtio=BC:24:11:00:00:01,bridge=vmbr0&ipconfig0=ip%3D192.0.2.7/24";
    let mut bench = vm("lab", form);
    assert_eq!(bench.refused("GET", path, ""), "VM 100 is not running\n");
    bench.task("POST", &format!("{STATUS}/start"), "");
    let found = bench.ok("GET", path, "");
    assert_eq!(found["result"][1]["ip-addresses"][0]["ip-address"], "192.0.2.7");
    bench.ok("PUT", "/nodes/pve1/qemu/100/config", "delete=agent");
    bench.task("POST", &format!("{STATUS}/reboot"), "");
    assert_eq!(bench.refused("GET", path, ""), "No QEMU guest agent configured\n");
}

#[test]
fn a_vm_on_disk_goes_on_where_it_was_suspended() {
    let mut bench = vm("empty", "scsi0=local:1&memory=64&start=1");
    assert_eq!(bench.task("POST", &format!("{STATUS}/suspend"), "todisk=1"), "OK");
    assert_eq!(bench.option(100, "lock"), Some("suspended"));
    assert_eq!(bench.option(100, "vmstate"), Some("local:100/vm-100-state-suspend.raw"));
    assert_eq!(bench.task("POST", &format!("{STATUS}/start"), ""), "OK");
    assert!(bench.lab.vms[&100].is_running());
    assert_eq!((bench.option(100, "lock"), bench.option(100, "vmstate")), (None, None));
    assert_eq!(bench.volumes("pve1", "local"), ["local:100/vm-100-disk-0.raw"]);
}

#[test]
fn a_missing_snippet_stops_the_start_and_not_the_change() {
    let mut bench = vm("empty", "ide2=local:cloudinit&cicustom=user%3Dlocal:snippets/nope.yaml");
    assert_eq!(
        bench.task("POST", &format!("{STATUS}/start"), ""),
        "can't open '/var/lib/vz/snippets/nope.yaml' - No such file or directory"
    );
    assert!(!bench.lab.vms[&100].is_running());
}

#[test]
fn the_figures_of_a_status_depend_on_the_release() {
    let mut bench = vm("empty", "start=1");
    let status = bench.ok("GET", &format!("{STATUS}/current"), "");
    assert!(status.get("memhost").is_some() && status.get("pressurecpusome").is_some());
    bench.lab.release = sims::pve::release::Release::V8_4;
    let status = bench.ok("GET", &format!("{STATUS}/current"), "");
    assert!(status.get("memhost").is_none() && status.get("pressurecpusome").is_none());
    assert_eq!(status["diskread"], 0);
}

#[test]
fn a_managed_vm_is_asked_to_stop_and_stops_a_little_later() {
    let mut bench = vm("lab", "start=1");
    bench.lab.task_time = 60_000;
    bench.ok("POST", "/cluster/ha/resources", "sid=vm:100&state=started");
    assert_eq!(bench.task("POST", &format!("{STATUS}/stop"), ""), "OK");
    assert_eq!(
        bench.lab.tasks.list.iter().rfind(|task| task.upid.kind == "hastop").map(|task| task.log.len()),
        Some(2)
    );
    let status = bench.ok("GET", &format!("{STATUS}/current"), "");
    assert_eq!(
        (status["status"].as_str(), status["ha"]["state"].as_str()),
        (Some("stopped"), Some("request_stop"))
    );
    bench.lab.stopping_guests.clear();
    assert_eq!(bench.ok("GET", &format!("{STATUS}/current"), "")["ha"]["state"], "stopped");
}
