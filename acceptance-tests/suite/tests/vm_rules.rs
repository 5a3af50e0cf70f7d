//! Rules of Proxmox VE over several settings: the plan tells, and nothing is first refused by an apply.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  name = \"this\"\n  {body}\n}}\n"
    )
}

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

fn memory(settings: &str) -> String {
    vm(&format!("memory = {{ {settings} }}"))
}

#[test]
fn a_new_machine_that_does_not_fit_together_is_told_by_the_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, said) in [
            ("memory = { minimum_mib = 600 }", "The least memory, 600 MiB, is more than the size, 512 MiB"),
            ("hotplug = [\"memory\"]\n  memory = { size_mib = 2048 }", "Memory can be plugged only into"),
            (
                "hotplug = [\"memory\"]\n  cpu = { numa = true }",
                "with less than 1024 MiB, and this one has 512",
            ),
            ("memory = { hugepages = \"2\" }", "A machine with huge pages does not start without NUMA"),
            (
                "numa_nodes = { numa0 = { processor_ids = [0], memory_mib = 512 } }",
                "The machine has NUMA nodes only with `cpu.numa`",
            ),
            (
                "cpu = { numa = true }\n  numa_nodes = { numa0 = { processor_ids = [0], memory_mib = 256 } }",
                "The NUMA nodes have 256 MiB together, and the machine has 512",
            ),
            (
                "cpu = { numa = true }\n  memory = { hugepages = \"2\", size_mib = 512 }\n  \
                 numa_nodes = { numa0 = { processor_ids = [0], memory_mib = 512 } }",
                "Huge pages are taken from NUMA nodes of the host",
            ),
            ("boot_order = [\"scsi0\"]", "nothing in the slot \"scsi0\""),
        ] {
            workspace.configure(&lab.provider_block_with_password(), &vm(body));
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{body}\n{plan}");
        }
    });
}

#[test]
fn the_least_memory_and_the_size_change_in_any_order_or_the_plan_says_why_not() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let stored = || {
            let config = lab.config(&here());
            (config["memory"].clone(), config["balloon"].clone())
        };
        for (settings, memory_mib, balloon) in [
            ("size_mib = 256", json!("256"), json!(null)),
            // The old size is less than the new minimum, and goes.
            ("minimum_mib = 400", json!(null), json!(400)),
            ("size_mib = 1024, minimum_mib = 800", json!("1024"), json!(800)),
            // The old minimum is more than the new size, and goes.
            ("size_mib = 600", json!("600"), json!(null)),
            ("size_mib = 700, minimum_mib = 650", json!("700"), json!(650)),
            ("size_mib = 200, minimum_mib = 100", json!("200"), json!(100)),
        ] {
            workspace.configure(&lab.provider_block(), &memory(settings));
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(stored(), (memory_mib, balloon), "{settings}");
        }
        let writes = lab.writes();
        workspace.configure(&lab.provider_block(), &memory("minimum_mib = 600"));
        let plan = workspace.plan().failed().prose();
        assert!(plan.contains("more than the size, 512 MiB"), "{plan}");
        assert_eq!(lab.writes(), writes);
        workspace.configure(&lab.provider_block(), &memory("minimum_mib = 500"));
        workspace.destroy().ok();
    });
}

#[test]
fn what_the_configuration_does_not_name_has_to_fit_too() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &memory("size_mib = 2048"));
        workspace.apply().ok();
        lab.edit(&here(), &json!({"balloon": 1024}));
        workspace.plan_is_empty();
        let writes = lab.writes();
        workspace.configure(&lab.provider_block(), &memory("size_mib = 512"));
        let plan = workspace.plan().failed().prose();
        assert!(
            plan.contains("has a least memory of 1024 MiB, which this configuration does not name"),
            "{plan}"
        );
        assert_eq!(lab.writes(), writes);
        workspace.configure(&lab.provider_block(), &memory("size_mib = 512, minimum_mib = 512"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}
