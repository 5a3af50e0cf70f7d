//! What may be set on each resource, as the documented schema says it, and how that differs from the running plugin.

use std::collections::BTreeMap;

use core_emulator::{Attribute, Core};
use serde_json::Value as Json;
use suite::process::root;

/// An argument that a configuration may have.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether it must be set.
    pub required: bool,
    /// Whether no import can tell it: it is only used at creation, or never stored.
    pub unreadable: bool,
    /// Its type: a word, or a word and the type of the elements.
    pub ty: Json,
    /// How the objects inside are held, and their arguments.
    pub inside: Option<(String, Vec<Field>)>,
    /// Its rules, as the documentation words them.
    pub rules: Vec<String>,
}

/// The arguments of every resource.
pub fn load() -> BTreeMap<String, Vec<Field>> {
    let text = std::fs::read_to_string(root().join("docs/schema.json")).expect("the schema is documented");
    let schema: Json = serde_json::from_str(&text).expect("the documented schema is JSON");
    let resources = schema["resources"].as_object().expect("it has resources");
    resources.iter().map(|(kind, resource)| (kind.clone(), fields(&resource["attributes"]))).collect()
}

fn fields(attributes: &Json) -> Vec<Field> {
    let entries = attributes.as_object().into_iter().flatten();
    entries.filter(|(_, attribute)| attribute["mode"] != "computed").map(|(name, a)| field(name, a)).collect()
}

fn field(name: &str, attribute: &Json) -> Field {
    let says = |flag: &str| attribute[flag] == true;
    let rules = attribute["rules"].as_array().into_iter().flatten();
    Field {
        name: name.to_owned(),
        required: attribute["mode"] == "required",
        unreadable: says("create_only") || says("write_only"),
        ty: attribute["type"].clone(),
        inside: attribute["nesting"]
            .as_str()
            .map(|nesting| (nesting.to_owned(), fields(&attribute["attributes"]))),
        rules: rules.filter_map(Json::as_str).map(str::to_owned).collect(),
    }
}

/// The arguments that the plugin has and the documentation lacks, or the other way round.
pub fn disagreements(core: &Core, documented: &BTreeMap<String, Vec<Field>>) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, schema) in core.resources() {
        let none = Vec::new();
        compare(kind, &schema.attributes, documented.get(kind).unwrap_or(&none), &mut found);
    }
    found
}

fn compare(path: &str, plugin: &[Attribute], documented: &[Field], found: &mut Vec<String>) {
    let settable = |attribute: &&Attribute| attribute.required || attribute.optional;
    for attribute in plugin.iter().filter(settable) {
        let path = format!("{path}.{}", attribute.name);
        match documented.iter().find(|field| field.name == attribute.name) {
            None => found.push(format!("{path} is not documented")),
            Some(field) => {
                let inside = attribute.nested.as_ref().map(|(_, attributes)| attributes.as_slice());
                let documented = field.inside.as_ref().map(|(_, fields)| fields.as_slice());
                compare(&path, inside.unwrap_or_default(), documented.unwrap_or_default(), found);
            }
        }
    }
    for field in documented {
        if !plugin.iter().filter(settable).any(|attribute| attribute.name == field.name) {
            found.push(format!("{path}.{} is documented only", field.name));
        }
    }
}
