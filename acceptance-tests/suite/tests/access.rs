//! Roles, groups, users, tokens and entries of the access control list, with every CLI.

use suite::cycle::{live, names};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace, cli};

fn resource(kind: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"this\" {{\n{body}\n}}\n")
}

#[test]
fn a_role_lives_and_leaves_nothing() {
    let role =
        |privileges: &str| resource("role", &format!("name = \"Operator\"\nprivileges = [{privileges}]"));
    live(
        &[role("\"VM.Audit\", \"VM.PowerMgmt\""), role("\"VM.Audit\""), role(""), role("\"Sys.Audit\"")],
        &[("homelab_pve_role.this", "Operator")],
        |lab| assert!(!names(lab, "/api2/json/access/roles", "roleid").contains(&"Operator".to_owned())),
    );
}

#[test]
fn a_group_lives_and_leaves_nothing() {
    let group = |comment: &str| resource("group", &format!("name = \"ops\"\n{comment}"));
    live(
        &[group("comment = \"first\""), group(""), group("comment = \"zweite, mit ü\"")],
        &[("homelab_pve_group.this", "ops")],
        |lab| assert!(names(lab, "/api2/json/access/groups", "groupid").is_empty()),
    );
}

#[test]
fn a_user_lives_and_leaves_nothing() {
    let user = |body: &str| {
        let groups = "resource \"homelab_pve_group\" \"g\" {\n  for_each = toset([\"a1\", \"b1\"])\n  name = each.key\n}\n";
        format!(
            "{groups}{}",
            resource("user", &format!("user_id = \"anna@pve\"\ndepends_on = [homelab_pve_group.g]\n{body}"))
        )
    };
    live(
        &[
            user(""),
            user(
                "comment = \"c\"\nemail = \"a@example.com\"\nfirst_name = \"A\"\nlast_name = \"B\"\ngroups = [\"a1\"]",
            ),
            user("enabled = false\ngroups = [\"a1\", \"b1\"]\nexpires_at = \"2030-01-01T00:00:00+01:00\""),
            user(
                "groups = [\"b1\"]\nexpires_at = \"2031-01-01T00:00:00Z\"\ncomment = \"other\"\nemail = \
                 \"b@example.com\"\nfirst_name = \"C\"\nlast_name = \"D\"",
            ),
        ],
        &[("homelab_pve_user.this", "anna@pve")],
        |lab| assert_eq!(names(lab, "/api2/json/access/users", "userid"), ["root@pam"]),
    );
}

#[test]
fn an_entry_lives_and_leaves_nothing() {
    let acl = |body: &str| {
        format!(
            "resource \"homelab_pve_user\" \"u\" {{\n  user_id = \"anna@pve\"\n}}\nresource \"homelab_pve_group\" \"g\" {{\n  \
             for_each = toset([\"ops\", \"dev\"])\n  name = each.key\n}}\n{}",
            resource("acl", body)
        )
    };
    let user = "user_id = homelab_pve_user.u.user_id";
    live(
        &[
            acl(&format!("path = \"/vms\"\nrole = \"PVEVMUser\"\n{user}")),
            acl(&format!("path = \"/vms\"\nrole = \"PVEVMUser\"\npropagate = false\n{user}")),
            acl("path = \"/vms\"\nrole = \"PVEVMUser\"\ngroup = homelab_pve_group.g[\"ops\"].name"),
            acl("path = \"/vms\"\nrole = \"PVEVMUser\"\ngroup = homelab_pve_group.g[\"dev\"].name"),
            acl(&format!("path = \"/pool/web\"\nrole = \"PVEVMAdmin\"\n{user}")),
        ],
        &[("homelab_pve_acl.this", "/pool/web,PVEVMAdmin,anna@pve")],
        |lab| assert!(!names(lab, "/api2/json/access/acl", "ugid").contains(&"anna@pve".to_owned())),
    );
}

