//! A cloud-config from an object.

use serde_json::Value;

use crate::yaml;

/// A cloud-config is a mapping of module names to their settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cloud-config is an object, not {0}")]
pub struct NotAnObject(&'static str);

/// `config` as cloud-init reads it. Keys are sorted, so equal objects give equal text.
///
/// # Errors
/// [`NotAnObject`] for any other value.
pub fn cloud_config(config: &Value) -> Result<String, NotAnObject> {
    match config {
        Value::Object(_) => Ok(format!("#cloud-config\n{}", yaml::document(config))),
        Value::Null => Err(NotAnObject("null")),
        Value::Bool(_) => Err(NotAnObject("a bool")),
        Value::Number(_) => Err(NotAnObject("a number")),
        Value::String(_) => Err(NotAnObject("a string")),
        Value::Array(_) => Err(NotAnObject("a list")),
    }
}
