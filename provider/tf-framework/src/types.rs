//! Types of the configuration language and their protocol JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

/// A type of the configuration language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `number`.
    Number,
    /// `string`.
    String,
    /// Any type, decided by the value.
    Dynamic,
    /// `list(…)`.
    List(Box<Type>),
    /// `set(…)`.
    Set(Box<Type>),
    /// `map(…)`.
    Map(Box<Type>),
    /// `tuple([…])`.
    Tuple(Vec<Type>),
    /// `object({…})`.
    Object(BTreeMap<String, Type>),
}

impl Type {
    /// `list(inner)`.
    pub fn list(inner: Type) -> Self {
        Self::List(Box::new(inner))
    }

    /// `set(inner)`.
    pub fn set(inner: Type) -> Self {
        Self::Set(Box::new(inner))
    }

    /// `map(inner)`.
    pub fn map(inner: Type) -> Self {
        Self::Map(Box::new(inner))
    }

    /// The protocol's JSON for this type.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(inner) => json!(["list", inner.to_json()]),
            Self::Set(inner) => json!(["set", inner.to_json()]),
            Self::Map(inner) => json!(["map", inner.to_json()]),
            Self::Tuple(types) => json!(["tuple", types.iter().map(Self::to_json).collect::<Vec<_>>()]),
            Self::Object(types) => {
                let types: serde_json::Map<_, _> =
                    types.iter().map(|(name, ty)| (name.clone(), ty.to_json())).collect();
                json!(["object", types])
            }
        }
    }

    /// Reads the protocol's JSON for a type.
    pub fn from_json(json: &Json) -> Option<Self> {
        if let Json::String(name) = json {
            return match name.as_str() {
                "bool" => Some(Self::Bool),
                "number" => Some(Self::Number),
                "string" => Some(Self::String),
                "dynamic" => Some(Self::Dynamic),
                _ => None,
            };
        }
        let parts = json.as_array()?;
        let inner = parts.get(1)?;
        match parts.first()?.as_str()? {
            "list" => Some(Self::list(Self::from_json(inner)?)),
            "set" => Some(Self::set(Self::from_json(inner)?)),
            "map" => Some(Self::map(Self::from_json(inner)?)),
            "tuple" => inner.as_array()?.iter().map(Self::from_json).collect::<Option<_>>().map(Self::Tuple),
            "object" => {
                let types =
                    inner.as_object()?.iter().map(|(name, ty)| Some((name.clone(), Self::from_json(ty)?)));
                types.collect::<Option<_>>().map(Self::Object)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::Dynamic => f.write_str("any"),
            Self::List(inner) => write!(f, "list({inner})"),
            Self::Set(inner) => write!(f, "set({inner})"),
            Self::Map(inner) => write!(f, "map({inner})"),
            Self::Tuple(types) => {
                let types: Vec<_> = types.iter().map(ToString::to_string).collect();
                write!(f, "tuple([{}])", types.join(", "))
            }
            Self::Object(types) => {
                let types: Vec<_> = types.iter().map(|(name, ty)| format!("{name} = {ty}")).collect();
                write!(f, "object({{{}}})", types.join(", "))
            }
        }
    }
}
