//! Types that are an attribute by themselves.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Codec, mismatch};
use crate::diagnostics::Diagnostic;
use crate::number::Number;
use crate::path::Path;
use crate::schema::{Attribute, Mode, Shape};
use crate::types::Type;
use crate::validators::{Validator, number};
use crate::value::Value;

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
