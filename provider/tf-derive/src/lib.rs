//! Derives for typed models: `Schema` for whole states and configurations, `Object` for nested objects.

mod expand;
mod parse;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the model of a resource, data source, ephemeral resource or provider block.
///
/// `#[schema(name = "pve_pool", version = 0, deprecated = "…")]` on the struct; on fields the flags `parse`, `replace`,
/// `sensitive`, `write_only`, `keep`, `wire = "…"`, `default = …`, `validate = …` and `deprecated = "…"`.
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
