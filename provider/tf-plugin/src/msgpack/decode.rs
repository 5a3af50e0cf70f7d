//! MessagePack to values. Whatever the bytes are, the answer is a value or an error with a path.

use std::collections::BTreeMap;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use tf_framework::{Dynamic, Number, Path, Step, Type, Value};

use super::ValueError;
use super::reader::{Reader, Token};

/// How deep values may be nested. Schemas are far shallower; a `dynamic` value brings its own type.
const DEEPEST: usize = 128;

/// The longest number in digits: above what the exact numbers of a core's 512 bits print as, below what costs time.
const LONGEST_NUMBER: usize = 8192;

/// Reads one value of type `ty`; anything left over is an error.
pub(crate) fn decode(message: &[u8], ty: &Type) -> Result<Value, ValueError> {
    let mut decoder = Decoder { reader: Reader::new(message), path: Path::root() };
    let value = decoder.value(ty)?;
    if !decoder.reader.is_done() {
        return decoder.fail("there is more data after the value");
    }
    Ok(value)
}

struct Decoder<'a> {
    reader: Reader<'a>,
    path: Path,
}

impl<'a> Decoder<'a> {
    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, ValueError> {
        Err(ValueError { path: self.path.clone(), problem: problem.into() })
    }

    fn wrong_kind<T>(&self, wanted: &str, found: &Token<'_>) -> Result<T, ValueError> {
        self.fail(format!("{wanted} is required, not {}", found.kind()))
    }

    fn token(&mut self) -> Result<Token<'a>, ValueError> {
        self.reader.next().or_else(|problem| self.fail(problem))
    }

    fn within<T>(
        &mut self,
        step: Step,
        work: impl FnOnce(&mut Self) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        if self.path.0.len() >= DEEPEST {
            return self.fail("values are nested too deeply");
        }
        self.path.0.push(step);
        let result = work(self)?;
        self.path.0.pop();
        Ok(result)
    }

    fn value(&mut self, ty: &Type) -> Result<Value, ValueError> {
        let token = match self.token()? {
            Token::Nil => return Ok(Value::Null),
            Token::Extension => return Ok(Value::Unknown),
            token => token,
        };
        match (ty, token) {
            (Type::Bool, Token::Bool(value)) => Ok(Value::Bool(value)),
            (Type::Bool, other) => self.wrong_kind("a bool", &other),
            (Type::Number, token) => self.number(token),
            (Type::String, Token::String(text)) => Ok(Value::String(text.to_owned())),
            (Type::String, other) => self.wrong_kind("a string", &other),
            (Type::List(inner), Token::Array(length)) => self.elements(length, |_| inner).map(Value::List),
            (Type::Set(inner), Token::Array(length)) => self.elements(length, |_| inner).map(Value::Set),
            (Type::Tuple(types), Token::Array(length)) if length as usize == types.len() => {
                self.elements(length, |index| &types[index]).map(Value::Tuple)
            }
            (Type::Tuple(types), Token::Array(length)) => {
                self.fail(format!("a tuple of {} elements is required, not of {length}", types.len()))
            }
            (Type::List(_) | Type::Set(_) | Type::Tuple(_), other) => self.wrong_kind("an array", &other),
            (Type::Map(inner), Token::Map(length)) => self.map(length, inner),
            (Type::Object(types), Token::Map(length)) => self.object(length, types),
            (Type::Map(_) | Type::Object(_), other) => self.wrong_kind("a map", &other),
            (Type::Dynamic, Token::Array(2)) => self.dynamic(),
            (Type::Dynamic, other) => self.wrong_kind("a pair of type and value", &other),
        }
    }

    fn number(&self, token: Token<'_>) -> Result<Value, ValueError> {
        let number = match token {
            Token::Signed(value) => Some(Number::from(value)),
            Token::Unsigned(value) => Some(Number::from(value)),
            // A core sends a float only when it is exactly the number, so every bit of it counts.
            Token::Float(value) => BigDecimal::try_from(value)
                .ok()
                .and_then(|exact| Number::from_str(&exact.normalized().to_plain_string()).ok()),
            Token::String(text) if text.len() <= LONGEST_NUMBER => Number::from_str(text).ok(),
            Token::String(_) => None,
            other => return self.wrong_kind("a number", &other),
        };
        number.map_or_else(|| self.fail("a finite number of reasonable size is required"), |n| Ok(n.into()))
    }

    fn elements<'t>(
        &mut self,
        length: u32,
        ty: impl Fn(usize) -> &'t Type,
    ) -> Result<Vec<Value>, ValueError> {
        (0..length as usize)
            .map(|index| {
                let step = Step::Index(i64::try_from(index).unwrap_or(i64::MAX));
                self.within(step, |decoder| decoder.value(ty(index)))
            })
            // Through an iterator of results, which promises no size: the prefix is not believed.
            .collect()
    }

    fn key(&mut self) -> Result<&'a str, ValueError> {
        match self.token()? {
            Token::String(key) => Ok(key),
            other => self.wrong_kind("a string as key", &other),
        }
    }

    fn map(&mut self, length: u32, inner: &Type) -> Result<Value, ValueError> {
        let mut entries = BTreeMap::new();
        for _ in 0..length {
            let key = self.key()?;
            let value = self.within(Step::Key(key.to_owned()), |decoder| decoder.value(inner))?;
            if entries.insert(key.to_owned(), value).is_some() {
                return self.fail(format!("the key {key:?} is there twice"));
            }
        }
        Ok(Value::Map(entries))
    }

    fn object(&mut self, length: u32, types: &BTreeMap<String, Type>) -> Result<Value, ValueError> {
        let mut entries = BTreeMap::new();
        for _ in 0..length {
            let key = self.key()?;
            let Some(ty) = types.get(key) else {
                return self.fail(format!("there is no attribute {key:?}"));
            };
            let value = self.within(Step::Attribute(key.to_owned()), |decoder| decoder.value(ty))?;
            if entries.insert(key.to_owned(), value).is_some() {
                return self.fail(format!("the attribute {key:?} is there twice"));
            }
        }
        match types.keys().find(|name| !entries.contains_key(*name)) {
            Some(name) => self.fail(format!("the attribute {name:?} is missing")),
            None => Ok(Value::Object(entries)),
        }
    }

    /// The value of a `dynamic` attribute: its type as JSON, then itself.
    fn dynamic(&mut self) -> Result<Value, ValueError> {
        let ty = match self.token()? {
            Token::Binary(json) => serde_json::from_slice(json).ok(),
            Token::String(json) => serde_json::from_str(json).ok(),
            other => return self.wrong_kind("a type as JSON", &other),
        };
        // A pair in a pair says nothing, and could be nested without a step of the path to count.
        let Some(ty) = ty.as_ref().and_then(Type::from_json).filter(|ty| *ty != Type::Dynamic) else {
            return self.fail("a type as JSON is required");
        };
        Ok(match self.value(&ty)? {
            Value::Null => Value::Null,
            value => Value::Dynamic(Box::new(Dynamic { ty, value })),
        })
    }
}
