//! YAML that every reader understands alike: version 1.1, which cloud-init's Python reads, and 1.2.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A block document of `value`.
pub(crate) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, 0, &mut text),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut text),
        other => {
            scalar(other, 0, &mut text);
            text.push('\n');
        }
    }
    text
}

fn mapping(map: &Map<String, Value>, indent: usize, text: &mut String) {
    // Sorted here as well, because another crate of a build can make the map keep insertion order.
    let sorted: BTreeMap<&String, &Value> = map.iter().collect();
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            indentation(indent, text);
        }
        text.push_str(&inline(key));
        text.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                text.push('\n');
                indentation(indent + 2, text);
                mapping(map, indent + 2, text);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push('\n');
                indentation(indent + 2, text);
                sequence(items, indent + 2, text);
            }
            other => {
                text.push(' ');
                scalar(other, indent + 2, text);
                text.push('\n');
            }
        }
    }
}

fn sequence(items: &[Value], indent: usize, text: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indentation(indent, text);
        }
        text.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(map, indent + 2, text),
            Value::Array(items) if !items.is_empty() => sequence(items, indent + 2, text),
            other => {
                scalar(other, indent + 2, text);
                text.push('\n');
            }
        }
    }
}

fn indentation(width: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', width));
}

fn scalar(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::String(string) if fits_a_block(string) => block(string, indent, text),
        Value::String(string) => text.push_str(&inline(string)),
        Value::Number(number) => text.push_str(&decimal(&number.to_string())),
        // Empty collections too, which JSON and YAML write alike.
        other => text.push_str(&other.to_string()),
    }
}

/// Without an exponent: `1e5` is a string to YAML 1.1.
fn decimal(number: &str) -> String {
    match number.parse::<f64>() {
        Ok(value) if number.contains(['e', 'E']) => value.to_string(),
        _ => number.to_owned(),
    }
}

/// Lines that a literal block gives back as they are.
fn fits_a_block(string: &str) -> bool {
    let first = string.chars().next();
    string.contains('\n')
        && first.is_some_and(|first| !first.is_whitespace())
        && string.chars().all(|c| c == '\n' || printable(c))
        && string.split('\n').all(|line| line.is_empty() || !line.trim().is_empty())
}

fn block(string: &str, indent: usize, text: &mut String) {
    let kept_lines = string.trim_end_matches('\n').len();
    text.push_str(match string.len() - kept_lines {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        text.push('\n');
        if !line.is_empty() {
            indentation(indent, text);
            text.push_str(line);
        }
    }
}

/// One line: as it is where no reader can mistake it, else in double quotes.
fn inline(string: &str) -> String {
    if plain(string) { string.to_owned() } else { quoted(string) }
}

/// Letters, digits and few signs, beginning with a letter or a slash, and no word that YAML 1.1 takes
/// for a boolean or null. So nothing here is a number, a date or an indicator.
fn plain(string: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let sign = |c: char| matches!(c, '_' | '-' | '.' | '/' | '@' | '+');
    string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && string.chars().all(|c| c.is_ascii_alphanumeric() || sign(c))
        && !WORDS.iter().any(|word| string.eq_ignore_ascii_case(word))
}

fn quoted(string: &str) -> String {
    let mut text = String::from('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            c if printable(c) => text.push(c),
            c => text.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    text.push('"');
    text
}

/// What a reader of YAML 1.1 accepts unescaped; the line breaks of Unicode are no text of a line.
fn printable(c: char) -> bool {
    match c {
        '\t' | ' '..='~' => true,
        '\u{a0}'..='\u{fffd}' => !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'),
        c => c > '\u{ffff}',
    }
}
