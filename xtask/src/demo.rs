//! `demo`: the whole suite on one machine, with nothing left behind.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;

use suite::{Lab, Workspace};

use crate::process::{command, root, show};
use crate::{Outcome, tools};

/// Applies the example homelab, plans again, destroys it; before that it waits for the operator if he wants to look.
pub fn run(cli: Option<PathBuf>, keep: bool) -> Outcome {
    show(command("cargo", &["build", "--package", "homelab", "--package", "sims", "--bins"]))?;
    let cli = tools::cli(cli)?;
    println!("using {}: {}", cli.display(), suite::cli::version(&cli)?);

    let lab = Lab::start();
    println!("the simulated lab answers at {}", lab.endpoint());
    let workspace = Workspace::new(&cli);
    copy_stack(&workspace)?;

    let variables = variables(&lab);
    let arguments = |verb: &'static [&'static str]| -> Vec<&str> {
        verb.iter()
            .copied()
            .chain(["-no-color", "-input=false"])
            .chain(variables.iter().map(String::as_str))
            .collect()
    };
    expect(workspace.run(&arguments(&["apply", "-auto-approve"])), "apply")?;
    let calls = lab.calls();
    let again = workspace.run(&arguments(&["plan", "-detailed-exitcode"]));
    expect(again, "the second plan is not empty; plan")?;
    println!("applied; the next plan is empty and took {} calls", lab.calls() - calls);
    println!("built:");
    for line in built(&workspace.show_json()) {
        println!("  {line}");
    }
    if keep {
        look(&lab, &workspace);
    }
    expect(workspace.run(&arguments(&["destroy", "-auto-approve"])), "destroy")?;
    println!("destroyed again, and the lab is stopped.");
    println!(
        "\nFor a real Proxmox VE, use examples/stacks/homelab with its three variables set:\n  \
         export TF_VAR_endpoint=https://pve.example:8006 TF_VAR_api_token='user@realm!name=secret' TF_VAR_ca_file=pve-root-ca.pem\n\
         and read its README first: storage and node names are variables too."
    );
    Ok(())
}

/// The example's variables, as arguments.
pub fn variables(lab: &Lab) -> Vec<String> {
    vec![
        format!("-var=endpoint={}", lab.endpoint()),
        format!("-var=api_token={}", lab.api_token()),
        format!("-var=ca_file={}", lab.ca_file().display()),
    ]
}

fn copy_stack(workspace: &Workspace) -> Outcome {
    let stack = root().join("examples/stacks/homelab");
    let entries =
        std::fs::read_dir(&stack).map_err(|error| format!("cannot read {}: {error}", stack.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".tf") {
            let text = std::fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
            workspace.write(&name, &text);
        }
    }
    Ok(())
}

fn expect(run: suite::workspace::Run, what: &str) -> Outcome {
    if run.code == Some(0) {
        return Ok(());
    }
    Err(format!("{what} ended with {:?}:\n{}", run.code, run.text))
}

/// Says where to look, and waits for Enter or the end of the input.
fn look(lab: &Lab, workspace: &Workspace) {
    println!(
        "\nlook at it until you press Enter:\n  \
         configuration and state: {}\n  \
         curl --cacert {} --header 'Authorization: PVEAPIToken={}' {}/api2/json/cluster/resources?type=vm",
        workspace.folder().display(),
        lab.ca_file().display(),
        lab.api_token(),
        lab.endpoint(),
    );
    let _ = std::io::stdin().read(&mut [0]);
}

/// One line for each resource of a state.
fn built(state: &Value) -> Vec<String> {
    let line = |resource: &Value| {
        let (address, values) = (resource["address"].as_str()?, &resource["values"]);
        Some(match (values["vm_id"].as_u64(), values["node_name"].as_str()) {
            (Some(id), Some(node)) => format!("{address}: VM {id} on node {node}"),
            _ => address.to_owned(),
        })
    };
    state["values"]["root_module"]["resources"].as_array().into_iter().flatten().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_vm_is_told_with_its_number_and_node() {
        let resources = json!([
            { "address": "homelab_pve_pool.a", "values": { "name": "a" } },
            { "address": "homelab_pve_vm.b", "values": { "vm_id": 100, "node_name": "pve1" } },
        ]);
        assert_eq!(
            super::built(&json!({ "values": { "root_module": { "resources": resources } } })),
            ["homelab_pve_pool.a", "homelab_pve_vm.b: VM 100 on node pve1"]
        );
    }
}
