//! Derives for typed models: `Schema` for whole states and configurations, `Object` for nested objects.

mod expand;
mod parse;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the model of a resource, data source, ephemeral resource or provider block.
///
/// On the struct: `#[schema(name = "pve_pool", version = 0, deprecated = "…")]`. The `///` comments of the struct and
/// of each field are the documentation, and a missing one does not compile. The type of a field says who sets it:
/// `T` the user must, `Option<T>` the user may, `Computed<T>` the service does, `Defaulted<T>` the user may and else
/// the service does.
///
/// Flags of a field:
///
/// | flag | meaning |
/// |---|---|
/// | `parse` | a string that the field's type reads with `FromStr` and writes with `Display`; values that parse to the same are the same |
/// | `replace` | a change replaces the object |
/// | `sensitive` | hidden in output and in messages |
/// | `write_only` | never stored; only for `Option<T>`, with a version argument beside it that tells of a change |
/// | `keep` | an update leaves it as it is, so plans show the old value; only for what the service may set |
/// | `create_only` | matters only when the object is created: a later difference is none, and the state keeps the first value although no service returns it; removing it from the configuration removes it from the state, adding it later only stores it. Only for `Option<T>`; for a nested object it covers all that is inside |
/// | `wire = "…"` | the name in the service's API, for documentation and messages |
/// | `default = …` | the value when the configuration has none; only for `Defaulted<T>` |
/// | `validate = …` | a rule for known values; may be given several times |
/// | `deprecated = "…"` | why not to use it, and what instead |
#[proc_macro_derive(Schema, attributes(schema))]
pub fn derive_schema(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input, true).into()
}

/// Makes a struct a nested object; fields take the same flags as with `Schema`.
#[proc_macro_derive(Object, attributes(schema))]
pub fn derive_object(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input, false).into()
}
