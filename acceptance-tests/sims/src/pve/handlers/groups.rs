//! `/access/groups`.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::state::{Group, Lab};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/groups", list),
    route("POST", "/access/groups", create),
    route("GET", "/access/groups/{groupid}", read),
    route("PUT", "/access/groups/{groupid}", update),
    route("DELETE", "/access/groups/{groupid}", delete),
];

fn with_comment(mut entry: Value, group: &Group) -> Value {
    if let Some(comment) = &group.comment {
        entry["comment"] = json!(comment);
    }
    entry
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let names = ["User.Modify", "Sys.Audit", "Group.Allocate"];
    let entries = lab.access.groups.iter().filter(|(id, _)| {
        request.who.is_root() || lab.allows_any(&request.who, &format!("/access/groups/{id}"), &names)
    });
    let entries = entries.map(|(id, group)| {
        let users: Vec<&str> = group.users.iter().map(String::as_str).collect();
        with_comment(json!({"groupid": id, "users": users.join(",")}), group)
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("groupid");
    let group =
        lab.access.groups.get(id).ok_or_else(|| Failure::died(format!("group '{id}' does not exist")))?;
    Ok(with_comment(json!({ "members": group.users }), group).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("groupid").to_owned();
    if lab.access.groups.contains_key(&id) {
        return Err(Failure::died(format!("create group failed: group '{id}' already exists")));
    }
    let comment = request.params.text("comment").filter(|text| !text.is_empty()).map(str::to_owned);
    lab.access.groups.insert(id, Group { comment, ..Group::default() });
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("groupid");
    let Some(group) = lab.access.groups.get_mut(id) else {
        return Err(Failure::died(format!("update group failed: group '{id}' does not exist")));
    };
    if let Some(comment) = request.params.text("comment") {
        group.comment = (!comment.is_empty()).then(|| comment.to_owned());
    }
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("groupid");
    if lab.access.groups.remove(id).is_none() {
        return Err(Failure::died(format!("delete group failed: group '{id}' does not exist")));
    }
    lab.access.acl.retain(|entry| entry.kind != crate::pve::state::SubjectKind::Group || entry.subject != id);
    Ok(Reply::nothing())
}
