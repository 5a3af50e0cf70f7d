//! Random configurations from the schema: rules that name their values, and [`values`] for the others.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value as Json, json};

use crate::fields::Field;
use crate::values;

/// How likely an optional argument is set.
const SET: f64 = 0.3;
/// How likely a slot of a map is taken.
const TAKEN: f64 = 0.12;

/// A random object with these arguments. What `fixed` names is as it says, and what it has as `null` stays out.
pub fn object(path: &str, fields: &[Field], fixed: &Map<String, Json>) -> BoxedStrategy<Json> {
    let free = fields.iter().filter(|field| !fixed.contains_key(&field.name));
    let entries: Vec<BoxedStrategy<Option<(String, Json)>>> =
        free.filter_map(|field| entry(&format!("{path}.{}", field.name), field)).collect();
    let fixed: Map<String, Json> =
        fixed.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
    let build = move |drawn: Vec<Option<(String, Json)>>| {
        let mut object = fixed.clone();
        object.extend(drawn.into_iter().flatten());
        Json::Object(object)
    };
    entries.prop_map(build).boxed()
}

fn entry(path: &str, field: &Field) -> Option<BoxedStrategy<Option<(String, Json)>>> {
    if values::of(path).is_some_and(<[&str]>::is_empty) {
        return None;
    }
    let name = field.name.clone();
    let drawn = value(path, field).prop_map(move |value| (name.clone(), value));
    Some(if field.required {
        drawn.prop_map(Some).boxed()
    } else {
        proptest::option::weighted(SET, drawn).boxed()
    })
}

fn value(path: &str, field: &Field) -> BoxedStrategy<Json> {
    let Some((nesting, inside)) = &field.inside else { return plain(path, field) };
    let one = match field.rules.iter().any(|rule| rule == NOT_EMPTY) {
        true => not_empty(path, inside),
        false => object(path, inside, &Map::new()),
    };
    match nesting.as_str() {
        "single" => one,
        "map" if field.rules.iter().any(|rule| rule == "Length at least 1.") => {
            let keys = keys(path, field);
            let first = keys.first().cloned().unwrap_or_default();
            let filled = (map_of(keys, &one), one).prop_map(move |(mut map, one)| {
                if map == json!({}) {
                    map[&first] = one;
                }
                map
            });
            filled.boxed()
        }
        "map" => map_of(keys(path, field), &one),
        _ => {
            let more = proptest::collection::vec(proptest::option::weighted(SET, one.clone()), 2);
            let all = (one, more).prop_map(|(first, more)| {
                Json::Array(std::iter::once(first).chain(more.into_iter().flatten()).collect())
            });
            all.boxed()
        }
    }
}

/// The rule of an object that says something.
const NOT_EMPTY: &str = "At least one argument inside must be set.";

/// An object that says something: its first argument if chance leaves all of them out.
fn not_empty(path: &str, inside: &[Field]) -> BoxedStrategy<Json> {
    let first = inside.first().expect("an object has arguments");
    let name = first.name.clone();
    let drawn = (object(path, inside, &Map::new()), value(&format!("{path}.{name}"), first));
    let filled = drawn.prop_map(move |(mut object, value)| {
        if object == json!({}) {
            object[&name] = value;
        }
        object
    });
    filled.boxed()
}

fn map_of(keys: Vec<String>, one: &BoxedStrategy<Json>) -> BoxedStrategy<Json> {
    let entries: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let drawn = one.clone().prop_map(move |value| (key.clone(), value));
            proptest::option::weighted(TAKEN, drawn)
        })
        .collect();
    entries.prop_map(|drawn| Json::Object(drawn.into_iter().flatten().collect())).boxed()
}

