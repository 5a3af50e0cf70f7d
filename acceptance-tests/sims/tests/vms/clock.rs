//! What else the clock does: replication, and the failure of nodes under high availability.

use serde_json::{Value, json};

use super::bench::Bench;
use sims::pve::content::naming::VolumeId;
use sims::pve::release::Release;

const HOUR: i64 = 3600;

/// A VM with its disk on a ZFS pool that every node has.
fn replicated() -> Bench {
    let mut bench = Bench::new("lab");
    for node in ["pve1", "pve2", "pve3"] {
        let form = "name=tank&raidlevel=single&devices=/dev/sdb";
        assert_eq!(bench.task("POST", &format!("/nodes/{node}/disks/zfs"), form), "OK");
    }
    bench.ok("POST", "/storage", "storage=tank&type=zfspool&pool=tank&content=images");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=300&name=r&scsi0=tank:1"), "OK");
    bench.ok("POST", "/cluster/replication", "id=300-0&type=local&target=pve2&schedule=*:0/30");
    bench
}

fn write(bench: &mut Bench, contents: &str) {
    let id = VolumeId::new("tank", "vm-300-disk-0");
    bench.lab.volume_mut("pve1", &id).expect("it is there").contents = contents.to_owned();
}

fn on_target(bench: &Bench) -> Option<String> {
    let id = VolumeId::new("tank", "vm-300-disk-0");
    bench.lab.volume("pve2", &id).map(|volume| volume.contents.clone())
}

fn status(bench: &mut Bench) -> Value {
    bench.ok("GET", "/nodes/pve1/replication/300-0/status", "")
}

#[test]
fn replication_brings_the_disks_to_the_target_when_it_is_due() {
    let mut bench = replicated();
    write(&mut bench, "first");
    let before = status(&mut bench);
    assert_eq!((&before["last_sync"], on_target(&bench)), (&json!(0), None));
    assert!(before["next_sync"].as_i64() > Some(bench.lab.now()));
    bench.lab.advance(HOUR);
    assert_eq!(on_target(&bench).as_deref(), Some("first"));
    let after = status(&mut bench);
    assert_eq!((&after["fail_count"], &after["source"]), (&json!(0), &json!("pve1")));
    assert_eq!(after["last_sync"].as_i64().expect("a time") % 1800, 0, "it ran when it was due");
    write(&mut bench, "second");
    bench.ok("POST", "/nodes/pve1/replication/300-0/schedule_now", "");
    assert_eq!(on_target(&bench).as_deref(), Some("second"));
    let log = bench.ok("GET", "/nodes/pve1/replication/300-0/log", "");
    assert_eq!(log[2]["t"], "send volume 'tank:vm-300-disk-0'");
}

#[test]
fn replication_wants_a_guest_another_node_and_the_privileges_on_it() {
    let mut bench = replicated();
    for (form, expected) in [
        ("id=999-0&type=local&target=nope", "Guest '999' does not exist.\n"),
        ("id=300-1&type=local&target=nope", "Target 'nope' does not exist.\n"),
        ("id=300-1&type=local&target=pve1", "Source and target must not be identical\n"),
        (
            "id=300-1&type=local&target=pve3&source=pve2",
            "Source 'pve2' does not match current node of guest '300' (pve1)\n",
        ),
    ] {
        assert_eq!(bench.refused("POST", "/cluster/replication", form), expected, "{form}");
    }
    assert_eq!(bench.refused("PUT", "/cluster/replication/300-9", "rate=1"), "no such job '300-9'\n");
    bench.ok("POST", "/access/users", "userid=reader@pve");
    bench.call_as("reader@pve");
    assert_eq!(bench.ok("GET", "/cluster/replication", ""), json!([]));
    assert_eq!(
        bench.refused("GET", "/cluster/replication/300-0", ""),
        "Permission check failed (/vms/300, VM.Audit)\n"
    );
    assert_eq!(
        bench.refused("PUT", "/cluster/replication/300-0", "rate=1"),
        "Permission check failed (/vms/300, VM.Replicate)\n"
    );
}

