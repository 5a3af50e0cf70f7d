//! What a resource may do to its plan.

use std::marker::PhantomData;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::model::SchemaModel;
use crate::path::Path;
use crate::value::Value;

/// A plan in the making.
pub struct Plan<'a, M> {
    /// The state before; nothing for a create.
    pub prior: Option<M>,
    /// The configuration; null for a destroy.
    pub config: &'a Value,
    /// The state after, as planned so far; null for a destroy.
    pub planned: &'a mut Value,
    pub(crate) replace: &'a mut Vec<Path>,
    pub(crate) out: &'a mut Diagnostics,
    pub(crate) model: PhantomData<fn() -> M>,
}

impl<M: SchemaModel> Plan<'_, M> {
    /// Whether the object does not exist yet.
    pub fn is_create(&self) -> bool {
        self.prior.is_none()
    }

    /// Whether the object is to be destroyed.
    pub fn is_destroy(&self) -> bool {
        self.planned.is_null()
    }

    /// Whether the object is to be replaced, as far as that is decided.
    pub fn is_replacement(&self) -> bool {
        !self.replace.is_empty()
    }

    /// What is wanted, if all arguments are known.
    pub fn want(&self) -> Option<M> {
        if self.planned.is_null() { None } else { M::decode(self.planned).ok() }
    }

    /// Adds a warning about a setting.
    pub fn warn(&mut self, path: impl Into<Path>, summary: impl Into<String>, detail: impl Into<String>) {
        self.out.warn(path, summary, detail);
    }

    /// Adds an error about a setting.
    pub fn error(&mut self, path: impl Into<Path>, summary: impl Into<String>, detail: impl Into<String>) {
        self.out.error(path, summary, detail);
    }

    /// Adds a message.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.out.push(diagnostic);
    }

    /// Makes a change of this setting replace the object.
    pub fn require_replace(&mut self, path: impl Into<Path>) {
        self.replace.push(path.into());
    }

    /// Leaves a setting to be known after apply; it must be one that the service may set.
    pub fn mark_unknown(&mut self, path: impl Into<Path>) {
        self.planned.set(&path.into(), Value::Unknown);
    }

    /// Plans a value for a setting that the service may set.
    pub fn set(&mut self, path: impl Into<Path>, value: impl Into<Value>) {
        self.planned.set(&path.into(), value.into());
    }
}