fn token(body: &str) -> String {
    format!(
        "resource \"homelab_pve_user\" \"u\" {{\n  user_id = \"ci@pve\"\n}}\n{}\
         resource \"homelab_pve_acl\" \"t\" {{\n  for_each = homelab_pve_token.this.token_ids\n  path = \"/\"\n  role = \
         \"PVEAuditor\"\n  token_id = each.value\n}}\n\
         resource \"homelab_pve_acl\" \"u\" {{\n  path = \"/\"\n  role = \"PVEAuditor\"\n  user_id = homelab_pve_user.u.user_id\n}}\n",
        resource("token", &format!("user_id = homelab_pve_user.u.user_id\nname = \"deploy\"\n{body}"))
    )
}

#[test]
fn a_token_lives_and_leaves_nothing() {
    live(
        &[
            token(""),
            token("comment = \"first\"\nexpires_at = \"2031-01-01T00:00:00Z\""),
            token(
                "comment = \"second\"\nprivilege_separation = false\nexpires_at = \"2032-01-01T00:00:00Z\"",
            ),
        ],
        &[("homelab_pve_token.this", "ci@pve!deploy")],
        |lab| assert_eq!(names(lab, "/api2/json/access/users", "userid"), ["root@pam"]),
    );
}

/// Whether a token can log in and see something.
fn works(lab: &Lab, api_token: &str) -> bool {
    lab.get_as(api_token, "/api2/json/access/permissions")["data"]
        .as_object()
        .is_some_and(|paths| paths.contains_key("/"))
}

#[test]
fn a_rotated_token_has_a_new_secret_while_the_old_one_stays_valid() {
    for release in ["9.2", "8.4"] {
        with_each_cli(|cli| {
            let lab = Lab::with(&["--version-of", release]);
            let workspace = Workspace::new(cli);
            let secret_after = |rotation: &str| {
                workspace.configure(&lab.provider_block(), &token(&format!("rotation_id = \"{rotation}\"")));
                workspace.apply().ok();
                workspace.plan_is_empty();
                workspace.resource("homelab_pve_token.this")["api_token"]
                    .as_str()
                    .expect("a token")
                    .to_owned()
            };
            let first = secret_after("1");
            let second = secret_after("2");
            assert!(first != second && works(&lab, &first) && works(&lab, &second), "Proxmox VE {release}");
            let third = secret_after("3");
            assert!(
                works(&lab, &third) && works(&lab, &second) && !works(&lab, &first),
                "Proxmox VE {release}"
            );
            workspace.forget("homelab_pve_token.this").ok();
            workspace.import("homelab_pve_token.this", "ci@pve!deploy").ok();
            workspace.apply().ok();
            workspace.plan_is_empty();
            assert!(works(&lab, &third) && works(&lab, &second), "an import changes no secret");
            // Told with the import, not even the rotation differs.
            workspace.forget("homelab_pve_token.this").ok();
            workspace.import("homelab_pve_token.this", "ci@pve!deploy rotation_id=3").ok();
            workspace.plan_is_empty();
            let imported = workspace.resource("homelab_pve_token.this");
            assert_eq!(
                (&imported["rotation_id"], &imported["api_token"]),
                (&"3".into(), &serde_json::Value::Null)
            );
            let fourth = secret_after("4");
            assert!(works(&lab, &fourth), "Proxmox VE {release}");
            workspace.destroy().ok();
        });
    }
}

/// A token of `root@pam`, made by hand.
fn make_token(lab: &Lab, name: &str) -> String {
    let path = format!("/api2/json/access/users/root@pam/token/{name}");
    let made = lab.request("POST", &path, Some("{\"privsep\":0}"));
    format!("root@pam!{name}={}", made["data"]["value"].as_str().expect("the lab tells the secret"))
}

fn deploy(body: &str) -> String {
    resource(
        "token",
        &format!("user_id = \"root@pam\"\nname = \"deploy\"\nprivilege_separation = false\n{body}"),
    )
}

