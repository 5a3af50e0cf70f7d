//! Backup tiers, from creation to nothing left, with every CLI.

use suite::cycle::live;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn tier(arguments: &str) -> String {
    format!("resource \"homelab_backup_tier\" \"this\" {{\n  {arguments}\n}}\n")
}

#[test]
fn a_tier_lives_and_leaves_nothing() {
    let steps = [
        "number = 1",
        "number = 1\n  name = \"databases\"",
        "number = 1\n  schedule = \"9,21:00 UTC\"\n  retention_days = 14\n  rpo_hours = 12\n  rto_hours = 1\n  verified = false",
        "number = 1\n  prune_backups = {\n    keep_last = 40\n    keep_daily = 40\n  }\n  rpo_grace_hours = 5",
        "number = 1\n  prune_backups = {\n    keep_all = true\n  }",
        "number = 1",
        "number = 0",
        "number = 3",
    ];
    let steps = steps.map(tier);
    live(&steps, &[("homelab_backup_tier.this", "3")], |lab| assert_eq!(lab.pools(), Vec::<String>::new()));
}

#[test]
fn every_default_tier_is_planned_whole_and_told_in_its_pool() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let tiers: String = (0..5)
            .map(|number| {
                format!("resource \"homelab_backup_tier\" \"t{number}\" {{\n  number = {number}\n}}\n")
            })
            .collect();
        workspace.configure(&lab.provider_block(), &tiers);
        let said = workspace.apply().ok().prose();
        assert!(!said.contains("Schedule ") && !said.contains("Node is not on UTC"), "{said}");
        workspace.plan_is_empty();
        let quarterly = workspace.resource("homelab_backup_tier.t4");
        assert_eq!(quarterly["schedule"], "*-1/3-1 21:00 UTC");
        assert_eq!(quarterly["prune_backups"]["keep_last"], 2);
        assert_eq!(quarterly["pool_name"], "tier-4");
        let pool = lab.get("/api2/json/pools?poolid=tier-1");
        assert_eq!(
            pool["data"][0]["comment"],
            "Backup tier 1 (critical); schedule: 21:00 UTC; retention: 30 d; RPO: 24 h + 3 h; RTO: 4 h; \
             verified: yes; keep: keep-daily=31,keep-last=31"
        );
    });
}

#[test]
fn a_promise_that_the_calendar_breaks_is_refused_with_numbers_before_anything_is_made() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (arguments, words) in [
            ("number = 3\n  rpo_hours = 720", ["Schedule misses the objective", "744 hours"]),
            ("number = 1\n  schedule = \"2020-1-1 21:00 UTC\"", ["Schedule never fires", "still to come"]),
            ("number = 1\n  prune_backups = { keep_last = 30 }", ["Retention is not held", "29 days"]),
            ("number = 1\n  schedule = \"daily 21:00\"", ["schedule", "daily 21:00"]),
            ("number = 0\n  retention_days = 30", ["Tier is never backed up", "1 to 4"]),
            ("number = 5", ["number", "between 0 and 4"]),
            ("number = 2\n  name = \"critical\"", ["Name is of another tier", "default tier 1"]),
            ("number = 2\n  name = \"1\"", ["name", "more than a number"]),
        ] {
            workspace.configure(&lab.provider_block(), &tier(arguments));
            let said = workspace.plan().failed().prose();
            assert!(words.iter().all(|word| said.contains(word)), "{arguments}: {said}");
        }
        assert_eq!(lab.pools(), Vec::<String>::new());
    });
}

#[test]
fn a_node_that_is_not_on_utc_is_told_with_what_its_clock_does() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("PUT", "/api2/json/nodes/pve1/time", Some("{\"timezone\":\"Europe/Berlin\"}"));
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &tier("number = 1\n  schedule = \"21:00\""));
        let said = workspace.apply().ok().prose();
        for word in ["Node is not on UTC", "\"pve1\"", "Europe/Berlin", "25 hours"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        workspace.plan_is_empty();
    });
}

#[test]
fn a_pool_of_someone_else_is_not_adopted_but_can_be_imported() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"tier-2\",\"comment\":\"mine\"}"));
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &tier("number = 2"));
        let said = workspace.apply().failed().prose();
        assert!(said.contains("import homelab_backup_tier.<name> 2"), "{said}");
        workspace.import("homelab_backup_tier.this", "2").ok();
        workspace.apply().ok();
        workspace.plan_is_empty();
        // A comment that a person changed is mended, for the next run reads it.
        lab.request("PUT", "/api2/json/pools?poolid=tier-2", Some("{\"comment\":\"theirs\"}"));
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        lab.request("PUT", "/api2/json/pools?poolid=tier-2", Some("{\"storage\":\"local\"}"));
        let said = workspace.destroy().failed().prose();
        assert!(said.contains("Pool is not empty"), "{said}");
    });
}

