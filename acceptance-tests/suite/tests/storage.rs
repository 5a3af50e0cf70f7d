//! `homelab_pve_storage`, of every type, with every CLI.

use suite::cycle::{live, names};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace, cli};

fn storage(body: &str) -> String {
    format!("resource \"homelab_pve_storage\" \"this\" {{\n  name = \"acceptance\"\n{body}\n}}\n")
}

fn nothing_left(lab: &Lab) {
    let left = names(lab, "/api2/json/storage", "storage");
    assert!(!left.contains(&"acceptance".to_owned()), "{left:?}");
}

#[test]
fn a_directory_lives_and_leaves_nothing() {
    live(
        &[
            storage("dir = { path = \"/mnt/acceptance\" }"),
            storage(
                "content = [\"iso\", \"images\", \"backup\"]\ndir = { path = \"/mnt/acceptance\", shared = true }",
            ),
            storage(
                "content = [\"backup\"]\nnodes = [\"pve2\", \"pve1\"]\nprune_backups = { keep_last = 3, keep_hourly = 1, \
                 keep_daily = 7, keep_weekly = 4, keep_monthly = 6, keep_yearly = 2 }\n\
                 max_protected_backups = 5\nbandwidth_limits = { migration_kib_per_second = 1000 }\n\
                 dir = { path = \"/mnt/acceptance\", preallocation = \"off\", content_folders = { backup = \"dump\" } }",
            ),
            storage(
                "content = [\"backup\", \"snippets\"]\nnodes = [\"pve3\"]\nprune_backups = { keep_last = 4, keep_hourly = 2, \
                 keep_daily = 8, keep_weekly = 5, keep_monthly = 7, keep_yearly = 3 }\nmax_protected_backups = -1\n\
                 bandwidth_limits = { migration_kib_per_second = 2000 }\ndir = { path = \"/mnt/acceptance\", preallocation = \
                 \"metadata\", content_folders = { backup = \"other\" } }",
            ),
            storage(
                "enabled = false\nprune_backups = { keep_all = true }\ndir = { path = \"/mnt/acceptance\" }",
            ),
            storage("dir = { path = \"/mnt/other\" }"),
        ],
        &[("homelab_pve_storage.this", "acceptance")],
        nothing_left,
    );
}