#[test]
fn a_token_with_the_name_of_a_spare_one_is_left_alone() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let foreign = make_token(&lab, "deploy-2");
        let workspace = Workspace::new(cli);
        let told = |outcome: String| {
            assert!(outcome.contains("Spare token already exists"), "{outcome}");
            assert!(outcome.contains("pveum user token delete root@pam deploy-2"), "{outcome}");
        };
        workspace.configure(&lab.provider_block(), &deploy("rotation_id = \"1\""));
        told(workspace.plan().failed().prose());
        workspace.configure(&lab.provider_block(), &deploy(""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource("homelab_pve_token.this")["token_ids"][0], "root@pam!deploy");
        assert_eq!(
            workspace.resource("homelab_pve_token.this")["token_ids"].as_array().map(Vec::len),
            Some(1)
        );
        workspace.configure(&lab.provider_block(), &deploy("rotation_id = \"1\""));
        told(workspace.plan().failed().prose());
        workspace.configure(&lab.provider_block(), &deploy(""));
        workspace.destroy().ok();
        assert!(works(&lab, &foreign), "a token of somebody else has ended");
    });
}

#[test]
fn a_rotation_never_ends_the_login_that_asks_for_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let login = make_token(&lab, "deploy");
        let workspace = Workspace::new(cli);
        let api_token = || {
            let token = workspace.resource("homelab_pve_token.this");
            token["api_token"].as_str().expect("a secret").to_owned()
        };
        workspace.configure(&lab.provider_block_as(&login), &deploy("rotation_id = \"1\""));
        workspace.import("homelab_pve_token.this", "root@pam!deploy").ok();
        workspace.apply().ok();
        workspace.plan_is_empty();
        // The login is the spare token now.
        workspace.configure(&lab.provider_block_as(&login), &deploy("rotation_id = \"2\""));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Own login would end") && said.contains("root@pam!deploy-2"), "{said}");
        assert!(works(&lab, &login));
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Own login would end"), "{said}");
        let next = api_token();
        workspace.configure(&lab.provider_block_as(&next), &deploy("rotation_id = \"2\""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(works(&lab, &next) && works(&lab, &api_token()) && !works(&lab, &login));
    });
}

#[test]
fn what_is_there_is_never_adopted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request(
            "POST",
            "/api2/json/access/roles",
            Some("{\"roleid\":\"Operator\",\"privs\":\"VM.Audit\"}"),
        );
        lab.request("POST", "/api2/json/access/users", Some("{\"userid\":\"anna@pve\"}"));
        lab.request(
            "PUT",
            "/api2/json/access/acl",
            Some("{\"path\":\"/\",\"roles\":\"Operator\",\"users\":\"anna@pve\"}"),
        );
        for (resource, command) in [
            (
                resource("role", "name = \"Operator\"\nprivileges = []"),
                "tofu import homelab_pve_role.<name> Operator",
            ),
            (resource("user", "user_id = \"anna@pve\""), "tofu import homelab_pve_user.<name> anna@pve"),
            (
                resource("acl", "path = \"/\"\nrole = \"Operator\"\nuser_id = \"anna@pve\""),
                "tofu import homelab_pve_acl.<name> '/,Operator,anna@pve'",
            ),
        ] {
            let workspace = Workspace::new(cli);
            workspace.configure(&lab.provider_block(), &resource);
            let said = workspace.apply().failed().prose();
            assert!(said.contains(command), "no import command:\n{said}");
        }
    });
}

#[test]
fn a_privilege_that_the_version_lacks_is_a_plan_error() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let role = resource("role", "name = \"Old\"\nprivileges = [\"VM.Monitor\", \"vm.audit\"]");
        workspace.configure(&lab.provider_block(), &role);
        let said = workspace.plan().failed().prose();
        assert!(
            said.contains("no privilege \"VM.Monitor\"") && said.contains("Write it `VM.Audit`"),
            "{said}"
        );
        assert_eq!(lab.writes(), 0);
    });
}

