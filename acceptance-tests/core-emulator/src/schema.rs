//! Schemas as the rules need them, and the checks that a CLI makes when it loads them.

use std::collections::BTreeMap;

use crate::proto::tfplugin6::{self as wire, schema::object::NestingMode};
use crate::types::Type;

/// A resource, data source, ephemeral resource or provider block.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Version of the stored state.
    pub version: i64,
    /// The attributes.
    pub attributes: Vec<Attribute>,
}

/// One attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// Type, nested attributes included.
    pub ty: Type,
    /// The attributes of nested objects, and how these are held.
    pub nested: Option<(Nesting, Vec<Attribute>)>,
    /// The user must set it.
    pub required: bool,
    /// The user may set it.
    pub optional: bool,
    /// The provider may set it.
    pub computed: bool,
    /// It is never stored.
    pub write_only: bool,
    /// It is hidden in output.
    pub sensitive: bool,
}

/// How nested objects are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One.
    Single,
    /// In a list.
    List,
    /// In a set.
    Set,
    /// In a map.
    Map,
}

/// Names with a meaning of their own at the top of a resource.
const RESERVED: [&str; 8] =
    ["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "locals"];

impl Schema {
    /// Reads a schema, with every rule that a CLI has for one.
    pub fn load(schema: &wire::Schema) -> Result<Self, String> {
        let block = schema.block.as_ref().ok_or("a schema has a block")?;
        if schema.version < 0 {
            return Err("a version is not negative".to_owned());
        }
        if !block.block_types.is_empty() {
            return Err("nested blocks are not emulated: this provider has none".to_owned());
        }
        if block.description.is_empty() {
            return Err("there is no description".to_owned());
        }
        let attributes = attributes(&block.attributes)?;
        match attributes.iter().find(|attribute| RESERVED.contains(&attribute.name.as_str())) {
            Some(reserved) => Err(format!("the name {:?} is reserved", reserved.name)),
            None => Ok(Self { version: schema.version, attributes }),
        }
    }

    /// The type of the whole object.
    pub fn ty(&self) -> Type {
        object(&self.attributes)
    }

    /// The attribute at the end of a path of names, elements of containers left out.
    pub fn find(&self, names: &[&str]) -> Option<&Attribute> {
        let (first, rest) = names.split_first()?;
        let mut found = self.attributes.iter().find(|attribute| attribute.name == *first)?;
        for name in rest {
            let (_, nested) = found.nested.as_ref()?;
            found = nested.iter().find(|attribute| attribute.name == *name)?;
        }
        Some(found)
    }
}

fn object(attributes: &[Attribute]) -> Type {
    Type::Object(attributes.iter().map(|attribute| (attribute.name.clone(), attribute.ty.clone())).collect())
}

fn attributes(from: &[wire::schema::Attribute]) -> Result<Vec<Attribute>, String> {
    let mut names = BTreeMap::new();
    from.iter()
        .map(|from| {
            if names.insert(from.name.as_str(), ()).is_some() {
                return Err(format!("{} is there twice", from.name));
            }
            attribute(from).map_err(|error| format!("{}: {error}", from.name))
        })
        .collect()
}

fn attribute(from: &wire::schema::Attribute) -> Result<Attribute, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if from.name.is_empty() || !from.name.chars().all(legal) {
        return Err("a name is of lower case letters, digits and underscores".to_owned());
    }
    if !(from.required || from.optional || from.computed) {
        return Err("it is neither required, optional nor computed".to_owned());
    }
    if from.required && (from.optional || from.computed) {
        return Err("it is required and something else".to_owned());
    }
    if from.write_only && from.computed {
        return Err("it is write-only and computed".to_owned());
    }
    if from.description.is_empty() {
        return Err("it has no description".to_owned());
    }
    let (ty, nested) = match &from.nested_type {
        None => (Type::parse(&from.r#type).ok_or("its type is none")?, None),
        Some(_) if !from.r#type.is_empty() => return Err("it has a type and nested attributes".to_owned()),
        Some(nested) => {
            let inner = attributes(&nested.attributes)?;
            let item = Box::new(object(&inner));
            let (nesting, ty) = match nested.nesting() {
                NestingMode::Single => (Nesting::Single, *item),
                NestingMode::List => (Nesting::List, Type::List(item)),
                NestingMode::Set => (Nesting::Set, Type::Set(item)),
                NestingMode::Map => (Nesting::Map, Type::Map(item)),
                NestingMode::Invalid => return Err("its nesting is none".to_owned()),
            };
            (ty, Some((nesting, inner)))
        }
    };
    Ok(Attribute {
        name: from.name.clone(),
        ty,
        nested,
        required: from.required,
        optional: from.optional,
        computed: from.computed,
        write_only: from.write_only,
        sensitive: from.sensitive,
    })
}

/// The type of an identity: primitives and lists of them, each either required or optional for import.
pub(crate) fn identity(schema: &wire::ResourceIdentitySchema) -> Result<Type, String> {
    let primitive = |ty: &Type| matches!(ty, Type::Bool | Type::Number | Type::String);
    let parts = schema.identity_attributes.iter().map(|part| {
        let ty = Type::parse(&part.r#type).ok_or_else(|| format!("{}: its type is none", part.name))?;
        let legal = match &ty {
            Type::List(inner) => primitive(inner),
            other => primitive(other),
        };
        if !legal || part.required_for_import == part.optional_for_import {
            return Err(format!("{}: not a legal part of an identity", part.name));
        }
        Ok((part.name.clone(), ty))
    });
    parts.collect::<Result<_, _>>().map(Type::Object)
}
