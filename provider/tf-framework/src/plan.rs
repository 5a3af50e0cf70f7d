//! Planning. Not written yet: answers an error.

use crate::diagnostics::Diagnostic;
use crate::messages::{PlanRequest, PlanResponse};
use crate::server::Inner;

pub(crate) async fn resource(_inner: &Inner, r: PlanRequest) -> PlanResponse {
    PlanResponse {
        planned_state: r.proposed_new_state,
        requires_replace: Vec::new(),
        planned_private: r.prior_private,
        planned_identity: r.prior_identity,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}
