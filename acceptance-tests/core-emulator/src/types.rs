//! Types of the configuration language, as the protocol's JSON says them.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `number`.
    Number,
    /// `string`.
    String,
    /// Any type; the value says which.
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
    /// Reads the bytes of a schema.
    pub fn parse(json: &[u8]) -> Option<Self> {
        Self::from_json(&serde_json::from_slice(json).ok()?)
    }

    fn from_json(json: &Json) -> Option<Self> {
        match (json.as_str(), json.as_array().map(Vec::as_slice)) {
            (Some("bool"), _) => Some(Self::Bool),
            (Some("number"), _) => Some(Self::Number),
            (Some("string"), _) => Some(Self::String),
            (Some("dynamic"), _) => Some(Self::Dynamic),
            (_, Some([kind, inner])) => match kind.as_str()? {
                "list" => Some(Self::List(Box::new(Self::from_json(inner)?))),
                "set" => Some(Self::Set(Box::new(Self::from_json(inner)?))),
                "map" => Some(Self::Map(Box::new(Self::from_json(inner)?))),
                "tuple" => {
                    inner.as_array()?.iter().map(Self::from_json).collect::<Option<_>>().map(Self::Tuple)
                }
                "object" => {
                    let entries = inner.as_object()?.iter();
                    let types = entries.map(|(name, ty)| Some((name.clone(), Self::from_json(ty)?)));
                    types.collect::<Option<_>>().map(Self::Object)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The protocol's JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => "bool".into(),
            Self::Number => "number".into(),
            Self::String => "string".into(),
            Self::Dynamic => "dynamic".into(),
            Self::List(inner) => Json::Array(vec!["list".into(), inner.to_json()]),
            Self::Set(inner) => Json::Array(vec!["set".into(), inner.to_json()]),
            Self::Map(inner) => Json::Array(vec!["map".into(), inner.to_json()]),
            Self::Tuple(types) => {
                Json::Array(vec!["tuple".into(), types.iter().map(Self::to_json).collect()])
            }
            Self::Object(types) => {
                let types = types.iter().map(|(name, ty)| (name.clone(), ty.to_json())).collect();
                Json::Array(vec!["object".into(), Json::Object(types)])
            }
        }
    }
}
