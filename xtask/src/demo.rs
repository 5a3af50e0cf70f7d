//! `demo`: the whole suite on one machine, with nothing left behind.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;

use suite::Stack;
use suite::workspace::Run;

use crate::process::{command, show};
use crate::{Outcome, tools};

/// Applies the example homelab, plans again, destroys it; before that it waits for the operator if he wants to look.
pub fn run(cli: Option<PathBuf>, keep: bool) -> Outcome {
    show(command("cargo", &["build", "--package", "homelab", "--package", "sims", "--bins"]))?;
    let cli = tools::cli(cli)?;
    println!("using {}: {}", cli.display(), suite::cli::version(&cli)?);

    let stack = Stack::new(&cli);
    println!("the simulated lab answers at {}", stack.lab.endpoint());
    println!("building examples/stacks/homelab");
    expect(stack.apply(), "apply")?;
    let calls = stack.lab.calls();
    expect(stack.plan(), "the second plan is not empty; plan")?;
    println!("applied; the next plan is empty and took {} calls", stack.lab.calls() - calls);
    println!("built:");
    for line in built(&stack.resources()) {
        println!("  {line}");
    }
    if keep {
        look(&stack);
    }
    expect(stack.destroy(), "destroy")?;
    println!("destroyed again, and the lab is stopped.");
    println!(
        "\nFor a real Proxmox VE, the same files: set in examples/stacks/homelab/variables.tf what your nodes and storages\n\
         are called, and name the image and the API in the environment. Its README has the rest.\n  \
         export HOMELAB_PVE_ENDPOINT=https://pve.example:8006 HOMELAB_PVE_API_TOKEN='user@realm!name=secret'\n  \
         export HOMELAB_PVE_CA_FILE=pve-root-ca.pem"
    );
    Ok(())
}

fn expect(run: Run, what: &str) -> Outcome {
    if run.code == Some(0) {
        return Ok(());
    }
    Err(format!("{what} ended with {:?}:\n{}", run.code, run.text))
}

/// Says where to look, and waits for Enter or the end of the input.
fn look(stack: &Stack) {
    println!(
        "\nlook at it until you press Enter:\n  \
         configuration and state: {}\n  \
         curl --cacert {} --header 'Authorization: PVEAPIToken={}' {}/api2/json/cluster/resources?type=vm",
        stack.folder().display(),
        stack.lab.ca_file().display(),
        stack.lab.api_token(),
        stack.lab.endpoint(),
    );
    let _ = std::io::stdin().read(&mut [0]);
}

/// A line for each machine and each data disk, and one for the rest.
fn built(resources: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut lines = Vec::new();
    let mut others = 0;
    for resource in resources {
        let values = &resource["values"];
        match resource["type"].as_str() {
            Some("homelab_pve_vm") => {
                let disks = values["data_disks"].as_object().map_or(0, serde_json::Map::len);
                lines.push(format!(
                    "server {}: VM {} on node {}, {disks} data disk(s)",
                    text(&values["name"]),
                    values["vm_id"],
                    text(&values["current_node"]),
                ));
            }
            Some("homelab_pve_data_disk") => lines.push(format!(
                "data disk {}: {} GiB, backup tier {}",
                text(&values["name"]),
                values["size_gib"],
                text(&values["backup_tier"]),
            )),
            _ => others += usize::from(resource["mode"] == "managed"),
        }
    }
    lines.push(format!(
        "{others} other objects: tiers with their jobs, images, a GPU mapping, a user with its token"
    ));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn servers_and_disks_are_told_one_by_one_and_the_rest_is_counted() {
        let resources = [
            json!({ "mode": "managed", "type": "homelab_pve_pool", "values": { "name": "a" } }),
            json!({ "mode": "data", "type": "homelab_backup_coverage", "values": {} }),
            json!({ "mode": "managed", "type": "homelab_pve_vm", "values":
                { "name": "b", "vm_id": 100, "current_node": "pve1", "data_disks": { "scsi1": "901-3f9a0c1b2d4e" } } }),
            json!({ "mode": "managed", "type": "homelab_pve_data_disk", "values":
                { "name": "c", "size_gib": 5, "backup_tier": "1" } }),
        ];
        let lines = super::built(&resources);
        assert_eq!(
            lines[..2],
            ["server b: VM 100 on node pve1, 1 data disk(s)", "data disk c: 5 GiB, backup tier 1"]
        );
        assert!(lines[2].starts_with("1 other objects"), "{lines:?}");
    }
}
