//! Planted faults, each met by a client.

use serde_json::json;

use super::Bench;

#[test]
fn a_lost_reply_was_executed_all_the_same() {
    let bench = Bench::new("empty", &[]);
    bench.plant(json!({"kind": "reply_lost", "method": "POST", "path": "/pools"}));
    assert!(bench.call("POST", "/pools", Some("poolid=lost")).is_none());
    assert_eq!(bench.must("GET", "/pools", None).body["data"], json!([{"poolid": "lost"}]));
}

#[test]
fn a_connection_cut_before_left_nothing_behind() {
    let bench = Bench::new("empty", &[]);
    bench.plant(json!({"kind": "cut", "method": "POST", "path": "/pools"}));
    assert!(bench.call("POST", "/pools", Some("poolid=cut")).is_none());
    assert_eq!(bench.must("GET", "/pools", None).body["data"], json!([]));
}

#[test]
fn a_proxy_timeout_is_596_without_a_body_and_executed() {
    let bench = Bench::new("empty", &[]);
    bench.plant(json!({"kind": "proxy_timeout", "path": "/pools", "method": "POST", "milliseconds": 20}));
    let answer = bench.must("POST", "/pools", Some("poolid=late"));
    assert_eq!((answer.status, answer.reason.as_str()), (596, "Connection timed out"));
    assert_eq!(answer.body, "");
    assert_eq!(bench.must("GET", "/pools", None).body["data"], json!([{"poolid": "late"}]));
}

#[test]
fn a_status_is_answered_as_often_as_it_was_planted() {
    let bench = Bench::new("empty", &[]);
    bench.plant(json!({"kind": "status", "path": "/version", "after": 1, "times": 2, "status": 503, "message": "busy"}));
    let seen: Vec<u16> = (0..4).map(|_| bench.must("GET", "/version", None).status).collect();
    assert_eq!(seen, [200, 503, 503, 200]);
}

#[test]
fn a_missing_permission_is_told_as_the_service_tells_it() {
    let bench = Bench::new("empty", &[]);
    bench.plant(
        json!({"kind": "permission_missing", "path": "/nodes/*/qemu", "message": "/vms/100, VM.Allocate"}),
    );
    let answer = bench.must("POST", "/nodes/pve1/qemu", Some("vmid=100"));
    assert_eq!(
        (answer.status, answer.reason.as_str()),
        (403, "Permission check failed (/vms/100, VM.Allocate)")
    );
}

#[test]
fn a_held_lock_is_told_after_the_wait() {
    let bench = Bench::new("empty", &[]);
    let lock = "/var/lock/qemu-server/lock-100.conf";
    bench.plant(json!({"kind": "lock_held", "path": "/pools", "method": "POST", "lock": lock}));
    let answer = bench.must("POST", "/pools", Some("poolid=x"));
    assert_eq!(answer.reason, format!("can't lock file '{lock}' - got timeout"));
}

#[test]
fn a_node_goes_offline_and_comes_back() {
    let bench = Bench::new("lab", &[]);
    bench.plant(json!({"kind": "node_offline", "path": "/version", "node": "pve2"}));
    bench.must("GET", "/version", None);
    assert_eq!(bench.must("GET", "/nodes/pve2/status", None).status, 595);
    let status = bench.must("GET", "/cluster/status", None);
    let online = status.body["data"].as_array().and_then(|list| list.iter().find(|it| it["name"] == "pve2"));
    assert_eq!(online.map(|node| &node["online"]), Some(&json!(0)));
    bench.plant(json!({"kind": "node_online", "path": "/version", "node": "pve2"}));
    bench.must("GET", "/version", None);
    assert_eq!(bench.must("GET", "/nodes/pve2/status", None).status, 200);
}

#[test]
fn a_task_can_be_slow_fail_or_never_end() {
    let bench = Bench::new("empty", &[]);
    let create =
        |vmid: u32| bench.must("POST", "/nodes/pve1/qemu", Some(&format!("vmid={vmid}&scsi0=local:1")));
    let path = "/nodes/*/qemu";
    bench.plant(json!({"kind": "task_fails", "method": "POST", "path": path, "message": "no space left"}));
    assert_eq!(bench.end_of(&create(100)), "no space left");
    assert_eq!(bench.must("GET", "/nodes/pve1/qemu/100/config", None).status, 500, "the work is undone");

    bench.plant(json!({"kind": "task_slow", "method": "POST", "path": path, "milliseconds": 300}));
    let started = std::time::Instant::now();
    assert_eq!(bench.end_of(&create(101)), "OK");
    assert!(started.elapsed() >= std::time::Duration::from_millis(300));

    bench.plant(json!({"kind": "task_endless", "method": "POST", "path": path}));
    let endless = create(102);
    let upid = endless.body["data"].as_str().unwrap_or_default().to_owned();
    let status = bench.must("GET", &format!("/nodes/pve1/tasks/{upid}/status"), None);
    assert_eq!(status.body["data"]["status"], "running");
    bench.must("DELETE", &format!("/nodes/pve1/tasks/{upid}"), None);
    assert_eq!(bench.end_of(&endless), "received interrupt");
}

#[test]
fn a_guest_is_changed_behind_the_clients_back() {
    let bench = Bench::new("empty", &[]);
    let created = bench.must("POST", "/nodes/pve1/qemu", Some("vmid=100&cores=1"));
    assert_eq!(bench.end_of(&created), "OK");
    let before = bench.must("GET", "/nodes/pve1/qemu/100/config", None).body["data"]["digest"].clone();
    let digest = before.as_str().unwrap_or_default();
    bench.plant(json!({
        "kind": "edit_before", "method": "PUT", "path": "/nodes/*/qemu/*/config", "vmid": 100,
        "set": {"description": "somebody else"}, "delete": ["cores"],
    }));
    let answer =
        bench.must("PUT", "/nodes/pve1/qemu/100/config", Some(&format!("memory=256&digest={digest}")));
    assert_eq!(answer.status, 500);
    assert!(answer.reason.contains("checksum mismatch"), "{}", answer.reason);
    let config = bench.must("GET", "/nodes/pve1/qemu/100/config", None).body;
    assert_eq!(config["data"]["description"], "somebody else");
    assert!(config["data"].get("cores").is_none());
}

#[test]
fn a_wrong_certificate_is_served_as_often_as_it_was_planted() {
    let bench = Bench::new("empty", &[]);
    bench.plant(json!({"kind": "wrong_certificate"}));
    assert!(bench.call("GET", "/version", None).is_none(), "the client must not trust it");
    assert_eq!(bench.must("GET", "/version", None).status, 200);
}