#[test]
fn a_missing_privilege_is_a_plan_error_with_the_commands_that_grant_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let provider = lab.provider_block_limited("Sys.Audit");
        let writes = lab.writes();
        let workspace = Workspace::new(cli);
        workspace.configure(&provider, &resource("group", "name = \"ops\""));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("pveum role add HomelabGroupAllocate --privs Group.Allocate"), "{said}");
        assert!(said.contains("pveum acl modify /access/groups --tokens 'tf@pve!ci'"), "{said}");
        let disk = resource(
            "data_disk",
            "name = \"pg\"\nnode_name = \"pve1\"\nstorage_name = \"local-lvm\"\nsize_gib = 1\nbackup_tier = 1",
        );
        let job = resource("replication_job", "job_id = \"100-0\"\ntarget_node_name = \"pve2\"")
            .replace("\"this\"", "\"job\"");
        workspace.configure(&provider, &format!("{disk}{job}"));
        let said = workspace.plan().failed().prose();
        for line in [
            "pveum role add HomelabVMAllocate --privs VM.Allocate",
            "pveum role add HomelabVMConfigDisk --privs VM.Config.Disk",
            "pveum acl modify /pool/tier-1 --users 'tf@pve'",
            "pveum acl modify /storage/local-lvm --users 'tf@pve' --roles HomelabDatastoreAllocateSpace",
            "pveum acl modify /vms/100 --users 'tf@pve' --roles HomelabVMReplicate",
        ] {
            assert!(said.contains(line), "{line}:\n{said}");
        }
        assert_eq!(lab.writes(), writes);
    });
}

#[test]
fn a_grant_hides_what_is_inherited_and_the_message_says_how_it_does_not() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let provider = lab.provider_block_limited("Group.Allocate,Sys.Audit");
        let role = "{\"roleid\":\"HomelabSysModify\",\"privs\":\"Sys.Modify\"}";
        lab.request("POST", "/api2/json/access/roles", Some(role));
        let workspace = Workspace::new(cli);
        let role = resource("role", "name = \"Ops\"\nprivileges = [\"VM.Audit\"]");
        workspace.configure(&provider, &format!("{}{role}", resource("group", "name = \"ops\"")));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("name them after `--roles` too") && !said.contains("Group.Allocate"), "{said}");
        let grant = |roles: &str| {
            let entry = format!("{{\"path\":\"/access\",\"users\":\"tf@pve\",\"roles\":\"{roles}\"}}");
            lab.request("PUT", "/api2/json/access/acl", Some(&entry));
        };
        grant("HomelabSysModify");
        let said = workspace.plan().failed().prose();
        assert!(said.contains("the privilege Group.Allocate on /access/groups"), "{said}");
        grant("HomelabSysModify,Limited");
        workspace.apply().ok();
        workspace.plan_is_empty();
    });
}

#[test]
fn a_privilege_is_asked_for_as_the_connected_version_calls_it() {
    with_each_cli(|cli| {
        let lab = Lab::with(&["--version-of", "8.4"]);
        let provider = lab.provider_block_limited("Sys.Audit");
        let workspace = Workspace::new(cli);
        let job = resource("replication_job", "job_id = \"100-0\"\ntarget_node_name = \"pve2\"");
        workspace.configure(&provider, &job);
        let said = workspace.plan().failed().prose();
        let grant = "pveum acl modify /storage --users 'tf@pve' --roles HomelabDatastoreAllocate";
        assert!(said.contains(grant) && !said.contains("VM.Replicate"), "{said}");
    });
}

#[test]
fn a_password_is_set_and_never_stored() {
    with_each_cli(|cli| {
        if !cli::at_least(cli, (1, 11), (1, 11)) {
            return;
        }
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let user = |password: &str, version: u32| {
            resource(
                "user",
                &format!(
                    "user_id = \"anna@pve\"\npassword_wo = \"{password}\"\npassword_wo_version = {version}"
                ),
            )
        };
        let login = |password: &str| lab.login("anna@pve", password);
        workspace.configure(&lab.provider_block_with_password(), &user("first-secret", 1));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(login("first-secret"));
        workspace.configure(&lab.provider_block_with_password(), &user("second-secret", 2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert!(login("second-secret") && !login("first-secret"));
        let state =
            std::fs::read_to_string(workspace.folder().join("terraform.tfstate")).expect("there is a state");
        assert!(!state.contains("second-secret"), "the password is in the state");
        // A token cannot set it, which the plan says.
        workspace.configure(&lab.provider_block(), &user("third-secret", 3));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Password cannot be set"), "{said}");
        workspace.configure(&lab.provider_block(), "");
        workspace.apply().ok();
    });
}
