//! Stored JSON to values, following a type.

use std::str::FromStr;

use serde_json::Value as Json;

use crate::number::Number;
use crate::path::{Path, Step};
use crate::types::Type;
use crate::value::{Dynamic, JsonError, Value};

/// Decodes `json` as `ty`; the path says where we are, for messages.
pub(crate) fn decode(json: &Json, ty: &Type, path: &mut Path) -> Result<Value, JsonError> {
    if json.is_null() {
        return Ok(Value::Null);
    }
    let fail =
        |path: &Path, expected: &str| Err(JsonError { path: path.clone(), expected: expected.to_owned() });
    match ty {
        Type::Bool => match json {
            Json::Bool(value) => Ok(Value::Bool(*value)),
            _ => fail(path, "a bool"),
        },
        Type::Number => {
            let text = match json {
                Json::Number(number) => number.to_string(),
                Json::String(text) => text.clone(),
                _ => return fail(path, "a number"),
            };
            Number::from_str(&text).map(Value::Number).or_else(|_| fail(path, "a number"))
        }
        Type::String => match json {
            Json::String(text) => Ok(Value::String(text.clone())),
            _ => fail(path, "a string"),
        },
        Type::List(inner) => elements(json, |_| Some(&**inner), path).map(Value::List),
        Type::Set(inner) => elements(json, |_| Some(&**inner), path).map(Value::Set),
        Type::Tuple(types) => {
            let values = elements(json, |index| types.get(index), path)?;
            if values.len() == types.len() {
                Ok(Value::Tuple(values))
            } else {
                fail(path, "a tuple of the right length")
            }
        }
        Type::Map(inner) => {
            let Json::Object(entries) = json else { return fail(path, "a map") };
            let decoded = entries.iter().map(|(key, json)| {
                within(path, Step::Key(key.clone()), |path| decode(json, inner, path))
                    .map(|value| (key.clone(), value))
            });
            decoded.collect::<Result<_, _>>().map(Value::Map)
        }
        Type::Object(types) => {
            let Json::Object(entries) = json else { return fail(path, "an object") };
            let decoded = types.iter().map(|(name, ty)| {
                let json = entries.get(name).unwrap_or(&Json::Null);
                within(path, Step::Attribute(name.clone()), |path| decode(json, ty, path))
                    .map(|value| (name.clone(), value))
            });
            decoded.collect::<Result<_, _>>().map(Value::Object)
        }
        Type::Dynamic => {
            let (Some(ty), Some(value)) = (json.get("type"), json.get("value")) else {
                return fail(path, "an object with \"type\" and \"value\"");
            };
            let Some(ty) = Type::from_json(ty) else { return fail(path, "a type") };
            let value = decode(value, &ty, path)?;
            Ok(if value.is_null() { value } else { Value::Dynamic(Box::new(Dynamic { ty, value })) })
        }
    }
}

fn elements<'t>(
    json: &Json,
    ty: impl Fn(usize) -> Option<&'t Type>,
    path: &mut Path,
) -> Result<Vec<Value>, JsonError> {
    let Json::Array(items) = json else {
        return Err(JsonError { path: path.clone(), expected: "an array".to_owned() });
    };
    let decoded = items.iter().enumerate().map(|(index, json)| {
        within(path, Step::Index(i64::try_from(index).unwrap_or(i64::MAX)), |path| match ty(index) {
            Some(ty) => decode(json, ty, path),
            None => Err(JsonError { path: path.clone(), expected: "no further element".to_owned() }),
        })
    });
    decoded.collect()
}

fn within<T>(path: &mut Path, step: Step, work: impl FnOnce(&mut Path) -> T) -> T {
    path.0.push(step);
    let result = work(path);
    path.0.pop();
    result
}
