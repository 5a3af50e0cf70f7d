//! `/cluster/notifications`: endpoints and matchers.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Request, Route, backup_jobs, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/notifications/endpoints/gotify", list),
    route("POST", "/cluster/notifications/endpoints/gotify", create),
    route("GET", "/cluster/notifications/endpoints/gotify/{name}", read),
    route("PUT", "/cluster/notifications/endpoints/gotify/{name}", update),
    route("DELETE", "/cluster/notifications/endpoints/gotify/{name}", delete),
    route("GET", "/cluster/notifications/endpoints/sendmail", list),
    route("POST", "/cluster/notifications/endpoints/sendmail", create),
    route("GET", "/cluster/notifications/endpoints/sendmail/{name}", read),
    route("PUT", "/cluster/notifications/endpoints/sendmail/{name}", update),
    route("DELETE", "/cluster/notifications/endpoints/sendmail/{name}", delete),
    route("GET", "/cluster/notifications/endpoints/smtp", list),
    route("POST", "/cluster/notifications/endpoints/smtp", create),
    route("GET", "/cluster/notifications/endpoints/smtp/{name}", read),
    route("PUT", "/cluster/notifications/endpoints/smtp/{name}", update),
    route("DELETE", "/cluster/notifications/endpoints/smtp/{name}", delete),
    route("GET", "/cluster/notifications/endpoints/webhook", list),
    route("POST", "/cluster/notifications/endpoints/webhook", create),
    route("GET", "/cluster/notifications/endpoints/webhook/{name}", read),
    route("PUT", "/cluster/notifications/endpoints/webhook/{name}", update),
    route("DELETE", "/cluster/notifications/endpoints/webhook/{name}", delete),
    route("GET", "/cluster/notifications/matchers", list),
    route("POST", "/cluster/notifications/matchers", create),
    route("GET", "/cluster/notifications/matchers/{name}", read),
    route("PUT", "/cluster/notifications/matchers/{name}", update),
    route("DELETE", "/cluster/notifications/matchers/{name}", delete),
    route("GET", "/cluster/notifications/targets", targets),
    route("GET", "/cluster/notifications/matcher-fields", fields),
    route("GET", "/cluster/notifications/matcher-field-values", field_values),
];

/// The file that holds them, matchers among them.
const FILE: &str = "notifications.cfg";
/// Options that are kept elsewhere and never shown.
const SECRETS: [&str; 3] = ["password", "secret", "token"];

/// `gotify`, …, or `matcher`.
fn kind(request: &Request) -> &'static str {
    let mut parts = request.method.path.split('/').skip(3);
    match (parts.next(), parts.next()) {
        (Some("endpoints"), Some(kind)) => kind,
        _ => "matcher",
    }
}

fn noun(kind: &str) -> &'static str {
    if kind == "matcher" { "matcher" } else { "endpoint" }
}

/// What is there from the beginning.
fn built_in(kind: &str) -> Option<Entry> {
    let (id, comment) = match kind {
        "sendmail" => ("mail-to-root", "Send mails to root@pam's email address"),
        "matcher" => ("default-matcher", "Route all notifications to mail-to-root"),
        _ => return None,
    };
    let mut entry = Entry { id: id.to_owned(), kind: kind.to_owned(), ..Entry::default() };
    entry.options.insert("comment".to_owned(), comment.to_owned());
    let list = if kind == "matcher" { ("target", "mail-to-root") } else { ("mailto-user", "root@pam") };
    entry.lists.insert(list.0.to_owned(), vec![list.1.to_owned()]);
    Some(entry)
}

