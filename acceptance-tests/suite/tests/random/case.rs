//! One random case: objects, each as it is first and as it is after a change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use crate::fields::Field;
use crate::objects::{Family, Sketch};
use crate::{draw, rules};

/// An object and its two configurations. It may be there only before the change, or only after.
#[derive(Clone)]
pub struct Object {
    /// Type of the resource.
    pub kind: String,
    /// Name of the resource block.
    pub label: String,
    /// Before the change.
    pub first: Option<Json>,
    /// After it.
    pub second: Option<Json>,
}

impl Object {
    /// Its address.
    pub fn address(&self) -> String {
        format!("{}.{}", self.kind, self.label)
    }
}

/// Objects, each after those that it refers to.
#[derive(Clone)]
pub struct Case(pub Vec<Object>);

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for object in &self.0 {
            for (when, config) in [("first", &object.first), ("then", &object.second)] {
                match config {
                    Some(config) => writeln!(f, "{} {when} {config:#}", object.address())?,
                    None => writeln!(f, "{} {when} is not there", object.address())?,
                }
            }
        }
        Ok(())
    }
}

/// When an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Both,
    First,
    Second,
}

#[derive(Debug)]
struct Drawn {
    wanted: bool,
    presence: Presence,
    first: Json,
    second: Json,
}

/// Random cases of a part of the lab.
pub fn cases(family: Family, copy: usize, fields: &BTreeMap<String, Vec<Field>>) -> BoxedStrategy<Case> {
    let sketches = family.sketches(copy);
    let drawn: Vec<_> = sketches.iter().map(|sketch| one(sketch, copy, &fields[sketch.kind])).collect();
    let named: Vec<(String, String)> =
        sketches.into_iter().map(|sketch| (sketch.kind.to_owned(), sketch.label)).collect();
    drawn.prop_map(move |drawn| link(&named, &drawn)).boxed()
}

fn one(sketch: &Sketch, copy: usize, fields: &[Field]) -> BoxedStrategy<Rc<Drawn>> {
    let fixed: Map<String, Json> = sketch.fixed.as_object().cloned().unwrap_or_default();
    let config = || draw::object(sketch.kind, fields, &fixed).prop_map(move |config| numbered(config, copy));
    let presence =
        prop_oneof![6 => Just(Presence::Both), 1 => Just(Presence::First), 1 => Just(Presence::Second)];
    let kind = sketch.kind;
    let label = sketch.label.clone();
    let all = (proptest::bool::weighted(sketch.likely), presence, config(), config());
    all.prop_map(move |(wanted, presence, mut first, mut second)| {
        rules::mend(kind, &label, &mut first, &mut second);
        Rc::new(Drawn { wanted, presence, first, second })
    })
    .boxed()
}

/// Puts the number of the copy where the values have a place for it.
fn numbered(mut config: Json, copy: usize) -> Json {
    fn walk(value: &mut Json, copy: &str) {
        match value {
            Json::String(text) => *text = text.replace("{n}", copy),
            Json::Array(items) => items.iter_mut().for_each(|item| walk(item, copy)),
            Json::Object(entries) => entries.values_mut().for_each(|entry| walk(entry, copy)),
            _ => {}
        }
    }
    walk(&mut config, &copy.to_string());
    config
}

/// The objects that are wanted, and those that they refer to.
fn link(named: &[(String, String)], drawn: &[Rc<Drawn>]) -> Case {
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut objects = Vec::new();
    for ((kind, label), drawn) in named.iter().zip(drawn).rev() {
        let address = format!("{kind}.{label}");
        let is_needed = needed.contains(&address);
        if !drawn.wanted && !is_needed {
            continue;
        }
        // The CLIs delete what is gone before they change what referred to it, so only what nobody refers to comes and goes.
        let presence = if is_needed { Presence::Both } else { drawn.presence };
        let mut first = Some(drawn.first.clone()).filter(|_| presence != Presence::Second);
        // What is protected does not go.
        if let Some(first) = first.as_mut().filter(|_| presence == Presence::First) {
            rules::unset(first, "protection");
        }
        let second = Some(drawn.second.clone()).filter(|_| presence != Presence::First);
        for config in [&first, &second].into_iter().flatten() {
            references(config, &mut |reference| {
                needed.insert(
                    reference.rsplit_once('.').map(|(address, _)| address.to_owned()).unwrap_or_default(),
                );
            });
        }
        objects.push(Object { kind: kind.clone(), label: label.clone(), first, second });
    }
    objects.reverse();
    share_data_disks(&mut objects);
    Case(objects)
}

/// Leaves each data disk to the first machine that names it: two at a time are refused.
fn share_data_disks(objects: &mut [Object]) {
    let mut users: BTreeMap<String, String> = BTreeMap::new();
    for object in objects {
        let address = object.address();
        for config in [&mut object.first, &mut object.second].into_iter().flatten() {
            let Some(disks) = config.get_mut("data_disks").and_then(Json::as_object_mut) else { continue };
            disks.retain(|_, disk| {
                let user = users.entry(disk.to_string()).or_insert_with(|| address.clone());
                *user == address
            });
        }
    }
}

/// Calls `found` with each reference, such as `homelab_pve_pool.a.name`.
pub fn references(config: &Json, found: &mut impl FnMut(&str)) {
    match config {
        Json::String(text) => {
            for part in text.split("${").skip(1) {
                found(part.split('}').next().unwrap_or_default());
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        Json::Object(entries) => entries.values().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

/// A configuration with the values in place of the references.
pub fn resolved(config: &Json, value_of: &impl Fn(&str) -> Json) -> Json {
    match config {
        Json::String(text) => {
            let Some(at) = text.find("${") else { return config.clone() };
            let (reference, rest) = text[at + 2..].split_once('}').expect("a reference ends");
            let value = value_of(reference);
            if at == 0 && rest.is_empty() && (value.is_object() || value.is_null()) {
                return value;
            }
            // The text of a number becomes a number again where one is wanted.
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            resolved(&Json::from(format!("{}{shown}{rest}", &text[..at])), value_of)
        }
        Json::Array(items) => items.iter().map(|item| resolved(item, value_of)).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(name, entry)| (name.clone(), resolved(entry, value_of)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
