//! The lab's own life: what it keeps, what it writes down, its clock, and how it ends.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Bench;

#[test]
fn every_request_is_in_the_wire_log() {
    let bench = Bench::new("empty", &[]);
    bench.must("GET", "/version", None);
    bench.must("GET", "/pools/nope", None);
    let log = std::fs::read_to_string(bench.lab.folder().join("wire.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> =
        lines.iter().map(|line| (line["path"].as_str().unwrap(), line["status"].as_u64().unwrap())).collect();
    assert_eq!(seen, [("/api2/json/version", 200), ("/api2/json/pools/nope", 500)]);
    assert!(lines.iter().all(|line| line["duration_ms"].is_number() && line["time"].is_number()));
}

#[test]
fn whoever_reads_the_ready_file_finds_the_certificate_from_any_folder() {
    let bench = Bench::new("empty", &[]);
    let path = std::path::Path::new(bench.lab.told("ca_file"));
    assert!(
        path.is_absolute() && path.starts_with(bench.lab.folder()) && path.exists(),
        "{}",
        path.display()
    );
}

#[test]
fn tickets_expire_when_the_clock_is_advanced() {
    let bench = Bench::new("empty", &[]);
    let form = format!("username=root@pam&password={}", bench.lab.told("password"));
    let login =
        bench.wire.must("POST", "/api2/json/access/ticket", &[], Some((super::FORM, form.as_bytes())));
    let ticket = login.body["data"]["ticket"].as_str().unwrap().replace('+', "%2B");
    let cookie = [("Cookie", format!("PVEAuthCookie={ticket}"))];
    let version = || bench.wire.must("GET", "/api2/json/version", &cookie, None).status;
    assert_eq!(version(), 200);
    let body = json!({"advance_seconds": 7201}).to_string();
    bench.wire.must("POST", "/lab/clock", &[], Some(("application/json", body.as_bytes())));
    assert_eq!(version(), 401);
}

#[test]
fn a_volume_in_two_configurations_is_told() {
    let bench = Bench::new("empty", &["--task-time", "0"]);
    let told = || bench.wire.must("GET", "/lab/double-use", &[], None).body;
    bench.must(
        "POST",
        "/nodes/pve1/storage/local/content",
        Some("vmid=900&filename=vm-900-disk-0.raw&size=1G"),
    );
    for vmid in [100, 101] {
        bench.must(
            "POST",
            "/nodes/pve1/qemu",
            Some(&format!("vmid={vmid}&scsi0=local:900/vm-900-disk-0.raw")),
        );
        let end = Instant::now() + Duration::from_secs(10);
        let config = format!("/nodes/pve1/qemu/{vmid}/config");
        while bench.must("GET", &config, None).body["data"]["scsi0"].is_null() {
            assert!(Instant::now() < end, "VM {vmid} is not made");
        }
        let users =
            if vmid == 100 { json!({}) } else { json!({"pve1/local:900/vm-900-disk-0.raw": [100, 101]}) };
        assert_eq!(told(), users);
    }
    bench.must("PUT", "/nodes/pve1/qemu/101/config", Some("delete=scsi0"));
    assert_eq!(told(), json!({}));
    let state = bench.wire.must("GET", "/lab/state", &[], None).body;
    assert_eq!(state["torn"], json!(["pve1/local:900/vm-900-disk-0.raw: 100, 101"]), "it is not forgotten");
}

#[test]
fn a_state_folder_survives_the_program() {
    let folder = std::env::temp_dir().join(format!("homelab-sim-kept-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let run = |act: &dyn Fn(&str, &str)| {
        let ready = folder.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut child = Command::new(env!("CARGO_BIN_EXE_homelab-sim"))
            .args(["--profile", "empty", "--pve", "127.0.0.1:0", "--state"])
            .arg(folder.join("state"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        let told: serde_json::Value = loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                break serde_json::from_str(&text).unwrap();
            }
            assert!(Instant::now() < end, "the lab did not become ready");
            std::thread::sleep(Duration::from_millis(10));
        };
        act(told["pve"]["endpoint"].as_str().unwrap(), told["pve"]["token"].as_str().unwrap());
        let terminated = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(terminated.success());
        assert!(child.wait().unwrap().success(), "SIGTERM ends the lab in order");
    };
    let ask = |endpoint: &str, token: &str, arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["--silent", "--insecure", "--header", &format!("Authorization: PVEAPIToken={token}")])
            .args(arguments)
            .arg(format!("{endpoint}/api2/json/pools"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    run(&|endpoint, token| assert_eq!(ask(endpoint, token, &["--data", "poolid=kept"]), "{\"data\":null}"));
    run(&|endpoint, token| assert_eq!(ask(endpoint, token, &[]), "{\"data\":[{\"poolid\":\"kept\"}]}"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_lab_ends_when_its_parent_is_gone() {
    let lab = env!("CARGO_BIN_EXE_homelab-sim");
    // The lab says on its standard error when it is ready, and the shell passes that on.
    let script = format!("{lab} --ephemeral --pve 127.0.0.1:0 2>&1 & echo $!; read -r _");
    let mut parent = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(parent.stdout.take().unwrap()));
    let process = format!("/proc/{}/stat", lines.next().unwrap().unwrap());
    assert!(lines.next().unwrap().unwrap().starts_with("homelab-sim: ready: "));
    parent.kill().unwrap();
    parent.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    // A zombie whose new parent has not looked yet counts as ended.
    while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < end, "the lab outlived its parent");
        std::thread::sleep(Duration::from_millis(20));
    }
}
