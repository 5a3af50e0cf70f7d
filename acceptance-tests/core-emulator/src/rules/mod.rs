//! The rules by which a CLI makes a plan request and judges the answers.

mod compatible;
mod plan_valid;
mod proposed;

use std::collections::BTreeMap;

pub use compatible::compatible;
pub use plan_valid::plan_valid;
pub use proposed::proposed;

use crate::schema::{Attribute, Nesting};
use crate::value::Value;

/// What is wrong, and where.
pub type Broken = Vec<String>;

/// Write-only attributes that are not null: they would be stored.
pub fn write_only_null(attributes: &[Attribute], value: &Value) -> Broken {
    let mut broken = Vec::new();
    for attribute in attributes {
        let inner = value.get(&attribute.name);
        if attribute.write_only && !inner.is_null() {
            broken.push(format!("the write-only attribute {} is not null", attribute.name));
        }
        if let Some((nesting, nested)) = &attribute.nested {
            for object in objects(*nesting, inner) {
                broken.extend(write_only_null(nested, object));
            }
        }
    }
    broken
}

/// The known objects in a nested attribute.
fn objects(nesting: Nesting, value: &Value) -> Vec<&Value> {
    match (nesting, value) {
        (_, Value::Null | Value::Unknown) => Vec::new(),
        (Nesting::Single, object) => vec![object],
        (_, Value::List(items)) => items.iter().collect(),
        (_, Value::Set(items)) => items.iter().collect(),
        (_, Value::Map(entries)) => entries.values().collect(),
        _ => Vec::new(),
    }
}

/// Two maps by key, a missing entry as null.
fn pairs<'v>(
    left: &'v BTreeMap<String, Value>,
    right: &'v BTreeMap<String, Value>,
) -> impl Iterator<Item = (&'v String, &'v Value, &'v Value)> {
    left.iter().map(|(key, value)| (key, value, right.get(key).unwrap_or(&Value::Null)))
}
