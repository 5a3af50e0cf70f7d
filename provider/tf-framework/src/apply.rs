//! Applying a change. Whatever happens, the state that goes back says what is there.

use std::sync::Arc;

use crate::conform::{self, Difference};
use crate::diagnostics::{Diagnostic, Diagnostics, Error, Result};
use crate::messages::{ApplyRequest, ApplyResponse};
use crate::operation::Operation;
use crate::plan_steps::{same_for_service, without_timeouts};
use crate::read::Worker;
use crate::secrets::redact;
use crate::server::Inner;
use crate::settle::{add_former, fill_unknown, keep_versions, mask_create_only, with_write_only};
use crate::value::Value;
use crate::verbs::{Verb, bounded};

/// What a verb ends with.
struct Outcome {
    state: Value,
    /// The object, unless there is none.
    id: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Outcome {
    fn failed(state: Value, Error(diagnostics): Error) -> Self {
        Self { state, id: None, diagnostics }
    }
}

pub(crate) async fn resource(inner: &Arc<Inner>, r: ApplyRequest) -> ApplyResponse {
    let worker = match Worker::new(inner, &r.type_name) {
        Ok(worker) => worker,
        Err(unsupported) => {
            return ApplyResponse {
                new_state: r.prior_state,
                private: r.planned_private,
                new_identity: r.planned_identity,
                diagnostics: vec![unsupported],
            };
        }
    };
    let (verb, limited_by) = match (r.prior_state.is_null(), r.planned_state.is_null()) {
        (true, _) => (Verb::Create, &r.planned_state),
        (false, true) => (Verb::Delete, &r.prior_state),
        (false, false) => (Verb::Update, &r.planned_state),
    };
    let operation = worker.operation(verb, limited_by, &r.planned_private);
    let apply = Apply { worker: &worker, operation: &operation, r: &r };
    let mut outcome = match verb {
        Verb::Create => apply.create().await,
        Verb::Delete => apply.delete().await,
        _ => apply.update().await,
    };
    outcome.diagnostics.extend(operation.take_warnings());
    inner.afterwards(operation.take_afterwards());
    redact(
        &worker.schema.attributes,
        &[&r.config, &r.planned_state, &r.prior_state],
        &mut outcome.diagnostics,
    );
    let stored = if verb == Verb::Create { None } else { r.planned_identity.clone() };
    let identity = stored.or_else(|| outcome.id.as_deref().and_then(|id| worker.identity(id)));
    let kept = !outcome.state.is_null();
    ApplyResponse {
        private: if kept { operation.private_bytes() } else { Vec::new() },
        new_identity: if kept { identity } else { None },
        new_state: outcome.state,
        diagnostics: outcome.diagnostics,
    }
}

/// One apply at work.
struct Apply<'a> {
    worker: &'a Worker<'a>,
    operation: &'a Operation,
    r: &'a ApplyRequest,
}

