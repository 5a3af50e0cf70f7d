//! Machines that high availability looks after: its manager and we do not fight. With every CLI.

use std::time::Duration;

use serde_json::json;
use suite::cycle::names;
use suite::process::wait_for;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  vm_id = 4711\n  name = \"web\"\n  shutdown_timeout_seconds = 2\n  {body}\n}}\n"
    )
}

fn managed(state: &str) -> String {
    format!(
        "resource \"homelab_pve_ha_resource\" \"this\" {{\n  service_id = \"vm:${{homelab_pve_vm.this.vm_id}}\"\n  state = \
         \"{state}\"\n}}\n"
    )
}

const HERE: &str = "node_name = \"pve1\"";

#[track_caller]
fn comes_to_run(lab: &Lab, running: bool) {
    wait_for("what the manager is asked for", Duration::from_secs(20), || {
        (lab.runs(&lab.place("web")) == running).then_some(())
    });
}

/// The posts to the status of machines since a moment.
fn power_calls(lab: &Lab, before: usize) -> Vec<String> {
    let calls = lab.calls_since(before);
    calls.into_iter().filter(|call| call.starts_with("POST") && call.contains("/status/")).collect()
}

#[test]
fn the_manager_says_whether_its_machine_runs() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let wants = |body: &str, state: &str| {
            workspace.configure(
                &lab.provider_block(),
                &format!("{}{}", vm(&format!("{HERE}\n  {body}")), managed(state)),
            );
        };
        wants("", "started");
        workspace.apply().ok();
        workspace.plan_is_empty();
        let before = lab.calls();
        for (state, running) in [("stopped", false), ("started", true)] {
            wants("", state);
            workspace.apply().ok();
            comes_to_run(&lab, running);
            workspace.plan_is_empty();
            workspace.apply().ok();
        }
        // Whoever says otherwise is told, and nothing is done.
        wants("started = false", "started");
        let told = workspace.plan();
        assert_eq!(told.code, Some(0), "{}", told.text);
        let told = told.prose();
        assert!(
            told.contains("High availability decides")
                && told.contains("asked to keep this machine \"started\""),
            "{told}"
        );
        workspace.apply().ok();
        assert!(lab.runs(&lab.place("web")));
        assert_eq!(power_calls(&lab, before), Vec::<String>::new());
        // One that it leaves alone is started and stopped as ever.
        wants("started = false", "ignored");
        workspace.apply().ok();
        workspace.apply().ok();
        assert!(!lab.runs(&lab.place("web")));
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_machine_under_the_manager_is_restarted_and_moved_and_stays_there() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disk =
            |storage: &str| format!("disks = {{ scsi0 = {{ storage_name = \"{storage}\", size_gib = 1 }} }}");
        let wants = |body: &str| {
            workspace.configure(
                &lab.provider_block(),
                &format!("{}{}", vm(&format!("{body}\n  {}", disk("shared"))), managed("started")),
            );
        };
        wants(&format!("{HERE}\n  cpu = {{ cores = 1 }}"));
        workspace.apply().ok();
        wants(&format!("{HERE}\n  cpu = {{ cores = 2 }}"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let state = |lab: &Lab| lab.get("/api2/json/cluster/ha/resources/vm:4711")["data"]["state"].clone();
        assert_eq!((state(&lab), lab.runs(&lab.place("web"))), (json!("started"), true));
        // The manager moves it, and it was running all the time.
        wants("node_name = \"pve2\"\n  cpu = { cores = 2 }");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!((lab.place("web").node, state(&lab)), ("pve2".to_owned(), json!("started")));
        wants("nodes = [\"pve2\", \"pve3\"]\n  cpu = { cores = 2 }");
        workspace.apply().ok();
        let body = json!({"target": "pve3", "online": 1});
        lab.task("POST", "/nodes/pve2/qemu/4711/migrate", Some(&body));
        wait_for("the manager to move it", Duration::from_secs(20), || {
            lab.vms().iter().any(|row| row["vmid"] == 4711 && row["node"] == "pve3").then_some(())
        });
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_machine_that_is_destroyed_takes_its_ha_resource_with_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm(HERE));
        workspace.apply().ok();
        let body = json!({"sid": "vm:4711", "state": "started"});
        lab.request("POST", "/api2/json/cluster/ha/resources", Some(&body.to_string()));
        workspace.plan_is_empty();
        let told = workspace.run(&["plan", "-destroy", "-no-color", "-input=false"]).ok().prose();
        assert!(told.contains("HA resource goes too"), "{told}");
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
        assert!(names(&lab, "/api2/json/cluster/ha/resources", "sid").is_empty());
    });
}

