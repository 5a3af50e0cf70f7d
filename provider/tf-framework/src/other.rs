//! Data sources, functions and ephemeral resources. Not written yet: answers an error.

use crate::diagnostics::Diagnostic;
use crate::messages::{DataResponse, FunctionError, OpenResponse, RenewResponse};
use crate::server::Inner;
use crate::value::Value;

pub(crate) async fn read_data(_inner: &Inner, _type_name: &str, _config: Value) -> DataResponse {
    DataResponse {
        state: Value::Null,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}

pub(crate) fn call(_inner: &Inner, _name: &str, _args: &[Value]) -> Result<Value, FunctionError> {
    Err(FunctionError::new("This operation is not written yet. This is a bug in the homelab provider."))
}

pub(crate) async fn open(_inner: &Inner, _type_name: &str, _config: Value) -> OpenResponse {
    OpenResponse {
        result: Value::Null,
        private: Vec::new(),
        renew_at: None,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}

pub(crate) async fn renew(_inner: &Inner, _type_name: &str, private: Vec<u8>) -> RenewResponse {
    RenewResponse {
        private,
        renew_at: None,
        diagnostics: vec![Diagnostic::bug("This operation is not written yet.")],
    }
}

pub(crate) async fn close(_inner: &Inner, _type_name: &str, _private: &[u8]) -> Vec<Diagnostic> {
    vec![Diagnostic::bug("This operation is not written yet.")]
}
