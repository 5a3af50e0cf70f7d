//! Applying. Not written yet: answers an error and changes nothing.

use crate::diagnostics::Diagnostic;
use crate::messages::{ApplyRequest, ApplyResponse};
use crate::server::Inner;

pub(crate) async fn resource(_inner: &Inner, r: ApplyRequest) -> ApplyResponse {
    ApplyResponse {
        new_state: r.prior_state,
        private: r.planned_private,
        new_identity: r.planned_identity,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}
