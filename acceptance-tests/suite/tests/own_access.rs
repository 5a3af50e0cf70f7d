//! The login of the provider keeps what it may do, whatever is destroyed. With every CLI.

use suite::cycle::names;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn resource(kind: &str, body: &str) -> String {
    format!("resource \"homelab_pve_{kind}\" \"this\" {{\n{body}\n}}\n")
}

#[test]
fn the_providers_own_last_entry_is_never_removed() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let provider = lab.provider_block_limited("Permissions.Modify,Sys.Audit,User.Modify");
        let workspace = Workspace::new(cli);
        let acl = resource("acl", "path = \"/\"\nrole = \"Limited\"\nuser_id = \"tf@pve\"");
        workspace.configure(&provider, &acl);
        workspace.import("homelab_pve_acl.this", "/,Limited,tf@pve").ok();
        workspace.plan_is_empty();
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Own access would end"), "{said}");
        assert!(names(&lab, "/api2/json/access/acl", "ugid").contains(&"tf@pve".to_owned()));
    });
}

#[test]
fn the_providers_own_access_does_not_end_with_a_group_or_a_role() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let access = "Sys.Modify,Sys.Audit,User.Modify,Group.Allocate,Permissions.Modify";
        let provider = lab.provider_block_limited(access);
        let refused = |workspace: &Workspace, said: &str| {
            let destroyed = workspace.destroy().failed().prose();
            assert!(destroyed.contains("Own access would end") && destroyed.contains(said), "{destroyed}");
        };
        let workspace = Workspace::new(cli);
        let privileges = access.split(',').map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let role = resource("role", &format!("name = \"Limited\"\nprivileges = [{privileges}]"));
        workspace.configure(&provider, &role);
        workspace.import("homelab_pve_role.this", "Limited").ok();
        workspace.plan_is_empty();
        refused(&workspace, "grants this role, \"Limited\"");

        // Now the same is granted to a group.
        let acl = |body: &str| lab.request("PUT", "/api2/json/access/acl", Some(body));
        lab.request("POST", "/api2/json/access/groups", Some("{\"groupid\":\"admins\"}"));
        lab.request("PUT", "/api2/json/access/users/tf@pve", Some("{\"groups\":\"admins\"}"));
        acl("{\"path\":\"/\",\"roles\":\"Limited\",\"groups\":\"admins\"}");
        acl("{\"path\":\"/\",\"roles\":\"Limited\",\"users\":\"tf@pve\",\"delete\":1}");
        let workspace = Workspace::new(cli);
        workspace.configure(&provider, &resource("group", "name = \"admins\""));
        workspace.import("homelab_pve_group.this", "admins").ok();
        refused(&workspace, "granted only to its group \"admins\"");
        let workspace = Workspace::new(cli);
        workspace.configure(&provider, &resource("user", "user_id = \"tf@pve\"\ngroups = []"));
        workspace.import("homelab_pve_user.this", "tf@pve").ok();
        let plan = workspace.plan().failed().prose();
        assert!(plan.contains("Own access would end") && plan.contains("group \"admins\""), "{plan}");

        // With an entry of its own beside, the group may go.
        acl("{\"path\":\"/\",\"roles\":\"PVEAdmin\",\"users\":\"tf@pve\"}");
        workspace.apply().ok();
        workspace.plan_is_empty();
    });
}
