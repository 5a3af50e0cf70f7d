//! What a plan cannot tell yet while a configuration has values that are known only after apply.

use tf_framework::{Attribute, Nesting, Path, Value};

/// Whether something not known yet may turn out to replace: the plan cannot tell, and does not destroy on suspicion.
pub fn hides_replacement(attributes: &[Attribute], config: &Value) -> bool {
    attributes.iter().any(|attribute| {
        let Some((nesting, inner)) = attribute.nested() else { return false };
        let value = config.attribute(&attribute.name);
        if value.is_unknown() {
            return replaces(inner);
        }
        let objects: Vec<&Value> = match value {
            Value::List(items) | Value::Set(items) => items.iter().collect(),
            Value::Map(items) => items.values().collect(),
            other => vec![other],
        };
        (nesting == Nesting::Set && replaces(inner) && !value.is_fully_known())
            || objects.into_iter().any(|object| object.is_set() && hides_replacement(inner, object))
    })
}

/// Makes unknown what a plan said of a collection before all of it was known, if the collection turns out to mean what the
/// state has. The CLI lets a plan keep such a collection, but only whole: of `[known after apply, "a"]` a plan has to say
/// `"a"`, and the final one keeps `"A"`. That the CLI refuses then, once, is the price of imports that are quiet.
pub fn open_respelled(attributes: &[Attribute], first: &mut Value, [last, prior]: [&Value; 2]) {
    let Value::Object(entries) = first else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(&attribute.name) else { continue };
        let (last, prior) = (last.attribute(&attribute.name), prior.attribute(&attribute.name));
        let Some((_, inner)) = attribute.nested() else {
            let is_open = value.is_set() && !value.is_fully_known();
            if attribute.canonical.is_some() && is_open && last == prior {
                *value = Value::Unknown;
            }
            continue;
        };
        match value {
            Value::Object(_) => open_respelled(inner, value, [last, prior]),
            Value::Map(items) => {
                for (key, item) in items {
                    let at = Path::root().key(key);
                    open_respelled(inner, item, [last.at(&at), prior.at(&at)]);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let at = Path::root().index(index);
                    open_respelled(inner, item, [last.at(&at), prior.at(&at)]);
                }
            }
            _ => {}
        }
    }
}

fn replaces(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.replace || a.nested().is_some_and(|(_, inner)| replaces(inner)))
}
