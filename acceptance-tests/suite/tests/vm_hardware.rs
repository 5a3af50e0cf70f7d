//! Hardware of the node in machines: by mapping, with the rights that takes, and one running machine at a time.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// A mapping of a graphics card that each of these nodes has.
fn card(name: &str, nodes: &[&str]) -> String {
    let device = |node: &&str| {
        format!(
            "{{ node_name = \"{node}\", path = \"0000:01:00\", device_id = \"10de:1c03\", subsystem_id = \"1043:85aa\", iommu_group = 3 }}"
        )
    };
    let devices: Vec<String> = nodes.iter().map(device).collect();
    format!(
        "resource \"homelab_pve_pci_mapping\" \"{name}\" {{\n  name = \"{name}\"\n  devices = [{}]\n}}\n",
        devices.join(", ")
    )
}

fn vm(name: &str, id: u32, body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"{name}\" {{\n  node_name = \"pve1\"\n  vm_id = {id}\n  name = \"{name}\"\n  {body}\n}}\n"
    )
}

const GPU: &str = "machine = \"q35\"\n  pci_devices = { hostpci0 = { mapping_name = homelab_pve_pci_mapping.gpu.name, pcie = true } }";

#[test]
fn a_card_by_mapping_comes_changes_and_goes() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let mappings = card("gpu", &["pve1", "pve2"]) + &card("other", &["pve1"]);
        let here = Place { node: "pve1".to_owned(), id: 300 };
        let all = "machine = \"q35\"\n  pci_devices = { hostpci0 = { mapping_name = homelab_pve_pci_mapping.gpu.name, pcie = true, \
                   rom_bar = false, primary_gpu = true, mediated_device_type = \"nvidia-63\" } }";
        let moved = "machine = \"q35\"\n  pci_devices = { hostpci3 = { mapping_name = homelab_pve_pci_mapping.other.name, rom_bar = true } }";
        let steps = [
            (GPU, json!({"hostpci0": "mapping=gpu,pcie=1"})),
            (all, json!({"hostpci0": "mapping=gpu,mdev=nvidia-63,pcie=1,rombar=0,x-vga=1"})),
            (moved, json!({"hostpci3": "mapping=other,rombar=1"})),
            ("machine = \"q35\"", json!({})),
            (GPU, json!({"hostpci0": "mapping=gpu,pcie=1"})),
        ];
        for (body, expected) in steps {
            workspace.configure(&lab.provider_block(), &(mappings.clone() + &vm("ollama", 300, body)));
            let run = workspace.apply();
            assert_eq!(run.code, Some(0), "{body}: {}", run.text);
            workspace.plan_is_empty();
            assert!(lab.runs(&here), "{body}");
            let config = lab.config(&here);
            for slot in ["hostpci0", "hostpci3"] {
                assert_eq!(config[slot], expected[slot], "{body}");
            }
        }
        // Somebody else's device is none of ours.
        lab.edit(&here, &json!({"hostpci7": "mapping=other"}));
        workspace.plan_is_empty();
        lab.edit(&here, &json!({"delete": "hostpci7"}));
        workspace.forget("homelab_pve_vm.ollama").ok();
        workspace.import("homelab_pve_vm.ollama", "pve1/300").ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn two_running_machines_with_one_card_are_told_of_each_other() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let mapping = card("gpu", &["pve1"]);
        // Neither is there yet: whichever is planned second tells.
        let both = mapping.clone() + &vm("ollama", 300, GPU) + &vm("gaming", 301, GPU);
        workspace.configure(&lab.provider_block(), &both);
        let plan = workspace.plan();
        assert!(plan.text.contains("PCI device is in use"), "{}", plan.text);
        assert!(plan.text.contains("ollama") && plan.text.contains("gaming"), "{}", plan.text);
        // One runs.
        workspace.configure(&lab.provider_block(), &(mapping.clone() + &vm("ollama", 300, GPU)));
        let run = workspace.apply().ok();
        assert!(!run.text.contains("PCI device is in use"), "{}", run.text);
        workspace.configure(&lab.provider_block(), &both);
        let plan = workspace.plan();
        assert!(plan.prose().contains("VM 300 (\"ollama\") uses"), "{}", plan.text);
        let run = workspace.apply();
        assert_eq!(run.code, Some(1), "{}", run.text);
        assert!(run.prose().contains("PCI device '0000:01:00' already in use by VMID '300'"), "{}", run.text);
        assert!(run.text.contains("Device is in use"), "{}", run.text);
        // One of the two does not run.
        let stopped = format!("started = false\n  {GPU}");
        workspace.configure(
            &lab.provider_block(),
            &(mapping + &vm("ollama", 300, GPU) + &vm("gaming", 301, &stopped)),
        );
        let run = workspace.apply().ok();
        assert!(!run.text.contains("Device is in use"), "{}", run.text);
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_mapping_without_the_node_is_told_when_planned_and_by_the_start() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &(card("gpu", &["pve2"]) + &vm("ollama", 300, GPU)));
        let plan = workspace.plan();
        assert!(plan.text.contains("Mapping lacks the node"), "{}", plan.text);
        let run = workspace.apply();
        assert_eq!(run.code, Some(1), "{}", run.text);
        assert!(run.prose().contains("PCI device mapping not found for 'gpu'"), "{}", run.text);
        workspace
            .configure(&lab.provider_block(), &(card("gpu", &["pve1", "pve2"]) + &vm("ollama", 300, GPU)));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let by_name = "machine = \"q35\"\n  pci_devices = { hostpci0 = { mapping_name = \"nope\" } }";
        workspace.configure(&lab.provider_block(), &(card("gpu", &["pve1"]) + &vm("ollama", 300, by_name)));
        let plan = workspace.plan();
        assert!(
            plan.text.contains("Mapping does not exist") && plan.text.contains("\"gpu\""),
            "{}",
            plan.text
        );
        workspace.destroy().ok();
    });
}

