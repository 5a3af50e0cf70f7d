//! Requests and answers of the server, one pair per operation.

use std::time::SystemTime;

use crate::diagnostics::Diagnostic;
use crate::path::Path;
use crate::value::Value;

/// What the calling core can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It accepts deferred changes.
    pub deferral_allowed: bool,
    /// It never stores write-only arguments.
    pub write_only_attributes_allowed: bool,
}

/// Answer of a state upgrade.
#[derive(Clone, Debug)]
pub struct UpgradeResponse {
    /// State of the current schema version.
    pub state: Value,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// Answer of an identity upgrade.
#[derive(Clone, Debug)]
pub struct UpgradeIdentityResponse {
    /// Identity of the current schema version.
    pub identity: Value,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// A refresh.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// Resource type.
    pub type_name: String,
    /// State to refresh.
    pub state: Value,
    /// Private data.
    pub private: Vec<u8>,
    /// Stored identity.
    pub identity: Option<Value>,
    /// What the core can do.
    pub capabilities: Capabilities,
}

/// Answer of a refresh.
#[derive(Clone, Debug)]
pub struct ReadResponse {
    /// New state; null when the object is gone.
    pub state: Value,
    /// Private data.
    pub private: Vec<u8>,
    /// Identity.
    pub identity: Option<Value>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Resource type.
    pub type_name: String,
    /// State before; null for a create.
    pub prior_state: Value,
    /// Configuration merged with the prior state; null for a destroy.
    pub proposed_new_state: Value,
    /// Configuration; null for a destroy.
    pub config: Value,
    /// Private data.
    pub prior_private: Vec<u8>,
    /// Stored identity.
    pub prior_identity: Option<Value>,
    /// What the core can do.
    pub capabilities: Capabilities,
}

/// Answer of a plan.
#[derive(Clone, Debug)]
pub struct PlanResponse {
    /// State after, as far as it is known.
    pub planned_state: Value,
    /// Settings whose change replaces the object.
    pub requires_replace: Vec<Path>,
    /// Private data.
    pub planned_private: Vec<u8>,
    /// Identity.
    pub planned_identity: Option<Value>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// An apply.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    /// Resource type.
    pub type_name: String,
    /// State before; null for a create.
    pub prior_state: Value,
    /// State after as planned; null for a delete.
    pub planned_state: Value,
    /// Configuration.
    pub config: Value,
    /// Private data.
    pub planned_private: Vec<u8>,
    /// Identity.
    pub planned_identity: Option<Value>,
}

/// Answer of an apply.
#[derive(Clone, Debug)]
pub struct ApplyResponse {
    /// State after.
    pub new_state: Value,
    /// Private data.
    pub private: Vec<u8>,
    /// Identity.
    pub new_identity: Option<Value>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// An import.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// Resource type.
    pub type_name: String,
    /// What the user gave; empty when importing by identity.
    pub id: String,
    /// Identity, when importing by identity.
    pub identity: Option<Value>,
    /// What the core can do.
    pub capabilities: Capabilities,
}

/// One imported object.
#[derive(Clone, Debug)]
pub struct ImportedResource {
    /// Resource type.
    pub type_name: String,
    /// Its state.
    pub state: Value,
    /// Private data.
    pub private: Vec<u8>,
    /// Identity.
    pub identity: Option<Value>,
}

/// Answer of an import.
#[derive(Clone, Debug)]
pub struct ImportResponse {
    /// The imported objects.
    pub resources: Vec<ImportedResource>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// A move from another resource type.
#[derive(Clone, Debug)]
pub struct MoveRequest {
    /// Provider of the source.
    pub source_provider_address: String,
    /// Resource type of the source.
    pub source_type_name: String,
    /// Schema version of the source.
    pub source_schema_version: i64,
    /// State of the source.
    pub source_state: serde_json::Value,
    /// Resource type wanted.
    pub target_type_name: String,
}

/// Answer of a move.
#[derive(Clone, Debug)]
pub struct MoveResponse {
    /// State of the target type.
    pub state: Value,
    /// Private data.
    pub private: Vec<u8>,
    /// Identity.
    pub identity: Option<Value>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// Answer of a data source.
#[derive(Clone, Debug)]
pub struct DataResponse {
    /// What was read; null after an error.
    pub state: Value,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// Failure of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What is wrong.
    pub text: String,
    /// The argument to blame, counted from 0.
    pub argument: Option<i64>,
}

impl FunctionError {
    /// A failure that no single argument explains.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }

    /// A failure that one argument explains.
    pub fn argument(index: i64, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(index) }
    }
}

/// Answer when an ephemeral resource is opened.
#[derive(Clone, Debug)]
pub struct OpenResponse {
    /// The value, never stored.
    pub result: Value,
    /// Private data for renewing and closing.
    pub private: Vec<u8>,
    /// When to renew.
    pub renew_at: Option<SystemTime>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}

/// Answer when an ephemeral resource is renewed.
#[derive(Clone, Debug)]
pub struct RenewResponse {
    /// Private data for renewing and closing.
    pub private: Vec<u8>,
    /// When to renew again.
    pub renew_at: Option<SystemTime>,
    /// Messages.
    pub diagnostics: Vec<Diagnostic>,
}
