//! Backup jobs, mappings, replication, snapshots, ZFS pools, nodes and options of the cluster, with every CLI.

use suite::cycle::{live, names};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn resource(kind: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"this\" {{\n{body}\n}}\n")
}

#[test]
fn a_backup_job_lives_and_leaves_nothing() {
    let job = |body: &str| {
        let pool = "resource \"homelab_pve_pool\" \"p\" {\n  name = \"tier-1\"\n}\n";
        format!("{pool}{}", resource("backup_job", &format!("job_id = \"nightly\"\n{body}")))
    };
    live(
        &[
            job("schedule = \"daily\"\nall = true"),
            job("schedule = \"daily\"\nall = true\nstorage_name = \"local\""),
            job("schedule = \"daily\"\nall = true\nstorage_name = \"local\"\nprotected = true"),
            job(
                "schedule = \"daily\"\nall = true\nstorage_name = \"local\"\nprotected = true\nnotes_template = \
                 \"{{guestname}}\"",
            ),
            job(
                "schedule = \"mon..fri 02:30\"\nstorage_name = \"local\"\nvm_ids = [103, 100]\nmode = \"snapshot\"\n\
                 compression = \"zstd\"\nzstd_threads = 2\nrepeat_missed = true\nnotes_template = \"{{guestname}} on {{node}}\"\n\
                 prune_backups = { keep_daily = 7, keep_weekly = 4 }\nfleecing = { enabled = true, storage_name = \"local-lvm\" }\n\
                 performance = { max_workers = 4 }\nbandwidth_limit_kib_per_second = 1000\nexclude_paths = [\"/tmp/?*\"]\n\
                 mail_to = [\"a@example.com\"]\nmail_notification = \"failure\"\ncomment = \"c\"\nlock_wait_minutes = 60",
            ),
            job(
                "schedule = \"21:00 UTC\"\nstorage_name = \"local\"\npool_name = homelab_pve_pool.p.name\nenabled = false",
            ),
            job(
                "schedule = \"sat 03:00\"\nall = true\nexclude_vm_ids = [103]\nnode_name = \"pve1\"\nprune = false\ncompression = \
                 \"gzip\"\npigz_threads = 2\nio_priority = 8\nstandard_excludes = false\nmode = \"stop\"\nstop_wait_minutes = \
                 30\nnotification_mode = \"legacy-sendmail\"\npbs_change_detection_mode = \"metadata\"",
            ),
            job(
                "schedule = \"sat 03:00\"\nall = true\nstorage_name = \"local\"\nstandard_excludes = true\nmode = \
                 \"suspend\"\nnotification_mode = \"auto\"\nperformance = { pbs_entries_max = 100000 }\nprune_backups = { \
                 keep_last = 1, keep_hourly = 2, keep_daily = 3, keep_weekly = 4, keep_monthly = 5, keep_yearly = 6 }",
            ),
            job(
                "schedule = \"sun 04:00\"\nstorage_name = \"shared\"\nvm_ids = [101]\nmode = \"snapshot\"\ncompression = \
                 \"zstd\"\nzstd_threads = 4\nrepeat_missed = false\nprotected = false\nnotes_template = \"{{vmid}}\"\nfleecing = { \
                 enabled = false }\nperformance = { max_workers = 8, pbs_entries_max = 200000 }\nbandwidth_limit_kib_per_second = \
                 2000\nexclude_paths = [\"/var/tmp/?*\"]\nmail_to = [\"b@example.com\"]\nmail_notification = \"always\"\ncomment \
                 = \"other\"\nlock_wait_minutes = 30\nstop_wait_minutes = 20\nio_priority = 4\npbs_change_detection_mode = \
                 \"data\"\nprune_backups = { keep_last = 2, keep_hourly = 3, keep_daily = 4, keep_weekly = 5, keep_monthly = 6, \
                 keep_yearly = 7 }",
            ),
            job(
                "schedule = \"sun 04:00\"\nall = true\nstorage_name = \"shared\"\nexclude_vm_ids = [100, 101]\nnode_name = \
                 \"pve2\"\nprune = true\ncompression = \"gzip\"\npigz_threads = 4\nfleecing = { enabled = true, storage_name = \
                 \"shared\" }\nprune_backups = { keep_all = true }",
            ),
        ],
        &[("homelab_pve_backup_job.this", "nightly")],
        |lab| assert!(names(lab, "/api2/json/cluster/backup", "id").is_empty()),
    );
}

