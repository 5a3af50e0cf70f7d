//! The configuration laid over the prior state: what a CLI proposes as the new state.

use super::objects;
use crate::schema::{Attribute, Nesting};
use crate::value::Value;

/// The proposed new object. Null in either place means what it means there: a create, or a destroy.
pub fn proposed(attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    let Value::Map(_) = config else { return config.clone() };
    let value = |attribute: &Attribute| {
        let (prior, config) = (prior.get(&attribute.name), config.get(&attribute.name));
        match &attribute.nested {
            _ if attribute.computed && config.is_null() => {
                // What a user once wrote and took away does not come back from the state.
                if attribute.optional && holds_configured(attribute, prior) {
                    config.clone()
                } else {
                    prior.clone()
                }
            }
            Some((nesting, nested)) => proposed_nested(*nesting, nested, prior, config),
            None => config.clone(),
        }
    };
    Value::Map(attributes.iter().map(|attribute| (attribute.name.clone(), value(attribute))).collect())
}

/// Whether a nested value has something that only a user can have set.
fn holds_configured(attribute: &Attribute, value: &Value) -> bool {
    let Some((nesting, nested)) = &attribute.nested else { return false };
    objects(*nesting, value).into_iter().any(|object| {
        nested.iter().any(|inner| {
            let value = object.get(&inner.name);
            !value.is_null() && (!inner.computed || holds_configured(inner, value))
        })
    })
}

fn proposed_nested(nesting: Nesting, attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    match (nesting, config) {
        (Nesting::Single, Value::Map(_)) => proposed(attributes, prior, config),
        (Nesting::List, Value::List(items)) => Value::List(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| proposed(attributes, prior.element(index), item))
                .collect(),
        ),
        (Nesting::Map, Value::Map(entries)) => Value::Map(
            entries
                .iter()
                .map(|(key, item)| (key.clone(), proposed(attributes, prior.get(key), item)))
                .collect(),
        ),
        (Nesting::Set, Value::Set(items)) => {
            let mut left: Vec<&Value> = match prior {
                Value::Set(prior) => prior.iter().collect(),
                _ => Vec::new(),
            };
            let merged = items.iter().map(|item| {
                let found = left.iter().position(|prior| could_come_from(attributes, prior, item));
                let prior = found.map_or(&Value::Null, |index| left.swap_remove(index));
                proposed(attributes, prior, item)
            });
            Value::Set(merged.collect())
        }
        _ => config.clone(),
    }
}

/// Whether an element of a set differs from the configured one only in what the provider computes.
fn could_come_from(attributes: &[Attribute], prior: &Value, config: &Value) -> bool {
    attributes.iter().all(|attribute| {
        let (prior, config) = (prior.get(&attribute.name), config.get(&attribute.name));
        prior == config || (attribute.computed && config.is_null())
    })
}