/// A value without arguments inside.
fn plain(path: &str, field: &Field) -> BoxedStrategy<Json> {
    let (kind, element) = match &field.ty {
        Json::Array(pair) => (pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default()),
        ty => (ty.as_str().unwrap_or_default(), ty.as_str().unwrap_or_default()),
    };
    let least = usize::from(
        field.rules.iter().any(|rule| rule == "Length at least 1." || rule.starts_with("Length 1 ")),
    );
    match kind {
        "map" => {
            let keys = keys(path, field);
            let one = scalar(path, element, field);
            let first = keys.first().cloned().unwrap_or_default();
            let filled = (map_of(keys, &one), one).prop_map(move |(mut map, one)| {
                if least == 1 && map == json!({}) {
                    map[&first] = one;
                }
                map
            });
            filled.boxed()
        }
        "set" | "list" => {
            let all = candidates(path, element, field);
            let (all, most) = (all.clone(), all.len().min(3));
            let some = subsequence(all, least..=most);
            let some = if kind == "list" { some.prop_shuffle().boxed() } else { some.boxed() };
            some.prop_map(Json::Array).boxed()
        }
        ty => scalar(path, ty, field),
    }
}

fn scalar(path: &str, ty: &str, field: &Field) -> BoxedStrategy<Json> {
    if values::of(path).is_none()
        && let Some((least, most)) = range(field)
    {
        // Small numbers, and sometimes a large one.
        let (near, far) = (most.min(least.saturating_add(20)), most.min(least.saturating_add(5000)));
        return prop_oneof![3 => least..=near, 1 => least..=far].prop_map(Json::from).boxed();
    }
    select(candidates(path, ty, field)).boxed()
}

/// The numbers between which a rule wants one.
fn range(field: &Field) -> Option<(i64, i64)> {
    let bounds = |rule: &String| {
        if let Some(least) = rule.strip_suffix(" or more.") {
            return Some((least.parse().ok()?, i64::MAX));
        }
        let (_, bounds) = rule.split_once("Between ")?;
        let (least, most) = bounds.trim_end_matches('.').split_once(" and ")?;
        Some((least.parse().ok()?, most.parse().ok()?))
    };
    field.rules.iter().find_map(bounds)
}

/// The values to choose from: those of the table, else those that a rule names.
fn candidates(path: &str, ty: &str, field: &Field) -> Vec<Json> {
    if let Some(listed) = values::of(path) {
        let typed = |text: &&str| match ty {
            _ if text.starts_with("${") => json!(text),
            "number" => {
                serde_json::from_str(text).unwrap_or_else(|_| panic!("{path}: {text:?} is no number"))
            }
            "bool" => json!(*text == "true"),
            _ => json!(text),
        };
        return listed.iter().map(typed).collect();
    }
    if ty == "bool" {
        let only = field.rules.iter().any(|rule| rule == "Must be `true`.");
        return if only { vec![json!(true)] } else { vec![json!(false), json!(true)] };
    }
    if let Some((least, most)) = range(field) {
        return [least, least + 1, most.min(least + 100)].map(Json::from).to_vec();
    }
    let named = field.rules.iter().find(|rule| rule.contains("One of `"));
    let slots = field.rules.iter().any(|rule| rule.starts_with("Slots: "));
    let found = match named {
        Some(rule) => quoted(rule),
        None if slots => keys(path, field),
        None => Vec::new(),
    };
    assert!(
        !found.is_empty(),
        "{path} is not covered by the random configurations: its rules {:?} name no values. Give it some in {}.",
        field.rules,
        values::FILE
    );
    found.into_iter().map(Json::from).collect()
}

/// The keys of a map: those of the table, else the first and the last slots of each kind.
fn keys(path: &str, field: &Field) -> Vec<String> {
    let listed = values::of(&format!("{path}.*"));
    if let Some(listed) = listed {
        return listed.iter().map(|key| (*key).to_owned()).collect();
    }
    let rule = field.rules.iter().find_map(|rule| rule.strip_prefix("Slots: "));
    let Some(rule) = rule else {
        panic!(
            "{path} is not covered by the random configurations: give it keys as `{path}.*` in {}.",
            values::FILE
        )
    };
    rule.split(", ").flat_map(|range| slots(&quoted(range))).collect()
}

fn slots(ends: &[String]) -> Vec<String> {
    let [first, last] = ends else { return ends.to_vec() };
    let stem = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let last: u32 = last[stem.len()..].parse().expect("a slot ends with its number");
    [0, 1, last].map(|number| format!("{stem}{number}")).to_vec()
}

/// The words between back-quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