#[test]
fn folders_that_only_root_may_name_live_and_leave_nothing() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let job = |body: &str| {
            resource("backup_job", &format!("job_id = \"nightly\"\nschedule = \"daily\"\nall = true\n{body}"))
        };
        for step in [
            job("dump_folder = \"/srv/dump\"\ntemporary_folder = \"/srv/a\"\nscript = \"/srv/hooks/a\""),
            job("dump_folder = \"/srv/other\"\ntemporary_folder = \"/srv/b\"\nscript = \"/srv/hooks/b\""),
            job("storage_name = \"local\""),
        ] {
            workspace.configure(&lab.provider_block_with_password(), &step);
            workspace.apply().ok();
            workspace.plan_is_empty();
            workspace.forget("homelab_pve_backup_job.this").ok();
            workspace.import("homelab_pve_backup_job.this", "nightly").ok();
            workspace.plan_is_empty();
        }
        for argument in ["dump_folder", "temporary_folder", "script"] {
            workspace.configure(&lab.provider_block(), &job(&format!("{argument} = \"/srv/dump\"")));
            let (writes, said) = (lab.writes(), workspace.plan());
            assert!(said.prose().contains("Only root may do this"), "{argument}, by a token: {}", said.text);
            assert_eq!(lab.writes(), writes);
        }
        let refused = lab.request("PUT", "/api2/json/cluster/backup/nightly", Some("{\"script\":\"/a\"}"));
        assert_eq!(refused["errors"]["script"], "Only root may set this option.", "{refused}");
        workspace.configure(&lab.provider_block_with_password(), &job("storage_name = \"local\""));
        workspace.destroy().ok();
        assert!(names(&lab, "/api2/json/cluster/backup", "id").is_empty());
    });
}

#[test]
fn mappings_live_and_leave_nothing() {
    let mappings = |pci: &str, usb: &str, dir: &str| {
        resource("pci_mapping", &format!("name = \"gpu\"\n{pci}"))
            + &resource("usb_mapping", &format!("name = \"stick\"\n{usb}"))
            + &resource("dir_mapping", &format!("name = \"media\"\n{dir}"))
    };
    let card = "{ node_name = \"pve1\", path = \"0000:01:00.0\", device_id = \"10de:1c03\"";
    live(
        &[
            mappings(
                &format!("devices = [{card} }}]"),
                "devices = [{ node_name = \"pve1\", device_id = \"0403:6001\" }]",
                "directories = [{ node_name = \"pve1\", path = \"/mnt\" }]",
            ),
            mappings(
                &format!(
                    "description = \"card\"\nmediated_devices = true\ndevices = [{card}, subsystem_id = \"1043:85aa\", iommu_group = 3 \
                     }}, {{ node_name = \"pve2\", path = \"0000:02:00\", device_id = \"10de:1c03\" }}]"
                ),
                "description = \"stick\"\ndevices = [{ node_name = \"pve2\", device_id = \"0403:6001\", port = \"1-2.3\", description \
                 = \"front\" }]",
                "directories = [{ node_name = \"pve1\", path = \"/srv\" }, { node_name = \"pve2\", path = \"/mnt\" }]",
            ),
            mappings(
                &format!("live_migration_capable = true\ndevices = [{card} }}]"),
                "devices = [{ node_name = \"pve2\", device_id = \"0403:6001\" }]",
                "description = \"media\"\ndirectories = [{ node_name = \"pve2\", path = \"/mnt\" }]",
            ),
            mappings(
                "description = \"other\"\nlive_migration_capable = false\nmediated_devices = false\ndevices = [{ node_name = \"pve1\", \
                 path = \"0000:03:00.0\", device_id = \"10de:1c04\", subsystem_id = \"1043:85ab\", iommu_group = 4, description = \
                 \"upper\" }]",
                "description = \"other\"\ndevices = [{ node_name = \"pve2\", device_id = \"0403:6002\", port = \"1-2.4\", description \
                 = \"back\" }]",
                "description = \"others\"\ndirectories = [{ node_name = \"pve2\", path = \"/mnt\" }]",
            ),
        ],
        &[
            ("homelab_pve_pci_mapping.this", "gpu"),
            ("homelab_pve_usb_mapping.this", "stick"),
            ("homelab_pve_dir_mapping.this", "media"),
        ],
        |lab| {
            for kind in ["pci", "usb", "dir"] {
                assert!(names(lab, &format!("/api2/json/cluster/mapping/{kind}"), "id").is_empty());
            }
        },
    );
}

