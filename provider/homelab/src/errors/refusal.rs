//! Messages about what Proxmox VE refused, or began and failed to do.

use std::collections::BTreeMap;

use pve_client::{Error as PveError, Problem};
use tf_framework::prelude::*;

use super::{Attempt, indented, quote};

/// Refused parameters: one message for each, on its attribute.
pub(super) fn rejected(
    attempt: &Attempt,
    message: &str,
    fields: &BTreeMap<String, String>,
    path_of: &dyn Fn(&str) -> Option<Path>,
) -> Error {
    let what = &attempt.what;
    if fields.is_empty() {
        return Error::new(
            "Request was refused",
            format!("Proxmox VE could not {what}: {}. Change the configuration accordingly.", quote(message)),
        );
    }
    let blame = |(wire, text): (&String, &String)| {
        let path = path_of(wire);
        let setting = match &path {
            Some(path) if path.to_string() != *wire => {
                format!("the argument `{path}` (`{wire}` in Proxmox VE)")
            }
            _ => format!("`{wire}`"),
        };
        let diagnostic = Diagnostic::error(
            "Value was refused",
            format!("Proxmox VE could not {what}: it does not accept {setting}: {}.", quote(text)),
        );
        match path {
            Some(path) => diagnostic.at(path),
            None => diagnostic,
        }
    };
    Error(fields.iter().map(blame).collect())
}

/// What was to be sent cannot be read.
pub(super) fn unreadable(attempt: &Attempt, reason: &str) -> Error {
    Error::new(
        "File cannot be read",
        format!(
            "The provider could not {}: while it was sent, the content could not be read: {reason}. Nothing was kept on \
             the node. Check that the file is whole and that nothing changes it meanwhile, then apply again.",
            attempt.what
        ),
    )
}

/// Every other refusal, by what it means.
pub(super) fn refused(attempt: &Attempt, error: &PveError) -> Error {
    if let PveError::Forbidden { message } = error {
        return forbidden(attempt, message);
    }
    let (summary, advice) = advice(error.problem());
    let (message, log) = match error {
        PveError::TaskFailed { upid, message, log_tail, .. } => {
            let log = format!("\n\nThe end of the log of task {upid}:\n\n{}", indented(log_tail));
            (message.clone(), if log_tail.is_empty() { format!(" Its task is {upid}.") } else { log })
        }
        error => (error.to_string(), String::new()),
    };
    let summary = match (summary, error) {
        (None, PveError::TaskFailed { .. }) => "Task failed",
        (summary, _) => summary.unwrap_or("Request was refused"),
    };
    let lock = match error {
        PveError::Locked { lock: Some(lock), .. } => format!(" The lock is called `{lock}`."),
        _ => String::new(),
    };
    Error::new(
        summary,
        format!(
            "{}{log}",
            format!("Proxmox VE could not {}: {}.{lock} {advice}", attempt.what, quote(&message)).trim_end()
        ),
    )
}

/// The summary, where there is a better one than that something was refused, and what to do.
#[expect(clippy::too_many_lines, reason = "one table: what each problem is called and what to do")]
fn advice(problem: Problem) -> (Option<&'static str>, &'static str) {
    match problem {
        Problem::NotFound => (
            Some("Object does not exist"),
            "Check the names in the configuration. If it was deleted outside, plan again: the plan shows what is left.",
        ),
        Problem::MissingReference => (
            Some("Reference does not exist"),
            "Something that this names, such as a storage or a node, does not exist. Check the names in the \
             configuration, or restore what is missing.",
        ),
        Problem::NoNode => {
            (Some("Node does not exist"), "The cluster has no node of this name. Check the name.")
        }
        Problem::AlreadyExists => {
            (Some("Object already exists"), "Choose another name or ID, or import what is there.")
        }
        Problem::Conflict => (
            Some("Object was changed meanwhile"),
            "Somebody else changed it between reading and writing, so nothing was written. Apply again.",
        ),
        Problem::Locked => (
            Some("Guest is locked"),
            "Another operation, such as a backup, holds it. Wait until that ends and apply again. A lock that a crash left \
             behind is removed on the node with\n\n  qm unlock <vm_id>",
        ),
        Problem::Busy => (
            Some("Proxmox VE is busy"),
            "Another task held the lock of this file for too long. Apply again when the node has less to do.",
        ),
        Problem::Protected => (
            Some("Guest is protected"),
            "Set `protection = false` and apply, before you delete it or its disks.",
        ),
        Problem::Running => (Some("Guest is running"), "Stop it first."),
        Problem::NotRunning => (Some("Guest is not running"), "Start it first."),
        Problem::AgentDisabled => {
            (Some("Guest agent is disabled"), "Enable the agent in the configuration of the guest.")
        }
        Problem::AgentSilent => (
            Some("Guest agent is silent"),
            "Install and start `qemu-guest-agent` in the guest, or disable the agent.",
        ),
        Problem::Member => {
            (Some("Already in a pool"), "Remove it from its pool first: a guest is in one pool at most.")
        }
        Problem::NotMember => (Some("Not in the pool"), "Plan again: somebody else has removed it."),
        Problem::InUse => (Some("Object is in use"), "Delete or detach what uses it first."),
        Problem::DeviceInUse => (
            Some("Device is in use"),
            "A device of a node serves one running machine at a time. Stop the other machine, or let one of them go \
             without the device, and apply again.",
        ),
        Problem::MappingUnusable => (
            Some("Mapping is not usable"),
            "It has to have an entry for the node of the machine. The entry of a device names one that is there, with the \
             vendor, the subsystem and the IOMMU group that the node tells of it; that of a directory one that exists.",
        ),
        Problem::StorageOffline => (
            Some("Storage is not online"),
            "The node does not reach the server of this storage. Check its name or address, that it is on and that it lets \
             the node in. A storage whose server comes later is defined with `enabled = false` until then.",
        ),
        Problem::WrongChecksum => (
            Some("Checksum does not match"),
            "The node fetched another file than the one that `checksum` is of, and did not keep it. Compare with what the \
             publisher tells today: behind a URL with `latest` in it there is a new file now and then.",
        ),
        Problem::NotFetched => (
            Some("File was not fetched"),
            "The node, not this machine, fetches the file. Check `url`, and that the node reaches that server.",
        ),
        Problem::GuestTimeout => (
            Some("Guest did not react"),
            "The guest ignored the request to shut down: it may have no ACPI support or agent, or hang. Shut it down by \
             hand, or stop it.",
        ),
        Problem::Interrupted => {
            (Some("Task was stopped"), "Somebody stopped it, or the node went down. Apply again.")
        }
        Problem::Other => (None, ""),
    }
}

