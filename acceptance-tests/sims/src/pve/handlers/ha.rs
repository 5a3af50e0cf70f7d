//! `/cluster/ha`: resources and status.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::release::Release;
use crate::pve::section::{MODIFIED, rules, shown};
use crate::pve::state::{Lab, Options, digest};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/ha/resources", list),
    route("POST", "/cluster/ha/resources", create),
    route("GET", "/cluster/ha/resources/{sid}", read),
    route("PUT", "/cluster/ha/resources/{sid}", update),
    route("DELETE", "/cluster/ha/resources/{sid}", delete),
    route("GET", "/cluster/ha/status/current", status),
    route("GET", "/cluster/ha/status/manager_status", manager_status),
];

/// Rounds of the usual task time until the resource manager acts.
const REACTION: u32 = 4;

impl Lab {
    /// The state that lists show for a guest that HA manages.
    pub fn ha_state(&self, vmid: u32) -> Option<&str> {
        let resource = self.ha_resources.get(&format!("vm:{vmid}"))?;
        Some(resource.get("state").map_or("started", String::as_str))
    }

    fn ha_digest(&self) -> String {
        digest(&format!("{:?}", self.ha_resources))
    }

    fn ha_entry(&self, sid: &str, options: &Options) -> Value {
        let mut entry = shown(options, rules("POST", "/cluster/ha/resources"));
        entry.insert("sid".to_owned(), sid.into());
        entry.insert("type".to_owned(), sid.split(':').next().unwrap_or_default().into());
        entry.insert("digest".to_owned(), self.ha_digest().into());
        Value::Object(entry)
    }
}

/// A bare number means a VM.
fn sid(request: &Request) -> String {
    let given = request.params.text_or_empty("sid");
    if given.contains(':') { given.to_owned() } else { format!("vm:{given}") }
}

/// Groups became rules in Proxmox VE 9.
fn refuse_group(lab: &Lab, request: &Request) -> Result<(), Failure> {
    if lab.release == Release::V9_2 && request.params.has("group") {
        return Err(Failure::died("invalid parameter 'group': ha groups have been migrated to rules"));
    }
    Ok(())
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = request.params.text("type");
    let wanted = lab.ha_resources.iter().filter(|(sid, _)| kind.is_none_or(|kind| sid.starts_with(kind)));
    Ok(wanted.map(|(sid, options)| lab.ha_entry(sid, options)).collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let sid = sid(request);
    let options =
        lab.ha_resources.get(&sid).ok_or_else(|| Failure::died(format!("no such resource '{sid}'")))?;
    Ok(lab.ha_entry(&sid, options).into())
}

fn assign(options: &mut Options, request: &Request) {
    for name in request.params.list("delete").unwrap_or_default() {
        options.remove(&name);
    }
    let control = |key: &str| matches!(key, "sid" | "type" | "delete" | "digest");
    for (key, value) in request.params.texts().filter(|(key, _)| !control(key)) {
        let value = if key == "state" && value == "enabled" { "started" } else { value };
        options.insert(key.to_owned(), value.to_owned());
    }
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    refuse_group(lab, request)?;
    let sid = sid(request);
    let vmid = sid.rsplit(':').next().and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    let kind = sid.split(':').next().unwrap_or_default();
    if !matches!(kind, "vm" | "ct") {
        return Err(Failure::died(format!("unknown section type '{kind}'")));
    }
    if kind == "ct" && lab.containers.contains_key(&vmid) {
        return Err(Failure::new(501, "the simulated lab has no high availability for containers"));
    }
    if !lab.vms.contains_key(&vmid) {
        return Err(Failure::died(format!("resource '{sid}' does not exist in cluster")));
    }
    if lab.ha_resources.contains_key(&sid) {
        return Err(Failure::died(format!("create resource failed: resource ID '{sid}' already defined")));
    }
    let mut options = Options::new();
    assign(&mut options, request);
    lab.ha_resources.insert(sid, options);
    act_soon(lab, vmid);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    refuse_group(lab, request)?;
    let sid = sid(request);
    let current = lab.ha_digest();
    if request.params.text("digest").is_some_and(|given| given != current) {
        return Err(Failure::died(format!("update resources config failed: {MODIFIED}")));
    }
    let options =
        lab.ha_resources.get_mut(&sid).ok_or_else(|| Failure::died(format!("no such resource '{sid}'")))?;
    assign(options, request);
    act_soon(lab, sid.rsplit(':').next().and_then(|text| text.parse().ok()).unwrap_or_default());
    Ok(Reply::nothing())
}

/// The resource manager brings the guest into the wanted state a little later, if it is still wanted.
fn act_soon(lab: &mut Lab, vmid: u32) {
    let after = lab.usual_task_time() * REACTION;
    lab.later(after, move |lab| lab.follow_manager(vmid));
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let sid = sid(request);
    if lab.ha_resources.remove(&sid).is_none() {
        return Err(Failure::died(format!("cannot delete service '{sid}', not HA managed!")));
    }
    lab.drop_from_ha_rules(&sid);
    Ok(Reply::nothing())
}

fn status(lab: &mut Lab, _: &Request) -> Answer {
    let node = lab.local_node();
    let mut entries = vec![
        json!({"id": "quorum", "type": "quorum", "node": node, "status": "OK", "quorate": 1}),
        json!({
            "id": "fencing", "type": "fencing", "node": node, "status": "standby (CRM watchdog standby)",
            "armed-state": "standby",
        }),
    ];
    for (sid, options) in &lab.ha_resources {
        let vmid = sid.rsplit(':').next().and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
        let Some(vm) = lab.vms.get(&vmid) else { continue };
        let wanted = options.get("state").map_or("started", String::as_str);
        let state = match wanted {
            "started" if vm.is_running() => "started",
            "stopped" if !vm.is_running() => "stopped",
            "ignored" | "disabled" => wanted,
            _ => "queued",
        };
        let number = |key: &str| options.get(key).and_then(|text| text.parse::<i64>().ok()).unwrap_or(1);
        let mut entry: Map<String, Value> = Map::new();
        let mut put = |key: &str, value: Value| drop(entry.insert(key.to_owned(), value));
        put("id", format!("service:{sid}").into());
        put("type", "service".into());
        put("sid", sid.as_str().into());
        put("node", vm.node.as_str().into());
        put("state", state.into());
        put("request_state", wanted.into());
        put("status", format!("{sid} ({}, {state})", vm.node).into());
        put("max_restart", number("max_restart").into());
        put("max_relocate", number("max_relocate").into());
        put("failback", number("failback").into());
        entries.push(Value::Object(entry));
    }
    Ok(entries.into())
}

fn manager_status(lab: &mut Lab, _: &Request) -> Answer {
    let node = lab.local_node();
    Ok(json!({"quorum": {"node": node, "quorate": "1"}, "manager_status": {"node_status": {}}}).into())
}

/// Names that HA manages.
pub fn managed(lab: &Lab) -> BTreeSet<&str> {
    lab.ha_resources.keys().map(String::as_str).collect()
}
