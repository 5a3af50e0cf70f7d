//! `/access/acl` and `/access/permissions`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::permissions::{Principal, normalized};
use crate::pve::state::{AclEntry, Lab, SubjectKind};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/acl", list),
    route("PUT", "/access/acl", update),
    route("GET", "/access/permissions", permissions),
];

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let sees_all = request.who.is_root() || lab.allows(&request.who, "/access", &["Sys.Audit"]);
    let entries = lab
        .access
        .acl
        .iter()
        .filter(|entry| sees_all || lab.require_modify(&request.who, &entry.path).is_ok())
        .map(|entry| {
            json!({
                "path": entry.path, "type": entry.kind, "ugid": entry.subject, "roleid": entry.role,
                "propagate": i32::from(entry.propagate),
            })
        });
    Ok(entries.collect::<Vec<Value>>().into())
}

/// Whether ACLs may be set on a path.
fn is_valid(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [] => path == "/",
        ["access" | "nodes" | "pool" | "sdn" | "storage" | "vms" | "mapping"] => true,
        ["access", "groups" | "realm"] | ["access", "groups" | "realm", _] => true,
        ["nodes" | "storage", _] => true,
        ["pool", ..] => parts.len() <= 4,
        ["vms", vmid] => vmid.len() >= 3 && vmid.bytes().all(|byte| byte.is_ascii_digit()),
        ["sdn", "zones" | "controllers" | "dns" | "ipams" | "fabrics", ..] => parts.len() <= 5,
        ["mapping", "pci" | "usb" | "dir"] | ["mapping", "pci" | "usb" | "dir", _] => true,
        _ => false,
    }
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let given = params.text_or_empty("path");
    let path = normalized(given);
    if !given.starts_with('/') || !is_valid(&path) {
        return Err(Failure::parameter("path", format!("invalid ACL path '{given}'")));
    }
    let of = |name: &str| params.list(name).unwrap_or_default();
    let subjects: Vec<(SubjectKind, String)> = [
        (SubjectKind::Group, of("groups")),
        (SubjectKind::User, of("users")),
        (SubjectKind::Token, of("tokens")),
    ]
    .into_iter()
    .flat_map(|(kind, names)| names.into_iter().map(move |name| (kind, name)))
    .collect();
    if subjects.is_empty() {
        let message = "either 'users', 'groups' or 'tokens' is required.";
        let errors = ["groups", "tokens", "users"].map(|name| (name.to_owned(), message.to_owned()));
        return Err(Failure::parameters(errors.into()));
    }
    for role in of("roles") {
        may_give(lab, &request.who, &path, &role).map_err(|failure| failure.within("ACL update failed"))?;
        for (kind, subject) in &subjects {
            set(lab, request, &path, &role, *kind, subject)
                .map_err(|failure| failure.within("ACL update failed"))?;
        }
    }
    Ok(Reply::nothing())
}

/// Without `Permissions.Modify` only roles can be given whose privileges the giver has.
fn may_give(lab: &Lab, who: &Principal, path: &str, role: &str) -> Result<(), Failure> {
    let Some(privileges) = lab.privileges_of_role(role) else {
        return Err(Failure::died(format!("role '{role}' does not exist")));
    };
    let held = lab.privileges(who, path);
    if who.is_root() || held.contains_key("Permissions.Modify") {
        return Ok(());
    }
    if privileges.iter().all(|name| held.contains_key(name)) {
        return Ok(());
    }
    Err(Failure::died("requires 'Permissions.Modify' or superset of privileges"))
}

fn set(
    lab: &mut Lab,
    request: &Request,
    path: &str,
    role: &str,
    kind: SubjectKind,
    subject: &str,
) -> Result<(), Failure> {
    let is_same = |entry: &AclEntry| {
        entry.path == path && entry.role == role && entry.kind == kind && entry.subject == subject
    };
    if request.params.is_set("delete") {
        lab.access.acl.retain(|entry| !is_same(entry));
        return Ok(());
    }
    let exists = match kind {
        SubjectKind::User => lab.access.users.contains_key(subject),
        SubjectKind::Group => lab.access.groups.contains_key(subject),
        SubjectKind::Token => {
            let (userid, id) = subject.split_once('!').unwrap_or_default();
            lab.access.users.get(userid).is_some_and(|user| user.tokens.contains_key(id))
        }
    };
    if !exists {
        return Err(Failure::died(match kind {
            SubjectKind::User => format!("user '{subject}' does not exist"),
            SubjectKind::Group => format!("group '{subject}' does not exist"),
            SubjectKind::Token => {
                let (userid, id) = subject.split_once('!').unwrap_or_default();
                format!("no such token '{id}' for user '{userid}'")
            }
        }));
    }
    let propagate = request.params.flag("propagate").unwrap_or(true);
    lab.access.acl.retain(|entry| !is_same(entry));
    lab.access.acl.push(AclEntry {
        path: path.to_owned(),
        kind,
        subject: subject.to_owned(),
        role: role.to_owned(),
        propagate,
    });
    Ok(())
}

/// Paths that an overview of permissions lists.
pub fn known_paths(lab: &Lab) -> BTreeSet<String> {
    let mut paths: BTreeSet<String> =
        ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"]
            .map(str::to_owned)
            .into();
    paths.extend(lab.access.acl.iter().map(|entry| entry.path.clone()));
    for (id, pool) in &lab.pools {
        paths.insert(format!("/pool/{id}"));
        paths.extend(pool.guests.iter().map(|vmid| format!("/vms/{vmid}")));
        paths.extend(pool.storages.iter().map(|storage| format!("/storage/{storage}")));
    }
    paths
}

fn permissions(lab: &mut Lab, request: &Request) -> Answer {
    let of = request.params.text("userid").map_or_else(|| request.who.clone(), |id| Principal(id.to_owned()));
    if of != request.who {
        let own_token = of.user() == request.who.0;
        if !own_token {
            lab.require(&request.who, "/access", &["Sys.Audit"])?;
        }
    }
    if !lab.access.users.contains_key(of.user()) {
        return Err(Failure::died(format!("no such user ('{}')", of.user())));
    }
    let at = |path: &str| -> Value {
        let flags = lab.privileges(&of, path).into_iter();
        Value::Object(flags.map(|(name, flag)| (name, json!(i32::from(flag)))).collect())
    };
    if let Some(path) = request.params.text("path") {
        return Ok(json!({ path: at(&normalized(path)) }).into());
    }
    let mut found = Map::new();
    for path in known_paths(lab) {
        let privileges = at(&path);
        if privileges.as_object().is_some_and(|privileges| !privileges.is_empty()) {
            found.insert(path, privileges);
        }
    }
    Ok(Value::Object(found).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acls_can_be_set_on_known_kinds_of_path_only() {
        for path in ["/", "/vms/150", "/storage/local", "/mapping/pci/gpu", "/sdn/zones/localnetwork/vmbr0/7"]
        {
            assert!(is_valid(path), "{path}");
        }
        for path in ["/nope", "/vms/1", "/vms/abc", "/mapping/other", "/nodes/pve1/x"] {
            assert!(!is_valid(path), "{path}");
        }
    }
}
