//! A login that begins without any privilege: whatever plans say that it lacks is granted with their own commands, and then
//! the applies work, those that read as well as those that write.

use std::collections::BTreeSet;

use serde_json::json;
use suite::files::{Files, qcow2, sha256};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// More rounds of plans and grants than any configuration here needs.
const ROUNDS: usize = 8;

const ALONE: [&str; 13] = [
    "resource \"homelab_pve_pool\" \"it\" {\n  name = \"web\"\n}",
    "resource \"homelab_backup_tier\" \"it\" {\n  number = 2\n}",
    "resource \"homelab_pve_vm\" \"it\" {\n  node_name = \"pve1\"\n  name = \"web\"\n  started = true\n  disks = { scsi0 = { \
     storage_name = \"local-lvm\", size_gib = 1 } }\n  networks = { net0 = { bridge = \"vmbr0\" } }\n}",
    "resource \"homelab_pve_bridge\" \"it\" {\n  node_name = \"pve1\"\n  name = \"vmbr7\"\n}",
    "resource \"homelab_pve_role\" \"it\" {\n  name = \"Operator\"\n  privileges = [\"VM.Audit\"]\n}",
    "resource \"homelab_pve_group\" \"it\" {\n  name = \"ops\"\n}",
    "resource \"homelab_pve_user\" \"it\" {\n  user_id = \"anna@pve\"\n}",
    "resource \"homelab_pve_storage\" \"it\" {\n  name = \"more\"\n  content = [\"iso\"]\n  dir = { path = \
     \"/srv/more\" }\n}",
    "resource \"homelab_pve_dir_mapping\" \"it\" {\n  name = \"media\"\n  directories = [{ node_name = \"pve1\", path = \"/srv\" \
     }]\n}",
    "resource \"homelab_pve_backup_job\" \"it\" {\n  job_id = \"nightly\"\n  schedule = \"21:00\"\n  all = true\n  storage_name = \
     \"shared\"\n}",
    "resource \"homelab_pve_cluster_options\" \"it\" {\n  keyboard = \"de\"\n}",
    "resource \"homelab_pve_node\" \"it\" {\n  name = \"pve1\"\n  description = \"the first\"\n}",
    "resource \"homelab_pve_data_disk\" \"it\" {\n  name = \"pg\"\n  node_name = \"pve1\"\n  storage_name = \"local-lvm\"\n  size_gib \
     = 1\n  backup_tier = \"0\"\n  deletion_protection = false\n}",
];

/// Does what the commands in a message say.
fn grant(lab: &Lab, said: &str) {
    let lines: BTreeSet<Vec<&str>> = said
        .lines()
        .map(|line| line.trim_start_matches(['│', ' ']).split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.first() == Some(&"pveum"))
        .collect();
    assert!(!lines.is_empty(), "no command that grants something:\n{said}");
    for words in lines.iter().rev() {
        match words.as_slice() {
            ["pveum", "role", "add", role, "--privs", privileges] => {
                let body = json!({ "roleid": role, "privs": privileges }).to_string();
                lab.request("POST", "/api2/json/access/roles", Some(&body));
            }
            ["pveum", "acl", "modify", path, "--users", user, "--roles", roles] => {
                let body =
                    json!({ "path": path, "users": user.trim_matches('\''), "roles": roles }).to_string();
                lab.request("PUT", "/api2/json/access/acl", Some(&body));
            }
            ["pveum", "acl", "modify", _, "--tokens", ..] => {}
            other => panic!("an unknown command: {other:?}"),
        }
    }
}

/// Plans until the plan has nothing to say any more.
fn grant_what_plans_ask_for(lab: &Lab, workspace: &Workspace, destroy: &[&str]) {
    for _ in 0..ROUNDS {
        let plan = workspace.run(&[&["plan", "-no-color", "-input=false"], destroy].concat());
        if plan.code == Some(0) {
            return;
        }
        assert!(plan.text.contains("Permission is missing"), "{}", plan.text);
        grant(lab, &plan.text);
    }
    panic!("plans ask for ever more privileges");
}

/// Makes, keeps and destroys it with nothing but what plans asked for.
fn live_by_grants(lab: &Lab, workspace: &Workspace, login: &str, configuration: &str) {
    workspace.configure(login, configuration);
    grant_what_plans_ask_for(lab, workspace, &[]);
    let applied = workspace.apply();
    assert_eq!(applied.code, Some(0), "{configuration}\n{}", applied.text);
    workspace.plan_is_empty();
    grant_what_plans_ask_for(lab, workspace, &["-destroy"]);
    let destroyed = workspace.destroy();
    assert_eq!(destroyed.code, Some(0), "{configuration}\n{}", destroyed.text);
}

/// A login of a user of its own, without any privilege.
fn login(lab: &Lab, number: usize) -> String {
    let path = format!("/api2/json/access/users/tf{number}@pve");
    let user = json!({ "userid": format!("tf{number}@pve") }).to_string();
    lab.request("POST", "/api2/json/access/users", Some(&user));
    let made = lab.request("POST", &format!("{path}/token/ci"), Some("{\"privsep\":0}"));
    let secret = made["data"]["value"].as_str().expect("the lab tells the secret");
    lab.provider_block_as(&format!("tf{number}@pve!ci={secret}"))
}

#[test]
fn what_plans_ask_for_is_enough_to_make_read_and_destroy() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        for (number, configuration) in ALONE.iter().enumerate() {
            live_by_grants(&lab, &Workspace::new(cli), &login(&lab, number), configuration);
        }
    });
}

#[test]
fn what_plans_ask_for_is_enough_for_a_server_and_all_that_it_needs() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let files = Files::start();
        let image = qcow2(64);
        let url = files.put("small.qcow2", &image);
        let configuration = format!(
            "resource \"homelab_pve_pool\" \"web\" {{\n  name = \"web\"\n}}\n\
             resource \"homelab_pve_image\" \"small\" {{\n  node_name = \"pve1\"\n  storage_name = \"local\"\n  content = \
             \"import\"\n  url = \"{url}\"\n  checksum = \"{}\"\n}}\n\
             resource \"homelab_pve_vm\" \"web\" {{\n  node_name = \"pve1\"\n  name = \"web\"\n  pool_name = \
             homelab_pve_pool.web.name\n  disks = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 1, import_from = \
             homelab_pve_image.small.volume_id }} }}\n  data_disks = {{ scsi1 = homelab_pve_data_disk.pg.id }}\n  cloud_init = {{ \
             user_data = \"#cloud-config\\nhostname: web\\n\", iso_storage_name = \"local\" }}\n}}\n\
             resource \"homelab_backup_tier\" \"one\" {{\n  number = 1\n  name = \"databases\"\n}}\n\
             resource \"homelab_backup_schedule\" \"one\" {{\n  tier = homelab_backup_tier.one\n  storage_name = \
             \"shared\"\n}}\n\
             resource \"homelab_pve_data_disk\" \"pg\" {{\n  name = \"pg\"\n  node_name = \"pve1\"\n  storage_name = \
             \"local-lvm\"\n  size_gib = 1\n  backup_tier = homelab_backup_tier.one.name\n  deletion_protection = false\n}}\n",
            sha256(&image)
        );
        live_by_grants(&lab, &Workspace::new(cli), &login(&lab, 0), &configuration);
    });
}
