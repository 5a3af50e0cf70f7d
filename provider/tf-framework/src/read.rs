//! Refresh and state upgrade. Not written yet: answers an error and leaves the state as it was.

use crate::diagnostics::Diagnostic;
use crate::messages::{ReadRequest, ReadResponse, UpgradeResponse};
use crate::server::Inner;
use crate::value::Value;

pub(crate) fn upgrade(
    _inner: &Inner,
    _type_name: &str,
    _version: i64,
    _raw: serde_json::Value,
) -> UpgradeResponse {
    UpgradeResponse {
        state: Value::Null,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}

pub(crate) async fn resource(_inner: &Inner, r: ReadRequest) -> ReadResponse {
    ReadResponse {
        state: r.state,
        private: r.private,
        identity: r.identity,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}
