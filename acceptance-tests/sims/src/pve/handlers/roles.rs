//! `/access/roles`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::roles;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/roles", list),
    route("POST", "/access/roles", create),
    route("GET", "/access/roles/{roleid}", read),
    route("PUT", "/access/roles/{roleid}", update),
    route("DELETE", "/access/roles/{roleid}", delete),
];

fn list(lab: &mut Lab, _: &Request) -> Answer {
    let built_in = roles::BUILT_IN.into_iter().map(str::to_owned);
    let names = built_in.chain(lab.access.roles.keys().cloned());
    let entries = names.map(|name| {
        let privileges: Vec<String> = lab.privileges_of_role(&name).unwrap_or_default().into_iter().collect();
        let special = i32::from(roles::BUILT_IN.contains(&name.as_str()));
        json!({"roleid": name, "privs": privileges.join(","), "special": special})
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let role = request.params.text_or_empty("roleid");
    let privileges =
        lab.privileges_of_role(role).ok_or_else(|| Failure::died(format!("role '{role}' does not exist")))?;
    Ok(Value::Object(privileges.into_iter().map(|name| (name, json!(1))).collect()).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let role = request.params.text_or_empty("roleid").to_owned();
    if role.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("PVE")) {
        let message = "cannot use role ID starting with the (case-insensitive) 'PVE' namespace";
        return Err(Failure::parameter("roleid", message));
    }
    let privileges = wanted(lab, request)?;
    if lab.privileges_of_role(&role).is_some() {
        return Err(Failure::died(format!("create role failed: role '{role}' already exists")));
    }
    lab.access.roles.insert(role, privileges);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let role = request.params.text_or_empty("roleid").to_owned();
    let privileges = wanted(lab, request)?;
    if roles::BUILT_IN.contains(&role.as_str()) {
        return Err(Failure::died(format!("auto-generated role '{role}' cannot be modified")));
    }
    let Some(held) = lab.access.roles.get_mut(&role) else {
        return Err(Failure::died(format!("update role failed: role '{role}' does not exist")));
    };
    if !request.params.is_set("append") {
        held.clear();
    }
    held.extend(privileges);
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let role = request.params.text_or_empty("roleid");
    if roles::BUILT_IN.contains(&role) {
        return Err(Failure::died(format!("auto-generated role '{role}' cannot be deleted")));
    }
    if lab.access.roles.remove(role).is_none() {
        return Err(Failure::died(format!("delete role failed: role '{role}' does not exist")));
    }
    lab.access.acl.retain(|entry| entry.role != role);
    Ok(Reply::nothing())
}

/// The privileges of the request; one that this release lacks is refused.
fn wanted(lab: &Lab, request: &Request) -> Result<BTreeSet<String>, Failure> {
    let known = roles::privileges(lab.release);
    let names = request.params.list("privs").unwrap_or_default();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let message = format!("invalid format - invalid privilege '{name}'\n");
            Err(Failure::parameter("privs", message))
        }
        None => Ok(names.into_iter().collect()),
    }
}
