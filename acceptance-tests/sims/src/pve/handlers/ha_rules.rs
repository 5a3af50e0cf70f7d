//! `/cluster/ha/rules`: where HA resources may run, and which belong together.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ha::managed;
use super::{Request, Route, route};
use crate::pve::answer::{Answer, Failure, Reply};
use crate::pve::check;
use crate::pve::schema::{Rules, named_format};
use crate::pve::section::{Entry, shown};
use crate::pve::state::Lab;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[
    route("GET", "/cluster/ha/rules", list),
    route("POST", "/cluster/ha/rules", create),
    route("GET", "/cluster/ha/rules/{rule}", read),
    route("PUT", "/cluster/ha/rules/{rule}", update),
    route("DELETE", "/cluster/ha/rules/{rule}", delete),
];

/// The file that holds them.
const FILE: &str = "ha/rules.cfg";

/// The parameters that a rule of this type takes; without a type only its name.
fn rules_of(kind: Option<&str>) -> &'static Rules {
    static NONE: Rules = Rules::new();
    let name = match kind {
        Some("node-affinity") => "ha-rule-node-affinity",
        Some("resource-affinity") => "ha-rule-resource-affinity",
        _ => "ha-rule",
    };
    named_format(name).unwrap_or(&NONE)
}

/// The schema of these calls depends on the type, so they are checked here.
fn checked(request: &Request, is_new: bool) -> Result<&str, Failure> {
    let params = &request.params;
    let kind = params.text("type");
    let rules = rules_of(kind);
    let mut errors = BTreeMap::new();
    for (name, rule) in rules {
        match params.text(name) {
            Some(text) => check::value(name, rule, text, &mut errors),
            None if !rule.optional && (is_new || name == "type") => {
                errors.insert(name.clone(), check::MISSING.to_owned());
            }
            None => {}
        }
    }
    let control = |name: &str| !is_new && kind.is_some() && matches!(name, "delete" | "digest");
    for name in params.0.keys().filter(|name| !rules.contains_key(*name) && !control(name)) {
        errors.insert(name.clone(), check::UNKNOWN.to_owned());
    }
    if errors.is_empty() { Ok(kind.unwrap_or_default()) } else { Err(Failure::parameters(errors)) }
}

fn entry(lab: &Lab, entry: &Entry, order: usize) -> Value {
    let mut shown = shown(&entry.options, rules_of(Some(&entry.kind)));
    shown.insert("rule".to_owned(), entry.id.as_str().into());
    shown.insert("type".to_owned(), entry.kind.as_str().into());
    shown.insert("order".to_owned(), order.into());
    shown.insert("digest".to_owned(), lab.file(FILE).digest().into());
    Value::Object(shown)
}

fn list(lab: &mut Lab, request: &Request) -> Answer {
    let kind = request.params.text("type");
    let resource = request.params.text("resource");
    let holds = |entry: &Entry| {
        let resources = entry.options.get("resources").map_or("", String::as_str);
        kind.is_none_or(|kind| kind == entry.kind)
            && resource.is_none_or(|wanted| resources.split(',').any(|name| name == wanted))
    };
    let file = lab.file(FILE);
    let entries = file.entries.iter().enumerate().filter(|(_, entry)| holds(entry));
    Ok(entries.map(|(index, found)| entry(lab, found, index + 1)).collect::<Vec<Value>>().into())
}

fn read(lab: &mut Lab, request: &Request) -> Answer {
    let id = request.params.text_or_empty("rule");
    let file = lab.file(FILE);
    let found = file.entries.iter().enumerate().find(|(_, entry)| entry.id == id);
    let (index, found) = found.ok_or_else(|| Failure::died(format!("no such ha rule '{id}'")))?;
    Ok(entry(lab, found, index + 1).into())
}

/// What the schema cannot say.
fn plausible(lab: &Lab, entry: &Entry) -> Result<(), Failure> {
    let list = |key: &str| {
        let text = entry.options.get(key).map_or("", String::as_str);
        text.split([',', ';', ' '])
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    let resources = list("resources");
    let known = managed(lab);
    let unmanaged: Vec<&str> =
        resources.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
    if !unmanaged.is_empty() {
        return Err(Failure::died(format!("cannot use unmanaged resource(s) {}.", unmanaged.join(", "))));
    }
    let nodes: Vec<String> =
        list("nodes").iter().map(|node| node.split(':').next().unwrap_or("").to_owned()).collect();
    let unknown: Vec<&str> =
        nodes.iter().map(String::as_str).filter(|name| !lab.nodes.contains_key(*name)).collect();
    if !unknown.is_empty() {
        return Err(Failure::died(format!("cannot use non-existent node(s) {}.", unknown.join(", "))));
    }
    let invalid =
        |why: &str| Failure::died(format!("400 Rule '{}' is invalid.\nresources: {why}\n", entry.id));
    if entry.kind == "resource-affinity" {
        if resources.len() < 2 {
            return Err(invalid("rule is ineffective as there are less than two resources"));
        }
        let apart = entry.options.get("affinity").is_some_and(|affinity| affinity == "negative");
        if apart && resources.len() > lab.nodes.len() {
            return Err(invalid("rule defines more resources than available nodes"));
        }
    }
    Ok(())
}

fn create(lab: &mut Lab, request: &Request) -> Answer {
    let kind = checked(request, true)?;
    let id = request.params.text_or_empty("rule");
    let within = |failure: Failure| failure.within("create ha rule failed");
    if lab.file(FILE).get(id).is_some() {
        return Err(within(Failure::died(format!("HA rule '{id}' already defined"))));
    }
    let entry = Entry::of(id, kind, request, "rule");
    plausible(lab, &entry).map_err(within)?;
    lab.file_mut(FILE).entries.push(entry);
    Ok(Reply::nothing())
}

fn update(lab: &mut Lab, request: &Request) -> Answer {
    checked(request, false)?;
    let within = |failure: Failure| failure.within("update ha rule failed");
    let id = request.params.text_or_empty("rule");
    let mut file = lab.file(FILE);
    file.check_digest(request).map_err(within)?;
    let Some(entry) = file.get_mut(id) else {
        return Err(within(Failure::died(format!("no such ha rule '{id}'"))));
    };
    entry.assign(request, &["rule", "type"]);
    plausible(lab, entry).map_err(within)?;
    *lab.file_mut(FILE) = file;
    Ok(Reply::nothing())
}

/// Deleting a rule that does not exist succeeds.
fn delete(lab: &mut Lab, request: &Request) -> Answer {
    lab.file_mut(FILE).remove(request.params.text_or_empty("rule"));
    Ok(Reply::nothing())
}

impl Lab {
    /// Takes a resource out of every rule; a rule that is left without sense goes too.
    pub fn drop_from_ha_rules(&mut self, sid: &str) {
        let file = self.file_mut(FILE);
        for entry in &mut file.entries {
            let Some(text) = entry.options.get_mut("resources") else { continue };
            let left: Vec<&str> = text.split(',').filter(|name| *name != sid).collect();
            *text = left.join(",");
        }
        file.entries.retain(|entry| entry.options.get("resources").is_some_and(|text| !text.is_empty()));
    }
}
