//! Data sources, the function and the ephemeral resource, with every CLI that has them.

use serde_json::{Value, json};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace, cli};

/// Makes a VM by the lab's own API and waits for its task.
fn machine(lab: &Lab, node: &str, options: &Value) {
    let answer = lab.request("POST", &format!("/api2/json/nodes/{node}/qemu"), Some(&options.to_string()));
    let task = answer["data"].as_str().unwrap_or_else(|| panic!("{answer}")).replace(':', "%3A");
    suite::process::wait_for("the VM", std::time::Duration::from_secs(20), || {
        let status = lab.get(&format!("/api2/json/nodes/{node}/tasks/{task}/status"));
        (status["data"]["status"] == "stopped")
            .then(|| assert_eq!(status["data"]["exitstatus"], "OK", "{status}"))
    });
}

/// Four machines: two web servers of which one is in production, a template, and a name that is there twice.
fn machines(lab: &Lab) {
    lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"web\"}"));
    machine(lab, "pve1", &json!({"vmid": 101, "name": "web-1", "tags": "Production;debian", "pool": "web"}));
    machine(lab, "pve2", &json!({"vmid": 102, "name": "web-2", "tags": "debian"}));
    machine(lab, "pve1", &json!({"vmid": 200, "name": "debian", "template": 1}));
    machine(lab, "pve2", &json!({"vmid": 301, "name": "twin"}));
    machine(lab, "pve3", &json!({"vmid": 302, "name": "twin"}));
}

/// The outputs after an apply.
fn outputs(workspace: &Workspace) -> Value {
    workspace.show_json()["values"]["outputs"].clone()
}

#[test]
fn version_and_nodes_are_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let configuration = "data \"homelab_pve_version\" \"this\" {}\n\
             data \"homelab_pve_nodes\" \"this\" {}\n\
             output \"version\" {\n  value = data.homelab_pve_version.this.version\n}\n\
             output \"nodes\" {\n  value = data.homelab_pve_nodes.this\n}\n";
        workspace.configure(&lab.provider_block(), configuration);
        workspace.apply().ok();
        workspace.plan_is_empty();
        let outputs = outputs(&workspace);
        let real = lab.get("/api2/json/version");
        assert_eq!(outputs["version"]["value"], real["data"]["version"]);
        let nodes = &outputs["nodes"]["value"];
        assert_eq!(nodes["names"], json!(["pve1", "pve2", "pve3"]));
        assert_eq!(nodes["nodes"]["pve1"]["online"], true);
        let real = lab.get("/api2/json/nodes");
        let first = real["data"].as_array().into_iter().flatten().find(|node| node["node"] == "pve1");
        let bytes = first.and_then(|node| node["maxmem"].as_i64());
        assert_eq!(nodes["nodes"]["pve1"]["memory_mib"].as_i64(), bytes.map(|bytes| bytes >> 20));
    });
}

#[test]
fn machines_are_found_by_number_name_and_filter_with_one_listing() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        machines(&lab);
        let workspace = Workspace::new(cli);
        let configuration = r#"
            data "homelab_pve_vm" "number" { vm_id = 101 }
            data "homelab_pve_vm" "name" { name = "debian" }
            data "homelab_pve_vms" "all" {}
            data "homelab_pve_vms" "web" { name_pattern = "web-?" }
            data "homelab_pve_vms" "production" { tags = ["production", "debian"] }
            data "homelab_pve_vms" "templates" { template = true }
            data "homelab_pve_vms" "node" {
              node_name = "pve2"
              template  = false
            }
            data "homelab_pve_vms" "pool" { pool_name = "web" }
            output "number" { value = data.homelab_pve_vm.number }
            output "name" { value = data.homelab_pve_vm.name }
            output "found" {
              value = {
                all        = data.homelab_pve_vms.all.vms[*].vm_id
                web        = data.homelab_pve_vms.web.vms[*].vm_id
                production = data.homelab_pve_vms.production.vms[*].vm_id
                templates  = data.homelab_pve_vms.templates.vms[*].vm_id
                node       = data.homelab_pve_vms.node.vms[*].vm_id
                pool       = data.homelab_pve_vms.pool.vms[*].vm_id
              }
            }
        "#;
        workspace.configure(&lab.provider_block(), configuration);
        workspace.apply().ok();
        let outputs = outputs(&workspace);
        let one = &outputs["number"]["value"];
        assert_eq!(
            (&one["name"], &one["node_name"], &one["pool_name"]),
            (&json!("web-1"), &json!("pve1"), &json!("web"))
        );
        assert_eq!(one["tags"], json!(["debian", "production"]));
        let template = &outputs["name"]["value"];
        assert_eq!((&template["vm_id"], &template["template"]), (&json!(200), &json!(true)));
        assert_eq!(
            outputs["found"]["value"],
            json!({"all": [101, 102, 200, 301, 302], "web": [101, 102], "production": [101], "templates": [200],
                "node": [102, 301], "pool": [101]})
        );
        let before = lab.calls();
        workspace.plan_is_empty();
        let listings = lab.wire()[before..]
            .iter()
            .filter(|call| call["path"].as_str().is_some_and(|path| path.contains("/cluster/resources")))
            .count();
        assert_eq!(listings, 1, "one run lists the cluster once");
    });
}