/// A missing privilege, and the commands that grant it.
fn forbidden(attempt: &Attempt, message: &str) -> Error {
    let Attempt { what, identity, .. } = attempt;
    let start = format!("{identity} is not allowed to {what}: {}.", quote(message));
    let Some((path, privileges)) = missing_privilege(message) else {
        let hint = if message.contains("pool '") && message.contains("does not exist") {
            "Proxmox VE says this also for a pool that does not exist. Check its name.".to_owned()
        } else {
            format!(
                "Proxmox VE does not say which privilege is missing. Compare with what the login may do:\n\n  pveum user \
                 permissions '{identity}'"
            )
        };
        return Error::new("Permission is missing", format!("{start} {hint}"));
    };
    Error::new("Permission is missing", format!("{start} {}", how_to_grant(identity, path, &[privileges])))
}

/// Which privileges on a path a login needs, and the commands that grant them. Of alternatives one is enough, and the
/// commands grant the first.
pub(crate) fn how_to_grant(identity: &str, path: &str, needs: &[Vec<&str>]) -> String {
    let names = match needs {
        [one] if one.len() > 1 => format!("one of the privileges {}", one.join(", ")),
        [one] => format!("the privilege {}", one.join(",")),
        many => {
            let each: Vec<String> = many.iter().map(|names| names.join(" or ")).collect();
            format!("the privileges {}", each.join(", "))
        }
    };
    let first = || needs.iter().filter_map(|names| names.first());
    let role = |privilege: &str| format!("Homelab{}", privilege.replace('.', ""));
    let made: String = first()
        .map(|privilege| format!("\n  pveum role add {} --privs {privilege}", role(privilege)))
        .collect();
    let roles = first().map(|privilege| role(privilege)).collect::<Vec<_>>().join(",");
    let grant = |kind: &str, who: &str| format!("\n  pveum acl modify {path} {kind} '{who}' --roles {roles}");
    let granted = match identity.split_once('!') {
        Some((user, _)) => format!(
            "{}{}\n\nA token with privilege separation needs both of the last lines, any other only the very last.",
            grant("--tokens", identity),
            grant("--users", user)
        ),
        None => grant("--users", identity),
    };
    // The deepest path with an entry for a user or token counts alone (pve-access-control 9.1.1, `AccessControl.pm`).
    let hides = match path {
        "/" => String::new(),
        path => format!(
            "\n\nOn {path} and below, an entry takes the place of what the same user or token inherits from above, such as \
             from `/`. If it has roles there, name them after `--roles` too."
        ),
    };
    format!(
        "The login needs {names} on {path}. Somebody with the right to change permissions can grant it on any \
         node:\n{made}{granted}{hides}"
    )
}

/// `Permission check failed (/vms/100, VM.Audit)`: the path, and the privileges of which one is needed.
fn missing_privilege(message: &str) -> Option<(&str, Vec<&str>)> {
    let inner = message.trim().strip_suffix(')')?.rsplit_once('(')?.1;
    let (path, privileges) = inner.split_once(", ")?;
    let names: Vec<&str> = privileges.split('|').map(str::trim).filter(|name| name.contains('.')).collect();
    (path.starts_with('/') && !names.is_empty()).then_some((path, names))
}