impl Apply<'_> {
    /// The planned state as the resource gets it.
    fn want(&self) -> Value {
        let mut want = self.r.planned_state.clone();
        with_write_only(&self.worker.schema.attributes, &mut want, &self.r.config);
        want
    }

    async fn create(&self) -> Outcome {
        let cx = self.worker.inner.context(self.operation);
        let work = self.worker.resource.create(cx, self.want());
        let created = bounded(self.operation, Verb::Create, self.worker.type_name, work).await;
        let (id, failure) = match created {
            Ok(id) => (id, None),
            Err(error) => match self.operation.created_id() {
                Some(id) => (id, Some(error)),
                None => return Outcome::failed(Value::Null, error),
            },
        };
        // From here on there is an object, and nothing may lose it.
        self.operation.created(&id);
        let outcome = match failure {
            None => self.read_back(Verb::Create, &id).await,
            Some(error) => Err(error),
        };
        let (state, diagnostics) = match outcome {
            Ok(done) => done,
            Err(Error(diagnostics)) => (self.half_made(&id).await, diagnostics),
        };
        Outcome { state, id: Some(id), diagnostics }
    }

    /// The best that can be said of an object whose creation failed.
    async fn half_made(&self, id: &str) -> Value {
        let planned = &self.r.planned_state;
        match self.worker.last_look(id, planned, &self.operation.private_bytes()).await {
            Ok(Some(found)) => found,
            _ => planned.clone().without_unknowns(),
        }
    }

    async fn update(&self) -> Outcome {
        let prior = &self.r.prior_state;
        let id = match self.worker.resource.id(prior) {
            Ok(id) => id,
            Err(error) => return Outcome::failed(prior.clone(), error),
        };
        let updated = match self.change(&id).await {
            Ok(()) => self.read_back(Verb::Update, &id).await,
            Err(error) => Err(error),
        };
        let (state, diagnostics) = match updated {
            Ok(done) => done,
            Err(Error(diagnostics)) => {
                let mut hint = self.r.planned_state.clone();
                fill_unknown(&self.worker.schema.attributes, &mut hint, prior);
                add_former(&self.worker.schema.attributes, &mut hint, prior);
                keep_versions(&self.worker.schema.attributes, &mut hint, prior);
                let look = self.worker.last_look(&id, &hint, &self.operation.private_bytes()).await;
                (look.ok().flatten().unwrap_or_else(|| prior.clone()), diagnostics)
            }
        };
        Outcome { state, id: Some(id), diagnostics }
    }

    /// Asks the service for the change, if it has one to make.
    async fn change(&self, id: &str) -> Result<()> {
        let (prior, want) = (&self.r.prior_state, self.want());
        let attributes = &self.worker.schema.attributes;
        if same_for_service(without_timeouts(attributes), &self.r.planned_state, prior) {
            return Ok(());
        }
        let mut before = prior.clone();
        mask_create_only(attributes, &mut before, &want);
        let cx = self.worker.inner.context(self.operation);
        let work = self.worker.resource.update(cx, id.to_owned(), before, want);
        bounded(self.operation, Verb::Update, self.worker.type_name, work).await
    }

    async fn delete(&self) -> Outcome {
        let prior = &self.r.prior_state;
        let id = match self.worker.resource.id(prior) {
            Ok(id) => id,
            Err(error) => return Outcome::failed(prior.clone(), error),
        };
        let cx = self.worker.inner.context(self.operation);
        let work = self.worker.resource.delete(cx, id.clone(), prior.clone());
        let deleted = bounded(self.operation, Verb::Delete, self.worker.type_name, work).await;
        let Err(error) = deleted else {
            return Outcome { state: Value::Null, id: Some(id), diagnostics: Vec::new() };
        };
        let private = self.operation.private_bytes();
        if let Ok(None) = self.worker.last_look(&id, prior, &private).await {
            // The object is gone, which is all that was asked for; an error would keep it in the state.
            let Error(mut diagnostics) = error;
            diagnostics.iter_mut().for_each(|diagnostic| diagnostic.severity = crate::Severity::Warning);
            return Outcome { state: Value::Null, id: Some(id), diagnostics };
        }
        Outcome { id: Some(id), ..Outcome::failed(prior.clone(), error) }
    }

    /// Reads what a create or an update has made and compares it with the plan.
    async fn read_back(&self, verb: Verb, id: &str) -> Result<(Value, Vec<Diagnostic>)> {
        let planned = &self.r.planned_state;
        let found =
            self.worker.read(self.operation, verb, id, Some(planned), [planned, &self.r.prior_state]).await?;
        let mut actual = found.ok_or_else(|| gone(self.worker.type_name, id))?;
        let attributes = &self.worker.schema.attributes;
        let mut out = Diagnostics::new();
        for difference in conform::differences(attributes, &self.r.config, planned, &mut actual) {
            out.push(explain(&difference, self.worker.type_name));
        }
        Ok((actual, out.into_vec()))
    }
}

fn gone(type_name: &str, id: &str) -> Error {
    Error::new(
        "Object is gone",
        format!(
            "The service has accepted the change of the {type_name} {id:?}, but then did not know the object. Look \
             whether something else deletes it, and apply again."
        ),
    )
}

fn explain(difference: &Difference<'_>, type_name: &str) -> Diagnostic {
    let name = &difference.attribute.name;
    let values = if difference.sensitive {
        "The values are sensitive and not shown.".to_owned()
    } else {
        let (planned, actual) = (difference.planned.to_json(), difference.actual.to_json());
        format!("The plan says {planned}, the service {actual}.")
    };
    let diagnostic = if difference.tolerated {
        Diagnostic::warning(
            "Service changed a value",
            format!(
                "After the change, the service has another `{name}` for this {type_name} than planned. {values} The \
                 next refresh takes it over."
            ),
        )
    } else {
        Diagnostic::error(
            "Value was not kept",
            format!(
                "After the change, the service has another `{name}` for this {type_name} than planned. {values} Set \
                 `{name}` to what the service keeps; if both mean the same, this is a bug in the homelab provider."
            ),
        )
    };
    diagnostic.at(difference.path.clone())
}
