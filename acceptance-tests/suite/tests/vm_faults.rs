//! Every planted fault at every call of a VM's life: nothing is orphaned, duplicated or lost, and the next apply converges.
//!
//! A fault is planted at the first call of an operation, then at the second, and so on until it no longer strikes. The
//! core emulator plays the CLI, because hundreds of runs are needed; each run is a plugin process of its own, as with a CLI.

use std::time::Duration;

use core_emulator::{Applied, Core, Failure, Plugin, State};
use serde_json::{Value, json};
use suite::Lab;
use suite::plugin::configured;
use suite::process::signal;

const VM: &str = "homelab_pve_vm";

/// No operation makes more calls than this, polls included.
const MOST_CALLS: u64 = 120;

/// How often an apply may be repeated before it counts as not converging.
const REPEATS: usize = 3;

/// What one run of a CLI does with one resource.
async fn run(lab: &Lab, state: Option<&State>, config: Option<&Value>) -> Result<Applied, Failure> {
    let (mut plugin, core) = configured(lab).await;
    let outcome = apply(&core, state, config).await;
    end(&mut plugin).await;
    outcome
}

/// The same, with the plugin killed while it waits for the answer that the planted fault delays.
async fn run_killed(lab: &Lab, state: Option<&State>, config: Option<&Value>) -> Result<Applied, Failure> {
    let (mut plugin, core) = configured(lab).await;
    let id = plugin.id();
    let mut outcome = std::pin::pin!(apply(&core, state, config));
    let done = loop {
        tokio::select! {
            done = &mut outcome => break Some(done),
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
        if lab.struck() > 0 {
            signal(id, "KILL");
            break None;
        }
    };
    let outcome = match done {
        Some(done) => done,
        None => outcome.await,
    };
    if lab.struck() == 0 {
        end(&mut plugin).await;
    }
    outcome
}

async fn end(plugin: &mut Plugin) {
    plugin.shut_down().await.expect("the plugin hears");
    plugin.ended(Duration::from_secs(5)).await.expect("the plugin ends");
}

async fn apply(core: &Core, state: Option<&State>, config: Option<&Value>) -> Result<Applied, Failure> {
    let state = match state {
        Some(state) => core.refresh(state).await?,
        None => None,
    };
    let Some(config) = config else {
        let Some(state) = state else { return Ok(Applied { state: None, messages: Vec::new() }) };
        let plan = core.plan_destroy(&state).await?;
        return core.apply(&plan, &Value::Null).await;
    };
    // A tainted object is replaced: destroyed first.
    if let Some(tainted) = state.as_ref().filter(|state| state.tainted) {
        let destroy = core.plan_destroy(tainted).await?;
        let destroyed = core.apply(&destroy, &Value::Null).await?;
        if destroyed.state.is_some() {
            return Ok(destroyed);
        }
        let plan = core.plan(VM, None, config).await?;
        return core.apply(&plan, config).await;
    }
    let plan = core.plan(VM, state.as_ref(), config).await?;
    core.apply(&plan, config).await
}

/// The state that a run leaves: what it returned, or what there was when it ended before an apply.
fn left(outcome: Result<Applied, Failure>, before: Option<State>) -> (Option<State>, bool, String) {
    match outcome {
        Ok(applied) => {
            let failed = applied.messages.iter().any(|message| message.is_error);
            (applied.state, !failed, format!("{:?}", applied.messages))
        }
        Err(Failure::Rule(rule)) => panic!("a rule of the protocol is broken: {rule}"),
        Err(failure) => (before, false, format!("{failure:?}")),
    }
}

/// Applies until it works, without faults.
async fn converge(lab: &Lab, mut state: Option<State>, config: Option<&Value>, story: &str) -> Option<State> {
    let mut said = String::new();
    for _ in 0..REPEATS {
        let outcome = run(lab, state.as_ref(), config).await;
        let worked;
        (state, worked, said) = left(outcome, state);
        if worked {
            return state;
        }
    }
    panic!("{story}: {REPEATS} more applies did not converge: {said}");
}

fn template() -> Value {
    json!({
        "node_name": "pve1", "name": "template", "template": true,
        "disks": { "scsi0": { "storage_name": "shared", "size_gib": 1 } },
    })
}

/// What cloud-init gets.
#[derive(Clone, Copy, Debug)]
enum Data {
    /// Settings, on a drive of Proxmox VE.
    Settings,
    /// Documents, on a disc of ours.
    Documents,
}

fn server(template: u64, cores: u64, size: u64, data: Data) -> Value {
    let cloud_init = match data {
        Data::Settings => {
            json!({ "storage_name": "shared", "user": "admin", "ip_configs": { "ipconfig0": { "ipv4_address": "dhcp" } } })
        }
        Data::Documents => json!({ "user_data": format!("#cloud-config\npackages: [{cores}]\n") }),
    };
    json!({
        "node_name": "pve1", "name": "server", "clone": { "vm_id": template },
        "cpu": { "cores": cores },
        "description": format!("{cores} cores"),
        "disks": { "scsi0": { "storage_name": "shared", "size_gib": size } },
        "networks": { "net0": { "bridge": "vmbr0" } },
        "cloud_init": cloud_init,
    })
}

/// The ids of the guests called `server`.
fn servers(state: &Value) -> Vec<String> {
    let guests = state["vms"].as_object().into_iter().flatten();
    guests.filter(|(_, vm)| vm["config"]["name"] == "server").map(|(id, _)| id.clone()).collect()
}

/// The guests that are neither the template nor called `server`: half-made leftovers.
fn strangers(state: &Value) -> Vec<String> {
    let guests = state["vms"].as_object().into_iter().flatten();
    let known = |vm: &Value| vm["config"]["name"] == "server" || vm["config"]["name"] == "template";
    guests.filter(|(_, vm)| !known(vm)).map(|(id, _)| id.clone()).collect()
}

/// The discs with documents, on whatever storage.
fn discs(state: &Value) -> Vec<String> {
    let places = state["volumes"].as_object().into_iter().flatten().map(|(place, _)| place);
    let volumes = places.filter_map(|place| place.split_once('/').map(|(_, volume)| volume.to_owned()));
    volumes.filter(|volume| volume.contains("homelab-vm-")).collect()
}

/// Every volume in the lab that a guest number owns, by its text.
fn volumes_of(state: &Value, id: &str) -> bool {
    let text = state["volumes"].to_string();
    text.contains(&format!("vm-{id}-")) || text.contains(&format!("base-{id}-"))
}

/// One kind of fault, for the n-th call that it fits.
fn fault(kind: &str, n: u64) -> Value {
    let write = json!({ "path": "/nodes/**", "after": n });
    let mut fault = match kind {
        "refused" => {
            json!({ "kind": "status", "status": 500, "message": "something went wrong", "path": "/**", "after": n })
        }
        "reply_lost" | "cut" | "proxy_timeout" => json!({ "kind": kind, "path": "/**", "after": n }),
        "killed" => json!({ "kind": "delay", "milliseconds": 300, "path": "/**", "after": n }),
        "edit_before" => {
            json!({ "kind": kind, "path": "/nodes/**", "after": n, "set": { "tags": "by-hand" } })
        }
        "locked" => {
            json!({ "kind": "status", "status": 500, "message": "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout", "path": "/nodes/**", "after": n })
        }
        _ => {
            let mut fault = write;
            fault["kind"] = json!(kind);
            fault["message"] = json!("the disk is on fire");
            fault
        }
    };
    // Tasks are started by writes alone, and permissions are checked everywhere.
    if kind == "task_fails" {
        fault["method"] = json!("POST");
    }
    fault
}

/// Which operation the fault hits.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Update,
    Delete,
}

