//! `/cluster/metrics/server`: where figures are sent.

use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/metrics/server", list),
    route("GET", "/cluster/metrics/server/{id}", read),
    route("POST", "/cluster/metrics/server/{id}", create),
    route("PUT", "/cluster/metrics/server/{id}", update),
    route("DELETE", "/cluster/metrics/server/{id}", delete),
];

/// The file that holds them.
const FILE: &str = "status.cfg";
/// Options that no answer shows.
const SECRETS: [&str; 1] = ["token"];

fn shown(entry: &Entry) -> Value {
    let mut shown = entry.shown(rules("POST", "/cluster/metrics/server/{id}"));
    shown.retain(|key, _| !SECRETS.contains(&key.as_str()));
    shown.insert("type".to_owned(), entry.kind.as_str().into());
    Value::Object(shown)
}

fn list(lab: &mut Lab, _: &Request) -> Answer {
    let entries = lab.file(FILE).entries;
    let entries = entries.iter().map(|entry| {
        let options = shown(entry);
        let mut item =
            json!({"id": entry.id, "disable": options.get("disable").cloned().unwrap_or(json!(0))});
        for key in ["type", "server", "port"] {
            item[key] = options.get(key).cloned().unwrap_or_default();
        }
        item
    });
    Ok(entries.collect::<Vec<Value>>().into())
}

fn missing(id: &str) -> Failure {
    Failure::died(format!("status server entry '{id}' does not exist"))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    Ok(shown(lab.file(FILE).get(id).ok_or_else(|| missing(id))?).into())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let file = lab.file_mut(FILE);
    if file.get(id).is_some() {
        return Err(Failure::died(format!("Metric server '{id}' already exists")).within("add plugin failed"));
    }
    file.entries.push(Entry::of(id, request.params.text_or_empty("type"), request, "id"));
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let file = lab.file_mut(FILE);
    file.check_digest(request)?;
    file.get_mut(id).ok_or_else(|| missing(id))?.assign(request, &["id"]);
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    lab.file_mut(FILE).remove(request.params.text_or_empty("id"));
    Ok(Reply::nothing())
}
