//! The permission expressions of the schema: what a method asks of its caller.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Principal, normalized};
use crate::pve::answer::Failure;
use crate::pve::params::Params;
use crate::pve::release::Release;
use crate::pve::state::Lab;

impl Lab {
    /// Checks a method's permission expression.
    pub fn check_permissions(
        &self,
        who: &Principal,
        permissions: &Value,
        params: &Params,
    ) -> Result<(), Failure> {
        if who.is_root() {
            return Ok(());
        }
        if permissions.is_null() {
            return Err(Failure::permission("user != root@pam"));
        }
        if matches!(permissions["user"].as_str(), Some("all" | "world")) {
            return Ok(());
        }
        self.expression(who, &permissions["check"], params)
    }

    fn expression(&self, who: &Principal, check: &Value, params: &Params) -> Result<(), Failure> {
        let parts = check.as_array().map(Vec::as_slice).unwrap_or_default();
        match parts.first().and_then(Value::as_str) {
            Some("and") => parts[1..].iter().try_for_each(|part| self.expression(who, part, params)),
            Some("or") => {
                if parts[1..].iter().any(|part| self.expression(who, part, params).is_ok()) {
                    return Ok(());
                }
                Err(Failure::permission(""))
            }
            Some("perm") => self.perm(who, &parts[1..], params),
            Some("userid-group") => self.user_group(who, &parts[1..], params),
            Some("userid-param") => self.user_param(who, &parts[1..], params),
            Some("perm-modify") => {
                let path = normalized(&filled(text(parts.get(1)), params));
                self.require_modify(who, &path)
            }
            _ => Err(Failure::permission("")),
        }
    }

    fn perm(&self, who: &Principal, parts: &[Value], params: &Params) -> Result<(), Failure> {
        let options = &parts[2.min(parts.len())..];
        if let Some(needed) = option(options, "require_param").and_then(Value::as_str)
            && !params.has(needed)
        {
            return Err(Failure::permission(""));
        }
        let path = normalized(&filled(text(parts.first()), params));
        let mut names = names(parts.get(1));
        // Before release 9 one privilege stood for everything about the agent.
        if self.release < Release::V9_2 && names.iter().any(|name| name.starts_with("VM.GuestAgent.")) {
            names = vec!["VM.Monitor"];
        }
        if option(options, "any").is_some() {
            self.require_any(who, &path, &names)
        } else {
            self.require(who, &path, &names)
        }
    }

    /// `/access/groups` gives it for everybody, `/access/groups/<id>` for that group's members.
    fn user_group(&self, who: &Principal, parts: &[Value], params: &Params) -> Result<(), Failure> {
        let names = names(parts.first());
        if self.allows_any(who, "/access/groups", &names) {
            return Ok(());
        }
        let userid = params.text_or_empty("userid");
        let mut groups: BTreeSet<String> = self
            .access
            .groups
            .iter()
            .filter(|(_, group)| group.users.contains(userid))
            .map(|(id, _)| id.clone())
            .collect();
        if parts.iter().any(|part| part == "groups_param") {
            groups = params.list("groups").unwrap_or_default().into_iter().collect();
        }
        if groups.iter().any(|group| self.allows_any(who, &format!("/access/groups/{group}"), &names)) {
            return Ok(());
        }
        Err(Failure::permission(&format!("/access/groups, {}", names.join("|"))))
    }

    fn user_param(&self, who: &Principal, parts: &[Value], params: &Params) -> Result<(), Failure> {
        let userid = params.text_or_empty("userid");
        match text(parts.first()) {
            "self" if who.0 == userid => Ok(()),
            "self" => Err(Failure::permission("")),
            privilege => {
                let realm = userid.rsplit('@').next().unwrap_or_default();
                self.require(who, &format!("/access/realm/{realm}"), &[privilege])
            }
        }
    }

    /// Who may change the ACL of a path: `Permissions.Modify`, or the kind's own administrators.
    pub fn require_modify(&self, who: &Principal, path: &str) -> Result<(), Failure> {
        let kind = path.split('/').nth(1).unwrap_or_default();
        let own: &[&str] = match kind {
            "storage" => &["Permissions.Modify", "Datastore.Allocate"],
            "vms" => &["Permissions.Modify", "VM.Allocate"],
            "pool" => &["Permissions.Modify", "Pool.Allocate"],
            _ => &["Permissions.Modify"],
        };
        self.require_any(who, path, own)
    }
}

/// Puts parameters into `{placeholders}`; what is not given is empty.
fn filled(template: &str, params: &Params) -> String {
    let mut pieces = template.split('{');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        filled.push_str(params.text_or_empty(name));
        filled.push_str(rest);
    }
    filled
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn names(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn option<'a>(options: &'a [Value], key: &str) -> Option<&'a Value> {
    options.chunks(2).find(|pair| pair[0] == key).and_then(|pair| pair.get(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pve::body;

    #[test]
    fn refusals_name_path_and_privilege() {
        let lab = Lab::default();
        let who = Principal("tf@pve".to_owned());
        let params = body::form(b"vmid=100");
        let said = |check: Value| {
            lab.check_permissions(&who, &json!({ "check": check }), &params).unwrap_err().message
        };
        let perm = json!(["perm", "/vms/{vmid}", ["VM.Audit"]]);
        assert_eq!(said(perm.clone()), "Permission check failed (/vms/100, VM.Audit)\n");
        let any = json!(["perm", "/", ["Sys.Audit", "Sys.Modify"], "any", 1]);
        assert_eq!(said(any.clone()), "Permission check failed (/, Sys.Audit|Sys.Modify)\n");
        assert_eq!(said(json!(["or", perm, any])), "Permission check failed\n");
        let root_only = lab.check_permissions(&who, &Value::Null, &params).unwrap_err();
        assert_eq!(root_only.message, "Permission check failed (user != root@pam)\n");
    }
}