#[test]
fn a_target_that_is_down_is_told_and_tried_again_soon() {
    let mut bench = replicated();
    bench.lab.switch_node("pve2", true);
    bench.lab.advance(HOUR);
    let failed = status(&mut bench);
    assert!(failed["fail_count"].as_i64() > Some(1) && failed["error"].is_string(), "{failed}");
    bench.lab.switch_node("pve2", false);
    bench.lab.advance(1800);
    let well = status(&mut bench);
    assert_eq!((&well["fail_count"], &well["error"]), (&json!(0), &Value::Null));
}

#[test]
fn a_disk_that_cannot_be_replicated_fails_the_job() {
    let mut bench = replicated();
    bench.ok("PUT", "/nodes/pve1/qemu/300/config", "scsi1=local-lvm:1");
    bench.lab.advance(HOUR);
    assert_eq!(status(&mut bench)["error"], "missing replicate feature on volume 'local-lvm:vm-300-disk-0'");
    bench.ok("PUT", "/nodes/pve1/qemu/300/config", "scsi1=local-lvm:vm-300-disk-0,replicate=0");
    bench.lab.advance(HOUR);
    assert_eq!(status(&mut bench)["fail_count"], 0);
}

#[test]
fn a_managed_guest_goes_on_elsewhere_two_minutes_after_its_node_is_lost() {
    let mut bench = Bench::new("lab");
    for vmid in [300, 301] {
        assert_eq!(bench.task("POST", "/nodes/pve1/qemu", &format!("vmid={vmid}&scsi0=shared:1")), "OK");
    }
    bench.ok("POST", "/cluster/ha/resources", "sid=vm:300&state=started");
    bench.ok(
        "POST",
        "/cluster/ha/rules",
        "rule=rule&type=node-affinity&resources=vm:300&nodes=pve1:3,pve3:2,pve2:1",
    );
    bench.lab.switch_node("pve1", true);
    bench.lab.advance(60);
    assert_eq!(bench.lab.vms[&300].node, "pve1", "it is not fenced yet");
    bench.lab.advance(120);
    assert_eq!(bench.lab.vms[&300].node, "pve3", "the next that its rule prefers");
    assert!(bench.lab.vms[&300].is_running());
    assert_eq!(bench.lab.vms[&301].node, "pve1", "nobody manages the other");
}

/// A running VM under a rule that prefers `pve1`, whose node was lost and is back.
fn after_a_failure(failback: &str) -> Bench {
    let mut bench = Bench::new("lab");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=300&scsi0=shared:1"), "OK");
    bench.ok("POST", "/cluster/ha/resources", &format!("sid=vm:300&state=started{failback}"));
    let rule = "rule=rule&type=node-affinity&resources=vm:300&nodes=pve1:3,pve3:2";
    bench.ok("POST", "/cluster/ha/rules", rule);
    bench.lab.switch_node("pve1", true);
    bench.lab.advance(180);
    assert_eq!(bench.lab.vms[&300].node, "pve3");
    bench.lab.switch_node("pve1", false);
    bench
}

#[test]
fn a_guest_goes_back_to_the_node_that_its_rule_prefers_without_being_stopped() {
    let mut bench = after_a_failure("");
    let started = bench.lab.vms[&300].process.clone().expect("it runs").started_at;
    bench.lab.advance(60);
    assert_eq!(bench.lab.vms[&300].node, "pve1");
    assert_eq!(bench.lab.vms[&300].process.clone().expect("it runs").started_at, started);
    let tasks = bench.lab.tasks.list.iter().filter(|task| task.upid.kind == "qmigrate");
    assert_eq!(tasks.map(|task| task.exit.as_deref()).collect::<Vec<_>>(), [Some("OK")]);
    bench.lab.advance(HOUR);
    assert_eq!(bench.lab.vms[&300].node, "pve1", "and stays there");
}

#[test]
fn a_guest_without_failback_or_with_a_local_disk_stays_where_it_is() {
    let mut bench = after_a_failure("&failback=0");
    bench.lab.advance(HOUR);
    assert_eq!(bench.lab.vms[&300].node, "pve3");
    let mut bench = after_a_failure("");
    bench.ok("PUT", "/nodes/pve3/qemu/300/config", "scsi1=local-lvm:1");
    bench.lab.advance(HOUR);
    assert_eq!(bench.lab.vms[&300].node, "pve3");
}

