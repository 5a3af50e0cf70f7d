//! `homelab_pve_pool`, from creation to nothing left, with every CLI.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn pool(comment: &str) -> String {
    format!("resource \"homelab_pve_pool\" \"this\" {{\n  name = \"acceptance\"\n  {comment}\n}}\n")
}

#[test]
fn a_pool_lives_and_leaves_nothing() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        // Each step is a change of the one before; without a comment is a step too.
        for comment in
            ["comment = \"first\"", "comment = \"zweite, mit ü : % und = 🏠\"", "", "comment = \"third\""]
        {
            workspace.configure(&lab.provider_block(), &pool(comment));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.forget("homelab_pve_pool.this").ok();
        workspace.import("homelab_pve_pool.this", "acceptance").ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert!(!lab.pools().contains(&"acceptance".to_owned()));
    });
}

#[test]
fn pools_nest_and_another_name_is_another_pool() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let nested = |outer: &str| {
            format!(
                "resource \"homelab_pve_pool\" \"outer\" {{\n  name = \"{outer}\"\n}}\n\
                 resource \"homelab_pve_pool\" \"inner\" {{\n  name = \"${{homelab_pve_pool.outer.name}}/in.ner\"\n}}\n"
            )
        };
        workspace.configure(&lab.provider_block(), &nested("first"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.pools(), ["first", "first/in.ner"]);
        workspace.configure(&lab.provider_block(), &nested("second"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.pools(), ["second", "second/in.ner"]);
        workspace.forget("homelab_pve_pool.inner").ok();
        workspace.import("homelab_pve_pool.inner", "second/in.ner").ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
        assert_eq!(lab.pools(), Vec::<String>::new());
    });
}

#[test]
fn a_pool_of_someone_else_is_not_adopted() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"acceptance\",\"comment\":\"mine\"}"));
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &pool("comment = \"ours\""));
        let said = workspace.apply().failed().prose();
        assert!(said.contains("import homelab_pve_pool.<name> acceptance"), "{said}");
        // Nobody can know which it was.
        assert!(said.contains("somebody else made it, or an apply that was killed"), "{said}");
        let found = lab.get("/api2/json/pools?poolid=acceptance");
        assert_eq!(found["data"][0]["comment"], "mine");
        // What the message says works.
        workspace.import("homelab_pve_pool.this", "acceptance").ok();
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.get("/api2/json/pools?poolid=acceptance")["data"][0]["comment"], "ours");
    });
}

#[test]
fn a_pool_changed_or_deleted_behind_our_back_is_mended() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &pool("comment = \"ours\""));
        workspace.apply().ok();
        lab.request("PUT", "/api2/json/pools?poolid=acceptance", Some("{\"comment\":\"theirs\"}"));
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        lab.request("DELETE", "/api2/json/pools?poolid=acceptance", None);
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
    });
}

#[test]
fn a_pool_with_members_is_not_destroyed_and_the_message_names_them() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &pool(""));
        workspace.apply().ok();
        lab.request("PUT", "/api2/json/pools?poolid=acceptance", Some("{\"storage\":\"local\"}"));
        // Members come and go without a change of the pool itself.
        workspace.plan_is_empty();
        workspace.apply().ok();
        assert_eq!(workspace.resource("homelab_pve_pool.this")["storage_names"][0], "local");
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Pool is not empty") && said.contains("storages: local"), "{said}");
        lab.request(
            "PUT",
            "/api2/json/pools?poolid=acceptance",
            Some("{\"storage\":\"local\",\"delete\":1}"),
        );
        workspace.destroy().ok();
    });
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (configuration, words) in [
            ("name = \"bad name\"", "letters, digits"),
            ("name = \"a/b/c/d\"", "at most three parts"),
            ("name = \"a\"\n  comment = \"\"", "at least one"),
            ("name = \"a\"\n  comment = \" blank\"", "free of blanks"),
        ] {
            let resource = format!("resource \"homelab_pve_pool\" \"this\" {{\n  {configuration}\n}}\n");
            workspace.configure(&lab.provider_block(), &resource);
            let said = workspace.plan().failed().prose();
            assert!(said.contains(words), "{configuration}:\n{said}");
        }
        assert_eq!(lab.calls(), 0);
        workspace.configure(&lab.provider_block(), &pool(""));
        let said = workspace.import("homelab_pve_pool.this", "not/there").failed().prose();
        assert!(said.contains("homelab_pve_pool") && said.contains("not/there"), "{said}");
    });
}
