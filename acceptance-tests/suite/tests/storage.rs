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
            "path = \"/d\", create_base_path = true, format = \"raw\", is_mountpoint = \"/d\"",
        ],
    ),
    (
        "nfs",
        [
            "server = \"192.0.2.99\", export = \"/x\"",
            "server = \"192.0.2.99\", export = \"/x\", options = \"vers=4.2\", create_base_path = false, create_subfolders = \
             false, format = \"qcow2\", preallocation = \"off\", snapshot_as_volume_chain = true",
            "server = \"192.0.2.99\", export = \"/x\", options = \"vers=4.1\", format = \"raw\", content_folders = { iso = \
             \"discs\" }",
        ],
    ),
    (
        "cifs",
        [
            "server = \"192.0.2.99\", share = \"s\"",
            "server = \"192.0.2.99\", share = \"s\", username = \"u\", smb_version = \"3.0\", domain = \"HOME\", format = \
             \"qcow2\", create_subfolders = false, options = \"ro\", subfolder = \"/pve\"",
            "server = \"192.0.2.99\", share = \"s\", username = \"other\", smb_version = \"3.11\", format = \"raw\", \
             preallocation = \"full\"",
        ],
    ),
    (
        "lvm",
        [
            "volume_group = \"vg\"",
            "volume_group = \"vg\", safe_remove = true, safe_remove_throughput = \"-1048576\", tagged_only = true, shared = true, \
             snapshot_as_volume_chain = true",
            "volume_group = \"vg\", safe_remove = false, tagged_only = false",
        ],
    ),
    ("lvmthin", ["volume_group = \"vg\", thin_pool = \"data\""; 3]),
    (
        "zfspool",
        [
            "pool = \"tank/vms\"",
            "pool = \"tank/vms\", sparse = true, block_size = \"16k\", mount_point = \"/vms\"",
            "pool = \"tank/vms\", sparse = false, block_size = \"8k\"",
        ],
    ),
    (
        "btrfs",
        [
            "path = \"/b\"",
            "path = \"/b\", nocow = true, create_base_path = false, create_subfolders = false, format = \"subvol\", is_mountpoint \
             = \"yes\"",
            "path = \"/b\", nocow = false, format = \"raw\", preallocation = \"off\"",
        ],
    ),
    ("iscsi", ["portal = \"192.0.2.99\", target = \"iqn.2003-01.org.example:t\""; 3]),
    (
        "cephfs",
        [
            "monitors = [\"192.0.2.1\"]",
            "monitors = [\"192.0.2.1\", \"192.0.2.2\"], username = \"pve\", fuse = true, subfolder = \"/pve\", options = \
             \"noatime\", file_system = \"media\"",
            "monitors = [\"192.0.2.1\"], username = \"other\", fuse = false",
        ],
    ),
    (
        "rbd",
        [
            "pool = \"vms\"",
            "pool = \"vms\", kernel_driver = true, data_pool = \"data\", monitors = [\"192.0.2.1\"], username = \"pve\", \
             namespace = \"lab\"",
            "pool = \"vms\", kernel_driver = false, data_pool = \"other\", monitors = [\"192.0.2.1\", \"192.0.2.2\"]",
        ],
    ),
    (
        "pbs",
        [
            "server = \"192.0.2.98\", datastore = \"d\"",
            "server = \"192.0.2.98\", datastore = \"d\", namespace = \"tier1\", port = 8008, username = \"tf@pbs\", fingerprint \
             = \"3D:17:2D:24:4E:63:5D:09:47:5E:45:FB:A3:F2:6C:7A:43:B6:8B:5B:8A:81:F4:79:D2:EF:60:4F:C6:23:70:92\"",
            "server = \"192.0.2.98\", datastore = \"d\", namespace = \"tier2\", port = 8009",
        ],
    ),
];

#[test]
fn every_type_lives_with_all_its_arguments_and_leaves_nothing() {
    let all = |step: usize, common: &str| {
        let one = |(kind, steps): &(&str, [&str; 3])| {
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
    live(&[all(0, ""), all(1, limits), all(2, "")], &import, |lab| {
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

#[test]
fn a_secret_is_sent_again_with_a_new_version_and_never_stored() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 11), (1, 11)) {
            return;
        }
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let pbs = |secret: &str, version: u32| {
            storage(&format!(
                "enabled = false\npbs = {{\n  server = \"192.0.2.98\"\n  datastore = \"d\"\n  password_wo = \"{secret}\"\n  \
                 password_wo_version = {version}\n}}"
            ))
        };
        for (secret, version) in [("first-secret", 1), ("second-secret", 2)] {
            workspace.configure(&lab.provider_block(), &pbs(secret, version));
            let before = lab.writes();
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert_eq!(lab.writes(), before + 1);
            let state =
                std::fs::read_to_string(workspace.folder().join("terraform.tfstate")).expect("a state");
            assert!(!state.contains(secret), "the secret is in the state");
        }
        workspace.destroy().ok();
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
