//! What a resource file needs.

pub use std::collections::{BTreeMap, BTreeSet};

pub use tf_derive::{Object, Schema};

pub use crate::codec::Dyn;
pub use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result};
pub use crate::field::{Computed, Defaulted};
pub use crate::messages::FunctionError;
pub use crate::model::{ObjectModel, SchemaModel};
pub use crate::number::Number;
pub use crate::operation::Operation;
pub use crate::path::{Path, Step};
pub use crate::plan_hook::Plan;
pub use crate::registry::Registry;
pub use crate::resource::{
    Change, DataSource, Edit, Ephemeral, Function, Opened, ProviderDefinition, Resource,
};
pub use crate::rules;
pub use crate::schema::{FunctionSchema, IdentityAttribute, IdentitySchema, Parameter};
pub use crate::types::Type;
pub use crate::validators::{Validator, each, length, matches, not_empty, one_of, parses, range};
pub use crate::value::Value;
