//! `/access/ticket`: logging in, second factors included.

use serde_json::{Map, Value, json};

use super::acl::known_paths;
use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::auth;
use crate::pve::params::Params;
use crate::pve::permissions::Principal;
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] =
    &[route("POST", "/access/ticket", create), route("GET", "/access/ticket", nothing)];

fn nothing(_: &mut Lab, _: &Request) -> Answer {
    Ok(Reply::nothing())
}

fn refused() -> Failure {
    Failure::new(401, "authentication failure")
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let userid = full_name(params).ok_or_else(refused)?;
    if !lab.may_log_in(&userid) {
        return Err(refused());
    }
    let password = params.text_or_empty("password");
    let second = match params.text("tfa-challenge") {
        Some(challenge) => {
            challenge_holds(lab, &userid, challenge, password)?;
            false
        }
        None => first_factor(lab, &userid, password)?,
    };
    let mut answer = json!({"username": userid, "CSRFPreventionToken": lab.csrf_token(&userid)});
    if second {
        let subject = format!("!tfa!{}", lab.challenge(&userid));
        answer["ticket"] = lab.ticket(&subject).into();
        answer["NeedTFA"] = 1.into();
        return Ok(answer.into());
    }
    answer["ticket"] = lab.ticket(&userid).into();
    answer["cap"] = capabilities(lab, &Principal(userid));
    if let Some(name) = &lab.cluster_name {
        answer["clustername"] = json!(name);
    }
    Ok(answer.into())
}

/// `user@realm`, from one parameter or two.
fn full_name(params: &Params) -> Option<String> {
    let name = params.text_or_empty("username");
    match params.text("realm") {
        Some(realm) => Some(format!("{name}@{realm}")),
        None => name.contains('@').then(|| name.to_owned()),
    }
}

/// Whether the password, or a ticket given in its place, is right; and whether a second factor is due.
fn first_factor(lab: &Lab, userid: &str, password: &str) -> Result<bool, Failure> {
    if password.starts_with("PVE:") {
        return match lab.ticket_subject(password) {
            Some(subject) if subject == userid => Ok(false),
            _ => Err(refused()),
        };
    }
    let user = lab.access.users.get(userid).ok_or_else(refused)?;
    let known = user.password.as_deref().is_some_and(|hash| auth::matches(hash, password));
    if known { Ok(!user.factors.is_empty()) } else { Err(refused()) }
}

fn challenge_holds(lab: &mut Lab, userid: &str, challenge: &str, answer: &str) -> Result<(), Failure> {
    let subject = lab.ticket_subject(challenge).ok_or_else(refused)?;
    if subject != format!("!tfa!{}", lab.challenge(userid)) {
        return Err(refused());
    }
    let (kind, code) = answer.split_once(':').ok_or_else(refused)?;
    if lab.spend_factor(userid, kind, code) { Ok(()) } else { Err(refused()) }
}

/// What a user may do, roughly, for the web interface.
fn capabilities(lab: &Lab, who: &Principal) -> Value {
    const GROUPS: [(&str, &[&str]); 7] = [
        ("access", &["User.", "Group.", "Permissions.Modify"]),
        ("dc", &["Sys.Audit", "Sys.Modify", "SDN."]),
        ("mapping", &["Mapping.", "Permissions.Modify"]),
        ("nodes", &["Sys.", "Permissions.Modify"]),
        ("sdn", &["SDN.", "Permissions.Modify"]),
        ("storage", &["Datastore.", "Permissions.Modify"]),
        ("vms", &["VM.", "Permissions.Modify"]),
    ];
    let mut found: Map<String, Value> =
        GROUPS.iter().map(|(name, _)| ((*name).to_owned(), json!({}))).collect();
    let mut paths = known_paths(lab);
    paths.insert("/mapping".to_owned());
    for path in paths {
        let top = path.split('/').nth(1).filter(|part| !part.is_empty()).unwrap_or("dc");
        for privilege in lab.privileges(who, &path).into_keys() {
            for (group, stems) in GROUPS {
                let counts = if top == "pool" { matches!(group, "vms" | "storage") } else { group == top };
                if counts && stems.iter().any(|stem| privilege.starts_with(stem)) {
                    found[group][&privilege] = json!(1);
                }
            }
        }
    }
    Value::Object(found)
}
