//! Data sources, functions and ephemeral resources.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::conform;
use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result};
use crate::erased::AnyEphemeral;
use crate::messages::{DataResponse, FunctionError, OpenResponse, RenewResponse};
use crate::operation::Operation;
use crate::schema::Schema;
use crate::secrets::redact;
use crate::server::{Inner, no_such};
use crate::settle;
use crate::value::Value;
use crate::verbs::{Verb, bounded};

const NO_TIMEOUTS: [Duration; 4] = [Duration::ZERO; 4];

fn operation(inner: &Inner) -> Operation {
    inner.operation(Verb::Use.limit(&Value::Null, &NO_TIMEOUTS), &[])
}

/// What goes back: complete, known, and in the user's spelling.
fn result(schema: &Schema, found: Value, config: &Value) -> Result<Value> {
    let mut state = settle::state(schema, found, config, &Value::Null);
    settle::without_write_only(&schema.attributes, &mut state);
    let mut out = Diagnostics::new();
    conform::types(schema, &state, &mut out);
    if out.has_errors() { Err(out.into()) } else { Ok(state) }
}

pub(crate) async fn read_data(inner: &Inner, type_name: &str, config: Value) -> DataResponse {
    let found = inner.schemas.data_sources.get(type_name).zip(inner.data_sources.get(type_name));
    let Some((schema, data)) = found else {
        return DataResponse { state: Value::Null, diagnostics: vec![no_such("data source", type_name)] };
    };
    let operation = operation(inner);
    let work = data.read(inner.context(&operation), config.clone());
    let read = bounded(&operation, Verb::Use, type_name, work).await;
    let (state, mut diagnostics) = match read.and_then(|found| result(schema, found, &config)) {
        Ok(state) => (state, Vec::new()),
        Err(Error(diagnostics)) => (Value::Null, diagnostics),
    };
    diagnostics.extend(operation.take_warnings());
    redact(&schema.attributes, &[&config], &mut diagnostics);
    DataResponse { state, diagnostics }
}

pub(crate) fn call(inner: &Inner, name: &str, args: &[Value]) -> Result<Value, FunctionError> {
    let found = inner.schemas.functions.get(name).zip(inner.functions.get(name));
    let Some((schema, call)) = found else {
        return Err(FunctionError::new(format!("This version of the provider has no function {name:?}.")));
    };
    let least = schema.parameters.len();
    if args.len() < least || (args.len() > least && schema.variadic.is_none()) {
        return Err(FunctionError::new(format!(
            "The function takes {least} arguments, but {} were given.",
            args.len()
        )));
    }
    let parameters = schema.parameters.iter().chain(schema.variadic.iter().cycle());
    for (index, (value, parameter)) in (0..).zip(args.iter().zip(parameters)) {
        if value.is_null() && !parameter.allow_null {
            return Err(FunctionError::argument(index, format!("`{}` must not be null.", parameter.name)));
        }
        if !value.is_fully_known() && !parameter.allow_unknown {
            return Ok(Value::Unknown);
        }
        if !conform::has_type(value, &parameter.ty) {
            let text = format!("`{}` must be a {}.", parameter.name, parameter.ty);
            return Err(FunctionError::argument(index, text));
        }
    }
    let answer = call(args)?;
    if conform::has_type(&answer, &schema.returns) {
        return Ok(answer);
    }
    Err(FunctionError::new("The result has the wrong type. This is a bug in the homelab provider."))
}

fn find<'a>(inner: &'a Inner, type_name: &str) -> Result<(&'a Schema, Arc<dyn AnyEphemeral>), Diagnostic> {
    let found = inner.schemas.ephemerals.get(type_name).zip(inner.ephemerals.get(type_name));
    let (schema, ephemeral) = found.ok_or_else(|| no_such("ephemeral resource", type_name))?;
    Ok((schema, ephemeral.clone()))
}

pub(crate) async fn open(inner: &Inner, type_name: &str, config: Value) -> OpenResponse {
    let mut answer =
        OpenResponse { result: Value::Null, private: Vec::new(), renew_at: None, diagnostics: Vec::new() };
    let (schema, ephemeral) = match find(inner, type_name) {
        Ok(found) => found,
        Err(unsupported) => {
            answer.diagnostics.push(unsupported);
            return answer;
        }
    };
    let operation = operation(inner);
    let work = ephemeral.open(inner.context(&operation), config.clone());
    match bounded(&operation, Verb::Use, type_name, work).await {
        Ok(opened) => {
            // Even a result that cannot be used must be closed, and closing needs this.
            answer.private = opened.private.to_string().into_bytes();
            answer.renew_at = opened.renew_at;
            match result(schema, opened.result, &config) {
                Ok(value) => answer.result = value,
                Err(Error(diagnostics)) => answer.diagnostics = diagnostics,
            }
        }
        Err(Error(diagnostics)) => answer.diagnostics = diagnostics,
    }
    answer.diagnostics.extend(operation.take_warnings());
    redact(&schema.attributes, &[&config, &answer.result], &mut answer.diagnostics);
    answer
}

pub(crate) async fn renew(inner: &Inner, type_name: &str, private: Vec<u8>) -> RenewResponse {
    let operation = operation(inner);
    let renewed = match find(inner, type_name) {
        Ok((_, ephemeral)) => {
            let work = ephemeral.renew(inner.context(&operation), json(&private));
            bounded(&operation, Verb::Use, type_name, work).await
        }
        Err(unsupported) => Err(unsupported.into()),
    };
    let (renew_at, mut diagnostics) = match renewed {
        Ok(renew_at) => (renew_at, Vec::new()),
        Err(Error(diagnostics)) => (None, diagnostics),
    };
    diagnostics.extend(operation.take_warnings());
    RenewResponse { private, renew_at, diagnostics }
}

pub(crate) async fn close(inner: &Inner, type_name: &str, private: &[u8]) -> Vec<Diagnostic> {
    let operation = operation(inner);
    let closed = match find(inner, type_name) {
        Ok((_, ephemeral)) => {
            let work = ephemeral.close(inner.context(&operation), json(private));
            bounded(&operation, Verb::Use, type_name, work).await
        }
        Err(unsupported) => Err(unsupported.into()),
    };
    let mut diagnostics = closed.err().map(|Error(diagnostics)| diagnostics).unwrap_or_default();
    diagnostics.extend(operation.take_warnings());
    diagnostics
}

fn json(private: &[u8]) -> Json {
    serde_json::from_slice(private).unwrap_or(Json::Null)
}
