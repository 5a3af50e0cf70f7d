//! `/cluster/acme`: plugins and accounts; the lab asks no authority for certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::section::{Entry, rules};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/acme/plugins", list),
    route("POST", "/cluster/acme/plugins", create),
    route("GET", "/cluster/acme/plugins/{id}", read),
    route("PUT", "/cluster/acme/plugins/{id}", update),
    route("DELETE", "/cluster/acme/plugins/{id}", delete),
    route("GET", "/cluster/acme/account", accounts),
    route("GET", "/cluster/acme/account/{name}", no_account),
    route("GET", "/cluster/acme/directories", directories),
];

/// The file that holds the plugins.
const FILE: &str = "priv/acme/plugins.cfg";
/// The plugin that is always there.
const BUILT_IN: &str = "standalone";

fn shown(lab: &Lab, entry: &Entry) -> Value {
    let mut shown = entry.shown(rules("POST", "/cluster/acme/plugins"));
    shown.insert("plugin".to_owned(), entry.id.as_str().into());
    shown.insert("type".to_owned(), entry.kind.as_str().into());
    shown.insert("digest".to_owned(), lab.file(FILE).digest().into());
    Value::Object(shown)
}

fn built_in() -> Entry {
    Entry { id: BUILT_IN.to_owned(), kind: BUILT_IN.to_owned(), ..Entry::default() }
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = request.params.text("type");
    let mut entries = lab.file(FILE).entries;
    if entries.iter().all(|entry| entry.id != BUILT_IN) {
        entries.push(built_in());
    }
    let wanted = entries.iter().filter(|entry| kind.is_none_or(|kind| kind == entry.kind));
    Ok(wanted.map(|entry| shown(lab, entry)).collect::<Vec<Value>>().into())
}

fn missing(id: &str) -> Failure {
    Failure::died(format!("ACME plugin '{id}' not defined"))
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let entry = lab.file(FILE).get(id).cloned().or_else(|| (id == BUILT_IN).then(built_in));
    Ok(shown(lab, &entry.ok_or_else(|| missing(id))?).into())
}

/// The plugin's settings travel in base 64.
fn decode(entry: &mut Entry, request: &Request) -> Result<(), Failure> {
    let Some(data) = request.params.text("data") else { return Ok(()) };
    let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Failure::died("unable to decode the plugin's data"))?;
    entry.options.insert("data".to_owned(), text);
    Ok(())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    if id == BUILT_IN || lab.file(FILE).get(id).is_some() {
        return Err(Failure::died(format!("ACME plugin ID '{id}' already exists")));
    }
    let mut entry = Entry::of(id, request.params.text_or_empty("type"), request, "id");
    decode(&mut entry, request)?;
    lab.file_mut(FILE).entries.push(entry);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    let file = lab.file_mut(FILE);
    file.check_digest(request)?;
    let entry = file.get_mut(id).ok_or_else(|| missing(id))?;
    entry.assign(request, &["id"]);
    decode(entry, request)?;
    Ok(Reply::nothing())
}

fn delete(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("id");
    if lab.file_mut(FILE).remove(id) { Ok(Reply::nothing()) } else { Err(missing(id)) }
}

fn accounts(_: &mut Lab, _: &Request) -> Answer {
    Ok(json!([]).into())
}

fn no_account(_: &mut Lab, request: &Request) -> Answer {
    let name = request.params.text("name").unwrap_or("default");
    Err(Failure::parameter("name", format!("ACME account config file '{name}' does not exist.")))
}

fn directories(_: &mut Lab, _: &Request) -> Answer {
    let known = [
        ("Let's Encrypt V2", "https://acme-v02.api.letsencrypt.org/directory"),
        ("Let's Encrypt V2 Staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
    ];
    Ok(known.map(|(name, url)| json!({"name": name, "url": url})).to_vec().into())
}
