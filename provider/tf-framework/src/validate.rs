//! Validation of configurations. Not written yet: every check answers an error.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::messages::Capabilities;
use crate::schema::Schema;
use crate::server::Inner;
use crate::value::Value;

pub(crate) fn config(_schema: &Schema, _config: &Value, _write_only: bool, out: &mut Diagnostics) {
    out.push(Diagnostic::bug("This operation is not written yet."));
}

pub(crate) fn resource(
    _inner: &Inner,
    _type_name: &str,
    _config: &Value,
    _caps: Capabilities,
) -> Vec<Diagnostic> {
    vec![Diagnostic::bug("This operation is not written yet.")]
}

pub(crate) fn data_source(_inner: &Inner, _type_name: &str, _config: &Value) -> Vec<Diagnostic> {
    vec![Diagnostic::bug("This operation is not written yet.")]
}

pub(crate) fn ephemeral(_inner: &Inner, _type_name: &str, _config: &Value) -> Vec<Diagnostic> {
    vec![Diagnostic::bug("This operation is not written yet.")]
}
