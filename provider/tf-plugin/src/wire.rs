//! Values, paths and messages between the wire and the framework.

use std::time::{SystemTime, UNIX_EPOCH};

use tf_framework::{Capabilities, Diagnostic, Path, Severity, Step, Type, Value};

use crate::msgpack::{self, ValueError};
use crate::proto::tfplugin6::{
    self as wire, AttributePath, ClientCapabilities, DynamicValue, RawState, ResourceIdentityData,
    attribute_path, diagnostic,
};

/// What the CLI sent is not a value of the type.
fn malformed(error: ValueError) -> Diagnostic {
    Diagnostic::error(
        "Malformed value",
        format!(
            "The CLI sent a value that the provider cannot read: {}, {}. CLI and provider may be of versions that do not fit together. Otherwise this is a bug in the homelab provider.",
            error.path, error.problem
        ),
    )
    .or_at(&error.path)
}

/// Reads a value; a missing one is null.
pub(crate) fn value(sent: Option<&DynamicValue>, ty: &Type) -> Result<Value, Diagnostic> {
    match sent {
        Some(sent) if !sent.msgpack.is_empty() => msgpack::decode(&sent.msgpack, ty).map_err(malformed),
        Some(sent) if !sent.json.is_empty() => Value::from_json(&json(&sent.json)?, ty).map_err(|error| {
            malformed(ValueError { problem: format!("{} is required", error.expected), path: error.path })
        }),
        _ => Ok(Value::Null),
    }
}

/// Writes a value.
pub(crate) fn dynamic(value: &Value, ty: &Type) -> Result<Option<DynamicValue>, Diagnostic> {
    match msgpack::encode(value, ty) {
        Ok(msgpack) => Ok(Some(DynamicValue { msgpack, json: Vec::new() })),
        Err(error) => {
            let text = format!("The provider made a value that does not fit its schema: {error}.");
            Err(Diagnostic::bug(text).or_at(&error.path))
        }
    }
}

/// Reads an identity, if there is one and the type has one.
pub(crate) fn identity(
    sent: Option<&ResourceIdentityData>,
    ty: Option<&Type>,
) -> Result<Option<Value>, Diagnostic> {
    match (sent.and_then(|sent| sent.identity_data.as_ref()), ty) {
        (Some(sent), Some(ty)) => Ok(Some(value(Some(sent), ty)?).filter(|identity| !identity.is_null())),
        _ => Ok(None),
    }
}

/// Writes an identity, if there is one and the type has one.
pub(crate) fn identity_data(
    identity: Option<&Value>,
    ty: Option<&Type>,
) -> Result<Option<ResourceIdentityData>, Diagnostic> {
    match (identity, ty) {
        (Some(identity), Some(ty)) if !identity.is_null() => {
            Ok(Some(ResourceIdentityData { identity_data: dynamic(identity, ty)? }))
        }
        _ => Ok(None),
    }
}

fn json(bytes: &[u8]) -> Result<serde_json::Value, Diagnostic> {
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = if error.is_eof() { "it ends too early" } else { "it is not valid JSON" };
        Diagnostic::error(
            "Stored state is damaged",
            format!(
                "The JSON of a stored object cannot be read: {kind}, at line {} column {}. Restore the state from a backup, or remove the object from the state and import it.",
                error.line(),
                error.column()
            ),
        )
    })
}

/// Reads stored JSON. Numbers keep every digit.
pub(crate) fn raw_state(raw: Option<&RawState>) -> Result<serde_json::Value, Diagnostic> {
    match raw {
        Some(raw) if !raw.json.is_empty() => json(&raw.json),
        Some(raw) if !raw.flatmap.is_empty() => Err(Diagnostic::error(
            "Stored state is too old",
            "The stored state has the format of Terraform 0.11. Remove the object from the state and import it.",
        )),
        _ => Ok(serde_json::Value::Null),
    }
}

/// What the calling core can do; an old one says nothing.
pub(crate) fn capabilities(sent: Option<ClientCapabilities>) -> Capabilities {
    sent.map_or_else(Capabilities::default, |sent| Capabilities {
        deferral_allowed: sent.deferral_allowed,
        write_only_attributes_allowed: sent.write_only_attributes_allowed,
    })
}

/// Writes a path.
pub(crate) fn path(path: &Path) -> AttributePath {
    use attribute_path::step::Selector;
    let steps = path.0.iter().map(|step| {
        let selector = match step {
            Step::Attribute(name) => Selector::AttributeName(name.clone()),
            Step::Key(key) => Selector::ElementKeyString(key.clone()),
            Step::Index(index) => Selector::ElementKeyInt(*index),
        };
        attribute_path::Step { selector: Some(selector) }
    });
    AttributePath { steps: steps.collect() }
}

/// The part of a path that CLIs show. They quote the line of an argument of the top level, and take the end of a longer path
/// for one, so that a fault in `clone.vm_id` is shown at `vm_id`.
fn shown(path: &Path) -> Path {
    let is_inner = |(at, step): (usize, &Step)| at > 0 && matches!(step, Step::Attribute(_));
    if !path.0.iter().enumerate().any(is_inner) {
        return path.clone();
    }
    Path(path.0.iter().take(1).cloned().collect())
}

/// Writes a message.
pub(crate) fn diagnostic(message: Diagnostic) -> wire::Diagnostic {
    let severity = match message.severity {
        Severity::Error => diagnostic::Severity::Error,
        Severity::Warning => diagnostic::Severity::Warning,
    };
    let place = message.path.filter(|path| !path.is_root());
    let shown = place.as_ref().map(shown);
    let detail = match place.filter(|place| shown.as_ref() != Some(place)).map(|place| place.to_string()) {
        Some(place) if !message.detail.contains(&place) => {
            format!("{}\n\nThis is about `{place}`.", message.detail)
        }
        _ => message.detail,
    };
    wire::Diagnostic {
        severity: severity.into(),
        summary: message.summary,
        detail,
        attribute: shown.as_ref().map(path),
    }
}

/// Writes messages.
pub(crate) fn diagnostics(messages: Vec<Diagnostic>) -> Vec<wire::Diagnostic> {
    messages.into_iter().map(diagnostic).collect()
}

/// Writes a point in time; one before 1970 means at once.
pub(crate) fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_place_that_the_clis_do_not_show() {
        let said = |path: &Path, detail: &str| {
            diagnostic(Diagnostic::error("Wrong", detail).at(path.clone())).detail
        };
        let nested = Path::from("disks").key("scsi0").then("size_gib");
        assert_eq!(said(&nested, "Too big."), "Too big.\n\nThis is about `disks[\"scsi0\"].size_gib`.");
        assert_eq!(said(&"memory.size_mib".into(), "Lower `memory.size_mib`."), "Lower `memory.size_mib`.");
        assert_eq!(said(&"name".into(), "Too long."), "Too long.");
        assert_eq!(said(&Path::from("nodes").index(1), "No such node."), "No such node.");
    }

    #[test]
    fn a_message_about_an_inner_argument_is_shown_at_the_outer_one() {
        let sent = |path: Path| diagnostic(Diagnostic::error("Wrong", "").at(path)).attribute;
        assert_eq!(sent("clone.vm_id".into()), Some(path(&"clone".into())));
        assert_eq!(sent(Path::from("disks").key("scsi0").then("size_gib")), Some(path(&"disks".into())));
        assert_eq!(sent(Path::from("nodes").index(1)), Some(path(&Path::from("nodes").index(1))));
        assert_eq!(sent(Path::default()), None);
    }
}