/// The servers of none are there, so they stay disabled: each type bare, with every argument, and with others.
const TYPES: [(&str, [&str; 3]); 11] = [
    (
        "dir",
        [
            "path = \"/d\"",
            "path = \"/d\", create_base_path = false, create_subfolders = false, format = \"qcow2\", is_mountpoint = \"yes\", \
             snapshot_as_volume_chain = true",
            "path = \"/d\", create_base_path = true, create_subfolders = true, format = \"raw\", is_mountpoint = \"/d\", shared = \
             true, preallocation = \"full\", content_folders = { iso = \"discs\" }, snapshot_as_volume_chain = false",
        ],
    ),
    (
        "nfs",
        [
            "server = \"192.0.2.99\", export = \"/x\"",
            "server = \"192.0.2.99\", export = \"/x\", options = \"vers=4.2\", create_base_path = false, create_subfolders = \
             false, format = \"qcow2\", preallocation = \"off\", snapshot_as_volume_chain = true",
            "server = \"192.0.2.99\", export = \"/x\", options = \"vers=4.1\", format = \"raw\", content_folders = { iso = \
             \"discs\" }, create_base_path = true, create_subfolders = true, preallocation = \"full\", snapshot_as_volume_chain = \
             false",
        ],
    ),
    (
        "cifs",
        [
            "server = \"192.0.2.99\", share = \"s\"",
            "server = \"192.0.2.99\", share = \"s\", username = \"u\", smb_version = \"3.0\", domain = \"HOME\", format = \
             \"qcow2\", create_base_path = false, create_subfolders = false, options = \"ro\", subfolder = \"/pve\", \
             snapshot_as_volume_chain = true",
            "server = \"192.0.2.99\", share = \"s\", username = \"other\", smb_version = \"3.11\", format = \"raw\", \
             preallocation = \"full\", create_base_path = true, create_subfolders = true, domain = \"WORK\", subfolder = \"/other\", content_folders = { iso \
             = \"discs\" }",
        ],
    ),
    (
        "lvm",
        [
            "volume_group = \"vg\"",
            "volume_group = \"vg\", safe_remove = true, safe_remove_step_mib = 8, safe_remove_throughput = \"-1048576\", tagged_only \
             = true, shared = true, snapshot_as_volume_chain = true",
            "volume_group = \"vg\", safe_remove = false, safe_remove_step_mib = 32, safe_remove_throughput = \"1048576\", \
             tagged_only = false, shared = false",
        ],
    ),
    ("lvmthin", ["volume_group = \"vg\", thin_pool = \"data\""; 3]),
    (
        "zfspool",
        [
            "pool = \"tank/vms\"",
            "pool = \"tank/vms\", sparse = true, block_size = \"16k\", mount_point = \"/vms\"",
            "pool = \"tank/vms\", sparse = false, block_size = \"8k\", mount_point = \"/other\"",
        ],
    ),
    (
        "btrfs",
        [
            "path = \"/b\"",
            "path = \"/b\", nocow = true, create_base_path = false, create_subfolders = false, format = \"subvol\", is_mountpoint \
             = \"yes\", shared = true, preallocation = \"full\"",
            "path = \"/b\", nocow = false, create_base_path = true, create_subfolders = true, format = \"raw\", is_mountpoint = \
             \"no\", shared = false, preallocation = \"off\"",
        ],
    ),
    ("iscsi", ["portal = \"192.0.2.99\", target = \"iqn.2003-01.org.example:t\""; 3]),
    (
        "cephfs",
        [
            "monitors = [\"192.0.2.1\"]",
            "monitors = [\"192.0.2.1\", \"192.0.2.2\"], username = \"pve\", fuse = true, subfolder = \"/pve\", options = \
             \"noatime\", file_system = \"media\", create_base_path = false, create_subfolders = false, content_folders = { iso = \
             \"discs\" }",
            "monitors = [\"192.0.2.1\"], username = \"other\", fuse = false, subfolder = \"/other\", options = \"ro\", \
             file_system = \"other\", create_base_path = true, create_subfolders = true, content_folders = { iso = \"others\" }",
        ],
    ),
    (
        "rbd",
        [
            "pool = \"vms\"",
            "pool = \"vms\", kernel_driver = true, data_pool = \"data\", monitors = [\"192.0.2.1\"], username = \"pve\", \
             namespace = \"lab\"",
            "pool = \"vms\", kernel_driver = false, data_pool = \"other\", monitors = [\"192.0.2.1\", \"192.0.2.2\"], username = \
             \"other\", namespace = \"other\"",
        ],
    ),
    (
        "pbs",
        [
            "server = \"192.0.2.98\", datastore = \"d\"",
            "server = \"192.0.2.98\", datastore = \"d\", namespace = \"tier1\", port = 8008, username = \"tf@pbs\", fingerprint \
             = \"3D:17:2D:24:4E:63:5D:09:47:5E:45:FB:A3:F2:6C:7A:43:B6:8B:5B:8A:81:F4:79:D2:EF:60:4F:C6:23:70:92\"",
            "server = \"192.0.2.98\", datastore = \"d\", namespace = \"tier2\", port = 8009, username = \"other@pbs\", \
             fingerprint = \"AA:17:2D:24:4E:63:5D:09:47:5E:45:FB:A3:F2:6C:7A:43:B6:8B:5B:8A:81:F4:79:D2:EF:60:4F:C6:23:70:92\"",
        ],
    ),
];

