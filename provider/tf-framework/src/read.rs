//! Refresh and state upgrade.

use std::sync::Arc;

use crate::conform;
use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result, Severity};
use crate::erased::AnyResource;
use crate::messages::{ReadRequest, ReadResponse, UpgradeResponse};
use crate::operation::Operation;
use crate::schema::{ResourceSchema, Schema};
use crate::secrets::redact;
use crate::server::Inner;
use crate::settle;
use crate::timeouts;
use crate::value::Value;
use crate::verbs::{Verb, bounded, last_look};

/// One resource type at work.
pub(crate) struct Worker<'a> {
    pub inner: &'a Inner,
    pub type_name: &'a str,
    pub schema: &'a Schema,
    pub has_identity: bool,
    pub resource: Arc<dyn AnyResource>,
}

impl<'a> Worker<'a> {
    pub fn new(inner: &'a Inner, type_name: &'a str) -> Result<Self, Diagnostic> {
        let (ResourceSchema { schema, identity }, resource) = inner.resource(type_name)?;
        Ok(Self { inner, type_name, schema, has_identity: identity.is_some(), resource })
    }

    /// A new operation whose limit the user may have set in `value`.
    pub fn operation(&self, verb: Verb, value: &Value, private: &[u8]) -> Operation {
        self.inner.operation(verb.limit(value, &self.resource.timeouts()), private)
    }

    /// Reads the object as part of an operation; what it returns is a state that may go back. `prior` is what the
    /// resource may know of the object; for the others see [`settle::state`].
    pub async fn read(
        &self,
        operation: &Operation,
        verb: Verb,
        id: &str,
        prior: Option<&Value>,
        [before, older]: [&Value; 2],
    ) -> Result<Option<Value>> {
        let cx = self.inner.context(operation);
        let work = self.resource.read(cx, id.to_owned(), prior.cloned());
        let found = bounded(operation, verb, self.type_name, work).await?;
        let Some(found) = found else { return Ok(None) };
        let state = settle::state(self.schema, found, before, older);
        let mut out = Diagnostics::new();
        conform::types(self.schema, &state, &mut out);
        if out.has_errors() { Err(out.into()) } else { Ok(Some(state)) }
    }

    /// What a failed verb left behind, if that can be said: the object, or that there is none.
    pub async fn last_look(&self, id: &str, prior: &Value, private: &[u8]) -> Result<Option<Value>> {
        self.read(&last_look(private), Verb::Read, id, Some(prior), [prior, &Value::Null]).await
    }

    /// The identity of an object, if its type has one and it can be said.
    pub fn identity(&self, id: &str) -> Option<Value> {
        if self.has_identity { self.resource.identity(id).ok() } else { None }
    }
}

pub(crate) async fn resource(inner: &Inner, r: ReadRequest) -> ReadResponse {
    let mut answer = ReadResponse {
        state: r.state.clone(),
        private: r.private.clone(),
        identity: r.identity.clone(),
        diagnostics: Vec::new(),
    };
    let worker = match Worker::new(inner, &r.type_name) {
        Ok(worker) => worker,
        Err(unsupported) => {
            answer.diagnostics.push(unsupported);
            return answer;
        }
    };
    if r.state.is_null() {
        return answer;
    }
    let operation = worker.operation(Verb::Read, &r.state, &r.private);
    match refresh(&worker, &operation, &r).await {
        Ok(Some((id, state))) => {
            answer.identity = answer.identity.or_else(|| worker.identity(&id));
            answer.state = state;
            answer.private = operation.private_bytes();
        }
        Ok(None) => {
            answer.state = Value::Null;
            answer.private = Vec::new();
            answer.identity = None;
        }
        Err(error) if error.is_out_of_reach() => {
            answer.diagnostics = error.0.into_iter().map(kept).collect();
        }
        Err(Error(diagnostics)) => answer.diagnostics = diagnostics,
    }
    answer.diagnostics.extend(operation.take_warnings());
    redact(&worker.schema.attributes, &[&r.state], &mut answer.diagnostics);
    answer
}

/// What failed, as a warning: the state goes back as it came.
fn kept(message: Diagnostic) -> Diagnostic {
    let detail = format!("{}\n\nUntil then the state stays as it was last seen.", message.detail);
    Diagnostic { severity: Severity::Warning, detail, ..message }
}

/// The object of a state and its id; nothing when it is gone.
async fn refresh(
    worker: &Worker<'_>,
    operation: &Operation,
    r: &ReadRequest,
) -> Result<Option<(String, Value)>> {
    let (id, prior) = match worker.resource.id(&r.state) {
        Ok(id) => (id, Some(&r.state)),
        // A state from which even the id cannot be read is useless, but a stored identity finds the object.
        Err(unreadable) => match &r.identity {
            Some(identity) => (worker.resource.id_from_identity(identity)?, None),
            None => return Err(unreadable),
        },
    };
    Ok(worker
        .read(operation, Verb::Read, &id, prior, [&r.state, &Value::Null])
        .await?
        .map(|state| (id, state)))
}

pub(crate) fn upgrade(
    inner: &Inner,
    type_name: &str,
    version: i64,
    raw: serde_json::Value,
) -> UpgradeResponse {
    let upgraded = Worker::new(inner, type_name).map_err(Error::from).and_then(|worker| {
        let current = worker.schema.version;
        let json = if version == current || raw.is_null() {
            raw
        } else if version > current {
            return Err(newer(type_name, version, current).into());
        } else {
            with_timeouts(worker.resource.upgrade(version, raw.clone())?, &raw)
        };
        let mut state = Value::from_json(&json, &worker.schema.ty()).map_err(|error| {
            let detail = format!(
                "The stored state of this {type_name} cannot be read: {error}. Remove the object from the state and \
                 import it again."
            );
            Diagnostic::error("Unreadable state", detail)
        })?;
        settle::without_write_only(&worker.schema.attributes, &mut state);
        Ok(state)
    });
    match upgraded {
        Ok(state) => UpgradeResponse { state, diagnostics: Vec::new() },
        Err(Error(diagnostics)) => UpgradeResponse { state: Value::Null, diagnostics },
    }
}

/// Timeouts are the framework's own, so resources do not carry them from one version to the next.
fn with_timeouts(mut upgraded: serde_json::Value, raw: &serde_json::Value) -> serde_json::Value {
    if let (Some(object), Some(timeouts)) = (upgraded.as_object_mut(), raw.get(timeouts::NAME)) {
        object.entry(timeouts::NAME).or_insert_with(|| timeouts.clone());
    }
    upgraded
}

fn newer(type_name: &str, version: i64, current: i64) -> Diagnostic {
    let detail = format!(
        "The state of this {type_name} has version {version}; this version of the provider knows versions up to \
         {current}. Use the version of the provider that wrote the state, or a newer one."
    );
    Diagnostic::error("State is too new", detail)
}
