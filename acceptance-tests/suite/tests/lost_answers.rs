//! Answers that are lost after the lab has done what was asked: nothing is made twice, left behind or given up.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// A noun, a resource of it, a change of it, and the paths of its calls.
const NOUNS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "role",
        "name = \"Operator\"\nprivileges = [\"VM.Audit\"]",
        "name = \"Operator\"\nprivileges = [\"Sys.Audit\"]",
        "/access/roles",
        "/access/roles/*",
    ),
    ("group", "name = \"ops\"", "name = \"ops\"\ncomment = \"c\"", "/access/groups", "/access/groups/*"),
    (
        "user",
        "user_id = \"anna@pve\"",
        "user_id = \"anna@pve\"\nemail = \"a@example.com\"",
        "/access/users",
        "/access/users/*",
    ),
    (
        "storage",
        "name = \"st\"\ndir = { path = \"/mnt/st\" }",
        "name = \"st\"\ncontent = [\"iso\"]\ndir = { path = \"/mnt/st\" }",
        "/storage",
        "/storage/*",
    ),
    (
        "backup_job",
        "job_id = \"nightly\"\nschedule = \"daily\"\nall = true",
        "job_id = \"nightly\"\nschedule = \"hourly\"\nall = true",
        "/cluster/backup",
        "/cluster/backup/*",
    ),
    (
        "dir_mapping",
        "name = \"media\"\ndirectories = [{ node_name = \"pve1\", path = \"/mnt\" }]",
        "name = \"media\"\ndirectories = [{ node_name = \"pve1\", path = \"/srv\" }]",
        "/cluster/mapping/dir",
        "/cluster/mapping/dir/*",
    ),
    (
        "acl",
        "path = \"/vms\"\nrole = \"PVEVMUser\"\nuser_id = \"root@pam\"",
        "path = \"/vms\"\nrole = \"PVEVMUser\"\nuser_id = \"root@pam\"\npropagate = false",
        "/access/acl",
        "/access/acl",
    ),
];

fn lose(lab: &Lab, method: &str, path: &str) {
    let fault =
        format!("{{\"faults\":[{{\"kind\":\"reply_lost\",\"method\":\"{method}\",\"path\":\"{path}\"}}]}}");
    lab.request("POST", "/lab/faults", Some(&fault));
}

/// How many planted faults have struck.
fn struck(lab: &Lab) -> usize {
    let found = lab.get("/lab/faults");
    let faults = found["faults"].as_array().cloned().unwrap_or_default();
    faults.iter().filter(|fault| fault["struck"].as_u64() > Some(0)).count()
}

#[test]
fn every_change_survives_the_loss_of_its_answer() {
    with_each_cli(|cli| {
        for (noun, first, second, list, one) in NOUNS {
            let lab = Lab::start();
            let workspace = Workspace::new(cli);
            let resource = |body: &str| format!("resource \"homelab_pve_{noun}\" \"this\" {{\n{body}\n}}\n");
            let created = if noun == "acl" { "PUT" } else { "POST" };
            let deleted = if noun == "acl" { "PUT" } else { "DELETE" };
            lose(&lab, created, list);
            workspace.configure(&lab.provider_block(), &resource(first));
            workspace.apply().ok();
            workspace.plan_is_empty();
            lose(&lab, "PUT", one);
            workspace.configure(&lab.provider_block(), &resource(second));
            workspace.apply().ok();
            workspace.plan_is_empty();
            lose(&lab, deleted, one);
            workspace.destroy().ok();
            assert_eq!(struck(&lab), 3, "{noun}: not every fault has struck");
        }
    });
}

#[test]
fn a_token_whose_answer_was_lost_is_made_again_with_a_secret_that_works() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        lose(&lab, "POST", "/access/users/*/token/*");
        workspace.configure(
            &lab.provider_block(),
            "resource \"homelab_pve_token\" \"this\" {\n  user_id = \"root@pam\"\n  name = \"ci\"\n  privilege_separation = \
             false\n}\n",
        );
        workspace.apply().ok();
        workspace.plan_is_empty();
        let token =
            workspace.resource("homelab_pve_token.this")["api_token"].as_str().expect("a token").to_owned();
        assert!(lab.get_as(&token, "/api2/json/access/permissions")["data"]["/"].is_object());
        workspace.destroy().ok();
    });
}