#[test]
fn every_type_lives_with_all_its_arguments_and_leaves_nothing() {
    let all = |step: usize, common: &str| {
        let one = |(kind, steps): &(&str, [&str; 3])| {
            let common = if ["btrfs", "pbs"].contains(kind) { "" } else { common };
            format!(
                "resource \"homelab_pve_storage\" \"{kind}\" {{\n  name = \"acceptance-{kind}\"\n  enabled = false\n{common}\n  \
                 {kind} = {{ {} }}\n}}\n",
                steps[step]
            )
        };
        TYPES.iter().map(one).collect::<String>()
    };
    let limits = "bandwidth_limits = { clone_kib_per_second = 1, default_kib_per_second = 2, move_kib_per_second = 3, \
                  restore_kib_per_second = 4 }";
    let addresses: Vec<(String, String)> = TYPES
        .iter()
        .map(|(kind, _)| (format!("homelab_pve_storage.{kind}"), format!("acceptance-{kind}")))
        .collect();
    let import: Vec<(&str, &str)> = addresses.iter().map(|(address, id)| (&**address, &**id)).collect();
    let other = limits.replace(" = ", " = 1");
    let other = other.replacen("limits = 1", "limits = ", 1);
    live(&[all(0, ""), all(1, limits), all(2, &other)], &import, |lab| {
        let left = names(lab, "/api2/json/storage", "storage");
        assert!(!left.iter().any(|name| name.starts_with("acceptance")), "{left:?}");
    });
}

#[test]
fn another_type_is_another_storage() {
    let of = |body: &str| storage(&format!("enabled = false\n{body}"));
    live(
        &[of("nfs = { server = \"192.0.2.99\", export = \"/x\" }"), of("lvm = { volume_group = \"vg\" }")],
        &[],
        nothing_left,
    );
}

/// The secrets of every type: what is set besides, the argument, and two values.
const SECRETS: [(&str, &str, &str, [&str; 2]); 5] = [
    ("cifs", "server = \"192.0.2.99\"\nshare = \"s\"\nusername = \"u\"", "password", ["one", "two"]),
    ("cephfs", "monitors = [\"192.0.2.1\"]", "keyring", ["AQB1", "AQB2"]),
    ("rbd", "monitors = [\"192.0.2.1\"]", "keyring", ["AQB1", "AQB2"]),
    ("pbs", "server = \"192.0.2.98\"\ndatastore = \"d\"", "password", ["one", "two"]),
    (
        "pbs",
        "server = \"192.0.2.98\"\ndatastore = \"d\"",
        "encryption_key",
        ["{\\\"data\\\":\\\"one\\\"}", "{\\\"data\\\":\\\"two\\\"}"],
    ),
];

#[test]
fn a_secret_is_sent_with_each_version_taken_back_when_it_goes_and_never_stored() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 11), (1, 11)) {
            return;
        }
        for (kind, rest, argument, values) in SECRETS {
            let lab = Lab::start();
            let workspace = Workspace::new(cli);
            let with = |secret: &str| storage(&format!("enabled = false\n{kind} = {{\n{rest}\n{secret}\n}}"));
            for (value, version) in values.iter().zip(1..) {
                let secret = format!("{argument}_wo = \"{value}\"\n{argument}_wo_version = {version}");
                workspace.configure(&lab.provider_block(), &with(&secret));
                let before = lab.writes();
                workspace.apply().ok();
                workspace.plan_is_empty();
                assert_eq!(lab.writes(), before + 1, "{kind} {argument}");
                let state =
                    std::fs::read_to_string(workspace.folder().join("terraform.tfstate")).expect("a state");
                assert!(!state.contains(value), "the secret is in the state");
            }
            workspace.configure(&lab.provider_block(), &with(""));
            let plan = workspace.plan().prose();
            assert_eq!(plan.contains("Backups become readable"), argument == "encryption_key", "{plan}");
            // The nodes forget it too.
            let before = lab.writes();
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(lab.writes(), before + 1, "{kind} {argument}");
            workspace.destroy().ok();
        }
    });
}