fn guest(rest: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"vm\" {{\n  vm_id = 300\n  name = \"guest\"\n  node_name = \"pve1\"\n  started = \
         false\n}}\n{rest}"
    )
}

#[test]
fn a_replication_job_lives_and_leaves_nothing() {
    let job = |body: &str| {
        guest(&resource("replication_job", &format!("job_id = \"${{homelab_pve_vm.vm.vm_id}}-0\"\n{body}")))
    };
    live(
        &[
            job("target_node_name = \"pve2\""),
            job(
                "target_node_name = \"pve2\"\nschedule = \"*/30\"\nrate_mb_per_second = 12.5\ncomment = \"c\"",
            ),
            job(
                "target_node_name = \"pve2\"\nschedule = \"*/20\"\nrate_mb_per_second = 20\ncomment = \"other\"",
            ),
            job("target_node_name = \"pve2\"\nenabled = false"),
            job("target_node_name = \"pve3\""),
        ],
        &[("homelab_pve_replication_job.this", "300-0")],
        |lab| assert!(names(lab, "/api2/json/cluster/replication", "id").is_empty()),
    );
}

#[test]
fn a_snapshot_lives_and_leaves_nothing() {
    let snapshot =
        |body: &str| guest(&resource("snapshot", &format!("vm_id = homelab_pve_vm.vm.vm_id\n{body}")));
    live(
        &[
            snapshot("name = \"first\""),
            snapshot("name = \"first\"\ndescription = \"before\\nthe upgrade\""),
            snapshot("name = \"second\""),
        ],
        &[("homelab_pve_snapshot.this", "300/second")],
        |lab| assert!(lab.guests().iter().all(|name| name != "guest")),
    );
}

#[test]
fn a_zfs_pool_lives_protected_and_leaves_nothing() {
    let pool = |body: &str| {
        resource(
            "zfs_pool",
            &format!(
                "node_name = \"pve1\"\nname = \"tank\"\nraid_level = \"mirror\"\ndevices = [\"/dev/sdb\", \
                 \"/dev/sdc\"]\n{body}"
            ),
        )
    };
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        // What matters only when the pool is made can be left out afterwards.
        for body in ["sector_size_exponent = 13\ncompression = \"zstd\"", ""] {
            workspace.configure(&lab.provider_block(), &pool(body));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.forget("homelab_pve_zfs_pool.this").ok();
        workspace.import("homelab_pve_zfs_pool.this", "pve1/tank").ok();
        workspace.plan_is_empty();
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Pool is protected"), "{said}");
        workspace.configure(
            &lab.provider_block(),
            &pool("deletion_protection = false\nwipe_disks_on_destroy = true"),
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert!(names(&lab, "/api2/json/nodes/pve1/disks/zfs", "name").is_empty());
    });
}

#[test]
fn a_draid_lives_and_leaves_nothing() {
    let pool = |level: &str, spares: u32, rest: &str| {
        resource(
            "zfs_pool",
            &format!(
                "node_name = \"pve2\"\nname = \"lake\"\nraid_level = \"{level}\"\ndevices = [\"/dev/sdb\", \"/dev/sdc\", \
                 \"/dev/sdd\"]\ndraid = {{ data_disks = 1, spare_disks = {spares} }}\n{rest}"
            ),
        )
    };
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        // What matters only when the pool is made changes nothing later.
        for (level, spares) in [("draid", 1), ("draid2", 0)] {
            workspace.configure(&lab.provider_block(), &pool(level, spares, ""));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.forget("homelab_pve_zfs_pool.this").ok();
        workspace.import("homelab_pve_zfs_pool.this", "pve2/lake").ok();
        workspace.plan_is_empty();
        let imported = workspace.resource("homelab_pve_zfs_pool.this");
        assert_eq!(
            (&imported["raid_level"], &imported["draid"]["spare_disks"]),
            (&"draid".into(), &1.into())
        );
        let rest = "deletion_protection = false\nwipe_disks_on_destroy = true";
        workspace.configure(&lab.provider_block(), &pool("draid", 1, rest));
        workspace.apply().ok();
        workspace.destroy().ok();
        assert!(names(&lab, "/api2/json/nodes/pve2/disks/zfs", "name").is_empty());
    });
}

