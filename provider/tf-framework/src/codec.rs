//! Between Rust types and values: what a field type means as an attribute. The derives name these types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use crate::diagnostics::Diagnostic;
use crate::field::{Computed, Defaulted};
use crate::path::Path;
use crate::schema::{Attribute, Mode, Nesting, Shape};
use crate::types::Type;
use crate::validators::{Validator, number, parses};
use crate::value::{Number, Value};

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

/// A type that is an attribute by itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an attribute",
    label = "not a type of the configuration language",
    note = "use String, bool, i64, u64, u32, f64, Number, Dyn, Vec, BTreeSet, BTreeMap<String, _> or a struct that derives Object",
    note = "for a type that reads from text, add #[schema(parse)]"
)]
pub trait Leaf: Sized {
    /// What the schema says.
    fn shape() -> Shape;

    /// Reads a known, non-null value.
    fn decode(value: &Value, path: &Path) -> Result<Self, Diagnostic>;

    /// Writes a value.
    fn encode(&self) -> Value;

    /// Adds what the type itself knows to its attribute.
    fn refine(_attribute: &mut Attribute) {}
}

/// The codec of a [`Leaf`].
pub struct Native<T>(PhantomData<fn() -> T>);

impl<T: Leaf> Codec for Native<T> {
    type Target = T;

    fn shape() -> Shape {
        T::shape()
    }

    fn decode(value: &Value, path: &Path) -> Result<T, Diagnostic> {
        T::decode(value, path)
    }

    fn encode(target: &T) -> Value {
        target.encode()
    }

    fn refine(attribute: &mut Attribute) {
        T::refine(attribute);
    }
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
            Diagnostic::error("Invalid value", format!("The value {text:?} cannot be used: {error}."))
                .at(path.clone())
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

/// A whole field: its codec and who sets it.
pub trait Field {
    /// The Rust type of the field.
    type Target;

    /// Who sets it.
    const MODE: Mode;

    /// An attribute without flags.
    fn attribute(name: &str, description: &str) -> Attribute;

    /// Reads the field.
    fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic>;

    /// Writes the field.
    fn encode(target: &Self::Target) -> Value;
}

/// A field `T`.
pub struct Required<C>(PhantomData<fn() -> C>);
/// A field `Option<T>`.
pub struct Optional<C>(PhantomData<fn() -> C>);
/// A field `Computed<T>`.
pub struct ReadOnly<C>(PhantomData<fn() -> C>);
/// A field `Defaulted<T>`.
pub struct FilledIn<C>(PhantomData<fn() -> C>);

fn attribute<C: Codec>(name: &str, description: &str, mode: Mode) -> Attribute {
    let mut shape = C::shape();
    if let (Mode::Computed, Shape::Nested { attributes, .. }) = (mode, &mut shape) {
        read_only(attributes);
    }
    let mut attribute = Attribute::new(name, shape, mode, description);
    C::refine(&mut attribute);
    attribute
}

/// Nobody configures what is inside a read-only attribute, whatever its struct says for other places.
fn read_only(attributes: &mut [Attribute]) {
    for attribute in attributes {
        attribute.mode = Mode::Computed;
        attribute.default = None;
        attribute.validators.clear();
        if let Shape::Nested { attributes, .. } = &mut attribute.shape {
            read_only(attributes);
        }
    }
}

impl<C: Codec> Field for Required<C> {
    type Target = C::Target;
    const MODE: Mode = Mode::Required;

    fn attribute(name: &str, description: &str) -> Attribute {
        attribute::<C>(name, description, Self::MODE)
    }

    fn decode(value: &Value, path: &Path) -> Result<C::Target, Diagnostic> {
        present::<C>(value, path)
    }

    fn encode(target: &C::Target) -> Value {
        C::encode(target)
    }
}

impl<C: Codec> Field for Optional<C> {
    type Target = Option<C::Target>;
    const MODE: Mode = Mode::Optional;

    fn attribute(name: &str, description: &str) -> Attribute {
        attribute::<C>(name, description, Self::MODE)
    }

    fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic> {
        if value.is_null() { Ok(None) } else { present::<C>(value, path).map(Some) }
    }

