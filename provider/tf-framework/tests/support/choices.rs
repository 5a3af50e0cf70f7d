//! Random decisions from a string of bytes, so that a failing case shrinks by itself: fewer and smaller bytes make
//! simpler cases.

use std::collections::BTreeMap;

use tf_framework::{Attribute, Dynamic, Mode, Nesting, Number, Shape, Type, Value};

/// A supply of decisions; after the last byte every decision is the simplest one.
pub struct Choices {
    bytes: Vec<u8>,
    next: usize,
}

impl Choices {
    /// Decisions from bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, next: 0 }
    }

    /// A number below `below`; 0 is the simplest.
    pub fn pick(&mut self, below: usize) -> usize {
        let byte = self.bytes.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(byte) % below
    }

    /// True in one of `of` cases.
    pub fn one_in(&mut self, of: usize) -> bool {
        self.pick(of) == of - 1
    }
}

/// The one spelling of a string whose case does not matter.
fn lower(text: &str) -> Option<String> {
    Some(text.to_lowercase())
}

/// A schema: a key, by which the service knows the object, and some attributes.
pub fn schema(c: &mut Choices) -> Vec<Attribute> {
    let mut key = Attribute::new("key", Shape::Plain(Type::String), Mode::Required, "The key.");
    key.replace = true;
    let mut attributes = vec![key];
    attributes.extend(attribute_list(c, 2, Surroundings::default()));
    attributes
}

/// What the attributes around an attribute allow.
#[derive(Clone, Copy, Default)]
struct Surroundings {
    in_set: bool,
    read_only: bool,
}

fn attribute_list(c: &mut Choices, depth: usize, around: Surroundings) -> Vec<Attribute> {
    (0..=c.pick(4)).map(|index| attribute(c, format!("a{index}"), depth, around)).collect()
}

fn attribute(c: &mut Choices, name: String, depth: usize, around: Surroundings) -> Attribute {
    let modes = [Mode::Optional, Mode::Required, Mode::OptionalComputed, Mode::Computed];
    let mode = if around.read_only { Mode::Computed } else { modes[c.pick(4)] };
    let shape =
        shape(c, depth, Surroundings { read_only: around.read_only || mode == Mode::Computed, ..around });
    let mut attribute = Attribute::new(name, shape, mode, "Something.");
    let plain = matches!(attribute.shape, Shape::Plain(_));
    let texts = matches!(&attribute.shape, Shape::Plain(ty) if holds_text(ty));
    if texts && c.one_in(3) {
        attribute.canonical = Some(lower);
    }
    attribute.sensitive = c.one_in(8);
    attribute.replace = mode != Mode::Computed && c.one_in(6);
    attribute.keep = mode.is_computed() && c.one_in(3);
    if mode == Mode::OptionalComputed && plain && c.one_in(3) {
        attribute.default = Some(value(c, &attribute)).filter(Value::is_set);
    }
    if mode == Mode::Optional && !attribute.replace {
        if plain && !around.in_set && c.one_in(5) {
            attribute.write_only = true;
            attribute.canonical = None;
        } else if c.one_in(5) {
            attribute.create_only = true;
        }
    }
    attribute
}

fn holds_text(ty: &Type) -> bool {
    match ty {
        Type::String => true,
        Type::List(inner) | Type::Set(inner) | Type::Map(inner) => **inner == Type::String,
        _ => false,
    }
}

fn shape(c: &mut Choices, depth: usize, around: Surroundings) -> Shape {
    if depth > 0 && c.one_in(3) {
        let nesting = [Nesting::Single, Nesting::Map, Nesting::List, Nesting::Set][c.pick(4)];
        let around = Surroundings { in_set: around.in_set || nesting == Nesting::Set, ..around };
        let mut attributes = attribute_list(c, depth - 1, around);
        if nesting == Nesting::Set && !around.read_only {
            // Two elements that differ only in what the service fills in could become one.
            let key =
                Attribute::new("k", Shape::Plain(Type::String), Mode::Required, "Tells elements apart.");
            attributes.push(key);
        }
        return Shape::Nested { nesting, attributes };
    }
    let types = [
        Type::String,
        Type::Number,
        Type::Bool,
        Type::list(Type::String),
        Type::set(Type::String),
        Type::map(Type::Number),
        Type::map(Type::String),
        Type::Dynamic,
    ];
    let usable = if around.in_set { types.len() - 1 } else { types.len() };
    Shape::Plain(types[c.pick(usable)].clone())
}

const TEXTS: [&str; 5] = ["a", "A", "b", "\u{e9}", "long enough for a secret"];
const NUMBERS: [&str; 5] = ["0", "1", "2", "0.1", "123456789012345678901234567890"];

/// A known value of a type.
fn of_type(c: &mut Choices, ty: &Type) -> Value {
    match ty {
        Type::String => Value::from(TEXTS[c.pick(TEXTS.len())]),
        Type::Number => {
            Value::Number(NUMBERS[c.pick(NUMBERS.len())].parse().unwrap_or_else(|_| Number::from(0_i64)))
        }
        Type::Bool => Value::Bool(c.one_in(2)),
        Type::List(inner) => Value::List((0..c.pick(3)).map(|_| of_type(c, inner)).collect()),
        Type::Set(inner) => {
            let mut items: Vec<Value> = Vec::new();
            for _ in 0..c.pick(3) {
                let item = of_type(c, inner);
                if !items.contains(&item) {
                    items.push(item);
                }
            }
            Value::Set(items)
        }
        Type::Map(inner) => {
            Value::Map((0..c.pick(3)).map(|index| (TEXTS[index].to_owned(), of_type(c, inner))).collect())
        }
        _ => {
            let ty = [Type::String, Type::Number, Type::list(Type::Bool)][c.pick(3)].clone();
            Value::Dynamic(Box::new(Dynamic { value: of_type(c, &ty), ty }))
        }
    }
}

