//! Fields: a codec together with who sets the attribute.

use std::marker::PhantomData;

use super::{Codec, present};
use crate::diagnostics::Diagnostic;
use crate::field::{Computed, Defaulted};
use crate::path::Path;
use crate::schema::{Attribute, Mode, Shape};
use crate::value::Value;

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