/// Every section of this type, with the built-in one unless it was changed.
fn entries(lab: &Lab, kind: &str) -> Vec<(Entry, &'static str)> {
    let own: Vec<Entry> = lab.file(FILE).entries.into_iter().filter(|entry| entry.kind == kind).collect();
    let mut found: Vec<(Entry, &'static str)> = Vec::new();
    if let Some(entry) = built_in(kind).filter(|entry| own.iter().all(|other| other.id != entry.id)) {
        found.push((entry, "builtin"));
    }
    found.extend(own.into_iter().map(|entry| {
        let origin = if built_in(kind).is_some_and(|built_in| built_in.id == entry.id) {
            "modified-builtin"
        } else {
            "user-created"
        };
        (entry, origin)
    }));
    found
}

fn shown(kind: &str, entry: &Entry, origin: &str) -> Map<String, Value> {
    let path = if kind == "matcher" { "matchers".to_owned() } else { format!("endpoints/{kind}") };
    let mut shown = entry.shown(rules("POST", &format!("/cluster/notifications/{path}")));
    shown.retain(|key, _| !SECRETS.contains(&key.as_str()));
    shown.insert("name".to_owned(), entry.id.as_str().into());
    shown.insert("origin".to_owned(), origin.into());
    shown
}

/// Notifications use SHA-256.
fn digest(lab: &Lab) -> String {
    Sha256::digest(lab.file(FILE).text()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let items = entries(lab, kind);
    Ok(items
        .iter()
        .map(|(entry, origin)| Value::Object(shown(kind, entry, origin)))
        .collect::<Vec<Value>>()
        .into())
}

fn missing(kind: &str, name: &str) -> Failure {
    Failure::new(404, format!("{} '{name}' not found", noun(kind)))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let name = request.params.text_or_empty("name");
    let found = entries(lab, kind).into_iter().find(|(entry, _)| entry.id == name);
    let (entry, origin) = found.ok_or_else(|| missing(kind, name))?;
    let mut shown = shown(kind, &entry, origin);
    shown.insert("digest".to_owned(), digest(lab).into());
    Ok(Value::Object(shown).into())
}

/// A matcher names targets that exist.
fn targets_exist(lab: &Lab, entry: &Entry) -> Result<(), Failure> {
    let known: Vec<String> = all_targets(lab).into_iter().map(|(_, entry, _)| entry.id).collect();
    let named = entry.lists.get("target").map(Vec::as_slice).unwrap_or_default();
    match named.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(Failure::new(404, format!("target '{name}' does not exist"))),
        None => Ok(()),
    }
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let name = request.params.text_or_empty("name");
    let taken = ["gotify", "sendmail", "smtp", "webhook", "matcher"]
        .iter()
        .any(|kind| entries(lab, kind).iter().any(|(entry, _)| entry.id == name));
    if taken {
        let message = format!("Cannot create '{name}', an entity with the same name already exists");
        return Err(Failure::new(400, message));
    }
    let entry = Entry::of(name, kind, request, "name");
    targets_exist(lab, &entry)?;
    lab.file_mut(FILE).entries.push(entry);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let name = request.params.text_or_empty("name");
    let found = entries(lab, kind).into_iter().find(|(entry, _)| entry.id == name);
    let (mut entry, _) = found.ok_or_else(|| missing(kind, name))?;
    let given = request.params.text("digest");
    if given.is_some_and(|given| given != digest(lab)) {
        return Err(Failure::new(400, "The configuration has been modified by another user."));
    }
    entry.assign(request, &["name"]);
    targets_exist(lab, &entry)?;
    let file = lab.file_mut(FILE);
    match file.get_mut(name) {
        Some(kept) => *kept = entry,
        None => file.entries.push(entry),
    }
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let kind = kind(request);
    let name = request.params.text_or_empty("name");
    if lab.file(FILE).get(name).is_none_or(|entry| entry.kind != kind) {
        return Err(missing(kind, name));
    }
    let uses =
        |entry: &Entry| entry.lists.get("target").is_some_and(|targets| targets.iter().any(|it| it == name));
    let users: Vec<String> = entries(lab, "matcher")
        .into_iter()
        .filter(|(entry, _)| kind != "matcher" && uses(entry))
        .map(|(entry, _)| entry.id)
        .collect();
    if !users.is_empty() {
        return Err(Failure::new(
            400,
            format!("cannot delete '{name}', referenced by: {}", users.join(", ")),
        ));
    }
    lab.file_mut(FILE).remove(name);
    Ok(Reply::nothing())
}

fn all_targets(lab: &Lab) -> Vec<(&'static str, Entry, &'static str)> {
    ["gotify", "sendmail", "smtp", "webhook"]
        .into_iter()
        .flat_map(|kind| entries(lab, kind).into_iter().map(move |(entry, origin)| (kind, entry, origin)))
        .collect()
}

fn targets(lab: &mut Lab, _: &Request) -> Answer {
    let items = all_targets(lab).into_iter().map(|(kind, entry, origin)| {
        let mut item = json!({"name": entry.id, "type": kind, "origin": origin});
        if let Some(comment) = entry.options.get("comment") {
            item["comment"] = json!(comment);
        }
        item["disable"] = json!(i32::from(entry.options.get("disable").is_some_and(|flag| flag == "1")));
        item
    });
    Ok(items.collect::<Vec<Value>>().into())
}

/// What a matcher may look at.
fn fields(_: &mut Lab, _: &Request) -> Answer {
    Ok(["hostname", "job-id", "type"].map(|name| json!({"name": name})).to_vec().into())
}

fn field_values(lab: &mut Lab, _: &Request) -> Answer {
    let value = |field: &str, value: &str| json!({"field": field, "value": value});
    let kinds = ["fencing", "package-updates", "replication", "system-mail", "vzdump"];
    let mut values: Vec<Value> = kinds.map(|kind| value("type", kind)).to_vec();
    values.extend(lab.nodes.keys().map(|name| value("hostname", name)));
    values.extend(lab.file(backup_jobs::FILE).entries.iter().map(|job| value("job-id", &job.id)));
    Ok(values.into())
}
