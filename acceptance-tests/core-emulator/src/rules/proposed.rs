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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::Type;

    fn leaf(name: &str, optional: bool, computed: bool) -> Attribute {
        Attribute {
            name: name.to_owned(),
            ty: Type::String,
            nested: None,
            required: !optional && !computed,
            optional,
            computed,
            write_only: false,
            sensitive: false,
        }
    }

    /// `disks`, each with a name that the user gives and a serial that the service gives.
    fn disks(nesting: Nesting, computed: bool) -> Attribute {
        let inner = vec![leaf("name", false, false), leaf("serial", true, true)];
        let item = Box::new(Type::Object(
            [("name".to_owned(), Type::String), ("serial".to_owned(), Type::String)].into(),
        ));
        let ty = match nesting {
            Nesting::Single => *item,
            Nesting::List => Type::List(item),
            Nesting::Set => Type::Set(item),
            Nesting::Map => Type::Map(item),
        };
        Attribute { ty, nested: Some((nesting, inner)), ..leaf("disks", true, computed) }
    }

    fn check(
        attribute: &Attribute,
        prior: serde_json::Value,
        config: serde_json::Value,
        expected: serde_json::Value,
    ) {
        let object = |json| Value::Map([("disks".to_owned(), Value::from_json(&json, &attribute.ty))].into());
        let attributes = [attribute.clone()];
        assert_eq!(proposed(&attributes, &object(prior), &object(config)), object(expected));
    }

    #[test]
    fn what_the_service_decided_stays_and_what_the_user_wrote_wins() {
        let attributes =
            [leaf("computed", false, true), leaf("either", true, true), leaf("optional", true, false)];
        let object = |texts: [Option<&str>; 3]| {
            let values = texts.map(|text| text.map_or(Value::Null, |text| Value::String(text.to_owned())));
            Value::Map(attributes.iter().map(|attribute| attribute.name.clone()).zip(values).collect())
        };
        let prior = object([Some("p"), Some("p"), Some("p")]);
        assert_eq!(
            proposed(&attributes, &prior, &object([None, None, None])),
            object([Some("p"), Some("p"), None])
        );
        let config = object([None, Some("c"), Some("c")]);
        assert_eq!(proposed(&attributes, &prior, &config), object([Some("p"), Some("c"), Some("c")]));
        assert_eq!(proposed(&attributes, &Value::Null, &config), config);
        assert_eq!(proposed(&attributes, &prior, &Value::Null), Value::Null);
    }

    #[test]
    fn nested_objects_are_matched_by_index_by_key_and_by_what_the_user_wrote() {
        let a = || json!({ "name": "a", "serial": "1" });
        let (b, new) = (json!({ "name": "b", "serial": "2" }), json!({ "name": "c" }));
        check(
            &disks(Nesting::List, false),
            json!([a(), b]),
            json!([{ "name": "a" }, new, { "name": "b" }]),
            json!([a(), { "name": "c", "serial": "2" }, { "name": "b" }]),
        );
        check(
            &disks(Nesting::Map, false),
            json!({ "x": a(), "y": b }),
            json!({ "y": { "name": "b" }, "z": new }),
            json!({ "y": b, "z": new }),
        );
        check(&disks(Nesting::Set, false), json!([a(), b]), json!([{ "name": "b" }, new]), json!([b, new]));
        check(
            &disks(Nesting::Single, false),
            a(),
            json!({ "name": "z" }),
            json!({ "name": "z", "serial": "1" }),
        );
    }

    #[test]
    fn what_the_user_once_wrote_and_took_away_does_not_come_back() {
        check(&disks(Nesting::List, true), json!([{ "name": "a", "serial": "1" }]), json!(null), json!(null));
        check(&disks(Nesting::List, true), json!([]), json!(null), json!([]));
    }
}