#[test]
fn options_of_the_cluster_are_set_and_given_back() {
    live(
        &[
            resource("cluster_options", "keyboard = \"de\""),
            resource(
                "cluster_options",
                "keyboard = \"en-us\"\nlanguage = \"en\"\ndescription = \"a\\nb\"\nnext_id = { lower = 200, upper = 300 }\n\
                 migration = { type = \"insecure\", network = \"10.0.0.0/24\" }\nha = { shutdown_policy = \"migrate\" }\n\
                 tag_style = { colors = { prod = \"ff0000\" }, shape = \"full\" }\nregistered_tags = [\"a\", \"b\"]\n\
                 scheduling = { ha = \"dynamic\", ha_rebalance_on_start = true, ha_auto_rebalance = true, \
                 ha_auto_rebalance_threshold_percent = 40, ha_auto_rebalance_hold_rounds = 5, ha_auto_rebalance_margin_percent = 15, \
                 ha_auto_rebalance_method = \"topsis\" }\nmac_prefix = \"BC:24:12\"",
            ),
            resource(
                "cluster_options",
                "fencing = \"watchdog\"\nnotices = { fencing = \"always\", package_updates = \"never\" }\n\
                 webauthn = { relying_party = \"home\", domain = \"example.test\", allow_subdomains = false }\n\
                 u2f = { app_id = \"https://pve.example.test:8006\" }\n\
                 location = { latitude = 52.52, longitude = 13.405, name = \"attic\" }",
            ),
            resource(
                "cluster_options",
                "consent_text = \"Be kind.\"\nconsole = \"xtermjs\"\nemail_from = \"pve@example.test\"\nhttp_proxy = \
                 \"http://192.0.2.8:3128\"\nreplication = { type = \"insecure\", network = \"10.0.0.0/24\" }\nnotices = { \
                 replication = \"never\" }\ntag_style = { case_sensitive = true, ordering = \"alphabetical\" }\nuser_tag_access = { \
                 user_allow = \"list\", user_allow_list = [\"prod\", \"test\"] }\nwebauthn = { relying_party = \"home\", domain = \
                 \"example.test\", origin = \"https://pve.example.test:8006\" }\nbandwidth_limits = { default_kib_per_second = \
                 1, migration_kib_per_second = 2, move_kib_per_second = 3, restore_kib_per_second = 4 }",
            ),
            resource(
                "cluster_options",
                "keyboard = \"fr\"\nlanguage = \"fr\"\ndescription = \"c\"\nnext_id = { lower = 300, upper = 400 }\nmigration = { \
                 type = \"secure\", network = \"10.0.1.0/24\" }\nreplication = { type = \"secure\", network = \"10.0.1.0/24\" }\nha = \
                 { shutdown_policy = \"freeze\" }\ntag_style = { colors = { test = \"00ff00\" }, shape = \"dense\", case_sensitive = \
                 false, ordering = \"config\" }\nregistered_tags = [\"c\"]\nscheduling = { ha = \"static\", ha_rebalance_on_start = \
                 false, ha_auto_rebalance = false, ha_auto_rebalance_threshold_percent = 50, ha_auto_rebalance_hold_rounds = 6, \
                 ha_auto_rebalance_margin_percent = 20, ha_auto_rebalance_method = \"bruteforce\" }\nmac_prefix = \"BC:24:13\"\n\
                 fencing = \"both\"\nnotices = { fencing = \"never\", package_updates = \"always\", replication = \"always\", \
                 fencing_target = \"a\", package_updates_target = \"a\", replication_target = \"a\" }\nwebauthn = { relying_party = \
                 \"other\", domain = \"other.test\", origin = \"https://other.test:8006\", allow_subdomains = true }\nu2f = { app_id = \
                 \"https://other.test:8006\", origin = \"https://other.test\" }\nlocation = { latitude = 1.5, longitude = 2.5, name = \
                 \"cellar\" }\nemail_from = \"other@example.test\"\nhttp_proxy = \"http://192.0.2.9:3128\"\nuser_tag_access = { \
                 user_allow = \"list\", user_allow_list = [\"prod\"] }\nmax_workers = 2\nbandwidth_limits = { clone_kib_per_second = \
                 11, default_kib_per_second = 12, migration_kib_per_second = 13, move_kib_per_second = 14, restore_kib_per_second = 15 }",
            ),
            resource(
                "cluster_options",
                "notices = { fencing_target = \"b\", package_updates_target = \"b\", replication_target = \"b\" }\nu2f = { app_id = \
                 \"https://other.test:8006\", origin = \"https://third.test\" }\nconsent_text = \"Be kinder.\"\nconsole = \"html5\"\nuser_tag_access = { user_allow = \"free\" }\nmax_workers = \
                 4\nbandwidth_limits = { clone_kib_per_second = 100 }",
            ),
        ],
        &[("homelab_pve_cluster_options.this", "cluster")],
        |lab| {
            let left = lab.get("/api2/json/cluster/options")["data"].clone();
            assert!(left["max_workers"].is_null() && left["keyboard"].is_null(), "{left}");
        },
    );
}

