//! Names of what is not there, told when planning and not half-way through an apply. With every CLI.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// One resource `this` of a kind.
fn resource(kind: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"this\" {{\n{body}\n}}\n")
}

#[test]
fn a_node_that_is_not_there_is_a_plan_error_for_whatever_lives_on_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lab.request("POST", "/lab/node", Some("{\"node\":\"pve3\",\"offline\":true}"));
        let on = |node: &str| {
            [
                ("vm", format!("node_name = \"{node}\"\nname = \"web\"")),
                ("bridge", format!("node_name = \"{node}\"\nname = \"vmbr7\"")),
                ("vlan", format!("node_name = \"{node}\"\nname = \"vmbr0.30\"")),
                ("bond", format!("node_name = \"{node}\"\nname = \"bond0\"\ninterfaces = [\"eno2\"]")),
                (
                    "zfs_pool",
                    format!(
                        "node_name = \"{node}\"\nname = \"tank\"\nraid_level = \"single\"\ndevices = [\"/dev/sdb\"]"
                    ),
                ),
                (
                    "image",
                    format!(
                        "node_name = \"{node}\"\nstorage_name = \"local\"\ncontent = \"iso\"\nallow_unverified = true\nurl = \
                         \"http://127.0.0.1:9/x.iso\""
                    ),
                ),
                (
                    "data_disk",
                    format!(
                        "node_name = \"{node}\"\nname = \"pg\"\nstorage_name = \"shared\"\nsize_gib = 1\nbackup_tier = 0"
                    ),
                ),
                ("node", format!("name = \"{node}\"\ndescription = \"x\"")),
                ("replication_job", format!("job_id = \"300-0\"\ntarget_node_name = \"{node}\"")),
            ]
        };
        let all = |node: &str| {
            on(node).iter().map(|(kind, body)| resource(kind, body)).collect::<Vec<_>>().concat()
        };
        for (node, said) in [
            ("pve9", "The cluster has no node \"pve9\". It has \"pve1\", \"pve2\", \"pve3\"."),
            ("pve3", "The node \"pve3\" is in the cluster, but not up."),
        ] {
            workspace.configure(&lab.provider_block(), &all(node));
            let plan = workspace.plan().failed().prose();
            assert_eq!(plan.matches(said).count(), on(node).len(), "{plan}");
        }
    });
}

#[test]
fn a_node_that_is_only_named_and_not_there_is_a_warning() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let said = "The cluster has no node \"pve9\".";
        let all = resource("storage", "name = \"far\"\nnodes = [\"pve9\"]\ndir = { path = \"/far\" }")
            + &resource(
                "backup_job",
                "job_id = \"nightly\"\nschedule = \"daily\"\nall = true\nnode_name = \"pve9\"",
            )
            + &resource(
                "pci_mapping",
                "name = \"gpu\"\ndevices = [{ node_name = \"pve9\", path = \"0000:01:00.0\", device_id = \"10de:1c03\" }]",
            )
            + &resource(
                "usb_mapping",
                "name = \"stick\"\ndevices = [{ node_name = \"pve9\", device_id = \"0403:6001\" }]",
            )
            + &resource(
                "dir_mapping",
                "name = \"media\"\ndirectories = [{ node_name = \"pve9\", path = \"/mnt\" }]",
            );
        workspace.configure(&lab.provider_block(), &all);
        let plan = workspace.plan();
        assert_eq!(plan.code, Some(2), "{}", plan.text);
        let plan = plan.prose();
        // Further warnings of one summary are only counted.
        let more = plan.matches(said).count() > 1 || plan.contains("(and 4 more similar warnings elsewhere)");
        assert!(plan.contains(said) && more, "{plan}");
    });
}

