//! Import, identity upgrade and moves. Not written yet: answers an error.

use crate::diagnostics::Diagnostic;
use crate::messages::{ImportRequest, ImportResponse, MoveRequest, MoveResponse, UpgradeIdentityResponse};
use crate::server::Inner;
use crate::value::Value;

pub(crate) fn upgrade_identity(
    _inner: &Inner,
    _type_name: &str,
    _version: i64,
    _raw: &serde_json::Value,
) -> UpgradeIdentityResponse {
    UpgradeIdentityResponse {
        identity: Value::Null,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}

pub(crate) async fn resource(_inner: &Inner, _r: ImportRequest) -> ImportResponse {
    ImportResponse {
        resources: Vec::new(),
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}

pub(crate) fn move_state(_inner: &Inner, _r: &MoveRequest) -> MoveResponse {
    MoveResponse {
        state: Value::Null,
        private: Vec::new(),
        identity: None,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}
