//! Whether the machine with an ID is the one that the state is about: IDs are used again.
//!
//! What to compare with is kept beside the state: the nonce of our mark, and the UUID that Proxmox VE gives each
//! machine and that a backup keeps.

use pve_client::{VmConfig, VmId};
use serde_json::Value as Json;
use tf_framework::prelude::*;

use super::config;
use super::machine::Machine;
use super::marker::Marker;
use super::writes::property;
use crate::cx::Cx;

const NONCE: &str = "nonce";
const UUID: &str = "uuid";
const VM_ID: &str = "vm_id";
const INCOMPLETE: &str = "incomplete";

fn noted(operation: &Operation, key: &str) -> Option<String> {
    operation.private(key)?.as_str().map(str::to_owned)
}

fn uuid(config: &VmConfig) -> Option<String> {
    property(config, "smbios1", None).value("uuid").map(str::to_ascii_lowercase)
}

/// The nonce noted for the machine.
pub(super) fn nonce(operation: &Operation) -> Option<String> {
    noted(operation, NONCE)
}

/// The ID noted for the machine.
pub(super) fn vm_id(operation: &Operation) -> Option<VmId> {
    VmId::try_from(operation.private(VM_ID)?.as_i64()?).ok()
}

/// Notes what a new machine is recognised by.
pub(super) fn begin(operation: &Operation, nonce: &str, id: VmId) {
    operation.set_private(NONCE, Json::from(nonce));
    operation.set_private(VM_ID, Json::from(id.number()));
    operation.set_private(UUID, Json::Null);
}

/// Notes the mark that a machine gets.
pub(super) fn mark(operation: &Operation, marker: &Marker) {
    operation.set_private(NONCE, Json::from(marker.nonce.as_str()));
}

/// Notes what a machine is recognised by, as far as it is not noted yet.
pub(super) fn note(operation: &Operation, config: &VmConfig, id: VmId) {
    if let Some(marker) = config::marker(config)
        && nonce(operation).is_none()
    {
        operation.set_private(NONCE, Json::from(marker.nonce));
    }
    // A create of this very operation ends after its answer.
    let creating = config::marker(config).is_some_and(|marker| marker.creating.is_some());
    let left = creating && operation.created_id().is_none();
    operation.set_private(INCOMPLETE, if left { Json::from(true) } else { Json::Null });
    // The UUID may be changed by hand; as long as our mark is there, the new one is noted.
    if let Some(uuid) = uuid(config) {
        operation.set_private(UUID, Json::from(uuid));
    }
    operation.set_private(VM_ID, Json::from(id.number()));
}

/// Notes that the mark says no more that the machine is being made.
pub(super) fn completed(operation: &Operation) {
    operation.set_private(INCOMPLETE, Json::Null);
}

/// Whether the mark said at the last look that the machine is being made.
pub(super) fn is_incomplete(operation: &Operation) -> bool {
    operation.private(INCOMPLETE).is_some()
}

/// Whether a configuration is that of the machine noted. Without a note it is, which is so for an import.
pub(super) fn is_ours(operation: &Operation, config: &VmConfig) -> bool {
    match (nonce(operation), config::marker(config)) {
        (Some(noted), Some(marker)) => noted == marker.nonce,
        // The mark may have been deleted together with the description.
        _ => match (noted(operation, UUID), uuid(config)) {
            (Some(noted), Some(found)) => noted == found,
            _ => true,
        },
    }
}

/// Fails unless a configuration is that of the machine noted.
pub(super) fn demand(machine: &Machine<'_>, config: &VmConfig) -> Result<()> {
    if is_ours(machine.cx.operation(), config) { Ok(()) } else { Err(recreated(machine, config)) }
}

fn recreated(machine: &Machine<'_>, config: &VmConfig) -> Error {
    let name = config.value("name").map(|name| format!(" ({name:?})")).unwrap_or_default();
    Error::new(
        "VM was recreated outside",
        format!(
            "The machine {} on node {:?}{name} is not the one in the state: its mark or its UUID differ, so somebody \
             has deleted ours and made another with the same ID. It was left as it is. Plan again: the plan will want \
             to make a new machine. To manage the present one instead, import it:\n\n  {}",
            machine.at.id,
            machine.at.node.as_str(),
            crate::errors::import_command::<super::Vm>(&machine.at),
        ),
    )
}

/// Tells that a machine counts as gone, because another one has its ID.
pub(super) fn warn_replaced(cx: &Cx, at: &pve_client::VmAddress) {
    cx.operation().warn(Diagnostic::warning(
        "VM was recreated outside",
        format!(
            "The machine {} on node {:?} is not the one in the state: somebody has deleted ours and made another with \
             the same ID. Ours counts as gone, and the other is left alone. To manage the other, import it:\n\n  {}",
            at.id,
            at.node.as_str(),
            crate::errors::import_command::<super::Vm>(at),
        ),
    ));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(description: &str, uuid: &str) -> VmConfig {
        let values = [("description", description.to_owned()), ("smbios1", format!("uuid={uuid}"))];
        let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        VmConfig { values, digest: None }
    }

    #[test]
    fn a_machine_is_known_by_its_mark_and_without_one_by_its_uuid() {
        let stop = pve_client::CancellationToken::new();
        let operation = Operation::new(Duration::from_secs(1), &stop, b"");
        let (ours, other) = ("<!-- homelab-vm aa -->", "<!-- homelab-vm bb -->");
        let id = VmId::new(100).unwrap();
        assert!(is_ours(&operation, &config("", "u1")), "an import knows nothing yet");
        note(&operation, &config(ours, "U1"), id);
        for (description, uuid, expected) in [
            (ours, "u1", true),
            (ours, "u2", true),
            (other, "u1", false),
            ("the mark is gone", "u1", true),
            ("the mark is gone", "u2", false),
        ] {
            assert_eq!(is_ours(&operation, &config(description, uuid)), expected, "{description} {uuid}");
        }
        assert_eq!(vm_id(&operation), Some(id));
    }
}
