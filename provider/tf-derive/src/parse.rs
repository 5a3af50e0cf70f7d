//! From tokens to a model: the struct, its fields and their flags, with every mistake collected.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Fields, GenericArgument, Lit, LitInt, LitStr, Meta,
    PathArguments, Type,
};

const FIELD_FLAGS: &str =
    "parse, replace, sensitive, write_only, keep, create_only, wire, default, validate, deprecated";
const STRUCT_FLAGS: &str = "name, version, deprecated";

/// A struct to expand.
pub struct Model {
    pub name: Option<LitStr>,
    pub version: Option<LitInt>,
    pub deprecated: Option<LitStr>,
    pub description: String,
    pub fields: Vec<Field>,
}

/// Who sets a field, from its outermost type.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Required,
    Optional,
    ReadOnly,
    FilledIn,
}

/// One field.
pub struct Field {
    pub ident: Ident,
    pub kind: Kind,
    /// The type without `Option`, `Computed` or `Defaulted`.
    pub inner: Type,
    pub description: String,
    pub parse: bool,
    pub replace: bool,
    pub sensitive: bool,
    pub write_only: bool,
    pub keep: bool,
    pub create_only: bool,
    pub wire: Option<LitStr>,
    pub default: Option<Expr>,
    pub validate: Vec<Expr>,
    pub deprecated: Option<LitStr>,
}

/// All mistakes, reported together.
#[derive(Default)]
pub struct Mistakes(Option<syn::Error>);

impl Mistakes {
    fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    fn at(&mut self, tokens: &impl Spanned, message: impl std::fmt::Display) {
        self.add(syn::Error::new(tokens.span(), message));
    }

    pub fn into_error(self) -> Option<syn::Error> {
        self.0
    }
}

/// Reads a struct; the model is complete only if there is no mistake.
pub fn model(input: &DeriveInput, whole: bool, mistakes: &mut Mistakes) -> Model {
    let mut model = Model {
        name: None,
        version: None,
        deprecated: None,
        description: docs(&input.attrs),
        fields: Vec::new(),
    };
    for_each_flag(&input.attrs, mistakes, |flag, mistakes| {
        let Some(name) = flag.path().get_ident() else { return mistakes.at(flag, "expected a word") };
        match name.to_string().as_str() {
            "name" if whole => model.name = text(flag, mistakes),
            "version" if whole => model.version = integer(flag, mistakes),
            "deprecated" if whole => model.deprecated = text(flag, mistakes),
            _ if whole => mistakes.at(name, format!("unknown flag `{name}`; a struct takes {STRUCT_FLAGS}")),
            _ => mistakes.at(name, "a nested object takes no flags on the struct"),
        }
    });
    if whole && model.name.is_none() {
        mistakes.at(&input.ident, "the type has no name: add #[schema(name = \"…\")]");
    }
    if whole && model.description.is_empty() {
        mistakes.at(&input.ident, "the type has no description: add a `///` comment");
    }
    if !input.generics.params.is_empty() {
        mistakes.at(&input.generics, "a model cannot be generic");
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => {
                model.fields = named.named.iter().filter_map(|f| field(f, mistakes)).collect()
            }
            other => mistakes.at(other, "a model needs named fields"),
        },
        _ => mistakes
            .at(&input.ident, "only a struct can be a model; for an enum use #[schema(parse)] on the field"),
    }
    model
}

fn field(field: &syn::Field, mistakes: &mut Mistakes) -> Option<Field> {
    let ident = field.ident.clone()?;
    let (kind, inner) = match wrapped(&field.ty) {
        Some((wrapper, inner)) if wrapper == "Option" => (Kind::Optional, inner.clone()),
        Some((wrapper, inner)) if wrapper == "Computed" => (Kind::ReadOnly, inner.clone()),
        Some((wrapper, inner)) if wrapper == "Defaulted" => (Kind::FilledIn, inner.clone()),
        _ => (Kind::Required, field.ty.clone()),
    };
    if wrapped(&inner)
        .is_some_and(|(wrapper, _)| wrapper == "Option" || wrapper == "Computed" || wrapper == "Defaulted")
    {
        mistakes.at(&inner, "an attribute can be optional, computed or defaulted only once");
    }
    let description = docs(&field.attrs);
    if description.is_empty() {
        mistakes.at(&ident, format!("`{ident}` has no description: add a `///` comment"));
    }
    let mut made = Field {
        ident,
        kind,
        inner,
        description,
        parse: false,
        replace: false,
        sensitive: false,
        write_only: false,
        keep: false,
        create_only: false,
        wire: None,
        default: None,
        validate: Vec::new(),
        deprecated: None,
    };
    for_each_flag(&field.attrs, mistakes, |flag, mistakes| flag_of_field(&mut made, flag, mistakes));
    check(&made, mistakes);
    Some(made)
}