#[test]
fn a_secret_that_was_refused_is_sent_by_the_next_apply() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 11), (1, 11)) {
            return;
        }
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let pbs = |version: u32| {
            storage(&format!(
                "enabled = false\npbs = {{\n  server = \"192.0.2.98\"\n  datastore = \"d\"\n  password_wo = \"s{version}\"\n  \
                 password_wo_version = {version}\n}}"
            ))
        };
        workspace.configure(&lab.provider_block(), &pbs(1));
        workspace.apply().ok();
        workspace.configure(&lab.provider_block(), &pbs(2));
        let fault = "{\"faults\":[{\"kind\":\"status\",\"status\":500,\"message\":\"no quorum\",\"method\":\"PUT\",\"path\":\"/storage/*\"}]}";
        lab.request("POST", "/lab/faults", Some(fault));
        workspace.apply().failed();
        let before = lab.writes();
        workspace.apply().ok();
        assert_eq!(lab.writes(), before + 1, "the secret was never sent");
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_backup_server_is_given_keys_that_are_missed_when_they_go() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 11), (1, 11)) {
            return;
        }
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let pbs = |master: &str| {
            storage(&format!(
                "enabled = false\npbs = {{\n  server = \"192.0.2.98\"\n  datastore = \"d\"\n  encryption_key_wo = \
                 \"{{\\\"data\\\":\\\"x\\\",\\\"fingerprint\\\":\\\"aa:bb\\\"}}\"\n  encryption_key_wo_version = 1\n{master}\n}}"
            ))
        };
        let key = |name: &str| {
            format!(
                "  master_public_key = \"-----BEGIN PUBLIC KEY-----\\n{name}\\n-----END PUBLIC KEY-----\\n\"\n"
            )
        };
        for master in [key("one"), key("two")] {
            workspace.configure(&lab.provider_block(), &pbs(&master));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        let shown = || lab.get("/api2/json/storage/acceptance")["data"].clone();
        assert_eq!((&shown()["encryption-key"], &shown()["master-pubkey"]), (&"aa:bb".into(), &"1".into()));
        // Whoever takes the keys away leaves a difference, which the next apply mends.
        lab.request(
            "PUT",
            "/api2/json/storage/acceptance",
            Some("{\"delete\":\"encryption-key,master-pubkey\"}"),
        );
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(shown()["encryption-key"], "aa:bb");
        workspace.configure(&lab.provider_block(), &pbs(""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(shown()["master-pubkey"].is_null());
        workspace.destroy().ok();
    });
}

#[test]
fn what_a_type_of_storage_does_not_know_is_a_plan_error() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, said) in [
            (
                "content = [\"iso\"]\npbs = { server = \"s\", datastore = \"d\" }",
                "It can hold \"backup\", \"none\".",
            ),
            (
                "bandwidth_limits = { move_kib_per_second = 1 }\nbtrfs = { path = \"/b\" }",
                "has no `bandwidth_limits`",
            ),
            ("prune_backups = { keep_last = 1 }\nlvm = { volume_group = \"vg\" }", "has no `prune_backups`"),
            ("lvm = { volume_group = \"vg\", safe_remove_step_mib = 3 }", "must be 1, 2, 4, 8, 16 or 32"),
        ] {
            workspace.configure(&lab.provider_block(), &storage(body));
            let plan = workspace.plan().failed().prose();
            assert!(plan.contains(said), "{plan}");
        }
        assert_eq!(lab.writes(), 0);
    });
}

#[test]
fn a_storage_of_someone_else_is_not_adopted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request(
            "POST",
            "/api2/json/storage",
            Some("{\"storage\":\"acceptance\",\"type\":\"dir\",\"path\":\"/mine\"}"),
        );
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &storage("dir = { path = \"/ours\" }"));
        let said = workspace.apply().failed().prose();
        assert!(said.contains("tofu import homelab_pve_storage.<name> acceptance"), "{said}");
        assert_eq!(lab.get("/api2/json/storage/acceptance")["data"]["path"], "/mine");
    });
}

#[test]
fn storages_changed_at_once_do_not_lose_each_others_changes() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let many = |content: &str| {
            format!(
                "resource \"homelab_pve_storage\" \"many\" {{\n  count = 8\n  name = \"many${{count.index}}\"\n  content = \
                 [{content}]\n  dir = {{ path = \"/mnt/many${{count.index}}\" }}\n}}\n"
            )
        };
        // The digest covers the whole file, so each of these writes makes the others' stale.
        for content in ["\"iso\"", "\"iso\", \"backup\""] {
            workspace.configure(&lab.provider_block(), &many(content));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.destroy().ok();
    });
}