#[test]
fn what_a_machine_names_is_told_unless_it_is_there_or_made_before() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let machine = |pool: &str, bridge: &str, storage: &str| {
            resource(
                "vm",
                &format!(
                    "node_name = \"pve1\"\nname = \"web\"\nstarted = false\npool_name = {pool}\nnetworks = {{ net0 = {{ bridge = \
                     {bridge} }} }}\ndisks = {{ scsi0 = {{ storage_name = {storage}, size_gib = 1 }} }}"
                ),
            )
        };
        let warnings = ["Pool does not exist", "Bridge does not exist", "Storage does not exist"];
        workspace.configure(&lab.provider_block(), &machine("\"web\"", "\"vmbr7\"", "\"fast\""));
        let plan = workspace.plan().prose();
        for warning in warnings {
            assert!(plan.contains(warning), "{plan}");
        }
        assert!(plan.contains("has no bridge \"vmbr7\"") && plan.contains("There are: \"vmbr0\""), "{plan}");
        assert!(plan.contains("This is about `networks[\"net0\"].bridge`."), "{plan}");

        // Nobody is told of what the same run makes first.
        let made = "resource \"homelab_pve_pool\" \"web\" {\n  name = \"web\"\n}\n\
                    resource \"homelab_pve_bridge\" \"seven\" {\n  node_name = \"pve1\"\n  name = \"vmbr7\"\n}\n\
                    resource \"homelab_pve_storage\" \"fast\" {\n  name = \"fast\"\n  content = [\"images\"]\n  dir = { path = \
                    \"/fast\" }\n}\n";
        let machine = machine(
            "homelab_pve_pool.web.name",
            "homelab_pve_bridge.seven.name",
            "homelab_pve_storage.fast.name",
        );
        workspace.configure(&lab.provider_block(), &format!("{made}{machine}"));
        let applied = workspace.apply().ok().prose();
        assert!(!applied.contains("does not exist"), "{applied}");
        workspace.plan_is_empty();

        // A machine that stays as it is asks for no bridges; the bridge itself is read from the whole network.
        let before = lab.wire().len();
        workspace.plan_is_empty();
        let asked = lab.wire().split_off(before);
        let bridges = "/api2/json/nodes/pve1/network?type=any_bridge";
        assert!(lab.wire().iter().any(|call| call["path"] == bridges), "the question has another name now");
        assert!(asked.iter().all(|call| call["path"] != bridges), "{asked:?}");
        workspace.destroy().ok();
    });
}

fn acl(label: &str, body: &str) -> String {
    format!("resource \"homelab_pve_acl\" \"{label}\" {{\n{body}\n}}\n")
}

#[test]
fn whom_an_entry_names_has_to_be_there() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let entry = |body: &str| acl("this", &format!("path = \"/vms\"\n{body}"));
        let named = [
            (entry("role = \"Opsmen\"\nuser_id = \"root@pam\""), "Role", "Opsmen"),
            (entry("role = \"PVEAuditor\"\nuser_id = \"ghost@pve\""), "User", "ghost@pve"),
            (entry("role = \"PVEAuditor\"\ngroup = \"ghosts\""), "Group", "ghosts"),
            (entry("role = \"PVEAuditor\"\ntoken_id = \"root@pam!ghost\""), "Token", "root@pam!ghost"),
            (resource("user", "user_id = \"anna@pve\"\ngroups = [\"nobodies\"]"), "Group", "nobodies"),
            (resource("token", "user_id = \"otto@pve\"\nname = \"ci\""), "User", "otto@pve"),
        ];
        // A CLI shows one warning of each summary, so each is planned alone.
        for (configuration, kind, name) in &named {
            workspace.configure(&lab.provider_block(), configuration);
            let plan = workspace.plan().prose();
            let detail = format!("There is no {} \"{name}\"", kind.to_lowercase());
            assert!(plan.contains(&format!("{kind} does not exist")) && plan.contains(&detail), "{plan}");
        }
        // One list of each for all of them.
        let all = named.iter().zip(0..).map(|((configuration, ..), number)| {
            configuration.replacen("\"this\"", &format!("\"number-{number}\""), 1)
        });
        workspace.configure(&lab.provider_block(), &all.collect::<String>());
        let before = lab.wire().len();
        workspace.plan();
        let asked = lab.wire().split_off(before);
        for list in ["/access/users?full=1", "/access/groups", "/access/roles"] {
            let path = format!("/api2/json{list}");
            let count = asked.iter().filter(|call| call["path"].as_str() == Some(&path)).count();
            assert_eq!(count, 1, "{list}: {asked:#?}");
        }
    });
}

