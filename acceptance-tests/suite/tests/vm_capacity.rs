//! What does not fit is told by the plan, with numbers, and costs no call for each machine. With every CLI.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vms(count: u32, body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  count = {count}\n  node_name = \"pve1\"\n  name = \
         \"web-${{count.index}}\"\n  shutdown_timeout_seconds = 2\n  {body}\n}}\n"
    )
}

#[test]
fn a_machine_with_more_processors_than_its_node_is_told_and_does_not_start() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let plans = |body: &str| {
            workspace.configure(&lab.provider_block(), &vms(1, body));
            workspace.plan().prose()
        };
        let told = plans("cpu = { cores = 9, sockets = 2 }");
        assert!(told.contains("Node \"pve1\" has 16 processors, and this machine gets 18."), "{told}");
        let told = workspace.apply().failed().prose();
        assert!(told.contains("MAX 16 vcpus allowed per VM on this node"), "{told}");
        assert!(!plans("cpu = { cores = 8, sockets = 2 }").contains("fewer processors"));
        workspace.apply().ok();
        assert!(plans("cpu = { cores = 17 }").contains("fewer processors"));
        assert!(!plans("started = false\n  cpu = { cores = 17 }").contains("fewer processors"));
        workspace.destroy().ok();
    });
}

#[test]
fn a_node_without_enough_memory_is_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let memory = |count: u32, mib: u32| vms(count, &format!("memory = {{ size_mib = {mib} }}"));
        let plans = |configuration: &str| {
            workspace.configure(&lab.provider_block(), configuration);
            workspace.plan().prose()
        };
        let told = plans(&memory(1, 70 * 1024));
        assert!(told.contains("Node \"pve1\" has 64 GiB. This machine gets 70 GiB. Without"), "{told}");
        // Each fits, all do not.
        let told = plans(&memory(3, 30 * 1024));
        assert!(
            told.contains("Other new machines of this plan get 60 GiB, and this machine gets 30 GiB"),
            "{told}"
        );
        assert_eq!(told.matches("Node is short of memory").count(), 1, "{told}");
        assert!(!plans(&memory(2, 30 * 1024)).contains("short of memory"));
        let applied = workspace.apply().ok().prose();
        assert!(!applied.contains("short of memory"), "{applied}");
        let told = plans(&memory(2, 34 * 1024));
        assert!(told.contains("Node is short of memory"), "{told}");
        assert!(
            !plans(&vms(2, "started = false\n  memory = { size_mib = 34816 }")).contains("short of memory")
        );
        workspace.destroy().ok();
    });
}

#[test]
fn data_disks_count_as_the_disks_of_machines_do() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.request("POST", "/lab/storage", Some("{\"storage\": \"local-lvm\", \"bytes\": 10737418240}"));
        let disks = |gib: u32| {
            format!(
                "resource \"homelab_pve_data_disk\" \"this\" {{\n  count = 2\n  name = \"disk-${{count.index}}\"\n  \
                 node_name = \"pve1\"\n  storage_name = \"local-lvm\"\n  size_gib = {gib}\n  backup_tier = 0\n  \
                 deletion_protection = false\n}}\n"
            )
        };
        workspace.configure(&lab.provider_block(), &disks(6));
        let told = workspace.plan().prose();
        assert!(
            told.contains("has 10 GiB free of 10 GiB. This data disk asks for 6 GiB more, and what else this plan makes for 6 GiB"),
            "{told}"
        );
        workspace.configure(&lab.provider_block(), &disks(4));
        let told = workspace.apply().ok().prose();
        assert!(!told.contains("short of space"), "{told}");
        // What is there already is not asked for again.
        workspace.configure(&lab.provider_block(), &disks(5));
        let told = workspace.plan().prose();
        assert!(!told.contains("short of space"), "{told}");
        workspace.configure(&lab.provider_block(), &disks(40));
        let told = workspace.plan().prose();
        assert!(told.contains("This data disk asks for 36 GiB more"), "{told}");
        workspace.destroy().ok();
    });
}

#[test]
fn a_storage_without_enough_space_is_told_with_one_list() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.request("POST", "/lab/storage", Some("{\"storage\": \"local-lvm\", \"bytes\": 10737418240}"));
        let disk = |gib: u32| {
            vms(
                2,
                &format!(
                    "started = false\n  disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = {gib} }} }}"
                ),
            )
        };
        workspace.configure(&lab.provider_block(), &disk(6));
        let before = lab.calls();
        let told = workspace.plan().prose();
        assert!(
            told.contains("has 10 GiB free of 10 GiB. This machine asks for 6 GiB more, and what else this plan makes for 6 GiB"),
            "{told}"
        );
        let lists =
            lab.calls_since(before).iter().filter(|call| call.ends_with("/cluster/resources")).count();
        assert_eq!(lists, 1);
        workspace.configure(&lab.provider_block(), &disk(4));
        let told = workspace.apply().ok().prose();
        assert!(!told.contains("short of space"), "{told}");
        workspace.configure(&lab.provider_block(), &disk(15));
        let told = workspace.plan().prose();
        assert!(told.contains("This machine asks for 11 GiB more"), "{told}");
        workspace.destroy().ok();
    });
}
