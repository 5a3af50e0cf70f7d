//! Keeps sensitive values out of messages, also when a service quotes them back.

use crate::diagnostics::Diagnostic;
use crate::schema::Attribute;
use crate::value::Value;

/// Shorter texts are no secrets, and replacing them would garble messages.
const SHORTEST: usize = 4;

/// Replaces every sensitive text in `values` wherever a message quotes it.
pub(crate) fn redact(attributes: &[Attribute], values: &[&Value], diagnostics: &mut [Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let mut secrets = Vec::new();
    for value in values {
        collect(attributes, value, &mut secrets);
    }
    // A secret may contain another one.
    secrets.sort_by_key(|text| std::cmp::Reverse(text.len()));
    secrets.dedup();
    for diagnostic in diagnostics {
        for secret in &secrets {
            if diagnostic.detail.contains(secret) {
                diagnostic.detail = diagnostic.detail.replace(secret, "(sensitive value)");
            }
        }
    }
}

fn collect<'v>(attributes: &[Attribute], value: &'v Value, secrets: &mut Vec<&'v str>) {
    for attribute in attributes {
        let value = value.attribute(&attribute.name);
        if attribute.sensitive || attribute.write_only {
            texts(value, secrets);
            continue;
        }
        let Some((_, attributes)) = attribute.nested() else { continue };
        match value {
            Value::List(items) | Value::Set(items) => {
                items.iter().for_each(|item| collect(attributes, item, secrets));
            }
            Value::Map(entries) => entries.values().for_each(|item| collect(attributes, item, secrets)),
            single => collect(attributes, single, secrets),
        }
    }
}

fn texts<'v>(value: &'v Value, secrets: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST => secrets.push(text),
        Value::List(items) | Value::Set(items) | Value::Tuple(items) => {
            items.iter().for_each(|item| texts(item, secrets));
        }
        Value::Map(entries) | Value::Object(entries) => {
            entries.values().for_each(|item| texts(item, secrets))
        }
        Value::Dynamic(inner) => texts(&inner.value, secrets),
        _ => {}
    }
}
