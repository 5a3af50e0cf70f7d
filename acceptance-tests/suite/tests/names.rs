//! Names that are used already, told when planning and not half-way through an apply. With every CLI.

use serde_json::json;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn resource(kind: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"this\" {{\n{body}\n}}\n")
}

#[test]
fn a_name_that_is_used_is_told_by_the_plan_unless_the_state_knows_the_object() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (verb, path, body) in [
            ("POST", "/access/roles", json!({ "roleid": "Opsmen", "privs": "VM.Audit" })),
            ("POST", "/access/groups", json!({ "groupid": "ops" })),
            ("POST", "/access/users", json!({ "userid": "anna@pve" })),
            ("POST", "/access/users/anna@pve/token/ci", json!({ "privsep": 1 })),
            ("POST", "/pools", json!({ "poolid": "web" })),
            ("POST", "/pools", json!({ "poolid": "tier-1" })),
            ("POST", "/storage", json!({ "storage": "files", "type": "dir", "path": "/files" })),
            ("POST", "/cluster/mapping/dir", json!({ "id": "media", "map": ["node=pve1,path=/srv"] })),
            ("POST", "/cluster/backup", json!({ "id": "nightly", "schedule": "daily", "all": 1 })),
        ] {
            lab.request(verb, &format!("/api2/json{path}"), Some(&body.to_string()));
        }
        let image = "node_name = \"pve1\"\nstorage_name = \"local\"\ncontent = \"import\"\nallow_unverified = true\n\
                     url = \"http://127.0.0.1:1/debian-13-genericcloud-amd64.qcow2\"";
        for (kind, body, id) in [
            ("role", "name = \"Opsmen\"\nprivileges = [\"VM.Audit\"]", "Opsmen"),
            ("group", "name = \"ops\"", "ops"),
            ("user", "user_id = \"anna@pve\"", "anna@pve"),
            ("token", "user_id = \"anna@pve\"\nname = \"ci\"", "'anna@pve!ci'"),
            ("pool", "name = \"web\"", "web"),
            ("storage", "name = \"files\"\ndir = { path = \"/files\" }", "files"),
            (
                "dir_mapping",
                "name = \"media\"\ndirectories = [{ node_name = \"pve1\", path = \"/srv\" }]",
                "media",
            ),
            ("backup_job", "job_id = \"nightly\"\nschedule = \"daily\"\nall = true", "nightly"),
            ("image", image, "pve1/local:import/debian-13-genericcloud-amd64.qcow2"),
        ] {
            workspace.configure(&lab.provider_block(), &resource(kind, body));
            let plan = workspace.plan().prose();
            let import = format!("import homelab_pve_{kind}.<name> {id}");
            assert!(plan.contains("Name is used already") && plan.contains(&import), "{kind}: {plan}");
            let removes = "pveum user token remove 'anna@pve' 'ci'";
            assert_eq!(plan.contains(removes), kind == "token", "{kind}: {plan}");
            // What the message says works, and then there is nothing to tell, also when it is made anew.
            let address = format!("homelab_pve_{kind}.this");
            workspace.import(&address, id.trim_matches('\'')).ok();
            for arguments in [&["plan"][..], &["plan", &format!("-replace={address}")]] {
                let plan = workspace.run(arguments).prose();
                assert!(!plan.contains("Name is used already"), "{kind}: {plan}");
            }
            workspace.forget(&address).ok();
        }
        let tier = "resource \"homelab_backup_tier\" \"this\" {\n  number = 1\n}\n";
        workspace.configure(&lab.provider_block(), tier);
        let plan = workspace.plan().prose();
        assert!(plan.contains("There is already a pool \"tier-1\""), "{plan}");
    });
}
