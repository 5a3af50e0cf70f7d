//! What the service's answer becomes in the state: the user's spelling, nothing write-only, nothing unknown.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::pairs::{Unknowns, same_meaning, visit};
use crate::schema::{Attribute, Schema, Shape};
use crate::timeouts;
use crate::value::Value;

/// A state from what `read` returned. `before` is the plan that led to it, or else the state before it; `older` is the
/// state before the plan, which counts where the plan says nothing.
pub(crate) fn state(schema: &Schema, read: Value, before: &Value, older: &Value) -> Value {
    let mut state = normalized(read);
    if schema.attribute(timeouts::NAME).is_some() {
        state.set(&timeouts::NAME.into(), before.attribute(timeouts::NAME).clone());
    }
    object(&schema.attributes, &mut state, [before, older]);
    state
}

/// The CLI compares strings in composed form, so that is how they are stored.
fn normalized(value: Value) -> Value {
    let text = |text: String| if is_nfc(&text) { text } else { text.nfc().collect() };
    match value {
        Value::String(content) => Value::String(text(content)),
        Value::List(items) => Value::List(items.into_iter().map(normalized).collect()),
        Value::Set(items) => Value::Set(items.into_iter().map(normalized).collect()),
        Value::Tuple(items) => Value::Tuple(items.into_iter().map(normalized).collect()),
        Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, value)| (text(key), normalized(value))).collect())
        }
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, normalized(value))).collect())
        }
        other => other,
    }
}

fn object(attributes: &[Attribute], state: &mut Value, formers: [&Value; 2]) {
    let Value::Object(entries) = state else { return };
    for attribute in attributes {
        let value = entries.entry(attribute.name.clone()).or_insert(Value::Null);
        settle(attribute, value, formers.map(|former| former.attribute(&attribute.name)));
    }
}

fn settle(attribute: &Attribute, value: &mut Value, [before, older]: [&Value; 2]) {
    if attribute.write_only {
        *value = Value::Null;
        return;
    }
    let former = if before.is_unknown() { older } else { before };
    // Unknown is what a `read` leaves when the service does not say, for example a password shown only once.
    if value.is_unknown() || (value.is_null() && attribute.create_only) {
        *value = former.clone();
    }
    match &attribute.shape {
        Shape::Nested { nesting, attributes } => {
            visit(*nesting, attributes, value, [before, older], Unknowns::Open, |item, formers| {
                object(attributes, item, formers);
            });
        }
        Shape::Plain(_) => {
            if let Some(canonical) = attribute.canonical {
                keep_spelling(canonical, value, former);
            }
        }
    }
    if !value.is_fully_known() {
        *value = std::mem::replace(value, Value::Null).without_unknowns();
    }
}

fn keep_spelling(canonical: fn(&str) -> Option<String>, value: &mut Value, before: &Value) {
    if same_meaning(canonical, value, before) {
        *value = before.clone();
        return;
    }
    match (value, before) {
        (Value::List(items), Value::List(olds)) => {
            items.iter_mut().zip(olds).for_each(|(item, old)| keep_spelling(canonical, item, old));
        }
        (Value::Map(entries), Value::Map(olds)) => {
            for (key, item) in entries {
                keep_spelling(canonical, item, olds.get(key).unwrap_or(&Value::Null));
            }
        }
        (Value::Set(items), Value::Set(olds)) => {
            for item in items {
                if let Some(old) = olds.iter().find(|old| same_meaning(canonical, item, old)) {
                    *item = old.clone();
                }
            }
        }
        _ => {}
    }
}

/// Nulls every write-only argument.
pub(crate) fn without_write_only(attributes: &[Attribute], value: &mut Value) {
    let Value::Object(entries) = value else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        if attribute.write_only {
            *value = Value::Null;
        } else if let Some((nesting, attributes)) = attribute.nested() {
            visit(nesting, attributes, value, [], Unknowns::Open, |item, []| {
                without_write_only(attributes, item)
            });
        }
    }
}

/// What a verb gets: the plan, with the write-only arguments of the configuration, which no plan carries.
pub(crate) fn with_write_only(attributes: &[Attribute], planned: &mut Value, config: &Value) {
    let Value::Object(entries) = planned else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let config = config.attribute(&attribute.name);
        if attribute.write_only {
            *value = config.clone();
        } else if let Some((nesting, attributes)) = attribute.nested() {
            visit(nesting, attributes, value, [config], Unknowns::Open, |item, [config]| {
                with_write_only(attributes, item, config);
            });
        }
    }
}

/// The state before an update as the verb sees it: arguments that matter only at creation never differ.
pub(crate) fn mask_create_only(attributes: &[Attribute], prior: &mut Value, planned: &Value) {
    let Value::Object(entries) = prior else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let planned = planned.attribute(&attribute.name);
        if attribute.create_only {
            *value = planned.clone();
        } else if let Some((nesting, attributes)) = attribute.nested() {
            visit(nesting, attributes, value, [planned], Unknowns::Open, |item, [planned]| {
                mask_create_only(attributes, item, planned);
            });
        }
    }
}

/// Fills what is unknown in a plan with what the state before says.
pub(crate) fn fill_unknown(attributes: &[Attribute], planned: &mut Value, prior: &Value) {
    let Value::Object(entries) = planned else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let prior = prior.attribute(&attribute.name);
        if value.is_unknown() {
            *value = prior.clone();
        } else if let Some((nesting, attributes)) = attribute.nested() {
            visit(nesting, attributes, value, [prior], Unknowns::Open, |item, [prior]| {
                fill_unknown(attributes, item, prior)
            });
        }
    }
}

/// Gives the versions of secrets back the values they had: a change that failed may not have sent them, and the service
/// tells no version. Sending once more does no harm.
pub(crate) fn keep_versions(attributes: &[Attribute], planned: &mut Value, prior: &Value) {
    let Value::Object(entries) = planned else { return };
    for attribute in attributes {
        if attribute.write_only {
            let version = format!("{}_version", attribute.name);
            if let Some(value) = entries.get_mut(&version) {
                *value = prior.attribute(&version).clone();
            }
        }
        let Some((nesting, nested)) = attribute.nested() else { continue };
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let prior = prior.attribute(&attribute.name);
        visit(nesting, nested, value, [prior], Unknowns::Open, |item, [prior]| {
            keep_versions(nested, item, prior)
        });
    }
}

/// Adds the named elements that only the state before has: after a failed update they may still be there.
pub(crate) fn add_former(attributes: &[Attribute], planned: &mut Value, prior: &Value) {
    let (Value::Object(entries), Value::Object(_)) = (planned, prior) else { return };
    for attribute in attributes {
        let Some((nesting, nested)) = attribute.nested() else { continue };
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let prior = prior.attribute(&attribute.name);
        match (&mut *value, prior) {
            (Value::Null, former) => *value = former.clone(),
            (Value::Map(items), Value::Map(former)) => {
                for (key, item) in former {
                    items.entry(key.clone()).or_insert_with(|| item.clone());
                }
            }
            _ => {}
        }
        visit(nesting, nested, value, [prior], Unknowns::Open, |item, [prior]| {
            add_former(nested, item, prior)
        });
    }
}
