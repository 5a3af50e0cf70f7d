//! `/nodes/{node}/tasks` and `/cluster/tasks`.

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;
use crate::pve::tasks::Task;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/nodes/{node}/tasks", list),
    route("GET", "/nodes/{node}/tasks/{upid}", index),
    route("DELETE", "/nodes/{node}/tasks/{upid}", stop),
    route("GET", "/nodes/{node}/tasks/{upid}/log", log),
    route("GET", "/nodes/{node}/tasks/{upid}/status", status),
    route("GET", "/cluster/tasks", recent),
];

/// How many ended tasks the cluster's list shows.
const RECENT: usize = 25;
/// Lines of a log that are shown unless more are asked for.
const LINES: i64 = 50;

/// The parts of the id that every view shows.
fn entry(task: &Task) -> Map<String, Value> {
    let Value::Object(mut entry) = json!({
        "upid": task.upid.to_string(), "node": task.upid.node, "pid": task.upid.pid, "pstart": task.upid.pstart,
        "starttime": task.upid.starttime, "type": task.upid.kind, "id": task.upid.id,
    }) else {
        return Map::new();
    };
    let owner = Principal(task.upid.user.clone());
    entry.insert("user".to_owned(), owner.user().into());
    if let Some(token) = owner.token() {
        entry.insert("tokenid".to_owned(), token.into());
    }
    entry
}

/// As lists show it: the exit text is called `status` there.
fn listed(task: &Task) -> Map<String, Value> {
    let mut entry = entry(task);
    if let (Some(exit), Some(endtime)) = (&task.exit, task.endtime) {
        entry.insert("status".to_owned(), exit.as_str().into());
        entry.insert("endtime".to_owned(), endtime.into());
    }
    entry
}

/// A user sees its own tasks and those of its tokens, a token only its own.
fn is_own(who: &Principal, upid: &Upid) -> bool {
    upid.user == who.0 || (who.token().is_none() && Principal(upid.user.clone()).user() == who.0)
}

fn sees(lab: &Lab, who: &Principal, upid: &Upid) -> bool {
    is_own(who, upid) || lab.allows(who, &format!("/nodes/{}", upid.node), &["Sys.Audit"])
}

fn matches(task: &Task, request: &Request) -> bool {
    let params = &request.params;
    let exit = task.exit.as_deref();
    let failed = exit.is_some_and(|exit| exit != "OK" && !exit.starts_with("WARNINGS: "));
    let class = match exit {
        None => "unknown",
        Some("OK") => "ok",
        Some(exit) if exit.starts_with("WARNINGS: ") => "warning",
        Some(_) => "error",
    };
    (!params.is_set("errors") || failed)
        && params.text("typefilter").is_none_or(|kind| task.upid.kind == kind)
        && params.text("vmid").is_none_or(|vmid| task.upid.id == vmid)
        && params.text("userfilter").is_none_or(|part| task.upid.user.contains(part))
        && params.integer("since").is_none_or(|since| task.upid.starttime >= since)
        && params.integer("until").is_none_or(|until| task.upid.starttime <= until)
        && params.list("statusfilter").is_none_or(|wanted| wanted.iter().any(|wanted| wanted == class))
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let source = request.params.text("source").unwrap_or("archive");
    let mut found: Vec<&Task> = lab
        .tasks
        .list
        .iter()
        .filter(|task| task.upid.node == request.node())
        .filter(|task| match source {
            "active" => task.exit.is_none(),
            "archive" => task.exit.is_some(),
            _ => true,
        })
        .filter(|task| sees(lab, &request.who, &task.upid) && matches(task, request))
        .collect();
    // Running ones first, then the last to have ended.
    found.sort_by_key(|task| std::cmp::Reverse(if task.exit.is_none() { u64::MAX } else { task.ended_as }));
    let total = found.len();
    let start = usize::try_from(request.params.integer("start").unwrap_or(0)).unwrap_or_default();
    let limit = request.params.integer("limit").unwrap_or(50);
    let limit = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let page: Vec<Value> =
        found.into_iter().skip(start).take(limit).map(|task| Value::Object(listed(task))).collect();
    Ok(Reply::from(page).beside("total", total))
}

fn recent(lab: &mut Lab, request: &Request) -> Answer {
    let mut found: Vec<&Task> =
        lab.tasks.list.iter().filter(|task| sees(lab, &request.who, &task.upid)).collect();
    found.sort_by_key(|task| std::cmp::Reverse(if task.exit.is_none() { u64::MAX } else { task.ended_as }));
    let entries = found.into_iter().take(RECENT).map(|task| {
        let mut entry = listed(task);
        entry.remove("pid");
        entry.remove("pstart");
        if task.exit.is_some() {
            entry.insert("saved".to_owned(), "1".into());
        }
        Value::Object(entry)
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

fn parsed(request: &Request) -> Result<Upid, Failure> {
    request
        .params
        .text_or_empty("upid")
        .parse()
        .map_err(|message: String| Failure::parameter("upid", message))
}

/// The id, if the caller may see its task.
fn visible(lab: &Lab, request: &Request) -> Result<Upid, Failure> {
    let upid = parsed(request)?;
    if !is_own(&request.who, &upid) {
        lab.require(&request.who, &format!("/nodes/{}", request.node()), &["Sys.Audit"])?;
    }
    Ok(upid)
}

fn index(lab: &mut Lab, request: &Request) -> Answer {
    visible(lab, request)?;
    Ok(json!([{"name": "log"}, {"name": "status"}]).into())
}

fn status(lab: &mut Lab, request: &Request) -> Answer {
    let upid = visible(lab, request)?;
    let Some(task) = lab.tasks.find(&upid) else { return Err(Failure::parameter("upid", "no such task")) };
    let mut entry = entry(task);
    entry.insert("status".to_owned(), if task.exit.is_some() { "stopped" } else { "running" }.into());
    if let Some(exit) = &task.exit {
        entry.insert("exitstatus".to_owned(), exit.as_str().into());
    }
    Ok(Value::Object(entry).into())
}

fn log(lab: &mut Lab, request: &Request) -> Answer {
    let upid = visible(lab, request)?;
    let missing = ["unable to open file - No such file or directory".to_owned()];
    let lines: Vec<&String> = match lab.tasks.find(&upid) {
        Some(task) => task.log.iter().collect(),
        None => missing.iter().collect(),
    };
    let start = usize::try_from(request.params.integer("start").unwrap_or(0)).unwrap_or_default();
    let limit = request.params.integer("limit").unwrap_or(LINES);
    let limit = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let total = lines.len();
    let page = lines.into_iter().enumerate().skip(start).take(limit);
    let page: Vec<Value> = page.map(|(index, line)| json!({"n": index + 1, "t": line})).collect();
    Ok(Reply::from(page).beside("total", total))
}

fn stop(lab: &mut Lab, request: &Request) -> Answer {
    let upid = parsed(request)?;
    if !is_own(&request.who, &upid) {
        lab.require(&request.who, &format!("/nodes/{}", request.node()), &["Sys.Modify"])?;
    }
    if let Some(task) = lab.tasks.find_mut(&upid).filter(|task| task.exit.is_none()) {
        task.stopping = true;
    }
    Ok(Reply::nothing())
}
