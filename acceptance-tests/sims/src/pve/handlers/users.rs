//! `/access/users` and `/access/password`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::auth;
use crate::pve::formats::split_user;
use crate::pve::state::{Lab, Token, User};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/users", list),
    route("POST", "/access/users", create),
    route("GET", "/access/users/{userid}", read),
    route("PUT", "/access/users/{userid}", update),
    route("DELETE", "/access/users/{userid}", delete),
    route("PUT", "/access/password", change_password),
];

/// Options that are kept as they are sent.
const TEXTS: [&str; 5] = ["comment", "email", "firstname", "keys", "lastname"];

/// Refuses a user that does not exist.
pub fn existing<'a>(lab: &'a mut Lab, userid: &str) -> Result<&'a mut User, Failure> {
    lab.access.users.get_mut(userid).ok_or_else(|| Failure::died(format!("no such user ('{userid}')")))
}

/// A token as lists and users show it.
pub fn token_entry(token: &Token) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert("expire".to_owned(), token.expire.into());
    entry.insert("privsep".to_owned(), i32::from(token.separated).into());
    if let Some(comment) = &token.comment {
        entry.insert("comment".to_owned(), comment.as_str().into());
    }
    entry
}

fn entry(user: &User) -> Map<String, Value> {
    let mut entry: Map<String, Value> =
        user.options.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    entry.insert("enable".to_owned(), i32::from(user.enabled).into());
    entry.insert("expire".to_owned(), user.expire.into());
    entry
}

fn groups_of(lab: &Lab, userid: &str) -> Vec<String> {
    let groups = lab.access.groups.iter().filter(|(_, group)| group.users.contains(userid));
    groups.map(|(id, _)| id.clone()).collect()
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let names = ["User.Modify", "Sys.Audit"];
    let sees_all = request.who.is_root() || lab.allows_any(&request.who, "/access/groups", &names);
    let mut entries = Vec::new();
    for (userid, user) in &lab.access.users {
        let groups = groups_of(lab, userid);
        let sees = sees_all
            || userid == request.who.user()
            || groups
                .iter()
                .any(|group| lab.allows_any(&request.who, &format!("/access/groups/{group}"), &names));
        let enabled = request.params.flag("enabled").is_none_or(|wanted| wanted == user.enabled);
        if !sees || !enabled {
            continue;
        }
        let mut entry = entry(user);
        entry.insert("userid".to_owned(), userid.as_str().into());
        let realm = userid.rsplit('@').next().unwrap_or_default();
        entry.insert("realm-type".to_owned(), lab.realm_kind(realm));
        if request.params.is_set("full") {
            entry.insert("groups".to_owned(), groups.join(",").into());
            let tokens = user.tokens.iter().map(|(id, token)| {
                let mut entry = token_entry(token);
                entry.insert("tokenid".to_owned(), id.as_str().into());
                Value::Object(entry)
            });
            entry.insert("tokens".to_owned(), tokens.collect());
        }
        entries.push(Value::Object(entry));
    }
    Ok(entries.into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let userid = request.params.text_or_empty("userid");
    let groups = groups_of(lab, userid);
    let user = existing(lab, userid)?;
    let mut entry = entry(user);
    entry.insert("groups".to_owned(), json!(groups));
    let tokens = user.tokens.iter().map(|(id, token)| (id.clone(), Value::Object(token_entry(token))));
    let tokens: Map<String, Value> = tokens.collect();
    entry.insert("tokens".to_owned(), if tokens.is_empty() { Value::Null } else { tokens.into() });
    Ok(Value::Object(entry).into())
}

/// Sets what the request names; empty text removes.
fn assign(user: &mut User, request: &Request) {
    for name in TEXTS {
        match request.params.text(name) {
            Some("") => {
                user.options.remove(name);
            }
            Some(text) => {
                user.options.insert(name.to_owned(), text.to_owned());
            }
            None => {}
        }
    }
    if let Some(enabled) = request.params.flag("enable") {
        user.enabled = enabled;
    }
    if let Some(expire) = request.params.integer("expire") {
        user.expire = expire;
    }
}

/// The groups of the request, all of which must exist.
fn wanted_groups(lab: &Lab, request: &Request) -> Result<Option<BTreeSet<String>>, Failure> {
    let Some(groups) = request.params.list("groups") else { return Ok(None) };
    match groups.iter().find(|group| !lab.access.groups.contains_key(*group)) {
        Some(group) => Err(Failure::died(format!("no such group '{group}'"))),
        None => Ok(Some(groups.into_iter().collect())),
    }
}

fn join(lab: &mut Lab, userid: &str, groups: &BTreeSet<String>, append: bool) {
    for (id, group) in &mut lab.access.groups {
        if groups.contains(id) {
            group.users.insert(userid.to_owned());
        } else if !append {
            group.users.remove(userid);
        }
    }
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    added(lab, request).map_err(|failure| failure.within("create user failed"))
}

fn added(lab: &mut Lab, request: &Request) -> Answer {
    let userid = request.params.text_or_empty("userid").to_owned();
    let (_, realm) = split_user(&userid).unwrap_or_default();
    if lab.access.users.contains_key(&userid) {
        return Err(Failure::died(format!("user '{userid}' already exists")));
    }
    let password = request.params.text("password");
    if password.is_some() && lab.realm_kind(realm).is_null() {
        return Err(Failure::died(format!("auth domain '{realm}' does not exist")));
    }
    let groups = wanted_groups(lab, request)?;
    let mut user = User { enabled: true, password: password.map(auth::hashed), ..User::default() };
    assign(&mut user, request);
    lab.access.users.insert(userid.clone(), user);
    join(lab, &userid, &groups.unwrap_or_default(), true);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    changed(lab, request).map_err(|failure| failure.within("update user failed"))
}

fn changed(lab: &mut Lab, request: &Request) -> Answer {
    let userid = request.params.text_or_empty("userid").to_owned();
    existing(lab, &userid)?;
    let groups = wanted_groups(lab, request)?;
    assign(existing(lab, &userid)?, request);
    if let Some(groups) = groups {
        join(lab, &userid, &groups, request.params.is_set("append"));
    }
    Ok(Reply::nothing())
}

/// Deleting a user that does not exist succeeds, as recorded.
fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let userid = request.params.text_or_empty("userid");
    lab.access.users.remove(userid);
    let prefix = format!("{userid}!");
    lab.access.acl.retain(|entry| entry.subject != userid && !entry.subject.starts_with(&prefix));
    for group in lab.access.groups.values_mut() {
        group.users.remove(userid);
    }
    Ok(Reply::nothing())
}

fn change_password(lab: &mut Lab, request: &Request) -> Answer {
    let userid = request.params.text_or_empty("userid").to_owned();
    let own = lab.access.users.get(request.who.user()).and_then(|user| user.password.clone());
    if let Some(confirmation) = request.params.text("confirmation-password")
        && !own.is_some_and(|hash| auth::matches(&hash, confirmation))
    {
        return Err(Failure::new(401, "authentication failure"));
    }
    let password = auth::hashed(request.params.text_or_empty("password"));
    existing(lab, &userid)?.password = Some(password);
    Ok(Reply::nothing())
}
