//! The jobs of backup tiers, from creation to nothing left, with every CLI.

use suite::cycle::{live, names};
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn schedule(tier: &str, arguments: &str) -> String {
    format!(
        "resource \"homelab_backup_tier\" \"this\" {{\n  {tier}\n}}\n\
         resource \"homelab_backup_schedule\" \"this\" {{\n  tier = homelab_backup_tier.this\n  \
         storage_name = \"shared\"\n  {arguments}\n}}\n"
    )
}

#[test]
fn a_schedule_lives_and_leaves_nothing() {
    let steps = [
        schedule("number = 2", ""),
        schedule("number = 2\n  schedule = \"sat 20:00 UTC\"\n  retention_days = 30", ""),
        schedule("number = 2", "start_delay_minutes = 10\n  repeat_missed = false\n  enabled = false"),
        schedule(
            "number = 2",
            "prune = false\n  mode = \"stop\"\n  compression = \"gzip\"\n  node_name = \"pve1\"",
        ),
        schedule(
            "number = 2",
            "notes_template = \"{{guestname}}\"\n  lock_wait_minutes = 300\n  fleecing = { enabled = true }\n  bandwidth_limit_kib_per_second = 1024",
        ),
        schedule(
            "number = 2\n  prune_backups = { keep_last = 13, keep_hourly = 1, keep_daily = 1, keep_weekly = 20, keep_monthly = 1, \
             keep_yearly = 1 }",
            "job_id = \"weekly\"",
        ),
    ];
    live(&steps, &[("homelab_backup_schedule.this", "weekly")], |lab| {
        assert_eq!(names(lab, "/api2/json/cluster/backup", "id"), Vec::<String>::new());
    });
}

#[test]
fn the_jobs_of_all_tiers_start_apart_and_prune_as_their_tiers_say() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let tiers: String = (1..5)
            .map(|number| {
                format!(
                    "resource \"homelab_backup_tier\" \"t{number}\" {{\n  number = {number}\n}}\n\
                     resource \"homelab_backup_schedule\" \"t{number}\" {{\n  tier = homelab_backup_tier.t{number}\n  \
                     storage_name = \"shared\"\n}}\n"
                )
            })
            .collect();
        workspace.configure(&lab.provider_block(), &tiers);
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(
            names(&lab, "/api2/json/cluster/backup", "schedule"),
            ["*-*-1 22:00 UTC", "*-1/3-1 22:30 UTC", "21:00 UTC", "sun 21:30 UTC"]
        );
        let job = lab.get("/api2/json/cluster/backup/tier-1-shared");
        assert_eq!(job["data"]["pool"], "tier-1");
        assert_eq!(job["data"]["prune-backups"]["keep-daily"], "31");
        // Changed by hand, it is mended.
        lab.request("PUT", "/api2/json/cluster/backup/tier-1-shared", Some("{\"schedule\":\"03:00\"}"));
        assert_eq!(workspace.plan().code, Some(2));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let job = lab.get("/api2/json/cluster/backup/tier-1-shared");
        assert_eq!(job["data"]["schedule"], "21:00 UTC");
    });
}

#[test]
fn a_schedule_that_cannot_be_or_meets_another_is_told_at_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (tier, arguments, words) in [
            ("number = 0", "", "Tier is never backed up"),
            ("number = 1", "start_delay_minutes = 180", "Job cannot start later"),
        ] {
            workspace.configure(&lab.provider_block(), &schedule(tier, arguments));
            let said = workspace.plan().failed().prose();
            assert!(said.contains(words), "{words}: {said}");
        }
        let other = "{\"id\":\"other\",\"schedule\":\"daily\",\"all\":1,\"storage\":\"shared\"}";
        lab.request("POST", "/api2/json/cluster/backup", Some(other));
        let midnight = schedule("number = 1\n  schedule = \"00:00 UTC\"", "");
        workspace.configure(&lab.provider_block(), &midnight);
        let said = workspace.apply().ok().prose();
        assert!(said.contains("Jobs start together") && said.contains("\"other\""), "{said}");
        workspace.forget("homelab_backup_schedule.this").ok();
        let said = workspace.import("homelab_backup_schedule.this", "other").failed().prose();
        assert!(said.contains("Job is not a tier's"), "{said}");
    });
}

#[test]
fn a_storage_that_takes_no_backups_is_told_of_at_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let said = |resource: &str, storage: &str| {
            let text = match resource {
                "job" => format!(
                    "resource \"homelab_pve_backup_job\" \"this\" {{\n  job_id = \"nightly\"\n  schedule = \"20:00\"\n  all = \
                     true\n  storage_name = \"{storage}\"\n}}\n"
                ),
                _ => schedule("number = 1", "").replace("\"shared\"", &format!("\"{storage}\"")),
            };
            workspace.configure(&lab.provider_block(), &text);
            workspace.run(&["plan", "-no-color", "-input=false"]).ok().prose()
        };
        for resource in ["job", "schedule"] {
            let told = |storage: &str| said(resource, storage).contains("Storage takes no backups");
            assert!(told("local-lvm"), "{}", said(resource, "local-lvm"));
            assert!(!told("shared") && !told("nowhere"), "{}", said(resource, "shared"));
            let missing = |storage: &str| said(resource, storage).contains("There is no storage \"nowhere\"");
            assert!(missing("nowhere") && !missing("shared"), "{}", said(resource, "nowhere"));
        }
    });
}

#[test]
fn whom_and_where_a_job_names_is_told_of_at_plan_unless_it_is_there_or_made_before() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let said = |text: &str| {
            workspace.configure(&lab.provider_block(), text);
            workspace.run(&["plan", "-no-color", "-input=false"]).ok().prose()
        };
        let job = |body: &str| {
            format!(
                "resource \"homelab_pve_pool\" \"new\" {{\n  name = \"new\"\n}}\nresource \"homelab_pve_backup_job\" \"this\" {{\n  \
                 job_id = \"nightly\"\n  schedule = \"20:00\"\n  storage_name = \"shared\"\n  {body}\n}}\n"
            )
        };
        let copies = |storage: &str| format!("fleecing = {{ enabled = true, storage_name = \"{storage}\" }}");
        for (text, summary) in [
            (job("pool_name = \"nowhere\""), "Pool does not exist"),
            (job("vm_ids = [777]"), "Guest does not exist"),
            (job(&format!("all = true\n  {}", copies("nowhere"))), "Storage does not exist"),
            (schedule("number = 1", &copies("nowhere")), "Storage does not exist"),
            (schedule("number = 1", "node_name = \"pve9\""), "Node does not exist"),
        ] {
            let told = said(&text);
            assert!(told.contains(summary), "{summary}: {told}");
        }
        for text in [
            job("pool_name = homelab_pve_pool.new.name"),
            job(&format!("all = true\n  {}", copies("local-lvm"))),
            schedule("number = 1", &format!("node_name = \"pve2\"\n  {}", copies("local-lvm"))),
        ] {
            let told = said(&text);
            assert!(!told.contains("does not exist"), "{told}");
        }
    });
}
