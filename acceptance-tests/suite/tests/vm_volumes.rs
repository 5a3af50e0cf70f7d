//! Volumes that a machine names and does not make: what is not there is told by the plan, with one list for a whole run.

use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(name: &str, body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"{name}\" {{\n  node_name = \"pve1\"\n  name = \"{name}\"\n  started = false\n  {body}\n}}\n"
    )
}

fn disc(volume: &str) -> String {
    format!("cdroms = {{ ide2 = {{ volume_id = {volume} }} }}")
}

fn copy(volume: &str) -> String {
    format!("disks = {{ scsi0 = {{ storage_name = \"local-lvm\", import_from = {volume} }} }}")
}

fn image(name: &str, content: &str) -> String {
    format!(
        "resource \"homelab_pve_image\" \"{content}\" {{\n  node_name = \"pve1\"\n  storage_name = \"shared\"\n  content = \
         \"{content}\"\n  source_file = \"${{path.module}}/{name}\"\n}}\n"
    )
}

/// How often the contents of a storage were listed.
fn lists(lab: &Lab) -> usize {
    let is_list = |call: &&serde_json::Value| {
        let path = call["path"].as_str().unwrap_or_default();
        call["method"] == "GET" && path.contains("/storage/") && path.contains("/content")
    };
    lab.wire().iter().filter(is_list).count()
}

#[test]
fn a_volume_that_is_not_there_is_told_by_the_plan() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, volume, path) in [
            (disc("\"local:iso/nope.iso\""), "local:iso/nope.iso", "cdroms[\"ide2\"].volume_id"),
            (
                copy("\"shared:import/nope.qcow2\""),
                "shared:import/nope.qcow2",
                "disks[\"scsi0\"].import_from",
            ),
        ] {
            workspace.configure(&lab.provider_block(), &vm("one", &body));
            let said = workspace.plan().failed().prose();
            for words in [format!("There is no volume \"{volume}\""), format!("This is about `{path}`.")] {
                assert!(said.contains("Volume does not exist") && said.contains(&words), "{words}: {said}");
            }
        }
        workspace.configure(&lab.provider_block(), &vm("one", &disc("\"local-lvm:iso/a.iso\"")));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("Storage takes no discs"), "{said}");
        assert_eq!(lab.writes(), 0);
    });
}

#[test]
fn what_the_same_run_makes_is_expected_and_one_list_serves_all_machines() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.write("a.iso", &"\0".repeat(1 << 16));
        workspace.write("a.raw", &"\0".repeat(1 << 20));
        let made = image("a.iso", "iso")
            + &image("a.raw", "import")
            + &vm("one", &disc("homelab_pve_image.iso.volume_id"))
            + &vm("two", &copy("homelab_pve_image.import.volume_id"));
        workspace.configure(&lab.provider_block(), &made);
        let before = lists(&lab);
        let plan = workspace.plan();
        assert!(!plan.text.contains("Volume does not exist"), "{}", plan.text);
        assert_eq!(lists(&lab), before + 2, "one for the name of each image, and none for what is expected");
        workspace.apply().ok();
        workspace.plan_is_empty();

        let present = disc("\"local:iso/debian-13-netinst.iso\"");
        let all = made.clone() + &vm("three", &present) + &vm("four", &present);
        workspace.configure(&lab.provider_block(), &all);
        let before = lists(&lab);
        workspace.plan();
        // Two by the refresh of the images, and one for both machines.
        assert_eq!(lists(&lab), before + 3);
        workspace.destroy().ok();
    });
}
