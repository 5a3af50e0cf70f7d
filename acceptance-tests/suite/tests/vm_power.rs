//! Running and not running: restarts that are needed, foreseen and, if so said, left to somebody else.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  shutdown_timeout_seconds = 2\n  {body}\n}}\n"
    )
}

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

fn waiting(lab: &Lab) -> usize {
    let found = lab.get("/api2/json/nodes/pve1/qemu/4711/pending");
    let options = found["data"].as_array().cloned().unwrap_or_default();
    options.iter().filter(|option| option.get("pending").is_some() || option.get("delete").is_some()).count()
}

#[test]
fn a_change_that_needs_a_restart_is_foreseen_and_applied() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let machine = |cores: u32, more: &str| {
            vm(&format!(
                "{more}\n  cpu = {{ cores = {cores} }}\n  cloud_init = {{ storage_name = \"local-lvm\", ip_configs = {{ ipconfig0 = {{ \
                 ipv4_address = \"192.0.2.9/24\" }} }} }}"
            ))
        };
        workspace.configure(&lab.provider_block(), &machine(1, ""));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &machine(2, ""));
        let plan = workspace.plan().prose();
        assert!(
            plan.contains("Restart is needed")
                && plan.contains("takes a new `cpu.cores` only when it starts"),
            "{plan}"
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!((waiting(&lab), &lab.config(&here())["cores"]), (0, &json!(2)));
        assert!(lab.runs(&here()));
        assert_eq!(lab.config(&here())["ipconfig0"], "ip=192.0.2.9/24", "the address of cloud-init stays");

        // What is taken at once needs none.
        workspace.configure(&lab.provider_block(), &machine(2, "name = \"web\"\n  tags = [\"a\"]"));
        let before = lab.calls();
        let plan = workspace.plan().prose();
        assert!(!plan.contains("Restart is needed"), "{plan}");
        workspace.apply().ok();
        let calls = lab.calls_since(before);
        assert!(
            !calls.iter().any(|call| call.contains("/status/") && call.starts_with("POST")),
            "{calls:#?}"
        );
        workspace.destroy().ok();
    });
}

#[test]
fn a_restart_that_is_not_wanted_leaves_the_change_waiting() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = |cores: u32, reboot: bool| {
            vm(&format!("reboot_when_needed = {reboot}\n  cpu = {{ cores = {cores} }}"))
        };
        workspace.configure(&lab.provider_block(), &body(1, false));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &body(2, false));
        let applied = workspace.apply().ok().prose();
        assert!(applied.contains("Change waits for a restart"), "{applied}");
        workspace.plan_is_empty();
        assert_eq!(workspace.resource("homelab_pve_vm.this")["pending_changes"], json!(["cores"]));
        assert_eq!(waiting(&lab), 1);
        // Once it may, it is restarted.
        workspace.configure(&lab.provider_block(), &body(2, true));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource("homelab_pve_vm.this")["pending_changes"], json!([]));
        assert_eq!(waiting(&lab), 0);
        workspace.destroy().ok();
    });
}

#[test]
fn a_machine_is_started_and_stopped_as_said() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for started in [false, true, false, true] {
            workspace.configure(&lab.provider_block(), &vm(&format!("started = {started}")));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(lab.runs(&here()), started);
        }
        // Stopped by somebody else, it is started again.
        lab.task("POST", "/nodes/pve1/qemu/4711/status/stop", None);
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        assert!(lab.runs(&here()));
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_machine_joins_changes_and_leaves_its_pool() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let pools = "resource \"homelab_pve_pool\" \"a\" {\n  name = \"a\"\n}\nresource \"homelab_pve_pool\" \"b\" {\n  name = \"b\"\n}\n";
        let members = |pool: &str| {
            let found = lab.get(&format!("/api2/json/pools?poolid={pool}"));
            found["data"][0]["members"].as_array().map_or(0, Vec::len)
        };
        for (body, expected) in [
            ("pool_name = homelab_pve_pool.a.name", (1, 0)),
            ("pool_name = homelab_pve_pool.b.name", (0, 1)),
            ("# both must outlive it\n  depends_on = [homelab_pve_pool.a, homelab_pve_pool.b]", (0, 0)),
            ("pool_name = homelab_pve_pool.a.name", (1, 0)),
        ] {
            workspace.configure(&lab.provider_block(), &format!("{pools}{}", vm(body)));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!((members("a"), members("b")), expected, "{body}");
        }
        workspace.forget("homelab_pve_vm.this").ok();
        workspace.import("homelab_pve_vm.this", "4711").ok();
        workspace.plan();
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}
