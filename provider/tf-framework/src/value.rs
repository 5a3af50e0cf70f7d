//! Dynamic values of the configuration language.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value as Json;

use crate::number::Number;
use crate::path::{Path, Step};
use crate::types::Type;

/// A value of the configuration language: null, not yet known, or known.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value.
    Null,
    /// Known only after apply.
    Unknown,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list; order matters.
    List(Vec<Value>),
    /// A set; order and repetition do not matter.
    Set(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
    /// An object.
    Object(BTreeMap<String, Value>),
    /// The known, non-null value of a `dynamic` attribute together with its type.
    Dynamic(Box<Dynamic>),
}

/// A value that carries its own type.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamic {
    /// Type of the value.
    pub ty: Type,
    /// The value.
    pub value: Value,
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) | (Self::Unknown, Self::Unknown) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Set(a), Self::Set(b)) => a == b || same_elements(a, b),
            (Self::Map(a), Self::Map(b)) | (Self::Object(a), Self::Object(b)) => a == b,
            (Self::Dynamic(a), Self::Dynamic(b)) => a == b,
            _ => false,
        }
    }
}

/// Whether two sets hold the same elements, each as often as the other.
fn same_elements(a: &[Value], b: &[Value]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut used = vec![false; b.len()];
    a.iter().all(|left| {
        let found = (0..b.len()).find(|&i| !used[i] && *left == b[i]);
        if let Some(i) = found {
            used[i] = true;
        }
        found.is_some()
    })
}

impl Value {
    /// An object from names and values.
    pub fn object<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this is known only after apply, as a whole.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether this is neither null nor unknown.
    pub fn is_set(&self) -> bool {
        !self.is_null() && !self.is_unknown()
    }

    /// Whether nothing inside is unknown.
    pub fn is_fully_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(items) | Self::Set(items) | Self::Tuple(items) => {
                items.iter().all(Self::is_fully_known)
            }
            Self::Map(entries) | Self::Object(entries) => entries.values().all(Self::is_fully_known),
            Self::Dynamic(inner) => inner.value.is_fully_known(),
            _ => true,
        }
    }

    /// The attribute `name` of an object; null when absent, unknown when the object is unknown.
    pub fn attribute(&self, name: &str) -> &Value {
        match self {
            Self::Object(entries) | Self::Map(entries) => entries.get(name).unwrap_or(&Self::Null),
            Self::Unknown => &Self::Unknown,
            _ => &Self::Null,
        }
    }

    /// The value at a path; null when absent, unknown below anything unknown.
    pub fn at(&self, path: &Path) -> &Value {
        path.0.iter().fold(self, |value, step| match step {
            Step::Attribute(name) | Step::Key(name) => value.attribute(name),
            Step::Index(index) => match value {
                Self::List(items) | Self::Tuple(items) => {
                    usize::try_from(*index).ok().and_then(|i| items.get(i)).unwrap_or(&Self::Null)
                }
                Self::Unknown => &Self::Unknown,
                _ => &Self::Null,
            },
        })
    }

    /// Replaces the value at a path; false when a container on the way is missing.
    pub fn set(&mut self, path: &Path, new: Value) -> bool {
        let mut target = self;
        for step in &path.0 {
            let next = match (step, target) {
                (Step::Attribute(name), Self::Object(entries)) => {
                    Some(entries.entry(name.clone()).or_insert(Self::Null))
                }
                (Step::Key(name), Self::Map(entries)) => {
                    Some(entries.entry(name.clone()).or_insert(Self::Null))
                }
                (Step::Index(index), Self::List(items) | Self::Tuple(items)) => {
                    usize::try_from(*index).ok().and_then(|i| items.get_mut(i))
                }
                _ => None,
            };
            match next {
                Some(next) => target = next,
                None => return false,
            }
        }
        *target = new;
        true
    }

    /// The string, if this is a known one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if this is a known one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is a known one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(value) => Some(value),
            _ => None,
        }
    }

    /// The elements of a known list, set or tuple.
    pub fn as_elements(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Set(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a known map or object.
    pub fn as_entries(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Map(entries) | Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// Replaces everything unknown by null.
    pub fn without_unknowns(self) -> Self {
        match self {
            Self::Unknown => Self::Null,
            Self::List(items) => Self::List(items.into_iter().map(Self::without_unknowns).collect()),
            Self::Set(items) => Self::Set(items.into_iter().map(Self::without_unknowns).collect()),
            Self::Tuple(items) => Self::Tuple(items.into_iter().map(Self::without_unknowns).collect()),
            Self::Map(entries) => {
                Self::Map(entries.into_iter().map(|(k, v)| (k, v.without_unknowns())).collect())
            }
            Self::Object(entries) => {
                Self::Object(entries.into_iter().map(|(k, v)| (k, v.without_unknowns())).collect())
            }
            Self::Dynamic(inner) => {
                Self::Dynamic(Box::new(Dynamic { ty: inner.ty, value: inner.value.without_unknowns() }))
            }
            other => other,
        }
    }

    /// Plain JSON of the value; unknown becomes null.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null | Self::Unknown => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => number.to_json(),
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) | Self::Set(items) | Self::Tuple(items) => {
                Json::Array(items.iter().map(Self::to_json).collect())
            }
            Self::Map(entries) | Self::Object(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
            Self::Dynamic(inner) => inner.value.to_json(),
        }
    }

    /// The value and type that plain JSON stands for: arrays become tuples, objects become objects.
    pub fn from_plain_json(json: &Json) -> (Value, Type) {
        match json {
            Json::Null => (Self::Null, Type::Dynamic),
            Json::Bool(value) => (Self::Bool(*value), Type::Bool),
            Json::Number(number) => match Number::from_str(&number.to_string()) {
                Ok(number) => (Self::Number(number), Type::Number),
                Err(_) => (Self::String(number.to_string()), Type::String),
            },
            Json::String(text) => (Self::String(text.clone()), Type::String),
            Json::Array(items) => {
                let (values, types) = items.iter().map(Self::from_plain_json).unzip();
                (Self::Tuple(values), Type::Tuple(types))
            }
            Json::Object(entries) => {
                let parts = entries.iter().map(|(key, json)| (key, Self::from_plain_json(json)));
                let (mut values, mut types) = (BTreeMap::new(), BTreeMap::new());
                for (key, (value, ty)) in parts {
                    values.insert(key.clone(), value);
                    types.insert(key.clone(), ty);
                }
                (Self::Object(values), Type::Object(types))
            }
        }
    }

    /// Reads stored state: JSON of a known type. Extra keys are ignored and missing ones are null,
    /// because states written by neighbouring versions have them.
    pub fn from_json(json: &Json, ty: &Type) -> Result<Self, JsonError> {
        crate::json::decode(json, ty, &mut Path::root())
    }
}

/// Stored JSON that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} is required at {path}")]
pub struct JsonError {
    /// Where.
    pub path: Path,
    /// What was expected there.
    pub expected: String,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Number> for Value {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
