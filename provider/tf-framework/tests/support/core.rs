//! The CLI's own side of the protocol, from its rules and not from the engine: the proposed state, and the checks of
//! a plan and of its outcome.

use std::collections::BTreeMap;

use tf_framework::{Attribute, Mode, Nesting, Shape, Value};

/// The configuration merged with the state before, as the core sends it with a plan.
pub fn proposed(attributes: &[Attribute], prior: &Value, config: &Value) -> Value {
    let Value::Object(wanted) = config else { return config.clone() };
    let mut merged = BTreeMap::new();
    for attribute in attributes {
        let config = wanted.get(&attribute.name).unwrap_or(&Value::Null);
        let before = prior.attribute(&attribute.name);
        merged.insert(attribute.name.clone(), proposed_attribute(attribute, before, config));
    }
    Value::Object(merged)
}

fn proposed_attribute(attribute: &Attribute, before: &Value, config: &Value) -> Value {
    let computed = matches!(attribute.mode, Mode::Computed | Mode::OptionalComputed);
    if computed && config.is_null() {
        let was_configured = attribute.mode == Mode::OptionalComputed && holds_configured(attribute, before);
        return if was_configured { Value::Null } else { before.clone() };
    }
    let Shape::Nested { nesting, attributes } = &attribute.shape else { return config.clone() };
    match (nesting, config) {
        (Nesting::Single, Value::Object(_)) => proposed(attributes, before, config),
        (Nesting::List, Value::List(items)) => {
            let olds = elements(before);
            let merge = |(index, item): (usize, &Value)| {
                proposed(attributes, olds.get(index).unwrap_or(&Value::Null), item)
            };
            Value::List(items.iter().enumerate().map(merge).collect())
        }
        (Nesting::Map, Value::Map(items)) => {
            let merge = |(key, item): (&String, &Value)| {
                (key.clone(), proposed(attributes, before.attribute(key), item))
            };
            Value::Map(items.iter().map(merge).collect())
        }
        (Nesting::Set, Value::Set(items)) => {
            let mut olds = elements(before).to_vec();
            let mut merged = Vec::new();
            for item in items {
                let found = olds.iter().position(|old| came_from(attributes, old, item));
                let old = found.map_or(Value::Null, |index| olds.remove(index));
                merged.push(proposed(attributes, &old, item));
            }
            Value::Set(merged)
        }
        _ => config.clone(),
    }
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::List(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// Whether a nested attribute holds something that only a user can have set.
fn holds_configured(attribute: &Attribute, value: &Value) -> bool {
    let Shape::Nested { attributes, .. } = &attribute.shape else { return false };
    let objects: Vec<&Value> = match value {
        Value::List(items) | Value::Set(items) => items.iter().collect(),
        Value::Map(items) => items.values().collect(),
        Value::Object(_) => vec![value],
        _ => Vec::new(),
    };
    objects.into_iter().any(|object| {
        attributes.iter().any(|child| {
            let value = object.attribute(&child.name);
            let by_user = matches!(child.mode, Mode::Required | Mode::Optional);
            (by_user && !value.is_null()) || holds_configured(child, value)
        })
    })
}

/// Whether an element of a set may have been made from this configuration.
fn came_from(attributes: &[Attribute], old: &Value, config: &Value) -> bool {
    attributes.iter().all(|attribute| {
        let (before, wanted) = (old.attribute(&attribute.name), config.attribute(&attribute.name));
        if before == wanted {
            return true;
        }
        let computed = matches!(attribute.mode, Mode::Computed | Mode::OptionalComputed);
        if computed && wanted.is_null() {
            return !holds_configured(attribute, before) || attribute.mode == Mode::Computed;
        }
        match &attribute.shape {
            Shape::Nested { nesting: Nesting::Single, attributes } if before.is_set() && wanted.is_set() => {
                came_from(attributes, before, wanted)
            }
            _ => false,
        }
    })
}

/// What is wrong with a plan.
pub fn plan_errors(attributes: &[Attribute], prior: &Value, config: &Value, planned: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    valid_object(attributes, prior, config, planned, "", &mut wrong);
    wrong
}

fn valid_object(
    attributes: &[Attribute],
    prior: &Value,
    config: &Value,
    planned: &Value,
    at: &str,
    wrong: &mut Vec<String>,
) {
    match (config.is_null(), planned.is_null()) {
        (true, true) => return,
        (true, false) => return wrong.push(format!("{at}: planned for existence, config wants absence")),
        (false, true) => return wrong.push(format!("{at}: planned for absence, config wants existence")),
        (false, false) => {}
    }
    if config.is_unknown() {
        return;
    }
    let Value::Object(entries) = planned else {
        return wrong.push(format!("{at}: planned {planned:?} is no known object"));
    };
    if entries.len() != attributes.len() {
        wrong.push(format!("{at}: {} attributes instead of {}", entries.len(), attributes.len()));
    }
    for attribute in attributes {
        let at = format!("{at}.{}", attribute.name);
        let Some(planned) = entries.get(&attribute.name) else {
            wrong.push(format!("{at}: missing"));
            continue;
        };
        let before = prior.attribute(&attribute.name);
        valid_attribute(attribute, before, config.attribute(&attribute.name), planned, &at, wrong);
    }
}

#[expect(clippy::too_many_lines, reason = "one rule of the CLI, with a case for each nesting")]
fn valid_attribute(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    at: &str,
    wrong: &mut Vec<String>,
) {
    if attribute.write_only {
        if !planned.is_null() {
            wrong.push(format!("{at}: write-only value in a plan"));
        }
        return;
    }
    write_only_nulls(attribute, planned, at, wrong);
    if planned == config {
        return;
    }
    if !prior.is_null() && !config.is_null() && planned == prior {
        return;
    }
    match attribute.mode {
        Mode::Computed => return,
        Mode::OptionalComputed if config.is_null() => return,
        _ => {}
    }
    let Shape::Nested { nesting, attributes } = &attribute.shape else {
        return wrong.push(format!("{at}: planned {planned:?} for config {config:?}, prior {prior:?}"));
    };
    if config.is_null() != planned.is_null() {
        return wrong.push(format!("{at}: planned {planned:?} for config {config:?}"));
    }
    if config.is_unknown() {
        return;
    }
    if planned.is_unknown() {
        return wrong.push(format!("{at}: planned unknown for known config"));
    }
    match nesting {
        Nesting::Single => valid_object(attributes, prior, config, planned, at, wrong),
        Nesting::List => {
            let (wanted, got, olds) = (elements(config), elements(planned), elements(prior));
            if wanted.len() != got.len() {
                return wrong.push(format!("{at}: {} elements for {}", got.len(), wanted.len()));
            }
            for index in 0..wanted.len() {
                let old = olds.get(index).unwrap_or(&Value::Null);
                valid_object(attributes, old, &wanted[index], &got[index], &format!("{at}[{index}]"), wrong);
            }
        }
        Nesting::Map => {
            let (Value::Map(wanted), Value::Map(got)) = (config, planned) else {
                return wrong.push(format!("{at}: no map"));
            };
            for key in wanted.keys().chain(got.keys()) {
                let (Some(wanted), Some(got)) = (wanted.get(key), got.get(key)) else {
                    wrong.push(format!("{at}[{key}]: on one side only"));
                    continue;
                };
                valid_object(attributes, prior.attribute(key), wanted, got, &format!("{at}[{key}]"), wrong);
            }
        }
        Nesting::Set => {
            let (wanted, got) = (distinct(elements(config)), distinct(elements(planned)));
            // Elements that are not fully known may turn out to be equal to others.
            let least = if got.iter().all(|item| item.is_fully_known()) { got.len() } else { 1 };
            if wanted.len() > got.len() || (config.is_fully_known() && wanted.len() < least) {
                wrong.push(format!("{at}: {} elements for {}", got.len(), wanted.len()));
            }
        }
    }
}

fn distinct(items: &[Value]) -> Vec<&Value> {
    let mut found: Vec<&Value> = Vec::new();
    for item in items {
        if !item.is_fully_known() || !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

fn write_only_nulls(attribute: &Attribute, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let Shape::Nested { attributes, .. } = &attribute.shape else { return };
    let objects: Vec<&Value> = match value {
        Value::List(items) | Value::Set(items) => items.iter().collect(),
        Value::Map(items) => items.values().collect(),
        Value::Object(_) => vec![value],
        _ => return,
    };
    for object in objects {
        for child in attributes {
            let value = object.attribute(&child.name);
            if child.write_only && !value.is_null() && !object.is_unknown() {
                wrong.push(format!("{at}.{}: write-only value", child.name));
            }
            write_only_nulls(child, value, at, wrong);
        }
    }
}

/// What is wrong with a state that should be an outcome of a plan: nothing write-only, compatible.
pub fn outcome_errors(attributes: &[Attribute], planned: &Value, actual: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if planned.is_null() != actual.is_null() {
        wrong.push("exists on one side only".to_owned());
    }
    compatible(planned, actual, "", &mut wrong);
    for attribute in attributes {
        let value = actual.attribute(&attribute.name);
        if attribute.write_only && !value.is_null() {
            wrong.push(format!(".{}: write-only value", attribute.name));
        }
        write_only_nulls(attribute, value, &format!(".{}", attribute.name), &mut wrong);
    }
    wrong
}

fn compatible(planned: &Value, actual: &Value, at: &str, wrong: &mut Vec<String>) {
    if planned.is_unknown() {
        return;
    }
    if planned.is_null() || actual.is_null() || actual.is_unknown() {
        if !(planned.is_null() && actual.is_null()) {
            wrong.push(format!("{at}: planned {planned:?}, is {actual:?}"));
        }
        return;
    }
    match (planned, actual) {
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return wrong.push(format!("{at}: length {} became {}", a.len(), b.len()));
            }
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compatible(a, b, &format!("{at}[{index}]"), wrong);
            }
        }
        (Value::Map(a), Value::Map(b)) | (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compatible(a, b, &format!("{at}.{key}"), wrong),
                    _ => wrong.push(format!("{at}.{key}: on one side only")),
                }
            }
        }
        (Value::Set(a), Value::Set(b)) => {
            let fits = |a: &Value, b: &Value| {
                let mut wrong = Vec::new();
                compatible(a, b, "", &mut wrong);
                wrong.is_empty()
            };
            let lost = a.iter().any(|a| !b.iter().any(|b| fits(a, b)));
            let new = b.iter().any(|b| !a.iter().any(|a| fits(a, b)));
            if lost || new || distinct(b).len() > a.len() {
                wrong.push(format!("{at}: set {planned:?} became {actual:?}"));
            }
        }
        _ => {
            if planned != actual {
                wrong.push(format!("{at}: planned {planned:?}, is {actual:?}"));
            }
        }
    }
}