#[test]
fn a_machine_that_is_not_there_or_not_the_only_one_is_an_error_that_says_so() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        machines(&lab);
        let workspace = Workspace::new(cli);
        for (argument, words) in [
            ("vm_id = 999", "no virtual machine with the number 999"),
            ("name = \"ghost\"", "VM.Audit"),
            ("name = \"twin\"", "301 on node \"pve2\", 302 on node \"pve3\""),
            ("", "One of `vm_id`, `name` must be set"),
            ("vm_id = 101\n  name = \"web-1\"", "Only one of `vm_id`, `name`"),
            ("vm_id = 7", "between 100 and 999999999"),
        ] {
            let configuration = format!("data \"homelab_pve_vm\" \"this\" {{\n  {argument}\n}}\n");
            workspace.configure(&lab.provider_block(), &configuration);
            let said = workspace.plan().failed().prose();
            assert!(said.contains(words), "{argument}:\n{said}");
        }
    });
}

#[test]
fn a_volume_id_is_taken_apart() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 8), (1, 7)) {
            return;
        }
        let workspace = Workspace::new(cli);
        let call = |id: &str| {
            format!("output \"parts\" {{\n  value = provider::homelab::parse_volume_id({id})\n}}\n")
        };
        for (id, parts) in [
            (
                "\"local:iso/debian.iso\"",
                json!({"storage_name": "local", "content": "iso", "path": "iso/debian.iso", "file_name": "debian.iso", "vm_id": null}),
            ),
            (
                "\"tank:base-9000-disk-0/vm-100-disk-1\"",
                json!({"storage_name": "tank", "content": null, "path": "base-9000-disk-0/vm-100-disk-1", "file_name": "vm-100-disk-1", "vm_id": 100}),
            ),
        ] {
            // A function needs no provider block.
            workspace.configure("", &call(id));
            workspace.apply().ok();
            assert_eq!(outputs(&workspace)["parts"]["value"], parts);
        }
        workspace.configure("", &call("\"nonsense\""));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("storage:path"), "{said}");
    });
}

#[test]
fn a_ticket_works_and_is_stored_nowhere() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 10), (1, 11)) {
            return;
        }
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let configuration = |password: &str| {
            format!(
                r#"
                ephemeral "homelab_pve_ticket" "root" {{
                  username = "root@pam"
                  password = "{password}"
                }}
                resource "terraform_data" "use" {{
                  provisioner "local-exec" {{
                    command     = "curl --silent --fail --cacert $CA --cookie \"PVEAuthCookie=$TICKET\" $URL > version.json"
                    environment = {{
                      TICKET = ephemeral.homelab_pve_ticket.root.ticket
                      URL    = "{}/api2/json/version"
                      CA     = "{}"
                    }}
                  }}
                }}
                "#,
                lab.endpoint(),
                lab.ca_file().display()
            )
        };
        workspace.configure(&lab.provider_block(), &configuration("wrong"));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Login was refused") && said.contains("root@pam"), "{said}");
        workspace.configure(&lab.provider_block(), &configuration(&lab.password()));
        workspace.apply().ok();
        let used = std::fs::read_to_string(workspace.folder().join("version.json")).expect("curl wrote it");
        assert!(used.contains("\"version\""), "{used}");
        let state =
            std::fs::read_to_string(workspace.folder().join("terraform.tfstate")).expect("there is a state");
        assert!(!state.contains("PVE:root@pam"), "the ticket is in the state");
    });
}

#[test]
fn a_schedule_is_computed_by_functions() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 8), (1, 7)) {
            return;
        }
        let workspace = Workspace::new(cli);
        workspace.configure(
            "",
            "output \"next\" {\n  value = provider::homelab::next_events(\"02:30\", \"2027-03-26T12:00:00Z\", 2, \
             \"Europe/Berlin\")\n}\noutput \"gap\" {\n  value = provider::homelab::max_gap(\"sun 21:00 UTC\").seconds\n}\n",
        );
        workspace.apply().ok();
        let found = outputs(&workspace);
        assert_eq!(found["next"]["value"], json!(["2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"]));
        assert_eq!(found["gap"]["value"], 604_800);
        workspace
            .configure("", "output \"no\" {\n  value = provider::homelab::max_gap(\"daily 21:00\")\n}\n");
        let said = workspace.plan().failed().prose();
        assert!(said.contains("calendar event"), "{said}");
    });
}