#[test]
fn a_replicated_guest_goes_on_with_what_was_sent_last() {
    let mut bench = replicated();
    bench.ok("POST", "/cluster/ha/resources", "sid=vm:300&state=started");
    bench.ok(
        "POST",
        "/cluster/ha/rules",
        "rule=rule&type=node-affinity&resources=vm:300&nodes=pve1,pve2&strict=1",
    );
    write(&mut bench, "sent");
    bench.lab.advance(HOUR);
    write(&mut bench, "lost");
    bench.lab.switch_node("pve1", true);
    bench.lab.advance(HOUR);
    assert!(bench.lab.vms[&300].node == "pve2" && bench.lab.vms[&300].is_running());
    assert_eq!(on_target(&bench).as_deref(), Some("sent"));
}

#[test]
fn groups_are_kept_on_the_release_that_has_them() {
    let mut bench = Bench::new("lab");
    assert!(bench.refused("GET", "/cluster/ha/groups", "").contains("migrated to rules"));
    bench.lab.release = Release::V8_4;
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=300&scsi0=shared:1"), "OK");
    bench.ok("POST", "/cluster/ha/groups", "group=g1&nodes=pve2:2,pve3&restricted=1");
    bench.ok("PUT", "/cluster/ha/groups/g1", "comment=c");
    let group = bench.ok("GET", "/cluster/ha/groups/g1", "");
    assert_eq!(
        (&group["restricted"], &group["nodes"], &group["comment"]),
        (&json!(1), &json!("pve2:2,pve3"), &json!("c"))
    );
    bench.ok("POST", "/cluster/ha/resources", "sid=vm:300&group=g1");
    assert_eq!(
        bench.refused("DELETE", "/cluster/ha/groups/g1", ""),
        "ha group is used by service 'vm:300'\n"
    );
    bench.lab.switch_node("pve1", true);
    bench.lab.advance(HOUR);
    assert_eq!(bench.lab.vms[&300].node, "pve2");
    bench.ok("DELETE", "/cluster/ha/resources/vm:300", "");
    bench.ok("DELETE", "/cluster/ha/groups/g1", "");
    assert_eq!(bench.ok("GET", "/cluster/ha/groups", ""), json!([]));
}

#[test]
fn consoles_disks_and_figures_are_answered() {
    let mut bench = replicated();
    let console = bench.ok("POST", "/nodes/pve1/qemu/300/vncproxy", "websocket=1&generate-password=1");
    assert!(
        console["ticket"].as_str().unwrap_or_default().starts_with("PVEVNC:") && console["port"] == "5900"
    );
    assert!(console["password"].is_string());
    let refused = bench.refused("POST", "/nodes/pve1/qemu/300/termproxy", "");
    assert_eq!(refused, "unable to find a serial interface\n");
    bench.ok("PUT", "/nodes/pve1/qemu/300/config", "serial0=socket");
    assert!(bench.ok("POST", "/nodes/pve1/qemu/300/termproxy", "")["upid"].is_string());
    let disks = bench.ok("GET", "/nodes/pve1/disks/list", "");
    assert_eq!(
        (&disks[0]["used"], &disks[1]["used"], &disks[2]["used"]),
        (&json!("LVM"), &json!("ZFS"), &Value::Null)
    );
    let unused = bench.ok("GET", "/nodes/pve1/disks/list", "type=unused");
    assert_eq!(unused.as_array().map(Vec::len), Some(2));
    bench.lab.advance(600);
    let figures = bench.ok("GET", "/nodes/pve1/qemu/300/rrddata", "timeframe=hour");
    let figures = figures.as_array().cloned().unwrap_or_default();
    assert_eq!(figures.len(), 70);
    assert!(
        figures[69]["maxmem"].is_number() && figures[0]["maxmem"].is_null(),
        "not before there was a lab"
    );
    assert_eq!(figures[69]["time"].as_i64().zip(figures[68]["time"].as_i64()).map(|(a, b)| a - b), Some(60));
}
