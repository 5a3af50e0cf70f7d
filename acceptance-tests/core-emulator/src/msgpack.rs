//! Values on the wire, read and written by type. As strict as the CLIs: what they refuse is refused here.

use std::collections::BTreeMap;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::ToBigInt;
use rmpv::Value as Raw;

use crate::proto::tfplugin6::DynamicValue;
use crate::types::Type;
use crate::value::Value;

/// Writes a value.
pub(crate) fn dynamic(value: &Value, ty: &Type) -> DynamicValue {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, &raw(value, ty)).expect("memory can be written to");
    DynamicValue { msgpack, json: Vec::new() }
}

/// Reads an answer; one that is absent is null.
pub(crate) fn value(answer: Option<&DynamicValue>, ty: &Type) -> Result<Value, String> {
    let Some(answer) = answer else { return Ok(Value::Null) };
    if answer.msgpack.is_empty() {
        return if answer.json.is_empty() {
            Ok(Value::Null)
        } else {
            Err("answers are MessagePack, this one is JSON".to_owned())
        };
    }
    let mut rest = answer.msgpack.as_slice();
    let raw = rmpv::decode::read_value(&mut rest).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("there is something after the value".to_owned());
    }
    typed(raw, ty)
}

fn raw(value: &Value, ty: &Type) -> Raw {
    match (value, ty) {
        (Value::Null, _) => Raw::Nil,
        (Value::Unknown, _) => Raw::Ext(0, vec![0]),
        (Value::Typed(ty, value), _) => {
            Raw::Array(vec![Raw::Binary(ty.to_json().to_string().into_bytes()), raw(value, ty)])
        }
        (Value::Bool(value), _) => Raw::Boolean(*value),
        (Value::Number(number), _) => raw_number(number),
        (Value::String(text), _) => Raw::from(text.as_str()),
        (Value::List(items), Type::Tuple(types)) => {
            Raw::Array(items.iter().zip(types).map(|(item, ty)| raw(item, ty)).collect())
        }
        (Value::List(items), Type::List(inner)) => {
            Raw::Array(items.iter().map(|item| raw(item, inner)).collect())
        }
        (Value::Set(items), Type::Set(inner)) => {
            Raw::Array(items.iter().map(|item| raw(item, inner)).collect())
        }
        (Value::Map(entries), Type::Map(inner)) => Raw::Map(
            entries.iter().map(|(key, value)| (Raw::from(key.as_str()), raw(value, inner))).collect(),
        ),
        (Value::Map(entries), Type::Object(types)) => Raw::Map(
            types
                .iter()
                .map(|(name, ty)| {
                    (Raw::from(name.as_str()), raw(entries.get(name).unwrap_or(&Value::Null), ty))
                })
                .collect(),
        ),
        _ => panic!("{value:?} is not a {ty:?}"),
    }
}

/// The shortest of integer, float and text that is exactly the number, in this order.
fn raw_number(number: &BigDecimal) -> Raw {
    if number.is_integer() {
        let whole = number.to_bigint().and_then(|whole| i64::try_from(whole).ok());
        if let Some(whole) = whole {
            return Raw::from(whole);
        }
    }
    let text = number.to_plain_string();
    match text.parse::<f64>() {
        Ok(float) if BigDecimal::try_from(float).is_ok_and(|exact| exact == *number) => Raw::F64(float),
        _ => Raw::from(text.as_str()),
    }
}

fn typed(raw: Raw, ty: &Type) -> Result<Value, String> {
    match (raw, ty) {
        (Raw::Nil, _) => Ok(Value::Null),
        (Raw::Ext(..), _) => Ok(Value::Unknown),
        (Raw::Boolean(value), Type::Bool) => Ok(Value::Bool(value)),
        (raw, Type::Number) => number(&raw).ok_or_else(|| format!("a number is required, not {raw}")),
        (Raw::String(text), Type::String) => {
            text.into_str().map(Value::String).ok_or_else(|| "a string is not UTF-8".to_owned())
        }
        (Raw::Array(items), Type::List(inner)) => elements(items, inner).map(Value::List),
        (Raw::Array(items), Type::Set(inner)) => {
            elements(items, inner).map(|items| Value::Set(items.into_iter().collect()))
        }
        (Raw::Array(items), Type::Tuple(types)) if items.len() == types.len() => items
            .into_iter()
            .zip(types)
            .map(|(item, ty)| typed(item, ty))
            .collect::<Result<_, _>>()
            .map(Value::List),
        (Raw::Map(entries), Type::Map(inner)) => map(entries, |_| Some(inner)),
        (Raw::Map(entries), Type::Object(types)) => {
            let found = map(entries, |name| types.get(name))?;
            match types.keys().find(|name| !matches!(&found, Value::Map(found) if found.contains_key(*name)))
            {
                Some(missing) => Err(format!("the attribute {missing:?} is missing")),
                None => Ok(found),
            }
        }
        (Raw::Array(mut pair), Type::Dynamic) if pair.len() == 2 => {
            let (value, ty) = (pair.pop().unwrap_or(Raw::Nil), pair.pop().unwrap_or(Raw::Nil));
            let bytes = match &ty {
                Raw::Binary(bytes) => Some(bytes.as_slice()),
                Raw::String(text) => Some(text.as_bytes()),
                _ => None,
            };
            let ty = bytes.and_then(Type::parse).ok_or("a type as JSON is required")?;
            let value = typed(value, &ty)?;
            Ok(Value::Typed(ty, Box::new(value)))
        }
        (raw, ty) => Err(format!("{raw} is not a {ty:?}")),
    }
}

fn number(raw: &Raw) -> Option<Value> {
    let number = match raw {
        Raw::Integer(whole) => BigDecimal::from_str(&whole.to_string()).ok()?,
        Raw::F32(float) => BigDecimal::try_from(*float).ok()?,
        Raw::F64(float) => BigDecimal::try_from(*float).ok()?,
        Raw::String(text) => BigDecimal::from_str(text.as_str()?).ok()?,
        _ => return None,
    };
    Some(Value::Number(number.normalized()))
}

fn elements(items: Vec<Raw>, inner: &Type) -> Result<Vec<Value>, String> {
    items.into_iter().map(|item| typed(item, inner)).collect()
}

fn map<'t>(entries: Vec<(Raw, Raw)>, ty: impl Fn(&str) -> Option<&'t Type>) -> Result<Value, String> {
    let mut found = BTreeMap::new();
    for (key, value) in entries {
        let key = key.as_str().ok_or("a key is not a string")?.to_owned();
        let ty = ty(&key).ok_or_else(|| format!("there is no attribute {key:?}"))?;
        let value = typed(value, ty).map_err(|error| format!("{key}: {error}"))?;
        if found.insert(key, value).is_some() {
            return Err("a key is there twice".to_owned());
        }
    }
    Ok(Value::Map(found))
}
