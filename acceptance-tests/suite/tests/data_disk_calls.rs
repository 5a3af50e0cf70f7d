//! How many calls data disks cost, polls of tasks aside.

use serde_json::json;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

/// What one disk may add to the calls that make a machine, beside one for each other machine, once a run.
const ATTACH: usize = 14;

/// What a refresh may take: a machine two calls, a disk two, and what they share.
const SHARED: usize = 5;

fn disks(count: usize) -> String {
    disks_of("1", count)
}

fn disks_of(tier: &str, count: usize) -> String {
    format!(
        "resource \"homelab_pve_data_disk\" \"many\" {{\n  count = {count}\n  name = \"d-${{count.index}}\"\n  node_name = \
         \"pve1\"\n  storage_name = \"shared\"\n  size_gib = 2\n  backup_tier = \"{tier}\"\n  deletion_protection = false\n}}\n"
    )
}

fn machines(count: usize, more: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"many\" {{\n  count = {count}\n  node_name = \"pve1\"\n  name = \"m-${{count.index}}\"\n  \
         scsi_hardware = \"virtio-scsi-single\"\n  disks = {{ scsi0 = {{ storage_name = \"shared\", size_gib = 1 }} }}\n  {more}\n}}\n"
    )
}

const ATTACHED: &str = "data_disks = { scsi1 = homelab_pve_data_disk.many[count.index].id }";

/// The calls of an apply beyond those of its plan.
fn apply(lab: &Lab, workspace: &Workspace, resources: &str) -> Vec<String> {
    workspace.configure(&lab.provider_block(), resources);
    let before = lab.calls();
    workspace.run(&["plan", "-no-color", "-input=false"]).ok();
    let planned = lab.calls_since(before).len();
    let before = lab.calls();
    workspace.apply().ok();
    lab.calls_since(before).split_off(planned)
}

fn lab() -> Lab {
    let lab = Lab::start();
    lab.request("POST", "/api2/json/pools", Some(&json!({ "poolid": "tier-1" }).to_string()));
    lab
}

#[test]
fn a_disk_costs_few_calls_when_its_machine_is_made_and_when_it_leaves() {
    with_each_cli(|cli| {
        let (lab, workspace) = (lab(), Workspace::new(cli));
        apply(&lab, &workspace, &disks(1));
        let bare = apply(&lab, &workspace, &format!("{}{}", disks(1), machines(1, "")));
        apply(&lab, &workspace, &disks(1));
        let with = apply(&lab, &workspace, &format!("{}{}", disks(1), machines(1, ATTACHED)));
        // The holder and the machine itself are the others here.
        assert!(with.len() <= bare.len() + ATTACH + 2, "{} and {}: {with:#?}", bare.len(), with.len());
        let detached = apply(&lab, &workspace, &format!("{}{}", disks(1), machines(1, "")));
        assert!(detached.len() <= 24, "{}: {detached:#?}", detached.len());
        workspace.destroy().ok();
    });
}

#[test]
fn a_refresh_of_machines_with_disks_takes_two_calls_for_each() {
    with_each_cli(|cli| {
        let (lab, workspace) = (lab(), Workspace::new(cli));
        apply(&lab, &workspace, &format!("{}{}", disks(5), machines(5, ATTACHED)));
        let before = lab.calls();
        workspace.plan_is_empty();
        let calls = lab.calls_since(before);
        assert!(calls.len() <= 5 * (2 + 2) + SHARED, "{}: {calls:#?}", calls.len());
        workspace.destroy().ok();
    });
}

#[test]
fn the_name_of_a_tier_costs_one_call_a_run_and_numbers_and_default_names_none() {
    with_each_cli(|cli| {
        let (lab, workspace) = (lab(), Workspace::new(cli));
        let comment = json!({ "comment": "Backup tier 1 (databases); never backed up" });
        lab.request("PUT", "/api2/json/pools?poolid=tier-1", Some(&comment.to_string()));
        apply(&lab, &workspace, &disks(5));
        let refresh = |tier: &str| {
            workspace.configure(&lab.provider_block(), &disks_of(tier, 5));
            let before = lab.calls();
            workspace.plan_is_empty();
            lab.calls_since(before)
        };
        let by_number = refresh("1");
        assert_eq!(refresh("critical").len(), by_number.len());
        let by_name = refresh("databases");
        assert_eq!(by_name.len(), by_number.len() + 1, "{by_name:#?}");
        assert_eq!(by_name.iter().filter(|call| call.ends_with("/pools")).count(), 1, "{by_name:#?}");
        workspace.destroy().ok();
    });
}