#[test]
fn whoever_may_not_use_a_device_is_told_when_planning() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let raw = vm(
            "ollama",
            300,
            "started = false\n  pci_devices = { hostpci0 = { host_address = \"0000:01:00.0\" } }",
        );
        workspace.configure(&lab.provider_block(), &raw);
        let plan = workspace.plan();
        assert_eq!(plan.code, Some(1), "{}", plan.text);
        assert!(plan.text.contains("Only root may do this"), "{}", plan.text);
        workspace.configure(&lab.provider_block_with_password(), &raw);
        workspace.apply().ok();
        workspace.plan_is_empty();
        // A token may manage the rest of the machine, and not take the device away.
        workspace.configure(
            &lab.provider_block(),
            &raw.replace("started = false", "started = false\n  description = \"x\""),
        );
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &vm("ollama", 300, "started = false"));
        let plan = workspace.plan();
        assert!(plan.text.contains("Only root may do this"), "{}", plan.text);
        workspace.configure(&lab.provider_block_with_password(), &raw);
        workspace.destroy().ok();
    });
}

#[test]
fn a_login_needs_the_right_to_use_a_mapping_and_no_more() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let map = "node=pve1,path=0000:01:00,id=10de:1c03,subsystem-id=1043:85aa,iommugroup=3";
        let mapping = json!({"id": "gpu", "map": [map]}).to_string();
        lab.request("POST", "/api2/json/cluster/mapping/pci", Some(&mapping));
        let provider = lab.provider_block_limited(
            "VM.Allocate,VM.Audit,VM.Config.HWType,VM.Config.Options,VM.PowerMgmt,Pool.Audit,Sys.Audit",
        );
        let gpu = "machine = \"q35\"\n  pci_devices = { hostpci0 = { mapping_name = \"gpu\" } }";
        workspace.configure(&provider, &vm("ollama", 300, &format!("{gpu}\n  startup = {{ order = 1 }}")));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("pveum role add HomelabMappingUse --privs Mapping.Use"), "{said}");
        assert!(said.contains("pveum acl modify /mapping/pci/gpu --tokens 'tf@pve!ci'"), "{said}");
        assert!(said.contains("pveum role add HomelabSysModify --privs Sys.Modify"), "{said}");
        let grant =
            json!({"path": "/mapping/pci/gpu", "roles": "PVEMappingUser", "users": "tf@pve"}).to_string();
        lab.request("PUT", "/api2/json/access/acl", Some(&grant));
        workspace.configure(&provider, &vm("ollama", 300, gpu));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.runs(&Place { node: "pve1".to_owned(), id: 300 }));
        workspace.destroy().ok();
    });
}

#[test]
fn a_running_machine_with_a_card_is_kept_on_its_node_by_the_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let both = card("gpu", &["pve1", "pve2"]);
        let on = |node: &str, started: bool| {
            vm("ollama", 300, &format!("started = {started}\n  {GPU}"))
                .replace("\"pve1\"", &format!("\"{node}\""))
        };
        workspace.configure(&lab.provider_block(), &(both.clone() + &on("pve1", true)));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &(both.clone() + &on("pve2", true)));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("VM cannot change the node") && said.contains("\"hostpci0\""), "{said}");
        let stopping = on("pve2", true).replace("started = true", "migration = { online = false }");
        workspace.configure(&lab.provider_block(), &(both.clone() + &stopping));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &(both.clone() + &on("pve2", true)));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(lab.runs(&Place { node: "pve2".to_owned(), id: 300 }));
        // A card that can be moved is.
        let capable =
            both.replace("  name = \"gpu\"\n", "  name = \"gpu\"\n  live_migration_capable = true\n");
        workspace.configure(&lab.provider_block(), &(capable.clone() + &on("pve2", true)));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &(capable + &on("pve1", true)));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}
