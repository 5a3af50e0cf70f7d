//! Reading answers whose numbers may be strings and whose booleans may be numbers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A scalar as text; booleans as `0` and `1`.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(u8::from(*truth).to_string()),
        _ => None,
    }
}

/// A whole number, also from a string.
pub(crate) fn int(value: &Value) -> Option<i64> {
    int_text(&text(value)?)
}

/// A whole number in a text.
pub(crate) fn int_text(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
}

/// A boolean, also from a number or a word.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    truth_text(&text(value)?)
}

/// A boolean in a text.
pub(crate) fn truth_text(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" | "" => Some(false),
        _ => None,
    }
}

/// Lookups in an object.
pub(crate) trait Fields {
    fn text(&self, name: &str) -> Option<String>;
    fn int(&self, name: &str) -> Option<i64>;
    fn truth(&self, name: &str) -> bool;
    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T>;
}

impl Fields for Map<String, Value> {
    fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(int)
    }

    fn truth(&self, name: &str) -> bool {
        self.get(name).and_then(truth).unwrap_or(false)
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}

/// The objects of a list.
pub(crate) fn objects(value: Value) -> Vec<Map<String, Value>> {
    match value {
        Value::Array(items) => items
            .into_iter()
            .filter_map(|item| if let Value::Object(map) = item { Some(map) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

/// All scalars of an object.
pub(crate) fn scalars(map: &Map<String, Value>) -> BTreeMap<String, String> {
    map.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

/// A list separated by commas, semicolons or blanks.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', ' ', '\n']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_booleans_come_in_any_dress() {
        assert_eq!((int(&json!("512")), int(&json!(512)), int(&json!(1.0))), (Some(512), Some(512), Some(1)));
        for yes in [json!(1), json!("1"), json!(true)] {
            assert_eq!(truth(&yes), Some(true));
        }
        assert_eq!(truth(&json!(0)), Some(false));
        assert_eq!(text(&json!(null)), None);
        assert_eq!(words("a,b;c d").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
