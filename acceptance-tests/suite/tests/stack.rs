//! The example homelab, built by each CLI: every server with its disks and tier, and nothing left of it in the end.

use std::collections::BTreeMap;

use serde_json::Value;
use suite::workspace::with_each_cli;
use suite::{Stack, process};

/// The pool and the disks of a guest as the lab has them.
fn guest(stack: &Stack, name: &str) -> Value {
    let found = stack.lab.get("/api2/json/cluster/resources?type=vm");
    let guests = found["data"].as_array().into_iter().flatten();
    guests.into_iter().find(|guest| guest["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
}

/// The volume of each data disk, by name.
fn volumes(stack: &Stack) -> BTreeMap<String, Value> {
    let disks = stack.resources().into_iter().filter(|found| found["type"] == "homelab_pve_data_disk");
    disks.map(|found| (found["values"]["name"].to_string(), found["values"]["volume_id"].clone())).collect()
}

#[test]
fn the_example_homelab_is_built_and_the_next_plan_is_empty() {
    with_each_cli(|cli| {
        let stack = Stack::new(cli);
        let applied = stack.apply().ok();
        assert!(!applied.text.contains("No enabled backup job covers"), "{}", applied.text);
        let again = stack.plan();
        assert_eq!(again.code, Some(0), "the second plan is not empty:\n{}", again.text);

        let tiers = [
            ("postgres", "tier-1"),
            ("ollama", "tier-4"),
            ("pbs", "tier-2"),
            ("sandbox", "tier-3"),
            ("minecraft", "tier-2"),
        ];
        for (name, pool) in tiers {
            let server = guest(&stack, name);
            assert_eq!(
                (server["pool"].as_str(), server["status"].as_str()),
                (Some(pool), Some("running")),
                "{server}"
            );
        }
        let volumes = volumes(&stack);
        let server = "module.server[\"postgres\"].homelab_pve_vm.this";
        let anew = format!("-replace={server}");
        stack.run(&["apply", "-auto-approve", "-no-color", "-input=false", &anew]).ok();
        assert_eq!(volumes, self::volumes(&stack), "a server that is made anew keeps its disks");
        assert_eq!(stack.plan().code, Some(0));
        let double = stack.lab.get("/lab/double-use");
        assert!(!double.to_string().contains("local-lvm"), "a volume is used twice: {double}");

        stack.destroy().ok();
        assert_eq!(stack.lab.guests(), Vec::<String>::new());
        assert_eq!(stack.lab.pools(), Vec::<String>::new());
    });
}

#[test]
fn the_example_homelab_is_150_lines_at_most() {
    let folder = process::root().join("examples/stacks/homelab");
    let entries = std::fs::read_dir(&folder).expect("the example is there");
    let files = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "tf"));
    let texts = files.map(|path| std::fs::read_to_string(path).expect("the file is text"));
    let lines: usize = texts.map(|text| text.lines().filter(|line| !line.trim().is_empty()).count()).sum();
    assert!((50..=150).contains(&lines), "{lines} lines");
}