fn flag_of_field(field: &mut Field, flag: &Meta, mistakes: &mut Mistakes) {
    let Some(name) = flag.path().get_ident() else { return mistakes.at(flag, "expected a word") };
    let switch = match name.to_string().as_str() {
        "parse" => &mut field.parse,
        "replace" => &mut field.replace,
        "sensitive" => &mut field.sensitive,
        "write_only" => &mut field.write_only,
        "keep" => &mut field.keep,
        "create_only" => &mut field.create_only,
        "wire" => return field.wire = text(flag, mistakes),
        "deprecated" => return field.deprecated = text(flag, mistakes),
        "default" => return field.default = expression(flag, mistakes),
        "validate" => return field.validate.extend(expression(flag, mistakes)),
        _ => return mistakes.at(name, format!("unknown flag `{name}`; a field takes {FIELD_FLAGS}")),
    };
    if *switch {
        mistakes.at(name, format!("`{name}` is given twice"));
    }
    *switch = true;
    if !matches!(flag, Meta::Path(_)) {
        mistakes.at(flag, format!("`{name}` takes no value"));
    }
}

fn check(field: &Field, mistakes: &mut Mistakes) {
    let service_sets = matches!(field.kind, Kind::ReadOnly | Kind::FilledIn);
    if field.write_only && field.kind != Kind::Optional {
        mistakes.at(&field.ident, "a write-only argument must be an `Option<_>`: no state ever holds it");
    }
    if field.create_only && field.kind != Kind::Optional {
        mistakes.at(&field.ident, "an argument that matters only at creation must be an `Option<_>`");
    }
    if field.create_only && (field.replace || field.write_only) {
        mistakes.at(&field.ident, "`create_only` goes with neither `replace` nor `write_only`");
    }
    if field.default.is_some() && field.kind != Kind::FilledIn {
        mistakes.at(&field.ident, "only a `Defaulted<_>` field can have a default");
    }
    if field.keep && !service_sets {
        mistakes.at(&field.ident, "only a `Computed<_>` or `Defaulted<_>` field can be kept");
    }
    if field.kind == Kind::ReadOnly && (field.replace || !field.validate.is_empty()) {
        mistakes.at(&field.ident, "a read-only attribute can neither replace nor be validated");
    }
}

/// The name and the last type argument of a type such as `Option<T>`.
pub fn wrapped(ty: &Type) -> Option<(&Ident, &Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.last()? {
        GenericArgument::Type(inner) => Some((&last.ident, inner)),
        _ => None,
    }
}

fn for_each_flag(
    attributes: &[Attribute],
    mistakes: &mut Mistakes,
    mut each: impl FnMut(&Meta, &mut Mistakes),
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("schema")) {
        let parser = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
        match attribute.parse_args_with(parser) {
            Ok(flags) => flags.iter().for_each(|flag| each(flag, mistakes)),
            Err(error) => mistakes.add(error),
        }
    }
}

fn expression(flag: &Meta, mistakes: &mut Mistakes) -> Option<Expr> {
    match flag {
        Meta::NameValue(pair) => Some(pair.value.clone()),
        other => {
            mistakes.at(other, format!("`{}` needs a value", other.path().to_token_stream()));
            None
        }
    }
}

fn text(flag: &Meta, mistakes: &mut Mistakes) -> Option<LitStr> {
    match expression(flag, mistakes)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        other => {
            mistakes.at(&other, "expected a string");
            None
        }
    }
}

fn integer(flag: &Meta, mistakes: &mut Mistakes) -> Option<LitInt> {
    match expression(flag, mistakes)? {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Some(number),
        other => {
            mistakes.at(&other, "expected a number");
            None
        }
    }
}

/// The text of `///` comments.
fn docs(attributes: &[Attribute]) -> String {
    let lines =
        attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
            let Meta::NameValue(pair) = &attribute.meta else { return None };
            let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
            let line = text.value();
            Some(line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
