//! What a provider is made of, independent of the wire: values, schemas, the plan and apply engine, and typed models.

// The derives name this crate by its own name, also in its own tests.
extern crate self as tf_framework;

mod activity;
mod apply;
pub mod codec;
mod conform;
mod diagnostics;
pub mod docs;
mod erased;
mod field;
mod import;
mod json;
mod messages;
mod model;
mod number;
mod operation;
mod other;
mod pairs;
mod path;
mod plan;
mod plan_hook;
mod plan_steps;
pub mod prelude;
mod read;
mod registry;
mod resource;
pub mod rules;
mod schema;
mod secrets;
mod server;
mod settle;
mod timeouts;
mod types;
mod validate;
pub mod validators;
mod value;
mod verbs;

pub use codec::Dyn;
pub use diagnostics::{Diagnostic, Diagnostics, Error, Result, Severity};
pub use field::{Computed, Defaulted};
pub use messages::{
    ApplyRequest, ApplyResponse, Capabilities, DataResponse, FunctionError, ImportRequest, ImportResponse,
    ImportedResource, MoveRequest, MoveResponse, OpenResponse, PlanRequest, PlanResponse, ReadRequest,
    ReadResponse, RenewResponse, UpgradeIdentityResponse, UpgradeResponse,
};
pub use model::{ObjectModel, SchemaModel};
pub use number::{Number, NumberError};
pub use operation::Operation;
pub use path::{Path, Step};
pub use plan_hook::Plan;
pub use registry::Registry;
pub use resource::{Change, DataSource, Edit, Ephemeral, Function, Opened, ProviderDefinition, Resource};
pub use schema::{
    Attribute, FunctionSchema, IdentityAttribute, IdentitySchema, Mode, Nesting, Parameter, ResourceSchema,
    Schema, Schemas, Shape, object_type,
};
pub use server::Server;
pub use types::Type;
pub use validators::Validator;
pub use value::{Dynamic, JsonError, Value};