#[test]
fn an_entry_for_a_path_that_leads_nowhere_is_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (path, said) in [
            ("/pool/nowhere", "no pool \"nowhere\""),
            ("/storage/nowhere", "no storage \"nowhere\""),
            ("/vms/999", "no guest \"999\""),
            ("/nodes/pve9", "no node \"pve9\""),
            ("/mapping/pci/gpu", "no mapping \"gpu\""),
            ("/access/groups/ghosts", "no group \"ghosts\""),
        ] {
            let entry =
                acl("path", &format!("path = \"{path}\"\nrole = \"PVEAuditor\"\nuser_id = \"root@pam\""));
            workspace.configure(&lab.provider_block(), &entry);
            let plan = workspace.plan().prose();
            assert!(plan.contains("Path leads nowhere") && plan.contains(said), "{plan}");
        }
    });
}

#[test]
fn nobody_is_told_of_what_the_same_run_makes_first_nor_of_what_is_there() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let made = "resource \"homelab_pve_role\" \"r\" {\n  name = \"Opsmen\"\n  privileges = [\"VM.Audit\"]\n}\n\
                    resource \"homelab_pve_group\" \"g\" {\n  name = \"ops\"\n}\n\
                    resource \"homelab_pve_pool\" \"p\" {\n  name = \"web\"\n}\n\
                    resource \"homelab_pve_user\" \"u\" {\n  user_id = \"ci@pve\"\n  groups = [homelab_pve_group.g.name]\n}\n\
                    resource \"homelab_pve_token\" \"t\" {\n  user_id = homelab_pve_user.u.user_id\n  name = \"ci\"\n  \
                    rotation_id = \"1\"\n}\n\
                    resource \"homelab_pve_acl\" \"t\" {\n  for_each = homelab_pve_token.t.token_ids\n  path = \
                    \"/pool/${homelab_pve_pool.p.name}\"\n  role = homelab_pve_role.r.name\n  token_id = each.value\n}\n\
                    resource \"homelab_pve_acl\" \"g\" {\n  path = \"/nodes/pve1\"\n  role = \"PVEAuditor\"\n  group = \
                    homelab_pve_group.g.name\n}\n";
        workspace.configure(&lab.provider_block(), made);
        for said in [workspace.plan().prose(), workspace.apply().ok().prose()] {
            assert!(!said.contains("does not exist") && !said.contains("leads nowhere"), "{said}");
        }
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn disks_of_a_zfs_pool_have_to_be_there_and_free() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let pool = |name: &str, device: &str| {
            resource(
                "zfs_pool",
                &format!(
                    "node_name = \"pve1\"\nname = \"{name}\"\nraid_level = \"single\"\ndevices = [\"{device}\"]\n\
                     deletion_protection = false\nwipe_disks_on_destroy = true"
                ),
            )
        };
        for (device, said) in [
            ("/dev/sda", "\"/dev/sda\" of node \"pve1\" holds something: \"LVM\""),
            ("/dev/disk/by-id/ata-LAB_DISK_LAB-pve1-sda", "Disk is in use"),
            ("/dev/sdz", "The node \"pve1\" has no disk \"/dev/sdz\""),
        ] {
            workspace.configure(&lab.provider_block(), &pool("tank", device));
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said) && plan.contains("ata-LAB_DISK_LAB-pve1-sdb"), "{plan}");
        }
        // The disk of a pool that is made anew is wiped before.
        for name in ["tank", "lake"] {
            workspace.configure(&lab.provider_block(), &pool(name, "/dev/sdb"));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.destroy().ok();
    });
}