#[test]
fn a_node_is_set_up_and_only_what_is_managed_is_seen() {
    let node = |body: &str| resource("node", &format!("name = \"pve2\"\n{body}"));
    let hosts = "127.0.0.1 localhost\\n192.0.2.12 pve2.example.test pve2\\n192.0.2.50 nas\\n";
    live(
        &[
            node("description = \"notes\""),
            node(&format!(
                "wake_on_lan = {{ mac_address = \"BC:24:11:00:00:09\", bind_interface = \"eno1\", broadcast_address = \"192.0.2.255\" }}\nballooning_target_percent = 70\nguest_start_delay_seconds = 30\n\
                 dns = {{ search_domain = \"example.test\", servers = [\"192.0.2.1\", \"9.9.9.9\"] }}\nhosts = \"{hosts}\"\n\
                 time_zone = \"Europe/Berlin\""
            )),
            node(
                "location = { latitude = -33.9, longitude = 18.4 }\nacme = { account_name = \"home\", domains = \
                 [\"pve2.example.test\"] }\nacme_domains = { acmedomain0 = { domain = \"*.lab.example.test\", plugin_name = \
                 \"dns1\" }, acmedomain3 = { domain = \"x.example.test\", alias = \"proof.example.test\" } }",
            ),
            node(&format!(
                "description = \"notes\"\ndns = {{ search_domain = \"example.test\", servers = [\"9.9.9.9\"] }}\nhosts = \
                 \"{hosts}\"\ntime_zone = \"UTC\""
            )),
            node(
                "description = \"other\"\nwake_on_lan = { mac_address = \"BC:24:11:00:00:0A\", bind_interface = \"eno2\", \
                 broadcast_address = \"192.0.2.127\" }\nballooning_target_percent = 60\nguest_start_delay_seconds = 20\ndns = { \
                 search_domain = \"other.test\", servers = [\"192.0.2.2\"] }\nhosts = \"127.0.0.1 localhost\\n192.0.2.12 \
                 pve2.example.test pve2\\n\"\ntime_zone = \"Europe/Paris\"\nlocation = { latitude = 1.5, longitude = 2.5, name = \
                 \"attic\" }\nacme = { account_name = \"other\", domains = [\"pve2.other.test\"] }\nacme_domains = { acmedomain0 = { \
                 domain = \"*.other.test\", plugin_name = \"dns2\", alias = \"alias.other.test\" } }",
            ),
            node("location = { latitude = 1.5, longitude = 2.5, name = \"cellar\" }"),
            // What a node cannot be without stays, and an import finds it without a difference.
            node("description = \"notes\""),
        ],
        &[("homelab_pve_node.this", "pve2")],
        |lab| assert!(lab.get("/api2/json/nodes/pve2/config")["data"]["description"].is_null()),
    );
}

#[test]
fn a_schedule_that_fires_otherwise_than_it_looks_is_told_when_planning() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let job = |schedule: &str| {
            resource("backup_job", &format!("job_id = \"nightly\"\nall = true\nschedule = \"{schedule}\""))
        };
        workspace.configure(&lab.provider_block(), &job("21 UTC"));
        let said = workspace.plan().prose();
        assert!(said.contains("Schedule fires every hour"), "{said}");
        workspace.configure(&lab.provider_block(), &job("2020-01-01 03:00"));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Schedule never fires"), "{said}");
        workspace.configure(&lab.provider_block(), &job("whenever"));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("The value \"whenever\" cannot be used"), "{said}");
    });
}