#[test]
fn a_data_disk_is_warned_of_a_missing_pool_unless_it_depends_on_what_makes_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let planned = |pool: &str, tier: &str| {
            let disk = format!(
                "{pool}\nresource \"homelab_pve_data_disk\" \"this\" {{\n  name = \"a\"\n  node_name = \"pve1\"\n  \
                 storage_name = \"local-lvm\"\n  size_gib = 1\n  {tier}\n}}\n"
            );
            workspace.configure(&lab.provider_block(), &disk);
            let run = workspace.plan();
            assert_eq!(run.code, Some(2), "{}", run.text);
            run.text.contains("Pool does not exist")
        };
        let tier = "resource \"homelab_backup_tier\" \"this\" {\n  number = 2\n}";
        let pool = "resource \"homelab_pve_pool\" \"this\" {\n  name = \"tier-2\"\n}";
        assert!(planned("", "backup_tier = 2"));
        assert!(!planned(tier, "backup_tier = homelab_backup_tier.this.number"));
        assert!(!planned(pool, "backup_tier = 2\n  depends_on = [homelab_pve_pool.this]"));
    });
}

/// A disk of a tier.
fn disk(tier: &str) -> String {
    format!(
        "resource \"homelab_pve_data_disk\" \"this\" {{\n  name = \"a\"\n  node_name = \"pve1\"\n  storage_name = \
         \"local-lvm\"\n  size_gib = 1\n  deletion_protection = false\n  backup_tier = {tier}\n}}\n"
    )
}

#[test]
fn a_data_disk_asks_for_a_tier_by_the_name_that_somebody_has_given_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let wants = |name: &str, wanted: &str| {
            let tier = tier(&format!("number = 3\n  name = \"{name}\""));
            workspace.configure(&lab.provider_block(), &format!("{tier}{}", disk(wanted)));
        };
        let refused = |words: &[&str]| {
            let said = workspace.plan().failed().prose();
            assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
        };
        let reference = "homelab_backup_tier.this.name";
        // The same run makes the tier.
        wants("databases", reference);
        let planned = workspace.plan();
        assert!(planned.code == Some(2) && !planned.text.contains("Pool does not exist"), "{}", planned.text);
        workspace.apply().ok();
        workspace.plan_is_empty();
        let state = workspace.resource("homelab_pve_data_disk.this");
        assert_eq!((&state["backup_tier"], &state["pool_name"]), (&"databases".into(), &"tier-3".into()));
        // However it is spelled, it is the tier that it was.
        for spelling in ["3", "\"dev\"", "\"databases\"", reference] {
            wants("databases", spelling);
            workspace.plan_is_empty();
        }
        // A name that is not one says which are.
        wants("databases", "\"databasse\"");
        refused(&[
            "Backup tier does not exist",
            "\"databasse\"",
            "\"databases\" (3)",
            "1 (critical)",
            "backup_tier =",
        ]);
        // Whoever follows the name of a tier follows the tier, and whoever does not is told.
        wants("db", reference);
        workspace.apply().ok();
        workspace.plan_is_empty();
        wants("db", "\"databases\"");
        refused(&["Backup tier does not exist", "\"db\" (3)"]);
        // Two of one name are told apart by their numbers only.
        wants("db", "\"db\"");
        lab.request(
            "POST",
            "/api2/json/pools",
            Some("{\"poolid\":\"tier-4\",\"comment\":\"Backup tier 4 (db); never backed up\"}"),
        );
        refused(&["Backup tier is ambiguous", "3 and 4"]);
        lab.request("DELETE", "/api2/json/pools/tier-4", None);
        workspace.plan_is_empty();
        // Whoever only says the name is destroyed in no order.
        workspace.configure(&lab.provider_block(), &tier("number = 3\n  name = \"db\""));
        workspace.apply().ok();
        workspace.destroy().ok();
        assert_eq!(lab.pools(), Vec::<String>::new());
    });
}

#[test]
fn a_name_that_goes_to_another_tier_takes_the_disk_along_and_the_plan_says_so() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let tiers = |first: &str, second: &str| {
            let tier = |label: &str, number: u8, name: &str| {
                format!(
                    "resource \"homelab_backup_tier\" \"{label}\" {{\n  number = {number}\n  name = \"{name}\"\n}}\n"
                )
            };
            let disk = disk("\"files\"")
                .replace("\n}", "\n  depends_on = [homelab_backup_tier.a, homelab_backup_tier.b]\n}");
            workspace.configure(
                &lab.provider_block(),
                &format!("{}{}{disk}", tier("a", 1, first), tier("b", 2, second)),
            );
        };
        tiers("files", "other");
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource("homelab_pve_data_disk.this")["pool_name"], "tier-1");
        tiers("other", "files");
        let said = workspace.plan().prose();
        assert!(said.contains("\"tier-1\" -> \"tier-2\""), "{said}");
        workspace.apply().ok();
        workspace.plan_is_empty();
        let state = workspace.resource("homelab_pve_data_disk.this");
        assert_eq!((&state["backup_tier"], &state["pool_name"]), (&"files".into(), &"tier-2".into()));
        let holder = state["holder_vm_id"].as_u64();
        let members = lab.get("/api2/json/pools?poolid=tier-2")["data"][0]["members"].clone();
        assert_eq!(members[0]["vmid"].as_u64(), holder, "{members}");
        // A comment that a person changed does not take the disk out of its tier.
        lab.request("PUT", "/api2/json/pools?poolid=tier-2", Some("{\"comment\":\"theirs\"}"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}
