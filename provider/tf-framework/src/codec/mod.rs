//! Between Rust types and values: what a field type means as an attribute. The derives name these types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use crate::diagnostics::Diagnostic;
use crate::path::Path;
use crate::schema::{Attribute, Mode, Nesting, Shape};
use crate::types::Type;
use crate::validators::{Validator, parses, unreadable};
use crate::value::Value;

mod field;
mod leaf;

pub use field::{Field, FilledIn, Optional, ReadOnly, Required};
pub use leaf::{Dyn, Leaf, Native};

/// Converts a Rust type from and to a known, non-null value.
pub trait Codec {
    /// The Rust type.
    type Target;

    /// What the schema says.
    fn shape() -> Shape;

    /// Reads a value.
    fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic>;

    /// Writes a value.
    fn encode(target: &Self::Target) -> Value;

    /// Adds what the type itself knows to its attribute.
    fn refine(_attribute: &mut Attribute) {}
}

/// The codec of a type that is written as text.
pub struct Parsed<T>(PhantomData<fn() -> T>);

impl<T: FromStr<Err: Display> + Display + 'static> Codec for Parsed<T> {
    type Target = T;

    fn shape() -> Shape {
        Shape::Plain(Type::String)
    }

    fn decode(value: &Value, path: &Path) -> Result<T, Diagnostic> {
        let Value::String(text) = value else { return Err(mismatch("a string", path)) };
        text.parse().map_err(|error: T::Err| {
            Diagnostic::error("Invalid value", unreadable(text, error)).at(path.clone())
        })
    }

    fn encode(target: &T) -> Value {
        Value::String(target.to_string())
    }

    fn refine(attribute: &mut Attribute) {
        attribute.canonical = Some(|text| text.parse::<T>().ok().map(|value| value.to_string()));
        if attribute.mode != Mode::Computed {
            attribute.validators.push(Arc::new(parses::<T>()) as Arc<dyn Validator>);
        }
    }
}

/// An error for a value of the wrong kind, which the core should have refused.
pub(crate) fn mismatch(expected: &str, path: &Path) -> Diagnostic {
    Diagnostic::error("Wrong type of value", format!("The value at {path} must be {expected}."))
        .at(path.clone())
}

/// Reads an element or a required field: it must be known and not null.
fn present<C: Codec>(value: &Value, path: &Path) -> Result<C::Target, Diagnostic> {
    match value {
        Value::Null => {
            Err(Diagnostic::error("Value is missing", format!("The value at {path} must not be null."))
                .at(path.clone()))
        }
        Value::Unknown => Err(Diagnostic::error(
            "Value is not known",
            format!("The value at {path} is known only after apply."),
        )
        .at(path.clone())),
        known => C::decode(known, path),
    }
}

fn collection(inner: Shape, nesting: Nesting, plain: fn(Type) -> Type) -> Shape {
    match inner {
        Shape::Nested { nesting: Nesting::Single, attributes } => Shape::Nested { nesting, attributes },
        other => Shape::Plain(plain(other.ty())),
    }
}

fn decode_elements<C: Codec, B: FromIterator<C::Target>>(
    value: &Value,
    path: &Path,
) -> Result<B, Diagnostic> {
    let items = value.as_elements().ok_or_else(|| mismatch("a collection", path))?;
    items.iter().enumerate().map(|(index, item)| present::<C>(item, &path.index(index))).collect()
}

impl<C: Codec> Codec for Vec<C> {
    type Target = Vec<C::Target>;

    fn shape() -> Shape {
        collection(C::shape(), Nesting::List, Type::list)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic> {
        decode_elements::<C, _>(value, path)
    }

    fn encode(target: &Self::Target) -> Value {
        Value::List(target.iter().map(C::encode).collect())
    }

    fn refine(attribute: &mut Attribute) {
        C::refine(attribute);
    }
}

impl<C: Codec<Target: Ord>> Codec for BTreeSet<C> {
    type Target = BTreeSet<C::Target>;

    fn shape() -> Shape {
        collection(C::shape(), Nesting::Set, Type::set)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic> {
        decode_elements::<C, _>(value, path)
    }

    fn encode(target: &Self::Target) -> Value {
        Value::Set(target.iter().map(C::encode).collect())
    }

    fn refine(attribute: &mut Attribute) {
        C::refine(attribute);
    }
}

impl<C: Codec> Codec for BTreeMap<String, C> {
    type Target = BTreeMap<String, C::Target>;

    fn shape() -> Shape {
        collection(C::shape(), Nesting::Map, Type::map)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic> {
        let entries = value.as_entries().ok_or_else(|| mismatch("a map", path))?;
        entries.iter().map(|(key, item)| Ok((key.clone(), present::<C>(item, &path.key(key))?))).collect()
    }

    fn encode(target: &Self::Target) -> Value {
        Value::Map(target.iter().map(|(key, item)| (key.clone(), C::encode(item))).collect())
    }

    fn refine(attribute: &mut Attribute) {
        C::refine(attribute);
    }
}
