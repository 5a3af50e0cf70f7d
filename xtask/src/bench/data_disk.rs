//! What data disks cost: the calls that attach one, and those of a refresh.

use std::path::Path;

use serde_json::json;
use suite::{Lab, Workspace};

use super::Figure;
use super::fleet::expect;
use crate::Outcome;

/// Calls that one disk may add to making its machine, and one more for each other machine, once a run.
const ATTACH: usize = 14;

fn resources(count: usize, more: &str) -> String {
    format!(
        "resource \"homelab_pve_data_disk\" \"many\" {{\n  count = {count}\n  name = \"d-${{count.index}}\"\n  node_name = \
         \"pve1\"\n  storage_name = \"shared\"\n  size_gib = 2\n  backup_tier = 1\n  deletion_protection = false\n}}\n{more}"
    )
}

fn machines(count: usize, more: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"many\" {{\n  count = {count}\n  node_name = \"pve1\"\n  name = \"m-${{count.index}}\"\n  \
         scsi_hardware = \"virtio-scsi-single\"\n  disks = {{ scsi0 = {{ storage_name = \"shared\", size_gib = 1 }} }}\n  {more}\n}}\n"
    )
}

const ATTACHED: &str = "data_disks = { scsi1 = homelab_pve_data_disk.many[count.index].id }";

/// The calls of an apply beyond those of its plan, polls aside.
fn apply(lab: &Lab, workspace: &Workspace, resources: &str) -> Outcome<usize> {
    workspace.configure(&lab.provider_block(), resources);
    let before = lab.calls();
    expect(workspace.run(&["plan", "-no-color", "-input=false"]), "the plan")?;
    let planned = lab.calls_since(before).len();
    let before = lab.calls();
    expect(workspace.apply(), "the apply")?;
    Ok(lab.calls_since(before).len() - planned)
}

/// Measures both against a lab of its own.
pub fn measure(cli: &Path) -> Outcome<Vec<Figure>> {
    let (lab, workspace) = (Lab::start(), Workspace::new(cli));
    lab.request("POST", "/api2/json/pools", Some(&json!({ "poolid": "tier-1" }).to_string()));
    apply(&lab, &workspace, &resources(1, ""))?;
    let bare = apply(&lab, &workspace, &resources(1, &machines(1, "")))?;
    apply(&lab, &workspace, &resources(1, ""))?;
    let with = apply(&lab, &workspace, &resources(1, &machines(1, ATTACHED)))?;
    apply(&lab, &workspace, &resources(10, &machines(10, ATTACHED)))?;
    let before = lab.calls();
    expect(workspace.plan(), "the second plan")?;
    let refresh = lab.calls_since(before).len();
    Ok(vec![
        // Its holder and the machine are all there are.
        Figure::new(
            "calls that a data disk adds to making its machine",
            with.saturating_sub(bare + 2) as f64,
            Some(ATTACH as f64),
            "",
        ),
        Figure::new("calls to refresh 10 VMs with a data disk each", refresh as f64, Some(45.0), ""),
    ])
}
