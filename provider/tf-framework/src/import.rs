//! Import by id or identity, identity upgrade, and moves from other resource types.

use crate::conform;
use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result};
use crate::messages::{
    ImportRequest, ImportResponse, ImportedResource, MoveRequest, MoveResponse, UpgradeIdentityResponse,
};
use crate::operation::Operation;
use crate::read::Worker;
use crate::server::Inner;
use crate::settle;
use crate::value::Value;
use crate::verbs::Verb;

pub(crate) fn upgrade_identity(
    inner: &Inner,
    type_name: &str,
    version: i64,
    raw: &serde_json::Value,
) -> UpgradeIdentityResponse {
    match identity_of_version(inner, type_name, version, raw) {
        Ok(identity) => UpgradeIdentityResponse { identity, diagnostics: Vec::new() },
        Err(bad) => UpgradeIdentityResponse { identity: Value::Null, diagnostics: vec![bad] },
    }
}

fn identity_of_version(
    inner: &Inner,
    type_name: &str,
    version: i64,
    raw: &serde_json::Value,
) -> Result<Value, Diagnostic> {
    let (schema, _) = inner.resource(type_name)?;
    let unreadable = |why: String| {
        Diagnostic::error(
            "Unreadable identity",
            format!(
                "The stored identity of this {type_name} cannot be read: {why}. Remove the object from the state and \
                 import it again."
            ),
        )
    };
    let Some(identity) = &schema.identity else {
        return Err(unreadable("objects of this type have none".to_owned()));
    };
    if version != identity.version {
        let why = format!("it has version {version}, and this provider knows version {}", identity.version);
        return Err(unreadable(why));
    }
    Value::from_json(raw, &identity.ty()).map_err(|error| unreadable(error.to_string()))
}

pub(crate) async fn resource(inner: &Inner, r: ImportRequest) -> ImportResponse {
    let worker = match Worker::new(inner, &r.type_name) {
        Ok(worker) => worker,
        Err(unsupported) => return ImportResponse { resources: Vec::new(), diagnostics: vec![unsupported] },
    };
    let operation = worker.operation(Verb::Read, &Value::Null, &[]);
    let (resources, mut diagnostics) = match import(&worker, &operation, &r).await {
        Ok(imported) => (vec![imported], Vec::new()),
        Err(Error(diagnostics)) => (Vec::new(), diagnostics),
    };
    diagnostics.extend(operation.take_warnings());
    ImportResponse { resources, diagnostics }
}

async fn import(worker: &Worker<'_>, operation: &Operation, r: &ImportRequest) -> Result<ImportedResource> {
    let id = match &r.identity {
        Some(identity) if r.id.is_empty() => worker.resource.id_from_identity(identity)?,
        _ => worker.resource.parse_id(&r.id)?,
    };
    let found = worker.read(operation, Verb::Read, &id, None, [&Value::Null; 2]).await?;
    let state = found.ok_or_else(|| {
        let what = format!(
            "There is no {} with the ID {id:?}. Check the ID, and that the provider may see the object.",
            r.type_name
        );
        Error::new("Object not found", what)
    })?;
    // The CLI compares what it asked for with what it gets.
    let asked = r.identity.clone().filter(|identity| {
        identity.is_fully_known()
            && identity.as_entries().is_some_and(|entries| !entries.values().any(Value::is_null))
    });
    Ok(ImportedResource {
        type_name: r.type_name.clone(),
        state,
        private: operation.private_bytes(),
        identity: asked.or_else(|| worker.identity(&id)),
    })
}

pub(crate) fn move_state(inner: &Inner, r: &MoveRequest) -> MoveResponse {
    match moved(inner, r) {
        Ok((state, identity)) => {
            MoveResponse { state, private: Vec::new(), identity, diagnostics: Vec::new() }
        }
        Err(Error(diagnostics)) => {
            MoveResponse { state: Value::Null, private: Vec::new(), identity: None, diagnostics }
        }
    }
}

fn moved(inner: &Inner, r: &MoveRequest) -> Result<(Value, Option<Value>)> {
    let worker = Worker::new(inner, &r.target_type_name)?;
    let (provider, source) = (&r.source_provider_address, &r.source_type_name);
    let state = worker
        .resource
        .move_from(provider, source, r.source_schema_version, &r.source_state)
        .ok_or_else(|| {
            Error::new(
                "Move is not supported",
                format!(
                    "The state of a {source} of the provider {provider:?} cannot become a {}. Remove the object from \
                     the state and import it under its new address.",
                    r.target_type_name
                ),
            )
        })??;
    let state = settle::state(worker.schema, state, &Value::Null, &Value::Null);
    let mut out = Diagnostics::new();
    conform::types(worker.schema, &state, &mut out);
    if out.has_errors() {
        return Err(out.into());
    }
    let identity = worker.resource.id(&state).ok().and_then(|id| worker.identity(&id));
    Ok((state, identity))
}
