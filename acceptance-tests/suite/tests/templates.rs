//! Finding templates and rendering user data, with every CLI.

use std::time::Duration;

use serde_json::{Value, json};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace, cli};

/// Makes a VM by the lab's own API and waits for its task.
fn machine(lab: &Lab, node: &str, options: &Value) {
    let answer = lab.request("POST", &format!("/api2/json/nodes/{node}/qemu"), Some(&options.to_string()));
    let task = answer["data"].as_str().unwrap_or_else(|| panic!("{answer}")).replace(':', "%3A");
    suite::process::wait_for("the VM", Duration::from_secs(20), || {
        let status = lab.get(&format!("/api2/json/nodes/{node}/tasks/{task}/status"));
        (status["data"]["status"] == "stopped")
            .then(|| assert_eq!(status["data"]["exitstatus"], "OK", "{status}"))
    });
}

#[test]
fn the_newest_template_that_matches_is_found() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        machine(&lab, "pve1", &json!({"vmid": 200, "name": "debian-13-a", "tags": "golden", "template": 1}));
        machine(&lab, "pve2", &json!({"vmid": 201, "name": "debian-13-b", "template": 1}));
        machine(&lab, "pve2", &json!({"vmid": 202, "name": "debian-13-c", "tags": "golden", "template": 1}));
        machine(&lab, "pve1", &json!({"vmid": 203, "name": "debian-13-d", "tags": "golden"}));
        machine(&lab, "pve1", &json!({"vmid": 204, "name": "ubuntu", "tags": "golden", "template": 1}));
        let workspace = Workspace::new(cli);
        workspace.configure(
            &lab.provider_block(),
            r#"
            data "homelab_pve_templates" "golden" {
              name_pattern = "debian-*"
              tags         = ["Golden"]
            }
            data "homelab_pve_templates" "node" { node_name = "pve1" }
            data "homelab_pve_templates" "none" { name_pattern = "windows-*" }
            output "golden" { value = data.homelab_pve_templates.golden }
            output "node" { value = data.homelab_pve_templates.node.templates[*].vm_id }
            output "none" { value = data.homelab_pve_templates.none }
            "#,
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        let outputs = &workspace.show_json()["values"]["outputs"];
        let golden = &outputs["golden"]["value"];
        assert_eq!(golden["newest"]["vm_id"], 202);
        assert_eq!(golden["newest"]["name"], "debian-13-c");
        assert_eq!(golden["templates"].as_array().map(Vec::len), Some(2));
        assert!(golden["newest"]["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{golden}");
        assert_eq!(outputs["node"]["value"], json!([204, 200]));
        assert_eq!(outputs["none"]["value"]["newest"], Value::Null);
        assert_eq!(outputs["none"]["value"]["templates"], json!([]));
    });
}

#[test]
fn a_machine_is_cloned_by_the_name_or_the_tag_of_a_template() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        machine(&lab, "pve2", &json!({"vmid": 200, "name": "debian", "tags": "Golden", "template": 1}));
        machine(&lab, "pve1", &json!({"vmid": 201, "name": "debian", "template": 1, "cores": 2}));
        machine(&lab, "pve2", &json!({"vmid": 202, "name": "debian", "template": 1}));
        let workspace = Workspace::new(cli);
        let cloned = |node: &str, source: &str| {
            format!(
                "resource \"homelab_pve_vm\" \"{node}\" {{\n  node_name = \"{node}\"\n  name = \"{node}\"\n  started = false\n  clone = {{ {source} }}\n}}\n"
            )
        };
        let configuration =
            cloned("pve1", "template_name = \"debian\"") + &cloned("pve2", "template_tag = \"golden\"");
        workspace.configure(&lab.provider_block(), &configuration);
        workspace.apply().ok();
        workspace.plan_is_empty();
        // The template on the node goes before the newer one elsewhere: it is the one with two cores.
        let id = workspace.resource("homelab_pve_vm.pve1")["vm_id"].clone();
        assert_eq!(lab.get(&format!("/api2/json/nodes/pve1/qemu/{id}/config"))["data"]["cores"], 2);
        let clones = lab.wire();
        let from_tag = clones.iter().filter(|call| {
            call["path"].as_str().is_some_and(|path| path.ends_with("/nodes/pve2/qemu/200/clone"))
        });
        assert_eq!(from_tag.count(), 1, "{clones:?}");

        // A newer template changes nothing.
        machine(&lab, "pve1", &json!({"vmid": 300, "name": "debian", "tags": "golden", "template": 1}));
        workspace.plan_is_empty();

        workspace.configure(&lab.provider_block(), &cloned("pve3", "template_name = \"windows\""));
        let told = workspace.plan().prose();
        assert!(told.contains("no template with the name \"windows\""), "{told}");
        workspace.configure(&lab.provider_block(), &cloned("pve3", "template_name = \"a\", vm_id = 200"));
        let told = workspace.plan().failed().prose();
        assert!(told.contains("Only one of `clone.vm_id`"), "{told}");
    });
}

#[test]
fn an_object_becomes_a_cloud_config() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 8), (1, 7)) {
            return;
        }
        let workspace = Workspace::new(cli);
        let called = |object: &str| {
            format!("output \"text\" {{\n  value = provider::homelab::cloud_config({object})\n}}\n")
        };
        workspace
            .configure("", &called("{ packages = [\"curl\"], hostname = null, runcmd = [[\"a\", \"no\"]] }"));
        workspace.apply().ok();
        let text = &workspace.show_json()["values"]["outputs"]["text"]["value"];
        assert_eq!(text, "#cloud-config\npackages:\n  - curl\nruncmd:\n  - - a\n    - \"no\"\n");
        for (object, words) in
            [("[]", "a cloud-config is an object"), ("{ runcmd = \"a\" }", "`runcmd` has to be")]
        {
            workspace.configure("", &called(object));
            let told = workspace.plan().failed().prose();
            assert!(told.contains(words), "{told}");
        }
    });
}
