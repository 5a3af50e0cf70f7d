//! Logs: of nodes and firewalls, in which nothing happens, and of the cluster, which knows its tasks.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Reply};
use crate::pve::state::Lab;
use crate::pve::tasks::Task;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/log", cluster),
    route("GET", "/nodes/{node}/firewall/log", empty),
    route("GET", "/nodes/{node}/journal", nothing),
    route("GET", "/nodes/{node}/lxc/{vmid}/firewall/log", empty),
    route("GET", "/nodes/{node}/qemu/{vmid}/firewall/log", empty),
    route("GET", "/nodes/{node}/syslog", empty),
];

/// Entries of the cluster's log that are told unless more are asked for.
const ENTRIES: i64 = 50;

/// The web interface cannot show an empty list, so an empty log has a line that says so.
fn empty(lab: &mut Lab, request: &Request) -> Answer {
    if request.params.has("vmid") {
        lab.firewall(request)?;
    }
    Ok(Reply::from(json!([{"n": 1, "t": "no content"}])).beside("total", 1))
}

fn nothing(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

/// The beginning and the end of each task, the last first.
fn cluster(lab: &mut Lab, request: &Request) -> Answer {
    let limit = usize::try_from(request.params.integer("max").unwrap_or(ENTRIES)).unwrap_or_default();
    let entries = lab.tasks.list.iter().rev().flat_map(entries_of).take(limit);
    Ok(entries.collect::<Vec<Value>>().into())
}

fn entries_of(task: &Task) -> Vec<Value> {
    let upid = &task.upid;
    let entry = |time: i64, priority: u8, message: String| {
        json!({
            "id": format!("{}:{time}", upid.node), "uid": upid.pid, "node": upid.node, "pid": upid.pid,
            "tag": "pvedaemon", "user": upid.user, "time": time, "pri": priority, "msg": message,
        })
    };
    let end = task.exit.as_ref().zip(task.endtime).map(|(exit, time)| {
        let priority = if exit == "OK" { 6 } else { 3 };
        entry(time, priority, format!("end task {upid} {exit}"))
    });
    let start = entry(upid.starttime, 6, format!("starting task {upid}"));
    end.into_iter().chain([start]).collect()
}
