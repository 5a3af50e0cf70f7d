//! Every planted fault at every call of a VM's life: nothing is orphaned, duplicated or lost, and the next apply converges.
//!
//! A fault is planted at the first call of an operation, then at the second, and so on until it no longer strikes. The
//! core emulator plays the CLI, because hundreds of runs are needed; each run is a plugin process of its own, as with a CLI.

use core_emulator::State;
use serde_json::{Value, json};
use suite::Lab;
use suite::faults::{converge, end, left, run, run_killed};
use suite::plugin::configured;

const VM: &str = "homelab_pve_vm";

/// No operation makes more calls than this, polls included.
const MOST_CALLS: u64 = 120;

fn template(data: Data) -> Value {
    json!({
        "node_name": "pve1", "name": "template", "template": true,
        "disks": { "scsi0": { "storage_name": data.storage(), "size_gib": 1 } },
    })
}

/// What cloud-init gets.
#[derive(Clone, Copy, Debug)]
enum Data {
    /// Settings, on a drive of Proxmox VE.
    Settings,
    /// Documents, on a disc of ours.
    Documents,
    /// Settings, for a clone whose node does not see the disks of the template.
    Elsewhere,
}

impl Data {
    fn storage(self) -> &'static str {
        if matches!(self, Self::Elsewhere) { "local-lvm" } else { "shared" }
    }

    fn node(self) -> &'static str {
        if matches!(self, Self::Elsewhere) { "pve2" } else { "pve1" }
    }
}

fn server(template: u64, cores: u64, size: u64, data: Data) -> Value {
    let cloud_init = match data {
        Data::Settings | Data::Elsewhere => {
            json!({ "storage_name": data.storage(), "user": "admin", "ip_configs": { "ipconfig0": { "ipv4_address": "dhcp" } } })
        }
        Data::Documents => json!({ "user_data": format!("#cloud-config\npackages: [{cores}]\n") }),
    };
    json!({
        "node_name": data.node(), "name": "server", "clone": { "vm_id": template },
        "cpu": { "cores": cores },
        "description": format!("{cores} cores"),
        "disks": { "scsi0": { "storage_name": data.storage(), "size_gib": size } },
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
    let lab = Lab::with(&["--task-time", "1"]);
    let made = converge_template(&lab, data).await;
    let (before, after) = (server(made, 2, 2, data), server(made, 3, 3, data));
    let (present, config) = match operation {
        Operation::Create => (None, Some(&before)),
        Operation::Update => (Some(&before), Some(&after)),
        Operation::Delete => (Some(&before), None),
    };
    let state = match present {
        None => None,
        Some(config) => converge(&lab, VM, None, Some(config), "what there is before").await,
    };
    let beginning = lab.state();
    let mut struck = 0;
    for n in 0..MOST_CALLS {
        let story = format!("{operation:?} with {kind} at call {n}");
        lab.restore(&beginning);
        let mut planted = fault(kind, n);
        if let (Some(id), "edit_before") = (servers(&beginning).first(), kind) {
            planted["vmid"] = json!(id.parse::<u64>().expect("an id is a number"));
        }
        lab.plant(&planted);
        let outcome = match kind {
            "killed" => run_killed(&lab, VM, state.as_ref(), config).await,
            _ => run(&lab, VM, state.as_ref(), config).await,
        };
        let hits = lab.unplant();
        struck += hits;
        let (state, _, said) = left(outcome, state.clone());
        let known = state.as_ref().map(|state| format!("{:?}", state.value));
        let story = format!("{story}, which left {known:?} and said {said}");
        let state = converge(&lab, VM, state, config, &story).await;
        match config {
            None => is_gone(&lab, state.as_ref(), &story),
            Some(config) => is_whole(&lab, state, config, data, &story).await,
        }
        if hits == 0 {
            assert!(struck > 0, "{kind} never struck");
            return;
        }
    }
    panic!("{operation:?} makes more than {MOST_CALLS} calls");
}

/// Nothing of the VM is left.
fn is_gone(lab: &Lab, state: Option<&State>, story: &str) {
    let now = lab.state();
    assert_eq!(strangers(&now), Vec::<String>::new(), "{story}: left something half-made");
    assert!(state.is_none() && servers(&now).is_empty(), "{story}: left the VM");
    assert_eq!(discs(&now), Vec::<String>::new(), "{story}: left a disc");
}

/// The VM is there once, as configured and complete, the next plan is empty, and it can be destroyed without a rest.
async fn is_whole(lab: &Lab, state: Option<State>, config: &Value, data: Data, story: &str) {
    let now = lab.state();
    assert_eq!(strangers(&now), Vec::<String>::new(), "{story}: left something half-made");
    let found = servers(&now);
    assert_eq!(found.len(), 1, "{story}: the VM is there once");
    let vm = &now["vms"][&found[0]];
    assert_eq!(vm["config"]["cores"], json!(config["cpu"]["cores"].to_string()), "{story}: {vm}");
    assert!(!vm["process"].is_null(), "{story}: the VM runs");
    assert_eq!(vm["node"], data.node(), "{story}: the VM is on its node");
    if matches!(data, Data::Documents) {
        let drive = vm["config"]["ide2"].as_str().and_then(|drive| drive.split(',').next());
        assert_eq!(discs(&now), [drive.unwrap_or_default()], "{story}: one disc");
    }
    let marker = vm["config"]["description"].as_str().unwrap_or_default();
    assert!(!marker.contains("creating"), "{story}: the creation is complete: {marker}");
    no_changes(lab, state.as_ref(), config, story).await;
    assert!(converge(lab, VM, state, None, story).await.is_none(), "{story}: it can be destroyed");
    let last = lab.state();
    assert!(servers(&last).is_empty() && !volumes_of(&last, &found[0]), "{story}: {}", last["volumes"]);
    assert_eq!(discs(&last), Vec::<String>::new(), "{story}");
}

async fn converge_template(lab: &Lab, data: Data) -> u64 {
    let state =
        converge(lab, VM, None, Some(&template(data)), "the template").await.expect("the template is made");
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
    a_clone_that_is_carried_survives_lost_replies: "reply_lost", Create, Elsewhere;
    a_clone_that_is_carried_survives_cut_connections: "cut", Create, Elsewhere;
    a_clone_that_is_carried_survives_refusals: "refused", Create, Elsewhere;
    a_clone_that_is_carried_survives_proxy_timeouts: "proxy_timeout", Create, Elsewhere;
    a_clone_that_is_carried_survives_failing_tasks: "task_fails", Create, Elsewhere;
    a_clone_that_is_carried_survives_busy_locks: "locked", Create, Elsewhere;
    a_clone_that_is_carried_survives_missing_permissions: "permission_missing", Create, Elsewhere;
    a_clone_that_is_carried_survives_kill_minus_9: "killed", Create, Elsewhere;
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
