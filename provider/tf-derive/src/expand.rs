//! From a model to code: the attributes, decoding and encoding. No control flow of its own.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Ident, Type};

use crate::parse::{Field, Kind, Mistakes, Model, model, wrapped};

/// The impls for a struct; on a mistake, the messages and impls that do nothing, so that one mistake is one message.
pub fn expand(input: &DeriveInput, whole: bool) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let model = model(input, whole, &mut mistakes);
    let name = &input.ident;
    match mistakes.into_error() {
        Some(error) => {
            let errors = error.into_compile_error();
            // Nothing can be implemented for a generic struct without naming its parameters.
            let stub = input.generics.params.is_empty().then(|| stub(name, whole));
            quote!(#errors #stub)
        }
        None => {
            let object = object(name, &model);
            let rest = if whole { schema(name, &model) } else { leaf(name) };
            quote!(#object #rest)
        }
    }
}

fn object(name: &Ident, model: &Model) -> TokenStream {
    let attributes = model.fields.iter().map(attribute);
    let decode = model.fields.iter().map(|field| {
        let (ident, codec, text) = (&field.ident, codec(field), attribute_name(field));
        quote!(#ident: #codec::decode(value.attribute(#text), &path.then(#text))?)
    });
    let encode = model.fields.iter().map(|field| {
        let (ident, codec, text) = (&field.ident, codec(field), attribute_name(field));
        quote!((#text, #codec::encode(&self.#ident)))
    });
    quote! {
        impl ::tf_framework::ObjectModel for #name {
            fn attributes() -> ::std::vec::Vec<::tf_framework::Attribute> {
                ::std::vec![#(#attributes),*]
            }

            fn decode_object(
                value: &::tf_framework::Value,
                path: &::tf_framework::Path,
            ) -> ::std::result::Result<Self, ::tf_framework::Diagnostic> {
                ::std::result::Result::Ok(Self { #(#decode),* })
            }

            fn encode_object(&self) -> ::tf_framework::Value {
                ::tf_framework::Value::object::<&str>([#(#encode),*])
            }
        }
    }
}

fn attribute(field: &Field) -> TokenStream {
    let (codec, name, description) = (codec(field), attribute_name(field), &field.description);
    let mut flags = Vec::new();
    for (flag, on) in [
        ("replace", field.replace),
        ("sensitive", field.sensitive),
        ("write_only", field.write_only),
        ("keep", field.keep),
        ("create_only", field.create_only),
    ] {
        let flag = format_ident!("{flag}");
        if on {
            flags.push(quote!(attribute.#flag = true;));
        }
    }
    if let Some(wire) = &field.wire {
        flags.push(quote!(attribute.wire = ::std::option::Option::Some(#wire.to_owned());));
    }
    if let Some(text) = &field.deprecated {
        flags.push(quote!(attribute.deprecated = ::std::option::Option::Some(#text.to_owned());));
    }
    if let Some(default) = &field.default {
        // A default is written as the field's inner type would be, also `"text"` for a string.
        flags.push(quote!(attribute.default = ::std::option::Option::Some(
            #codec::encode(&::tf_framework::Defaulted::from(#default))
        );));
    }
    for rule in &field.validate {
        flags.push(quote!(attribute.validators.push(::std::sync::Arc::new(#rule));));
    }
    let mutable = (!flags.is_empty()).then(|| quote!(mut));
    quote!({
        let #mutable attribute = #codec::attribute(#name, #description);
        #(#flags)*
        attribute
    })
}

/// The name in the configuration: the field's, without the mark of raw identifiers such as `r#type`.
fn attribute_name(field: &Field) -> String {
    let name = field.ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// The codec of a field as a path to call its functions by; an unsupported type is reported where it is written.
fn codec(field: &Field) -> TokenStream {
    let inner = element(&field.inner, field.parse);
    let kind = match field.kind {
        Kind::Required => format_ident!("Required"),
        Kind::Optional => format_ident!("Optional"),
        Kind::ReadOnly => format_ident!("ReadOnly"),
        Kind::FilledIn => format_ident!("FilledIn"),
    };
    quote_spanned! {field.inner.span()=>
        <::tf_framework::codec::#kind<#inner> as ::tf_framework::codec::Field>
    }
}

fn element(ty: &Type, parse: bool) -> TokenStream {
    match wrapped(ty) {
        Some((wrapper, inner)) if wrapper == "Vec" => {
            let inner = element(inner, parse);
            quote!(::std::vec::Vec<#inner>)
        }
        Some((wrapper, inner)) if wrapper == "BTreeSet" => {
            let inner = element(inner, parse);
            quote!(::std::collections::BTreeSet<#inner>)
        }
        Some((wrapper, inner)) if wrapper == "BTreeMap" => {
            let inner = element(inner, parse);
            quote!(::std::collections::BTreeMap<::std::string::String, #inner>)
        }
        _ if parse => quote_spanned!(ty.span()=> ::tf_framework::codec::Parsed<#ty>),
        _ => quote_spanned!(ty.span()=> ::tf_framework::codec::Native<#ty>),
    }
}

fn schema(name: &Ident, model: &Model) -> TokenStream {
    let (type_name, description) = (&model.name, &model.description);
    let version = model.version.as_ref().map_or_else(|| quote!(0), |version| quote!(#version));
    let deprecated = match &model.deprecated {
        Some(text) => quote!(::std::option::Option::Some(#text)),
        None => quote!(::std::option::Option::None),
    };
    quote! {
        impl ::tf_framework::SchemaModel for #name {
            const NAME: &'static str = #type_name;
            const VERSION: i64 = #version;
            const DESCRIPTION: &'static str = #description;
            const DEPRECATED: ::std::option::Option<&'static str> = #deprecated;
        }
    }
}

fn leaf(name: &Ident) -> TokenStream {
    quote! {
        impl ::tf_framework::codec::Leaf for #name {
            fn shape() -> ::tf_framework::Shape {
                ::tf_framework::Shape::Nested {
                    nesting: ::tf_framework::Nesting::Single,
                    attributes: <Self as ::tf_framework::ObjectModel>::attributes(),
                }
            }

            fn decode(
                value: &::tf_framework::Value,
                path: &::tf_framework::Path,
            ) -> ::std::result::Result<Self, ::tf_framework::Diagnostic> {
                <Self as ::tf_framework::ObjectModel>::decode_object(value, path)
            }

            fn encode(&self) -> ::tf_framework::Value {
                <Self as ::tf_framework::ObjectModel>::encode_object(self)
            }
        }
    }
}

fn stub(name: &Ident, whole: bool) -> TokenStream {
    let rest = if whole {
        quote! {
            impl ::tf_framework::SchemaModel for #name {
                const NAME: &'static str = "";
                const VERSION: i64 = 0;
                const DESCRIPTION: &'static str = "";
                const DEPRECATED: ::std::option::Option<&'static str> = ::std::option::Option::None;
            }
        }
    } else {
        leaf(name)
    };
    quote! {
        impl ::tf_framework::ObjectModel for #name {
            fn attributes() -> ::std::vec::Vec<::tf_framework::Attribute> {
                ::std::unreachable!()
            }

            fn decode_object(
                _value: &::tf_framework::Value,
                _path: &::tf_framework::Path,
            ) -> ::std::result::Result<Self, ::tf_framework::Diagnostic> {
                ::std::unreachable!()
            }

            fn encode_object(&self) -> ::tf_framework::Value {
                ::std::unreachable!()
            }
        }
        #rest
    }
}
