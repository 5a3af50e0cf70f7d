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
            (
                "cpu = { type = \"pentium99\" }",
                "knows no CPU model \"pentium99\". Some of a like name: \"pentium\",",
            ),
            ("cloud_init = { ssh_keys = [\"me@here\"] }", "one public key in one line"),
        ] {
            workspace.configure(&lab.provider_block_with_password(), &vm(body));
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{body}\n{plan}");
        }
        for (body, said) in [
            ("efi_disk = { storage_name = \"local-lvm\" }", "has no use for an EFI disk"),
            ("bios = \"ovmf\"", "forgets its boot entries and keys at every stop"),
            (
                "cloud_init = { storage_name = \"local-lvm\", ip_configs = { ipconfig0 = { ipv4_address = \"dhcp\" } } }",
                "no \"net0\", which \"ipconfig0\" is for",
            ),
            ("cpu = { type = \"custom-mine\" }", "no CPU model \"custom-mine\""),
        ] {
            workspace.configure(&lab.provider_block(), &vm(body));
            let plan = workspace.plan().prose();
            assert!(plan.contains(said), "{body}\n{plan}");
        }
        let twice = vm("").replace("\"this\" {", "\"that\" {") + &vm("");
        workspace.configure(&lab.provider_block(), &twice);
        let plan = workspace.plan().prose();
        assert!(plan.contains("Another machine with the ID 4711 is planned already"), "{plan}");
    });
}

/// Refused by the plan of a new machine, and by that of one which is there.
#[test]
fn a_storage_has_to_take_what_a_disk_is_to_be() {
    const IMAGE: &str = "shared:import/debian-13-genericcloud-amd64.qcow2";
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let disks = |storage: &str, more: &str| {
            vm(&format!("disks = {{ scsi0 = {{ storage_name = \"{storage}\", {more} }} }}"))
        };
        let refused = |configuration: &str, said: &str| {
            workspace.configure(&lab.provider_block(), configuration);
            let writes = lab.writes();
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{configuration}\n{plan}");
            assert_eq!(lab.writes(), writes);
        };
        let format = "which holds raw images only, and this asks for `qcow2`";
        let import = |size: u8| format!("size_gib = {size}, import_from = \"{IMAGE}\"");
        refused(&disks("local-lvm", &import(1)), "is a disk of 3 GiB, and this one is to have 1");
        refused(&disks("local-lvm", "import_from = \"local:iso/a.iso\""), "a disk image or a disk");
        let first = "size_gib = 4";
        for _ in 0..2 {
            refused(&disks("local", first), "is not for disks of VMs");
            refused(&disks("local-lvm", &format!("{first}, format = \"qcow2\"")), format);
            refused(&vm("tpm_state = { storage_name = \"local\" }"), "is not for disks of VMs");
            workspace.configure(&lab.provider_block(), &disks("local-lvm", first));
            workspace.apply().ok();
        }
        workspace.configure(&lab.provider_block(), &disks("nope", first));
        let plan = workspace.plan().prose();
        assert!(plan.contains("Storage does not exist"), "{plan}");
        workspace.configure(&lab.provider_block(), &disks("shared", &format!("{first}, format = \"qcow2\"")));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        workspace.configure(&lab.provider_block(), &disks("local-lvm", &import(3)));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

/// What neither the configuration nor the state says, the machine knows, or its template.
#[test]
fn what_somebody_gave_a_machine_or_its_template_counts() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.make(
            &Place { node: "pve1".to_owned(), id: 9000 },
            &json!({ "name": "source", "net0": "virtio", "scsi0": "local-lvm:3" }),
        );
        let clone = |body: &str| vm(&format!("started = false\n  clone = {{ vm_id = 9000 }}\n  {body}"));
        let own = |body: &str| vm(&format!("memory = {{ size_mib = 2048 }}\n  {body}"));
        let wishes = [
            ("boot_order = [\"net7\"]", "nothing in the slot \"net7\"", json!({ "net7": "virtio" })),
            ("hotplug = [\"memory\"]", "Memory can be plugged only into", json!({ "numa": 1 })),
            ("wait_for = { agent = true }", "asked through the guest agent", json!({ "agent": "1" })),
        ];
        for (body, said, _) in &wishes {
            let body = body.replace("wait_for", "started = true\n  wait_for");
            workspace.configure(&lab.provider_block(), &clone(&body).replace("started = false\n  ", ""));
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{body}\n{plan}");
        }
        let disk = |size: u8| clone(&format!("disks = {{ scsi0 = {{ size_gib = {size} }} }}"));
        let part = clone("").replace("vm_id = 9000", "vm_id = 9000, full = false, storage_name = \"shared\"");
        for (configuration, said) in [
            (disk(2), "The disk \"scsi0\" of the machine or its template has 3 GiB"),
            (part, "Only copies of the disks can go elsewhere"),
        ] {
            workspace.configure(&lab.provider_block(), &configuration);
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{configuration}\n{plan}");
        }
        workspace.configure(&lab.provider_block(), &clone("boot_order = [\"net0\"]"));
        workspace.apply().ok();
        workspace.destroy().ok();

        workspace.configure(&lab.provider_block(), &own("started = false"));
        workspace.apply().ok();
        for (body, said, given) in &wishes {
            workspace.configure(&lab.provider_block(), &own(body));
            let writes = lab.writes();
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{body}\n{plan}");
            assert_eq!(lab.writes(), writes);
            lab.edit(&here(), given);
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.destroy().ok();
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
