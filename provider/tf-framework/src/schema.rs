//! Schemas as data: attributes, nesting, identity and functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::types::Type;
use crate::validators::Validator;
use crate::value::Value;

/// Schema of a resource, data source, ephemeral resource or the provider.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Version of the stored state.
    pub version: i64,
    /// Markdown; the first line is the one-sentence summary.
    pub description: String,
    /// Why not to use it any more.
    pub deprecated: Option<String>,
    /// The arguments and attributes, in order of declaration.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The object type of a whole state.
    pub fn ty(&self) -> Type {
        object_type(&self.attributes)
    }

    /// The attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

/// The object type that a list of attributes makes.
pub fn object_type(attributes: &[Attribute]) -> Type {
    Type::Object(attributes.iter().map(|attribute| (attribute.name.clone(), attribute.shape.ty())).collect())
}

/// One argument or attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Name in the configuration.
    pub name: String,
    /// Name in the service's API, for the documentation and for error messages.
    pub wire: Option<String>,
    /// Type, or nested attributes.
    pub shape: Shape,
    /// Who sets it.
    pub mode: Mode,
    /// Hidden in output.
    pub sensitive: bool,
    /// Never stored.
    pub write_only: bool,
    /// A change replaces the object.
    pub replace: bool,
    /// Planned to stay as it is during an update; the service may still say otherwise afterwards.
    pub keep: bool,
    /// Matters only when the object is created: a later difference is none.
    pub create_only: bool,
    /// Value when the configuration has none.
    pub default: Option<Value>,
    /// Why not to use it any more.
    pub deprecated: Option<String>,
    /// Markdown.
    pub description: String,
    /// Rules for known values.
    pub validators: Vec<Arc<dyn Validator>>,
    /// The one spelling of a string, when several mean the same.
    pub canonical: Option<fn(&str) -> Option<String>>,
}

impl Attribute {
    /// An attribute without any flag.
    pub fn new(name: impl Into<String>, shape: Shape, mode: Mode, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            wire: None,
            shape,
            mode,
            sensitive: false,
            write_only: false,
            replace: false,
            keep: false,
            create_only: false,
            default: None,
            deprecated: None,
            description: description.into(),
            validators: Vec::new(),
            canonical: None,
        }
    }

    /// The nested attributes, if any.
    pub fn nested(&self) -> Option<(Nesting, &[Attribute])> {
        match &self.shape {
            Shape::Nested { nesting, attributes } => Some((*nesting, attributes)),
            Shape::Plain(_) => None,
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A value of a type.
    Plain(Type),
    /// Objects with attributes of their own.
    Nested {
        /// How many objects, and how they are addressed.
        nesting: Nesting,
        /// The attributes of each.
        attributes: Vec<Attribute>,
    },
}

impl Shape {
    /// The type of the whole attribute.
    pub fn ty(&self) -> Type {
        match self {
            Self::Plain(ty) => ty.clone(),
            Self::Nested { nesting, attributes } => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }
}

/// How nested objects are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects.
    Map,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The user must.
    Required,
    /// The user may.
    Optional,
    /// The service does.
    Computed,
    /// The user may, else the service does.
    OptionalComputed,
}

impl Mode {
    /// Whether the service may set it.
    pub fn is_computed(self) -> bool {
        matches!(self, Self::Computed | Self::OptionalComputed)
    }

    /// Whether the user may set it.
    pub fn is_configurable(self) -> bool {
        self != Self::Computed
    }
}

/// One attribute of a resource identity.
#[derive(Clone, Debug)]
pub struct IdentityAttribute {
    /// Name.
    pub name: String,
    /// A primitive type, or a list of one.
    pub ty: Type,
    /// Whether import needs it; otherwise import may have it.
    pub required_for_import: bool,
    /// Markdown.
    pub description: String,
}

/// Identity of a resource.
#[derive(Clone, Debug)]
pub struct IdentitySchema {
    /// Version of the stored identity.
    pub version: i64,
    /// The parts of the identity.
    pub attributes: Vec<IdentityAttribute>,
}

impl IdentitySchema {
    /// The object type of an identity.
    pub fn ty(&self) -> Type {
        Type::Object(
            self.attributes.iter().map(|attribute| (attribute.name.clone(), attribute.ty.clone())).collect(),
        )
    }
}

/// A resource's schema and identity.
#[derive(Clone, Debug)]
pub struct ResourceSchema {
    /// State and configuration.
    pub schema: Schema,
    /// Identity, if the type has one.
    pub identity: Option<IdentitySchema>,
}

/// Parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name, for messages and documentation.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// Whether null may be passed.
    pub allow_null: bool,
    /// Whether the function is called with values known only after apply.
    pub allow_unknown: bool,
    /// Markdown.
    pub description: String,
}

/// Signature of a function.
#[derive(Clone, Debug)]
pub struct FunctionSchema {
    /// One sentence.
    pub summary: String,
    /// Markdown.
    pub description: String,
    /// The positional parameters.
    pub parameters: Vec<Parameter>,
    /// The parameter that takes all further arguments.
    pub variadic: Option<Parameter>,
    /// Type of the result.
    pub returns: Type,
}

/// Everything a provider offers.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// The provider block.
    pub provider: Schema,
    /// Managed resources by type name.
    pub resources: BTreeMap<String, ResourceSchema>,
    /// Data sources by type name.
    pub data_sources: BTreeMap<String, Schema>,
    /// Ephemeral resources by type name.
    pub ephemerals: BTreeMap<String, Schema>,
    /// Functions by name.
    pub functions: BTreeMap<String, FunctionSchema>,
}