    fn encode(target: &Self::Target) -> Value {
        target.as_ref().map_or(Value::Null, C::encode)
    }
}

macro_rules! service_field {
    ($field:ident, $wrapper:ident, $mode:expr) => {
        impl<C: Codec> Field for $field<C> {
            type Target = $wrapper<C::Target>;
            const MODE: Mode = $mode;

            fn attribute(name: &str, description: &str) -> Attribute {
                attribute::<C>(name, description, Self::MODE)
            }

            fn decode(value: &Value, path: &Path) -> Result<Self::Target, Diagnostic> {
                match value {
                    Value::Null => Ok($wrapper::Null),
                    // A value with unknown parts is not usable either.
                    value if !value.is_fully_known() => Ok($wrapper::Unknown),
                    known => C::decode(known, path).map($wrapper::Known),
                }
            }

            fn encode(target: &Self::Target) -> Value {
                match target {
                    $wrapper::Unknown => Value::Unknown,
                    $wrapper::Null => Value::Null,
                    $wrapper::Known(value) => C::encode(value),
                }
            }
        }
    };
}

service_field!(ReadOnly, Computed, Mode::Computed);
service_field!(FilledIn, Defaulted, Mode::OptionalComputed);

/// A value of any type.
#[derive(Clone, Debug, PartialEq)]
pub struct Dyn(pub Value);

impl Leaf for Dyn {
    fn shape() -> Shape {
        Shape::Plain(Type::Dynamic)
    }

    fn decode(value: &Value, _path: &Path) -> Result<Self, Diagnostic> {
        Ok(Self(value.clone()))
    }

    fn encode(&self) -> Value {
        self.0.clone()
    }
}

macro_rules! leaf {
    ($rust:ty, $ty:expr, $expected:literal, $decode:expr, $encode:expr $(, $rule:literal)?) => {
        impl Leaf for $rust {
            fn shape() -> Shape {
                Shape::Plain($ty)
            }

            fn decode(value: &Value, path: &Path) -> Result<Self, Diagnostic> {
                let decode: fn(&Value) -> Option<Self> = $decode;
                decode(value).ok_or_else(|| mismatch($expected, path))
            }

            fn encode(&self) -> Value {
                let encode: fn(&Self) -> Value = $encode;
                encode(self)
            }

            $(
                /// The language has one type for all numbers, so the rest is a rule.
                fn refine(attribute: &mut Attribute) {
                    if attribute.mode != Mode::Computed {
                        let decode: fn(&Value) -> Option<Self> = $decode;
                        let fits = move |value: &Value| decode(value).is_some();
                        attribute.validators.push(Arc::new(number($rule, fits)) as Arc<dyn Validator>);
                    }
                }
            )?
        }
    };
}

leaf!(bool, Type::Bool, "true or false", Value::as_bool, |value| Value::Bool(*value));
leaf!(String, Type::String, "a string", |value| value.as_str().map(str::to_owned), |value| Value::String(
    value.clone()
));
leaf!(Number, Type::Number, "a number", |value| value.as_number().cloned(), |value| Value::Number(
    value.clone()
));
leaf!(
    i64,
    Type::Number,
    "a whole number that fits in 64 bits",
    |value| value.as_number()?.to_i64(),
    |value| Value::from(*value),
    "a whole number that fits in 64 bits"
);
leaf!(
    u64,
    Type::Number,
    "a whole number of 0 or more that fits in 64 bits",
    |value| value.as_number()?.to_u64(),
    |value| { Value::Number((*value).into()) },
    "a whole number of 0 or more that fits in 64 bits"
);
leaf!(
    u32,
    Type::Number,
    "a whole number from 0 to 4294967295",
    |value| value.as_number()?.to_u64().and_then(|number| u32::try_from(number).ok()),
    |value| Value::Number((*value).into()),
    "a whole number from 0 to 4294967295"
);
leaf!(f64, Type::Number, "a number", |value| value.as_number().map(Number::to_f64), |value| {
    Number::from_f64(*value).map_or(Value::Null, Value::Number)
});
