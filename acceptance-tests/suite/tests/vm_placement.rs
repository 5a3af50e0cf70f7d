//! Where machines are: on one node, or on whichever of a list, with every CLI.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  name = \"web\"\n  vm_id = 4711\n  shutdown_timeout_seconds = 2\n  {body}\n}}\n"
    )
}

fn node(lab: &Lab) -> String {
    lab.place("web").node
}

/// Moves the machine as a person or high availability would.
#[track_caller]
fn migrate(lab: &Lab, target: &str) {
    let Place { node, id } = lab.place("web");
    let body = json!({"target": target, "online": 1, "with-local-disks": 1});
    let ended = lab.task("POST", &format!("/nodes/{node}/qemu/{id}/migrate"), Some(&body));
    assert_eq!(ended["exitstatus"], "OK");
}

#[test]
fn a_machine_that_is_moved_within_its_list_stays_and_one_outside_comes_back() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let listed = vm(
            "nodes = [\"pve2\", \"pve1\"]\n  disks = { scsi0 = { storage_name = \"shared\", size_gib = 1 } }",
        );
        workspace.configure(&lab.provider_block(), &listed);
        let first = workspace.apply().ok().prose();
        assert!(!first.contains("passed over"), "{first}");
        workspace.plan_is_empty();
        assert_eq!(node(&lab), "pve2");

        migrate(&lab, "pve1");
        workspace.plan_is_empty();
        workspace.run(&["apply", "-refresh-only", "-auto-approve", "-no-color"]).ok();
        let known = workspace.resource("homelab_pve_vm.this");
        assert_eq!((&known["current_node"], &known["node_name"]), (&json!("pve1"), &json!(null)));
        // A change of something else leaves it where it is.
        workspace.configure(&lab.provider_block(), &listed.replace("4711", "4711\n  tags = [\"a\"]"));
        workspace.apply().ok();
        assert_eq!(node(&lab), "pve1");
        workspace.plan_is_empty();

        migrate(&lab, "pve3");
        let told = workspace.plan();
        assert_eq!(told.code, Some(2));
        let told = told.prose();
        assert!(told.contains("VM is migrated") && told.contains("migrates it to node \"pve2\""), "{told}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(node(&lab), "pve2");
        assert!(lab.runs(&lab.place("web")));

        // From a list to one node and back, without a move.
        workspace.configure(&lab.provider_block(), &vm("node_name = \"pve2\""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &vm("nodes = [\"pve1\", \"pve2\"]"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(node(&lab), "pve2");
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_node_that_is_down_or_lacks_a_storage_is_passed_over_and_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.plant(&json!({"kind": "node_offline", "node": "pve2"}));
        let only =
            json!({"storage": "fast", "type": "dir", "path": "/fast", "content": "images", "nodes": "pve1"});
        lab.request("POST", "/api2/json/storage", Some(&only.to_string()));
        let on = |storage: &str| {
            vm(&format!(
                "nodes = [\"pve2\", \"pve3\", \"pve1\"]\n  disks = {{ scsi0 = {{ storage_name = \"{storage}\", size_gib = 1 }} }}"
            ))
        };
        workspace.configure(&lab.provider_block(), &on("local-lvm"));
        let told = workspace.plan().prose();
        assert!(
            told.contains("Node \"pve2\" is not up. As things are now, the machine is made on node \"pve3\""),
            "{told}"
        );
        workspace.configure(&lab.provider_block(), &on("fast"));
        let told = workspace.apply().ok().prose();
        assert!(told.contains("node \"pve3\" has no storage \"fast\""), "{told}");
        assert_eq!(node(&lab), "pve1");
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn nodes_that_cannot_be_are_refused_when_planning() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, expected) in [
            ("nodes = [\"pve1\", \"pve9\"]", "The cluster has no node \"pve9\""),
            ("nodes = [\"pve1\", \"pve1\"]", "Node is named twice"),
            ("nodes = []", "between 1 and 64 elements"),
            ("nodes = [\"pve1\"]\n  node_name = \"pve1\"", "Only one of `node_name`, `nodes`"),
            ("# nowhere", "One of `node_name`, `nodes` must be set"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(body));
            let told = workspace.plan();
            assert_eq!(told.code, Some(1), "{body}");
            let told = told.prose();
            assert!(told.contains(expected), "{body}: {told}");
        }
        assert_eq!(lab.writes(), 0);
    });
}