/// A complete, known value of an attribute, as a service would make one up.
pub fn value(c: &mut Choices, attribute: &Attribute) -> Value {
    match &attribute.shape {
        Shape::Plain(ty) => of_type(c, ty),
        Shape::Nested { nesting, attributes } => collection(c, *nesting, |c, index| {
            let set = attributes.iter().map(|attribute| {
                let value = match attribute.name.as_str() {
                    _ if attribute.write_only || attribute.create_only => Value::Null,
                    "k" => Value::from(format!("k{index}")),
                    _ if attribute.mode != Mode::Required && c.one_in(4) => Value::Null,
                    _ => value(c, attribute),
                };
                (attribute.name.clone(), value)
            });
            Value::object(set.collect::<Vec<_>>())
        }),
    }
}

fn collection(
    c: &mut Choices,
    nesting: Nesting,
    mut element: impl FnMut(&mut Choices, usize) -> Value,
) -> Value {
    if nesting == Nesting::Single {
        return element(c, 0);
    }
    let items: Vec<Value> = (0..c.pick(3)).map(|index| element(c, index)).collect();
    match nesting {
        Nesting::Map => Value::Map(
            items.into_iter().enumerate().map(|(index, item)| (TEXTS[index].to_owned(), item)).collect(),
        ),
        Nesting::Set => {
            let mut distinct: Vec<Value> = Vec::new();
            for item in items {
                if !distinct.contains(&item) {
                    distinct.push(item);
                }
            }
            Value::Set(distinct)
        }
        _ => Value::List(items),
    }
}

/// A valid, fully known configuration.
pub fn config(c: &mut Choices, attributes: &[Attribute]) -> Value {
    Value::object(attributes.iter().map(|attribute| (attribute.name.clone(), configured(c, attribute, 0))))
}

fn configured(c: &mut Choices, attribute: &Attribute, index: usize) -> Value {
    match (attribute.name.as_str(), attribute.mode) {
        ("key", _) => return Value::from("key"),
        ("k", _) => return Value::from(format!("k{index}")),
        ("timeouts", _) => return timeouts(c),
        (_, Mode::Computed) => return Value::Null,
        (_, Mode::Optional | Mode::OptionalComputed) if c.pick(2) == 0 => return Value::Null,
        _ => {}
    }
    match &attribute.shape {
        Shape::Plain(ty) => of_type(c, ty),
        Shape::Nested { nesting, attributes } => collection(c, *nesting, |c, index| {
            let set: Vec<_> = attributes.iter().map(|a| (a.name.clone(), configured(c, a, index))).collect();
            Value::object(set)
        }),
    }
}

fn timeouts(c: &mut Choices) -> Value {
    if !c.one_in(3) {
        return Value::Null;
    }
    let minutes = Value::from(format!("{}m", 1 + c.pick(3)));
    let verbs = ["create", "read", "update", "delete"].map(|verb| (verb.to_owned(), Value::Null));
    let mut timeouts = BTreeMap::from(verbs);
    timeouts.insert("create".to_owned(), minutes);
    Value::Object(timeouts)
}

/// Another valid configuration: some attributes of `old`, some new.
pub fn changed(c: &mut Choices, attributes: &[Attribute], old: &Value) -> Value {
    Value::object(attributes.iter().map(|attribute| {
        let kept = old.attribute(&attribute.name);
        let value = match kept {
            Value::Map(items) if c.one_in(2) && attribute.nested().is_some() => {
                changed_map(c, attribute, items)
            }
            Value::Object(_)
                if c.one_in(2) && attribute.nested().is_some() && attribute.name != "timeouts" =>
            {
                changed(c, attribute.nested().map(|(_, inner)| inner).unwrap_or_default(), kept)
            }
            _ if c.one_in(3) => configured(c, attribute, 0),
            _ => kept.clone(),
        };
        (attribute.name.clone(), value)
    }))
}

fn changed_map(c: &mut Choices, attribute: &Attribute, items: &BTreeMap<String, Value>) -> Value {
    let inner = attribute.nested().map(|(_, inner)| inner).unwrap_or_default();
    let change = |(key, item): (&String, &Value)| (key.clone(), changed(c, inner, item));
    Value::Map(items.iter().map(change).collect())
}

/// A configuration with some parts not known yet, which turn out as in `config`.
pub fn obscured(c: &mut Choices, attributes: &[Attribute], config: &Value) -> Value {
    Value::object(attributes.iter().map(|attribute| {
        let value = config.attribute(&attribute.name);
        let value = if attribute.mode == Mode::Computed {
            Value::Null
        } else if c.one_in(6) && !matches!(attribute.name.as_str(), "timeouts" | "k") {
            Value::Unknown
        } else {
            obscured_inside(c, attribute, value)
        };
        (attribute.name.clone(), value)
    }))
}

fn obscured_inside(c: &mut Choices, attribute: &Attribute, value: &Value) -> Value {
    let Some((_, inner)) = attribute.nested() else {
        return match value {
            Value::List(items) => Value::List(
                items.iter().map(|item| if c.one_in(4) { Value::Unknown } else { item.clone() }).collect(),
            ),
            other => other.clone(),
        };
    };
    match value {
        Value::Object(_) => obscured(c, inner, value),
        Value::List(items) => Value::List(items.iter().map(|item| obscured(c, inner, item)).collect()),
        Value::Set(items) => Value::Set(items.iter().map(|item| obscured(c, inner, item)).collect()),
        Value::Map(items) => {
            Value::Map(items.iter().map(|(key, item)| (key.clone(), obscured(c, inner, item))).collect())
        }
        other => other.clone(),
    }
}
