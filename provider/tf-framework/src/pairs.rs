//! Which elements of two values of one attribute belong together: by index, by key, and in sets by likeness.

use crate::schema::{Attribute, Mode, Nesting, Shape};
use crate::value::Value;

/// What a value that is not known yet says about an element.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unknowns {
    /// It was left to the service, so it fits anything.
    Open,
    /// The user configured it, so it may become anything: nothing may be concluded from it.
    Closed,
}

/// Visits each object of a nested attribute together with its counterparts in other values of it; null where there
/// is none.
pub(crate) fn visit<const N: usize>(
    nesting: Nesting,
    attributes: &[Attribute],
    value: &mut Value,
    others: [&Value; N],
    unknowns: Unknowns,
    mut each: impl FnMut(&mut Value, [&Value; N]),
) {
    match (nesting, value) {
        (Nesting::Single, object @ Value::Object(_)) => each(object, others),
        (Nesting::List, Value::List(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                each(item, others.map(|other| element(other, index)));
            }
        }
        (Nesting::Map, Value::Map(entries)) => {
            for (key, item) in entries.iter_mut() {
                each(item, others.map(|other| other.attribute(key)));
            }
        }
        (Nesting::Set, Value::Set(items)) => {
            let mut used = others.map(|other| vec![false; other.as_elements().map_or(0, <[_]>::len)]);
            for item in items.iter_mut() {
                let mut found = [&Value::Null; N];
                for (position, other) in others.iter().enumerate() {
                    found[position] =
                        take_counterpart(attributes, item, other, &mut used[position], unknowns);
                }
                each(item, found);
            }
        }
        _ => {}
    }
}

fn element(value: &Value, index: usize) -> &Value {
    value.as_elements().and_then(|items| items.get(index)).unwrap_or(&Value::Null)
}

fn take_counterpart<'v>(
    attributes: &[Attribute],
    item: &Value,
    other: &'v Value,
    used: &mut [bool],
    unknowns: Unknowns,
) -> &'v Value {
    let candidates = other.as_elements().unwrap_or_default();
    let mut best: Option<(usize, usize)> = None;
    for (index, candidate) in candidates.iter().enumerate().filter(|(index, _)| !used[*index]) {
        if let Some(score) = likeness(attributes, item, candidate, unknowns)
            && best.is_none_or(|(_, least)| score > least)
        {
            best = Some((index, score));
        }
    }
    best.map_or(&Value::Null, |(index, _)| {
        used[index] = true;
        &candidates[index]
    })
}

/// How many settings two objects share; nothing when they cannot be two states of the same element.
fn likeness(attributes: &[Attribute], a: &Value, b: &Value, unknowns: Unknowns) -> Option<usize> {
    if a == b {
        return Some(usize::MAX);
    }
    let mut shared = 0;
    for attribute in attributes {
        let (left, right) = (a.attribute(&attribute.name), b.attribute(&attribute.name));
        let equal = same(attribute, left, right, unknowns);
        if equal && left.is_set() {
            shared += 1;
        }
        let free = attribute.write_only || attribute.create_only || attribute.mode == Mode::Computed;
        let missing = |value: &Value| value.is_null() || (value.is_unknown() && unknowns == Unknowns::Open);
        let open = attribute.mode.is_computed() && (missing(left) || missing(right));
        if !(equal || free || open) {
            return None;
        }
    }
    Some(shared)
}

/// Whether two values of an attribute mean the same to the service.
fn same(attribute: &Attribute, a: &Value, b: &Value, unknowns: Unknowns) -> bool {
    if a == b {
        return true;
    }
    let alike =
        |attributes: &[Attribute], a: &Value, b: &Value| likeness(attributes, a, b, unknowns).is_some();
    match &attribute.shape {
        Shape::Nested { nesting: Nesting::Single, attributes } => {
            a.is_set() && b.is_set() && alike(attributes, a, b)
        }
        Shape::Nested { nesting: Nesting::Map, attributes } => match (a.as_entries(), b.as_entries()) {
            (Some(left), Some(right)) => {
                left.len() == right.len()
                    && left.iter().all(|(key, value)| {
                        right.get(key).is_some_and(|other| alike(attributes, value, other))
                    })
            }
            _ => false,
        },
        Shape::Nested { nesting: Nesting::Set, attributes } => match (a.as_elements(), b.as_elements()) {
            (Some(left), Some(right)) => {
                let covers = |left: &[Value], right: &[Value]| {
                    left.iter().all(|value| right.iter().any(|other| alike(attributes, value, other)))
                };
                left.len() == right.len() && covers(left, right) && covers(right, left)
            }
            _ => false,
        },
        Shape::Nested { attributes, .. } => match (a.as_elements(), b.as_elements()) {
            (Some(left), Some(right)) => {
                left.len() == right.len()
                    && left.iter().zip(right).all(|(value, other)| alike(attributes, value, other))
            }
            _ => false,
        },
        Shape::Plain(_) => attribute.canonical.is_some_and(|canonical| same_meaning(canonical, a, b)),
    }
}

/// Whether two values are spellings of the same.
pub(crate) fn same_meaning(canonical: fn(&str) -> Option<String>, a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Value::String(left), Value::String(right)) => {
            matches!((canonical(left), canonical(right)), (Some(left), Some(right)) if left == right)
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same_meaning(canonical, a, b))
        }
        (Value::Set(left), Value::Set(right)) => {
            let covers = |left: &[Value], right: &[Value]| {
                left.iter().all(|a| right.iter().any(|b| same_meaning(canonical, a, b)))
            };
            covers(left, right) && covers(right, left)
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, a)| right.get(key).is_some_and(|b| same_meaning(canonical, a, b)))
        }
        _ => false,
    }
}