#[test]
fn disks_go_along_or_the_plan_says_that_they_may_not() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (storage, nodes) in [("old", "pve1"), ("new", "pve2,pve3")] {
            let body = json!({
                "storage": storage, "type": "dir", "path": format!("/{storage}"), "content": "images", "nodes": nodes,
            });
            lab.request("POST", "/api2/json/storage", Some(&body.to_string()));
        }
        let on = |node: &str, storage: &str, more: &str| {
            vm(&format!(
                "node_name = \"{node}\"\n  disks = {{ scsi0 = {{ storage_name = \"{storage}\", size_gib = 1 }} }}\n  {more}"
            ))
        };
        workspace.configure(&lab.provider_block(), &on("pve1", "old", ""));
        workspace.apply().ok();
        workspace
            .configure(&lab.provider_block(), &on("pve2", "new", "migration = { with_local_disks = false }"));
        let told = workspace.plan().failed().prose();
        assert!(
            told.contains("Disks may not be copied") && told.contains("scsi0 (storage \"old\", 1 GiB)"),
            "{told}"
        );

        // The storage that takes the old one's place is used at once.
        workspace.configure(&lab.provider_block(), &on("pve2", "new", ""));
        let told = workspace.plan().prose();
        assert!(told.contains("Local disks are copied"), "{told}");
        let before = lab.calls();
        workspace.apply().ok();
        workspace.plan_is_empty();
        let calls = lab.calls_since(before);
        assert!(
            !calls.iter().any(|call| call.contains("/move_disk") || call.contains("/status/start")),
            "{calls:#?}"
        );
        let here = Place { node: "pve2".to_owned(), id: 4711 };
        assert!(lab.runs(&here));
        assert_eq!(lab.volumes(&here, "new").len(), 1);

        // Shut down for the move, and started again.
        workspace.configure(&lab.provider_block(), &on("pve3", "new", "migration = { online = false }"));
        let before = lab.calls();
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(power_calls(&lab, before).len(), 2);
        assert!(lab.runs(&lab.place("web")));
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_machine_that_leaves_the_manager_is_started_or_stopped_in_the_same_apply() {
    let with = |body: &str, rest: &str| format!("{}{rest}", vm(&format!("{HERE}\n  {body}")));
    // Which of the two is planned first depends on the CLI and on chance, so each is held up in turn.
    let (machine, manager) = ("/nodes/*/qemu/*/pending", "/cluster/ha/resources/*");
    let stopped = "started = false\n  cpu = { cores = 1 }";
    let larger = "started = false\n  cpu = { cores = 2 }";
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let applies = |resources: &str| {
            workspace.configure(&lab.provider_block(), resources);
            let said = workspace.apply().ok().prose();
            lab.unplant();
            workspace.plan_is_empty();
            said
        };
        for (held_up, state, then, running) in [
            (machine, "started", stopped, false),
            (machine, "started", larger, false),
            (manager, "started", stopped, false),
            (manager, "started", larger, false),
            (manager, "stopped", "cpu = { cores = 1 }", true),
        ] {
            applies(&with("cpu = { cores = 1 }", ""));
            applies(&with("cpu = { cores = 1 }", &managed(state)));
            comes_to_run(&lab, state == "started");
            lab.plant(&json!({ "kind": "delay", "milliseconds": 1500, "method": "GET", "path": held_up }));
            let said = applies(&with(then, ""));
            assert_eq!(lab.runs(&lab.place("web")), running, "{held_up}, {state}, {then}: {said}");
            let words = if running { "Machine is started" } else { "Machine is stopped" };
            let planned = format!("{} -> {running}", !running);
            assert!(said.contains(words) || said.contains(&planned), "{held_up}, {state}, {then}: {said}");
        }
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
        assert!(names(&lab, "/api2/json/cluster/ha/resources", "sid").is_empty());
    });
}
