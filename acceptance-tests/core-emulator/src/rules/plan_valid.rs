//! What a planned object may be, given the prior state and the configuration.

use super::{Broken, pairs};
use crate::schema::{Attribute, Nesting};
use crate::value::Value;

/// Everything in a plan that a CLI calls invalid.
pub fn plan_valid(attributes: &[Attribute], prior: &Value, config: &Value, planned: &Value) -> Broken {
    let mut broken = Vec::new();
    object(attributes, prior, config, planned, "", &mut broken);
    broken
}

fn object(
    attributes: &[Attribute],
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    broken: &mut Broken,
) {
    if planned.is_null() != config.is_null() {
        broken.push(format!("{path}: planned {planned:?}, configured {config:?}"));
        return;
    }
    for attribute in attributes {
        let name = &attribute.name;
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        value(attribute, prior.get(name), config.get(name), planned.get(name), &path, broken);
    }
}

fn value(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &str,
    broken: &mut Broken,
) {
    let kept = planned == prior && !prior.is_null() && !config.is_null();
    let free = attribute.computed && (!attribute.optional || config.is_null());
    if attribute.write_only {
        if !planned.is_null() {
            broken.push(format!("{path}: a write-only attribute is planned as {planned:?}"));
        }
    } else if planned == config || kept || free {
    } else if let Some((nesting, nested)) = &attribute.nested {
        nested_value(*nesting, nested, [prior, config, planned], path, broken);
    } else {
        broken.push(format!("{path}: planned {planned:?}, configured {config:?}, prior {prior:?}"));
    }
}

fn nested_value(
    nesting: Nesting,
    attributes: &[Attribute],
    [prior, config, planned]: [&Value; 3],
    path: &str,
    broken: &mut Broken,
) {
    match (nesting, config, planned) {
        (Nesting::Single, Value::Map(_), Value::Map(_)) => {
            object(attributes, prior, config, planned, path, broken);
        }
        (Nesting::List, Value::List(items), Value::List(planned)) if items.len() == planned.len() => {
            for (index, (item, planned)) in items.iter().zip(planned).enumerate() {
                object(attributes, prior.element(index), item, planned, &format!("{path}[{index}]"), broken);
            }
        }
        (Nesting::Map, Value::Map(entries), Value::Map(planned)) if entries.keys().eq(planned.keys()) => {
            for (key, config, planned) in pairs(entries, planned) {
                object(attributes, prior.get(key), config, planned, &format!("{path}[{key:?}]"), broken);
            }
        }
        // Elements of a set cannot be told apart once computed parts are filled in.
        (Nesting::Set, Value::Set(items), Value::Set(planned)) if planned.len() <= items.len() => {}
        _ => broken.push(format!("{path}: planned {planned:?}, configured {config:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    fn attribute(name: &str, optional: bool, computed: bool) -> Attribute {
        Attribute {
            name: name.to_owned(),
            ty: Type::String,
            nested: None,
            required: false,
            optional,
            computed,
            write_only: false,
            sensitive: false,
        }
    }

    fn object_of(text: &str) -> Value {
        Value::Map([("a".to_owned(), Value::String(text.to_owned()))].into())
    }

    #[test]
    fn a_configured_value_may_only_stay_or_keep_its_old_spelling() {
        for computed in [false, true] {
            let schema = [attribute("a", true, computed)];
            let check = |prior: &Value, planned: &str| {
                plan_valid(&schema, prior, &object_of("config"), &object_of(planned)).is_empty()
            };
            assert!(check(&Value::Null, "config"));
            assert!(check(&object_of("prior"), "prior"));
            assert!(!check(&object_of("prior"), "other"));
            assert!(!check(&Value::Null, "other"));
        }
    }

    #[test]
    fn what_is_not_configured_is_free_only_when_computed() {
        let unset = Value::Map([("a".to_owned(), Value::Null)].into());
        let check = |computed| {
            plan_valid(&[attribute("a", true, computed)], &Value::Null, &unset, &object_of("x")).len()
        };
        assert_eq!(check(true), 0);
        assert_eq!(check(false), 1);
    }
}
