//! Values of the configuration language.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use bigdecimal::BigDecimal;
use serde_json::Value as Json;

use crate::types::Type;

/// In JSON that a test writes, this string stands for a value known only after apply.
pub const UNKNOWN: &str = "\u{0}known after apply";

/// A value. Lists and tuples look alike, and so do maps and objects: the type tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// No value.
    Null,
    /// Known only after apply.
    Unknown,
    /// A bool.
    Bool(bool),
    /// A number, exact.
    Number(BigDecimal),
    /// A string.
    String(String),
    /// A list or tuple.
    List(Vec<Value>),
    /// A set.
    Set(BTreeSet<Value>),
    /// A map or object.
    Map(BTreeMap<String, Value>),
    /// The value of a `dynamic` attribute and its type.
    Typed(Type, Box<Value>),
}

impl Value {
    /// The value of JSON as `ty`, the way a configuration is converted: what an object leaves out is null.
    ///
    /// # Panics
    /// When the JSON does not fit the type: the test is wrong.
    pub fn from_json(json: &Json, ty: &Type) -> Self {
        match (json, ty) {
            (Json::Null, _) => Self::Null,
            (Json::String(text), _) if text == UNKNOWN => Self::Unknown,
            (Json::Bool(value), Type::Bool) => Self::Bool(*value),
            (Json::Number(number), Type::Number) => Self::number(&number.to_string()),
            (Json::String(text), Type::Number) => Self::number(text),
            (Json::String(text), Type::String) => Self::String(text.clone()),
            (Json::Array(items), Type::List(inner)) => {
                Self::List(items.iter().map(|item| Self::from_json(item, inner)).collect())
            }
            (Json::Array(items), Type::Set(inner)) => {
                Self::Set(items.iter().map(|item| Self::from_json(item, inner)).collect())
            }
            (Json::Array(items), Type::Tuple(types)) if items.len() == types.len() => {
                Self::List(items.iter().zip(types).map(|(item, ty)| Self::from_json(item, ty)).collect())
            }
            (Json::Object(entries), Type::Map(inner)) => Self::Map(
                entries.iter().map(|(key, json)| (key.clone(), Self::from_json(json, inner))).collect(),
            ),
            (Json::Object(entries), Type::Object(types)) => {
                let extra = entries.keys().find(|name| !types.contains_key(*name));
                assert_eq!(extra, None, "there is no such attribute");
                let value = |name: &String, ty| {
                    entries.get(name).map_or(Self::Null, |json| Self::from_json(json, ty))
                };
                Self::Map(types.iter().map(|(name, ty)| (name.clone(), value(name, ty))).collect())
            }
            (Json::Object(pair), Type::Dynamic)
                if pair.contains_key("type") && pair.contains_key("value") =>
            {
                let ty = Type::parse(pair["type"].to_string().as_bytes()).expect("a type as JSON");
                let value = Self::from_json(&pair["value"], &ty);
                Self::Typed(ty, Box::new(value))
            }
            _ => panic!("{json} is not a {ty:?}"),
        }
    }

    /// A number.
    ///
    /// # Panics
    /// When the text is none.
    pub fn number(text: &str) -> Self {
        Self::Number(BigDecimal::from_str(text).expect("a number").normalized())
    }

    /// The JSON of a state file.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null | Self::Unknown => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => {
                serde_json::from_str(&number.to_plain_string()).expect("a decimal is a JSON number")
            }
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Set(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
            Self::Typed(ty, value) => {
                let pair = [("type".to_owned(), ty.to_json()), ("value".to_owned(), value.to_json())];
                Json::Object(pair.into_iter().collect())
            }
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// Whether nothing in it is unknown.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(items) => items.iter().all(Self::is_known),
            Self::Set(items) => items.iter().all(Self::is_known),
            Self::Map(entries) => entries.values().all(Self::is_known),
            Self::Typed(_, value) => value.is_known(),
            _ => true,
        }
    }

    /// An attribute of an object or an entry of a map; null when there is none.
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Self::Map(entries) => entries.get(name).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }

    /// An element of a list; null when there is none.
    pub fn element(&self, index: usize) -> &Value {
        match self {
            Self::List(items) => items.get(index).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }
}
