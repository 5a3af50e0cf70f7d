//! Planning a change.

use crate::conform;
use crate::diagnostics::{Diagnostics, Error};
use crate::erased::{AnyResource, PlanDraft};
use crate::messages::{PlanRequest, PlanResponse};
use crate::operation::Operation;
use crate::path::Path;
use crate::plan_steps::{mark_unknown, prepare, replacing, same_for_service, without_timeouts};
use crate::schema::Schema;
use crate::secrets::redact;
use crate::server::Inner;
use crate::value::Value;
use crate::verbs::{Verb, bounded};

pub(crate) async fn resource(inner: &Inner, r: PlanRequest) -> PlanResponse {
    let mut answer = PlanResponse {
        planned_state: r.proposed_new_state.clone(),
        requires_replace: Vec::new(),
        planned_private: r.prior_private.clone(),
        // A create has no identity yet; for anything else it never changes.
        planned_identity: if r.prior_state.is_null() { None } else { r.prior_identity.clone() },
        diagnostics: Vec::new(),
    };
    let (schema, resource) = match inner.resource(&r.type_name) {
        Ok(found) => found,
        Err(unsupported) => {
            answer.diagnostics.push(unsupported);
            return answer;
        }
    };
    let schema = &schema.schema;
    let mut draft = draft(schema, &r);
    let limited_by = if r.prior_state.is_null() { &draft.planned } else { &r.prior_state };
    let limit = Verb::Read.limit(limited_by, &resource.timeouts());
    let operation = inner.operation(limit, &r.prior_private);
    ask(inner, &*resource, &operation, &r.type_name, &mut draft).await;
    if !r.config.is_null() && !draft.out.has_errors() {
        conform::plan(schema, &draft.prior, &draft.config, &draft.planned, &mut draft.out);
    }
    draft.replace.sort();
    draft.replace.dedup();
    answer.planned_state = if r.config.is_null() { Value::Null } else { draft.planned };
    answer.requires_replace = if r.prior_state.is_null() { Vec::new() } else { draft.replace };
    answer.planned_private = operation.private_bytes();
    answer.diagnostics = draft.out.into_vec();
    redact(&schema.attributes, &[&r.config, &r.prior_state], &mut answer.diagnostics);
    answer
}

/// The plan as far as the schema alone decides it.
fn draft(schema: &Schema, r: &PlanRequest) -> PlanDraft {
    let mut draft = PlanDraft {
        prior: r.prior_state.clone(),
        config: r.config.clone(),
        planned: r.proposed_new_state.clone(),
        replace: Vec::new(),
        out: Diagnostics::new(),
    };
    if r.config.is_null() {
        draft.planned = Value::Null;
        return draft;
    }
    let attributes = &schema.attributes;
    prepare(attributes, &mut draft.planned, &draft.config, &draft.prior);
    if !same_for_service(without_timeouts(attributes), &draft.planned, &draft.prior) {
        mark_unknown(attributes, &mut draft.planned, &draft.config, &draft.prior);
    }
    replacing(attributes, &draft.planned, &draft.prior, &Path::root(), &mut draft.replace);
    draft
}

/// Lets the resource look at its plan.
async fn ask(
    inner: &Inner,
    resource: &dyn AnyResource,
    operation: &Operation,
    type_name: &str,
    draft: &mut PlanDraft,
) {
    let asked =
        bounded(operation, Verb::Read, type_name, resource.plan(inner.context(operation), draft)).await;
    if let Err(Error(diagnostics)) = asked {
        draft.out.extend(diagnostics);
    }
    draft.out.extend(operation.take_warnings());
}