async fn every_call(kind: &str, operation: Operation, data: Data) {
    let lab = Lab::with(&["--task-time", "5"]);
    let made = converge_template(&lab).await;
    let mut struck = 0;
    for n in 0..MOST_CALLS {
        let story = format!("{operation:?} with {kind} at call {n}");
        let (before, after) = (server(made, 2, 2, data), server(made, 3, 3, data));
        let state = match operation {
            Operation::Create => None,
            _ => converge(&lab, None, Some(&before), &story).await,
        };
        let config = match operation {
            Operation::Create => Some(&before),
            Operation::Update => Some(&after),
            Operation::Delete => None,
        };
        let mut planted = fault(kind, n);
        if let (Some(id), "edit_before") = (servers(&lab.state()).first(), kind) {
            planted["vmid"] = json!(id.parse::<u64>().expect("an id is a number"));
        }
        lab.plant(&planted);
        let outcome = match kind {
            "killed" => run_killed(&lab, state.as_ref(), config).await,
            _ => run(&lab, state.as_ref(), config).await,
        };
        let hits = lab.unplant();
        struck += hits;
        let (state, _, said) = left(outcome, state);
        let known = state.as_ref().map(|state| format!("{:?}", state.value));
        let state =
            converge(&lab, state, config, &format!("{story}, which left {known:?} and said {said}")).await;

        let now = lab.state();
        assert_eq!(strangers(&now), Vec::<String>::new(), "{story} left something half-made; it said {said}");
        match config {
            None => {
                assert!(state.is_none() && servers(&now).is_empty(), "{story} left the VM");
                assert_eq!(discs(&now), Vec::<String>::new(), "{story} left a disc; it said {said}");
            }
            Some(config) => {
                let found = servers(&now);
                assert_eq!(found.len(), 1, "{story}: the VM is there once; it said {said}");
                let vm = &now["vms"][&found[0]];
                assert_eq!(vm["config"]["cores"], json!(config["cpu"]["cores"].to_string()), "{story}: {vm}");
                assert!(!vm["process"].is_null(), "{story}: the VM runs");
                if matches!(data, Data::Documents) {
                    let drive = vm["config"]["ide2"].as_str().and_then(|drive| drive.split(',').next());
                    assert_eq!(discs(&now), [drive.unwrap_or_default()], "{story}: one disc; it said {said}");
                }
                let marker = vm["config"]["description"].as_str().unwrap_or_default();
                assert!(!marker.contains("creating"), "{story}: the creation is complete: {marker}");
                no_changes(&lab, state.as_ref(), config, &story).await;
                let id = found[0].clone();
                assert!(converge(&lab, state, None, &story).await.is_none(), "{story}: it can be destroyed");
                let last = lab.state();
                assert!(servers(&last).is_empty() && !volumes_of(&last, &id), "{story}: {}", last["volumes"]);
                assert_eq!(discs(&last), Vec::<String>::new(), "{story}");
            }
        }
        if hits == 0 {
            assert!(struck > 0, "{kind} never struck");
            return;
        }
    }
    panic!("{operation:?} makes more than {MOST_CALLS} calls");
}

