//! `/access/domains`: realms.

use serde_json::{Map, Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{MODIFIED, rules, shown};
use crate::pve::state::{Lab, Options, digest};

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/access/domains", list),
    route("POST", "/access/domains", create),
    route("GET", "/access/domains/{realm}", read),
    route("PUT", "/access/domains/{realm}", update),
    route("DELETE", "/access/domains/{realm}", delete),
];

/// Options that no answer shows.
const SECRETS: [&str; 1] = ["password"];
fn built_in(realm: &str) -> Option<(&'static str, &'static str)> {
    match realm {
        "pam" => Some(("Linux PAM standard authentication", "PVE::Auth::PAM")),
        "pve" => Some(("Proxmox VE authentication server", "PVE::Auth::PVE")),
        _ => None,
    }
}

impl Lab {
    /// The type of a realm; null if there is none.
    pub fn realm_kind(&self, realm: &str) -> Value {
        if built_in(realm).is_some() {
            return realm.into();
        }
        self.access
            .realms
            .get(realm)
            .and_then(|options| options.get("type"))
            .map_or(Value::Null, |kind| json!(kind))
    }

    /// Digest of `domains.cfg`; that of no text while there is no file.
    fn realms_digest(&self) -> String {
        let mut text = String::new();
        for (realm, options) in &self.access.realms {
            text.push_str(&format!("{realm}\n"));
            options.iter().for_each(|(key, value)| text.push_str(&format!("\t{key} {value}\n")));
        }
        digest(&text)
    }
}

fn visible(options: &Options) -> Map<String, Value> {
    let mut visible = shown(options, rules("POST", "/access/domains"));
    visible.retain(|key, _| !SECRETS.contains(&key.as_str()));
    visible
}

fn list(lab: &mut Lab, _: &Request) -> Answer {
    let mut entries = Vec::new();
    for realm in ["pam", "pve"] {
        let mut entry =
            json!({"realm": realm, "type": realm, "comment": built_in(realm).map(|(text, _)| text)});
        if let Some(comment) = lab.access.realms.get(realm).and_then(|options| options.get("comment")) {
            entry["comment"] = json!(comment);
        }
        entries.push(entry);
    }
    for (realm, options) in lab.access.realms.iter().filter(|(realm, _)| built_in(realm).is_none()) {
        let mut entry = json!({"realm": realm, "type": options.get("type")});
        for key in ["comment", "tfa", "default"] {
            if let Some(value) = visible(options).get(key) {
                entry[key] = value.clone();
            }
        }
        entries.push(entry);
    }
    Ok(entries.into())
}

fn missing(realm: &str) -> Failure {
    Failure::died(format!("authentication domain '{realm}' does not exist"))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let realm = request.params.text_or_empty("realm");
    let own = lab.access.realms.get(realm).map(visible);
    let mut entry = match built_in(realm) {
        Some((comment, plugin)) => {
            let mut entry = own.unwrap_or_default();
            entry.entry("comment").or_insert_with(|| comment.into());
            entry.insert("type".to_owned(), realm.into());
            entry.insert("plugin".to_owned(), plugin.into());
            entry
        }
        None => own.ok_or_else(|| missing(realm))?,
    };
    entry.insert("digest".to_owned(), lab.realms_digest().into());
    Ok(Value::Object(entry).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let realm = request.params.text_or_empty("realm").to_owned();
    if built_in(&realm).is_some() || lab.access.realms.contains_key(&realm) {
        return Err(Failure::died(format!(
            "add auth server failed: authentication domain '{realm}' already exists"
        )));
    }
    let kind = request.params.text_or_empty("type");
    if matches!(kind, "pam" | "pve") {
        return Err(Failure::died(format!("unable to create builtin type '{kind}'")));
    }
    let required: &[&str] = match kind {
        "ldap" => &["server1", "base_dn", "user_attr"],
        "ad" => &["server1", "domain"],
        _ => &["issuer-url", "client-id"],
    };
    if let Some(name) = required.iter().find(|name| !request.params.has(name)) {
        return Err(Failure::died(format!("missing value for required option '{name}'")));
    }
    let mut options: Options =
        request.params.texts().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    options.remove("realm");
    options.remove("check-connection");
    lab.access.realms.insert(realm, options);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let realm = request.params.text_or_empty("realm").to_owned();
    let current = lab.realms_digest();
    if request.params.text("digest").is_some_and(|given| given != current) {
        return Err(Failure::died(MODIFIED));
    }
    if built_in(&realm).is_none() && !lab.access.realms.contains_key(&realm) {
        return Err(missing(&realm).within("update auth server failed"));
    }
    let options = lab.access.realms.entry(realm).or_default();
    for name in request.params.list("delete").unwrap_or_default() {
        options.remove(&name);
    }
    for (key, value) in
        request.params.texts().filter(|(key, _)| !matches!(*key, "realm" | "delete" | "digest"))
    {
        options.insert(key.to_owned(), value.to_owned());
    }
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let realm = request.params.text_or_empty("realm");
    if lab.access.realms.remove(realm).is_none() {
        return Err(missing(realm).within("delete auth server failed"));
    }
    Ok(Reply::nothing())
}
