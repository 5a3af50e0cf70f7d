//! The steps of a plan, each over a whole object: defaults, what is kept, what becomes unknown, what replaces.

use crate::conform::steps;
use crate::pairs::{Unknowns, same_meaning, visit};
use crate::path::Path;
use crate::schema::{Attribute, Nesting, Shape};
use crate::timeouts;
use crate::value::Value;

/// Fills in defaults, removes write-only values, and keeps what only looks different from the state before.
pub(crate) fn prepare(attributes: &[Attribute], planned: &mut Value, config: &Value, prior: &Value) {
    let Value::Object(entries) = planned else { return };
    for attribute in attributes {
        let value = entries.entry(attribute.name.clone()).or_insert(Value::Null);
        let config = config.attribute(&attribute.name);
        let before = prior.attribute(&attribute.name);
        if attribute.write_only {
            *value = Value::Null;
            continue;
        }
        if attribute.create_only && config.is_set() && before.is_set() {
            *value = before.clone();
            continue;
        }
        if config.is_null() {
            if let Some(default) = &attribute.default {
                *value = default.clone();
            } else if attribute.mode.is_computed() && prior.is_set() {
                // The CLI proposes null for nested attributes that look as if they had been configured; but the
                // service fills in the same values, so the state before is the only plan without an endless difference.
                *value = before.clone();
            }
        }
        match &attribute.shape {
            Shape::Nested { nesting, attributes } if config.is_set() => {
                visit(
                    *nesting,
                    attributes,
                    value,
                    [config, before],
                    Unknowns::Closed,
                    |item, [config, before]| {
                        prepare(attributes, item, config, before);
                    },
                );
            }
            Shape::Plain(_) if value.is_set() && before.is_set() && respelled(attribute, value, before) => {
                *value = before.clone();
            }
            _ => {}
        }
    }
}

fn respelled(attribute: &Attribute, value: &Value, before: &Value) -> bool {
    attribute.canonical.is_some_and(|canonical| same_meaning(canonical, value, before))
}

/// Whether the service has nothing to do: all that differs is how long we wait, or matters only at creation.
pub(crate) fn same_for_service<'s>(
    attributes: impl IntoIterator<Item = &'s Attribute>,
    planned: &Value,
    prior: &Value,
) -> bool {
    if planned.is_null() || prior.is_null() {
        return planned.is_null() == prior.is_null();
    }
    attributes.into_iter().filter(|attribute| !attribute.create_only).all(|attribute| {
        let (after, before) = (planned.attribute(&attribute.name), prior.attribute(&attribute.name));
        after == before || same_nested(attribute, after, before)
    })
}

fn same_nested(attribute: &Attribute, after: &Value, before: &Value) -> bool {
    let Some((nesting, attributes)) = attribute.nested() else { return false };
    let same = |after: &Value, before: &Value| same_for_service(attributes, after, before);
    match (nesting, after, before) {
        (Nesting::Single, Value::Object(_), Value::Object(_)) => same(after, before),
        (Nesting::List, Value::List(new), Value::List(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| same(new, old))
        }
        (Nesting::Map, Value::Map(new), Value::Map(old)) => {
            new.keys().eq(old.keys()) && new.values().zip(old.values()).all(|(new, old)| same(new, old))
        }
        (Nesting::Set, Value::Set(new), Value::Set(old)) => {
            new.len() == old.len()
                && new.iter().all(|new| old.iter().any(|old| same(new, old)))
                && old.iter().all(|old| new.iter().any(|new| same(new, old)))
        }
        _ => false,
    }
}

/// The attributes that the service sees.
pub(crate) fn without_timeouts(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.name != timeouts::NAME)
}

/// Makes everything unknown that the service may change and neither the configuration nor a default says.
pub(crate) fn mark_unknown(attributes: &[Attribute], planned: &mut Value, config: &Value, prior: &Value) {
    let Value::Object(entries) = planned else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let (config, before) = (config.attribute(&attribute.name), prior.attribute(&attribute.name));
        if attribute.mode.is_computed() && config.is_null() {
            // An update cannot change what only a replacement could.
            let kept = prior.is_set() && (attribute.keep || attribute.replace);
            if !kept && attribute.default.is_none() {
                *value = Value::Unknown;
            }
        } else if attribute.create_only && before.is_set() && config.is_set() {
            // Planned as it is.
        } else if let Some((nesting, attributes)) = attribute.nested()
            && config.is_set()
        {
            visit(
                nesting,
                attributes,
                value,
                [config, before],
                Unknowns::Closed,
                |item, [config, before]| {
                    mark_unknown(attributes, item, config, before);
                },
            );
        }
    }
}

/// The settings whose change replaces the object. An element that is new or gone replaces nothing.
pub(crate) fn replacing(
    attributes: &[Attribute],
    planned: &Value,
    prior: &Value,
    path: &Path,
    out: &mut Vec<Path>,
) {
    if !planned.is_set() || !prior.is_set() {
        return;
    }
    for attribute in attributes {
        let (after, before) = (planned.attribute(&attribute.name), prior.attribute(&attribute.name));
        let path = path.then(&*attribute.name);
        if attribute.replace && after != before && !same_nested(attribute, after, before) {
            out.push(path);
        } else if let Some((nesting, attributes)) = attribute.nested() {
            replacing_elements(nesting, attributes, [after, before], &path, out);
        }
    }
}

fn replacing_elements(
    nesting: Nesting,
    attributes: &[Attribute],
    [after, before]: [&Value; 2],
    path: &Path,
    out: &mut Vec<Path>,
) {
    if nesting == Nesting::Set {
        if replaces_in_set(attributes, after, before) {
            out.push(path.clone());
        }
        return;
    }
    let mut steps = steps(nesting, after).into_iter();
    visit(nesting, attributes, &mut after.clone(), [before], Unknowns::Closed, |item, [before]| {
        let path = match steps.next().flatten() {
            Some(step) => path.step(step),
            None => path.clone(),
        };
        replacing(attributes, item, before, &path, out);
    });
}

/// Elements of a set have no name, so a change of one shows only in what all of them have in common: their number
/// stays, and a setting that replaces differs.
fn replaces_in_set(attributes: &[Attribute], after: &Value, before: &Value) -> bool {
    let (Some(new), Some(old)) = (after.as_elements(), before.as_elements()) else { return false };
    new.len() == old.len()
        && attributes.iter().filter(|attribute| attribute.replace).any(|attribute| {
            let values = |items: &[Value]| {
                Value::Set(items.iter().map(|item| item.attribute(&attribute.name).clone()).collect())
            };
            values(new) != values(old)
        })
}