async fn converge_template(lab: &Lab) -> u64 {
    let state = converge(lab, None, Some(&template()), "the template").await.expect("the template is made");
    let found = lab.state();
    let id = found["vms"].as_object().into_iter().flatten().map(|(id, _)| id.clone()).next();
    assert!(!state.tainted);
    id.and_then(|id| id.parse().ok()).expect("the template has a number")
}

async fn no_changes(lab: &Lab, state: Option<&State>, config: &Value, story: &str) {
    let (mut plugin, core) = configured(lab).await;
    let state = core.refresh(state.expect("there is a state")).await.expect("a refresh works");
    let plan = core.plan(VM, state.as_ref(), config).await.expect("a plan works");
    assert_eq!(plan.action, core_emulator::Action::NoOp, "{story}: the next plan is empty: {plan:?}");
    end(&mut plugin).await;
}

macro_rules! faults {
    ($($name:ident: $kind:literal, $operation:ident, $data:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                every_call($kind, Operation::$operation, Data::$data).await;
            }
        )*
    };
}

faults! {
    a_create_survives_lost_replies: "reply_lost", Create, Settings;
    a_create_survives_cut_connections: "cut", Create, Settings;
    a_create_survives_refusals: "refused", Create, Settings;
    a_create_survives_proxy_timeouts: "proxy_timeout", Create, Settings;
    a_create_survives_failing_tasks: "task_fails", Create, Settings;
    a_create_survives_busy_locks: "locked", Create, Settings;
    a_create_survives_missing_permissions: "permission_missing", Create, Settings;
    a_create_survives_kill_minus_9: "killed", Create, Settings;
    an_update_survives_kill_minus_9: "killed", Update, Settings;
    a_delete_survives_kill_minus_9: "killed", Delete, Settings;
    an_update_survives_lost_replies: "reply_lost", Update, Settings;
    an_update_survives_cut_connections: "cut", Update, Settings;
    an_update_survives_refusals: "refused", Update, Settings;
    an_update_survives_proxy_timeouts: "proxy_timeout", Update, Settings;
    an_update_survives_failing_tasks: "task_fails", Update, Settings;
    an_update_survives_busy_locks: "locked", Update, Settings;
    an_update_survives_other_writers: "edit_before", Update, Settings;
    a_delete_survives_lost_replies: "reply_lost", Delete, Settings;
    a_delete_survives_cut_connections: "cut", Delete, Settings;
    a_delete_survives_refusals: "refused", Delete, Settings;
    a_delete_survives_proxy_timeouts: "proxy_timeout", Delete, Settings;
    a_delete_survives_failing_tasks: "task_fails", Delete, Settings;
    a_delete_survives_busy_locks: "locked", Delete, Settings;
    a_delete_survives_other_writers: "edit_before", Delete, Settings;
    a_create_with_documents_survives_lost_replies: "reply_lost", Create, Documents;
    a_create_with_documents_survives_refusals: "refused", Create, Documents;
    a_create_with_documents_survives_failing_tasks: "task_fails", Create, Documents;
    a_create_with_documents_survives_kill_minus_9: "killed", Create, Documents;
    a_change_of_documents_survives_lost_replies: "reply_lost", Update, Documents;
    a_change_of_documents_survives_refusals: "refused", Update, Documents;
    a_change_of_documents_survives_failing_tasks: "task_fails", Update, Documents;
    a_change_of_documents_survives_busy_locks: "locked", Update, Documents;
    a_change_of_documents_survives_other_writers: "edit_before", Update, Documents;
    a_change_of_documents_survives_kill_minus_9: "killed", Update, Documents;
    a_delete_with_documents_survives_lost_replies: "reply_lost", Delete, Documents;
    a_delete_with_documents_survives_refusals: "refused", Delete, Documents;
    a_delete_with_documents_survives_failing_tasks: "task_fails", Delete, Documents;
    a_delete_with_documents_survives_kill_minus_9: "killed", Delete, Documents;
}
