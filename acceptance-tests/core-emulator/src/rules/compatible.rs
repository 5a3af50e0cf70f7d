//! Whether an object is one that an earlier plan allowed.

use super::{Broken, pairs};
use crate::value::Value;

/// Every place where `actual` is not what `planned` promised. The type tells objects from maps, but the rule is
/// the same for both.
pub fn compatible(planned: &Value, actual: &Value) -> Broken {
    let mut broken = Vec::new();
    value(planned, actual, "", &mut broken);
    broken
}

fn value(planned: &Value, actual: &Value, path: &str, broken: &mut Broken) {
    match (planned, actual) {
        (Value::Unknown, _) => {}
        (Value::List(planned), Value::List(actual)) if planned.len() == actual.len() => {
            for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                value(planned, actual, &format!("{path}[{index}]"), broken);
            }
        }
        (Value::Map(planned), Value::Map(actual)) if planned.keys().eq(actual.keys()) => {
            for (key, planned, actual) in pairs(planned, actual) {
                value(planned, actual, &format!("{path}.{key}"), broken);
            }
        }
        // Unknown elements may turn out to be equal, so a set may shrink, but it never grows.
        (Value::Set(planned), Value::Set(actual)) if actual.len() <= planned.len() => {
            let fits = |planned: &Value, actual: &Value| compatible(planned, actual).is_empty();
            let met = planned.iter().all(|planned| actual.iter().any(|actual| fits(planned, actual)));
            let planned_for = actual.iter().all(|actual| planned.iter().any(|planned| fits(planned, actual)));
            if !met || !planned_for {
                broken.push(format!("{path}: planned {planned:?}, now {actual:?}"));
            }
        }
        (Value::Typed(planned_type, planned), Value::Typed(actual_type, actual))
            if planned_type == actual_type =>
        {
            value(planned, actual, path, broken);
        }
        (planned, actual) if planned == actual => {}
        _ => broken.push(format!("{path}: planned {planned:?}, now {actual:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_unknown_may_become_anything() {
        let text = |text: &str| Value::String(text.to_owned());
        let list = |items: &[&Value]| Value::List(items.iter().map(|item| (*item).clone()).collect());
        assert!(compatible(&Value::Unknown, &text("x")).is_empty());
        assert!(compatible(&list(&[&Value::Unknown]), &list(&[&text("x")])).is_empty());
        assert!(!compatible(&Value::Null, &text("x")).is_empty());
        assert!(!compatible(&text("x"), &Value::Null).is_empty());
        assert!(!compatible(&list(&[&text("x")]), &list(&[&text("x"), &text("y")])).is_empty());
    }

    #[test]
    fn a_set_may_shrink_where_elements_were_unknown() {
        let text = |text: &str| Value::String(text.to_owned());
        let set = |items: &[Value]| Value::Set(items.iter().cloned().collect());
        assert!(compatible(&set(&[Value::Unknown, text("x")]), &set(&[text("x")])).is_empty());
        assert!(!compatible(&set(&[text("y"), text("x")]), &set(&[text("x")])).is_empty());
        assert!(!compatible(&set(&[text("x")]), &set(&[text("x"), text("y")])).is_empty());
    }
}
