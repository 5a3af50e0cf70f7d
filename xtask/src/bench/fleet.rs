//! The plugin at work: the calls it makes and how plans grow with the number of VMs.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use suite::{Lab, Workspace};

use super::Figure;
use super::plugin::{first_line, resident};
use crate::Outcome;

/// Measures clones and fleets of VMs against a lab of its own for each.
pub fn measure(cli: &Path, plugin: &Path) -> Outcome<Vec<Figure>> {
    let mut figures = vec![clone(cli)?];
    let (ten, mut of_ten) = fleet(cli, 10)?;
    figures.append(&mut of_ten);
    let (hundred, mut of_hundred) = fleet(cli, 100)?;
    figures.append(&mut of_hundred);
    figures.push(Figure::new("empty plan of 10 VMs", ten, None, "ms"));
    figures.push(Figure::new(
        "empty plan of 100 VMs, at most ten times that",
        hundred,
        Some(ten * 10.0),
        "ms",
    ));
    figures.push(memory(cli, plugin)?);
    Ok(figures)
}

fn workspace(cli: &Path, lab: &Lab, resources: &str) -> Workspace {
    let workspace = Workspace::new(cli);
    workspace.configure(&lab.provider_block(), resources);
    workspace
}

/// Fails with the CLI's words unless it succeeded.
pub(super) fn expect(run: suite::workspace::Run, what: &str) -> Outcome {
    if run.code == Some(0) { Ok(()) } else { Err(format!("{what} ended with {:?}:\n{}", run.code, run.text)) }
}

/// The calls that make one VM from a template, with cloud-init, and start it; polls of tasks are left out.
fn clone(cli: &Path) -> Outcome<Figure> {
    let lab = Lab::with(&["--latency", "5"]);
    let template = "resource \"homelab_pve_vm\" \"template\" {\n  node_name = \"pve1\"\n  name = \"template\"\n  template = true\n  \
                    disks = { scsi0 = { storage_name = \"shared\", size_gib = 1 } }\n}\n";
    let workspace = workspace(cli, &lab, template);
    expect(workspace.apply(), "the template's apply")?;
    let server = "resource \"homelab_pve_vm\" \"server\" {\n  node_name = \"pve1\"\n  name = \"server\"\n  \
                  clone = { vm_id = homelab_pve_vm.template.vm_id }\n  \
                  cloud_init = { storage_name = \"shared\", user = \"admin\", ip_configs = { ipconfig0 = { ipv4_address = \"dhcp\" } } }\n}\n";
    workspace.configure(&lab.provider_block(), &format!("{template}{server}"));
    // What the plan of an apply reads is the template's and is counted apart.
    let refresh = lab.wire().len();
    expect(workspace.run(&["plan", "-no-color", "-input=false"]), "the clone's plan")?;
    let plan = lab.wire().len() - refresh;
    let before = lab.wire().len();
    expect(workspace.apply(), "the clone's apply")?;
    let polls = |call: &serde_json::Value| call["path"].as_str().is_some_and(|path| path.contains("/tasks/"));
    let calls = lab.wire().iter().skip(before).filter(|call| !polls(call)).count() - plan;
    Ok(Figure::new(
        "calls to clone one VM with cloud-init and start it, polls aside",
        calls as f64,
        Some(8.0),
        "",
    ))
}

/// Plan time in milliseconds, and the calls of a fleet of stopped VMs.
fn fleet(cli: &Path, count: usize) -> Outcome<(f64, Vec<Figure>)> {
    let lab = Lab::with(&["--latency", "5"]);
    let workspace = workspace(cli, &lab, &vms(count));
    expect(workspace.apply(), "the fleet's apply")?;
    let mut times = Vec::new();
    let before = lab.calls();
    for _ in 0..3 {
        let begin = Instant::now();
        expect(workspace.plan(), "the fleet's second plan")?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let calls = (lab.calls() - before) as f64 / 3.0;
    let budget = (2 * count + 5) as f64;
    Ok((times[1], vec![Figure::new(format!("calls to refresh {count} VMs"), calls, Some(budget), "")]))
}

fn vms(count: usize) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"many\" {{\n  count     = {count}\n  node_name = \"pve1\"\n  name      = \"bench-${{count.index}}\"\n  \
         started   = false\n  memory    = {{ size_mib = 512 }}\n  disks     = {{ scsi0 = {{ storage_name = \"local-lvm\", size_gib = 1 }} }}\n  \
         networks  = {{ net0 = {{ bridge = \"vmbr0\" }} }}\n}}\n"
    )
}

/// Memory of one plugin process that has planned 100 VMs, which only a plugin that outlives the CLI can show.
fn memory(cli: &Path, plugin: &Path) -> Outcome<Figure> {
    let lab = Lab::start();
    let workspace = workspace(cli, &lab, &vms(100));
    expect(workspace.apply(), "the fleet's apply")?;
    let mut debug = Command::new(plugin);
    debug.arg("--debug");
    let (mut child, line) = first_line(debug, |line| line.contains("TF_REATTACH_PROVIDERS="))?;
    let reattach = line.split_once('=').map_or("", |(_, value)| value).trim().trim_matches('\'').to_owned();
    let mut plan = workspace.command(&["plan", "-detailed-exitcode", "-no-color", "-input=false"]);
    let output = plan.env("TF_REATTACH_PROVIDERS", reattach).output().map_err(|error| error.to_string())?;
    let kib = resident(child.id());
    let _ = child.kill();
    let _ = child.wait();
    if output.status.code() != Some(0) {
        return Err(format!("the plan of 100 VMs failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(Figure::new("resident memory after a plan of 100 VMs", kib as f64 / 1024.0, Some(30.0), "MiB"))
}
