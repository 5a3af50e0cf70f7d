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
                "content = [\"backup\"]\nnodes = [\"pve2\", \"pve1\"]\nprune_backups = { keep_last = 3, keep_daily = 7 }\n\
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

#[test]
fn every_other_type_lives_and_another_type_is_another_storage() {
    // None of their servers is there, so they stay disabled.
    let of = |body: &str| storage(&format!("enabled = false\n{body}"));
    live(
        &[
            of("nfs = { server = \"192.0.2.99\", export = \"/x\", options = \"vers=4.2\" }"),
            of("cifs = { server = \"192.0.2.99\", share = \"s\", username = \"u\", smb_version = \"3.0\" }"),
            of("lvm = { volume_group = \"vg\", safe_remove = true }"),
            of("lvmthin = { volume_group = \"vg\", thin_pool = \"data\" }"),
            of("zfspool = { pool = \"tank/vms\", sparse = true, block_size = \"16k\" }"),
            of("btrfs = { path = \"/b\", nocow = true }"),
            of("iscsi = { portal = \"192.0.2.99\", target = \"iqn.2003-01.org.example:t\" }"),
            of("cephfs = { monitors = [\"192.0.2.1\", \"192.0.2.2\"], username = \"pve\" }"),
            of("rbd = { pool = \"vms\", kernel_driver = true }"),
            of("pbs = { server = \"192.0.2.98\", datastore = \"d\", namespace = \"tier1\", port = 8008 }"),
        ],
        &[("homelab_pve_storage.this", "acceptance")],
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