#[test]
fn what_is_on_a_node_that_is_down_stays_in_the_state_and_the_rest_changes() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let all = |comment: &str, on_two: &str| {
            let machine = |node: u32, body: &str| {
                format!(
                    "resource \"homelab_pve_vm\" \"on{node}\" {{\n  node_name = \"pve{node}\"\n  name = \"on{node}\"\n  started = \
                     false\n{body}\n}}\n"
                )
            };
            format!(
                "{}{}resource \"homelab_pve_bridge\" \"b\" {{\n  node_name = \"pve2\"\n  name = \"vmbr7\"\n}}\n\
                 resource \"homelab_pve_data_disk\" \"d\" {{\n  node_name = \"pve2\"\n  name = \"pg\"\n  storage_name = \
                 \"local-lvm\"\n  size_gib = 1\n  backup_tier = 0\n  deletion_protection = false\n}}\n",
                machine(1, &format!("description = \"{comment}\"")),
                machine(2, on_two),
            )
        };
        let node = |offline: bool| {
            lab.request("POST", "/lab/node", Some(&format!("{{\"node\":\"pve2\",\"offline\":{offline}}}")));
        };
        workspace.configure(&lab.provider_block(), &all("first", ""));
        workspace.apply().ok();
        node(true);
        let plan = workspace.plan();
        assert_eq!(plan.code, Some(0), "{}", plan.text);
        let said = plan.prose();
        assert!(
            said.contains("Node does not answer") && said.contains("stays as it was last seen"),
            "{said}"
        );
        workspace.configure(&lab.provider_block(), &all("second", ""));
        workspace.apply().ok();
        assert_eq!(
            lab.config(&lab.place("on1"))["description"].as_str().map(|text| text.contains("second")),
            Some(true)
        );
        // What is to change there cannot.
        workspace.configure(&lab.provider_block(), &all("second", "  description = \"x\""));
        workspace.apply().failed();
        node(false);
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!((lab.count("on"), lab.count("disk-")), (0, 0));
    });
}

#[test]
fn a_list_that_is_behind_does_not_lose_what_was_just_made() {
    with_each_cli(|cli| {
        let lab = Lab::with(&["--report-lag", "8000"]);
        let workspace = Workspace::new(cli);
        let machines = "resource \"homelab_pve_pool\" \"p\" {\n  name = \"web\"\n}\n\
                        resource \"homelab_pve_vm\" \"this\" {\n  count = 3\n  node_name = \"pve${count.index + 1}\"\n  name = \
                        \"young${count.index}\"\n  pool_name = homelab_pve_pool.p.name\n  started = false\n}\n";
        workspace.configure(&lab.provider_block(), machines);
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!(lab.count("young"), 0);
    });
}

#[test]
fn a_destroy_that_hangs_ends_at_its_deadline_and_the_next_one_works() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let machine = "resource \"homelab_pve_vm\" \"this\" {\n  node_name = \"pve1\"\n  vm_id = 300\n  \
                       shutdown_timeout_seconds = 2\n  timeouts = {\n    delete = \"4s\"\n  }\n}\n";
        workspace.configure(&lab.provider_block(), machine);
        workspace.apply().ok();
        let fault = "{\"faults\":[{\"kind\":\"task_endless\",\"method\":\"POST\",\"path\":\"/nodes/*/qemu/*/status/*\"}]}";
        lab.request("POST", "/lab/faults", Some(fault));
        let began = std::time::Instant::now();
        workspace.destroy().failed();
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
        workspace.destroy().ok();
        assert_eq!(lab.vms().iter().filter(|row| row["vmid"] == 300).count(), 0);
    });
}
