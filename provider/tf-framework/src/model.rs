//! Typed models: a struct that is a whole state or configuration, or a nested object.

use crate::diagnostics::Diagnostic;
use crate::path::Path;
use crate::schema::{Attribute, Schema};
use crate::value::Value;

/// A struct that is an object in the configuration. Derived by `Object` and `Schema`.
pub trait ObjectModel: Sized {
    /// Its attributes, in order of declaration.
    fn attributes() -> Vec<Attribute>;

    /// Reads it from a known object; attributes that are missing are null, further ones are ignored.
    fn decode_object(value: &Value, path: &Path) -> Result<Self, Diagnostic>;

    /// Writes it as an object with every attribute.
    fn encode_object(&self) -> Value;
}

/// A struct that is a whole state or configuration. Derived by `Schema`.
pub trait SchemaModel: ObjectModel {
    /// Type name without the provider's prefix.
    const NAME: &'static str;
    /// Version of the stored state.
    const VERSION: i64;
    /// Markdown; the first line is the one-sentence summary.
    const DESCRIPTION: &'static str;
    /// Why not to use it any more.
    const DEPRECATED: Option<&'static str>;

    /// The schema.
    fn schema() -> Schema {
        Schema {
            version: Self::VERSION,
            description: Self::DESCRIPTION.to_owned(),
            deprecated: Self::DEPRECATED.map(str::to_owned),
            attributes: Self::attributes(),
        }
    }

    /// Reads a whole state or configuration.
    fn decode(value: &Value) -> Result<Self, Diagnostic> {
        Self::decode_object(value, &Path::root())
    }

    /// Writes a whole state.
    fn encode(&self) -> Value {
        self.encode_object()
    }
}
