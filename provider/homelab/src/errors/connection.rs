//! Messages about reaching Proxmox VE: configuration, network, certificates, logins, and answers that were lost.

use api_core::{Distrust, Error as CoreError, Fingerprint, chain};
use pve_client::Upid;
use tf_framework::prelude::*;

use super::{Attempt, quote};

/// Nothing says where Proxmox VE is.
pub(crate) fn pve_not_configured() -> Error {
    Error::new(
        "Proxmox VE is not configured",
        "This needs Proxmox VE, but the provider block does not say where it is. Set `endpoint` and a login in the \
         argument `pve` of the provider block, or the environment variables HOMELAB_PVE_ENDPOINT and \
         HOMELAB_PVE_API_TOKEN.",
    )
}

/// A setting of the provider block depends on something that is not created yet.
pub(crate) fn setting_not_known(path: &Path) -> Error {
    Error::new(
        "Provider configuration is not known",
        format!(
            "This needs Proxmox VE now, but the argument `{path}` of the provider block is known only after apply. Use \
             a value that is known while planning, or create what it depends on first with `-target`."
        ),
    )
}

pub(super) fn misconfigured(reason: &str) -> Error {
    Error::new(
        "Invalid provider configuration",
        format!("Proxmox VE cannot be used with this provider block: {reason}."),
    )
}

/// A login with a password that is not the provider's own.
pub(crate) fn login_refused(username: &str, message: &str) -> Error {
    Error::new(
        "Login was refused",
        format!(
            "Proxmox VE did not accept the password of {username}: {}. Check the password, the realm after the `@`, and \
             that the user is enabled:\n\n  pveum user list",
            quote(message)
        ),
    )
}

pub(super) fn unauthorized(attempt: &Attempt, message: &str) -> Error {
    let Attempt { what, endpoint, identity, .. } = attempt;
    let (user, token) = identity.split_once('!').map_or((identity.as_str(), None), |(u, t)| (u, Some(t)));
    let advice = match token {
        Some(_) => format!(
            "Check `api_token` in the provider block: the token must exist and not be expired, its secret is shown only \
             when it is made, and its user must be enabled. Tokens are listed by\n\n  pveum user token list {user}"
        ),
        None => format!(
            "Check `username` and `password` in the provider block, and that the user is enabled:\n\n  pveum user list\n\n\
             The realm matters: {user} is not the same as that name in another realm."
        ),
    };
    Error::new(
        "Login was refused",
        format!(
            "Proxmox VE at {endpoint} did not accept the login of {identity}, so it could not {what}: {}. {advice}",
            quote(message)
        ),
    )
}

pub(super) fn never_sent(attempt: &Attempt, source: &CoreError) -> Error {
    let Attempt { what, endpoint, .. } = attempt;
    if let CoreError::Untrusted { distrust, shown, .. } = source {
        return untrusted(attempt, *distrust, shown.as_ref(), source);
    }
    if let Some(lost) = source.proxy_lost() {
        return node_lost(attempt, lost.status, &lost.reason);
    }
    let port = if endpoint.ends_with(":8006") { "" } else { " Proxmox VE listens on port 8006." };
    Error::new(
        "Proxmox VE cannot be reached",
        format!(
            "There was no answer from {endpoint}, so it could not {what}: {}. Nothing was changed by this request. Is \
             the host on, is `endpoint` its address, and does a firewall let this machine in?{port} Try it with\n\n  \
             curl --insecure {endpoint}/api2/json/version",
            chain(source)
        ),
    )
}

fn node_lost(attempt: &Attempt, status: u16, reason: &str) -> Error {
    let Attempt { what, endpoint, .. } = attempt;
    let why = match status {
        595 => {
            "The node that the request is for does not accept connections: it is off, or its pvedaemon is down."
        }
        596 => "The node that the request is for did not answer in time: it is off, overloaded, or cut off.",
        _ => "It could not pass the request on to the node that it is for.",
    };
    Error::new(
        "Node does not answer",
        format!(
            "Proxmox VE at {endpoint} could not {what}: it answered {status} {}. {why} Look at the nodes with\n\n  pvecm \
             status\n\nand apply again when the node is back.",
            quote(reason)
        ),
    )
}

fn untrusted(
    attempt: &Attempt,
    distrust: Distrust,
    shown: Option<&Fingerprint>,
    source: &CoreError,
) -> Error {
    let Attempt { what, endpoint, .. } = attempt;
    let why = match distrust {
        Distrust::UnknownAuthority => "no authority that is trusted has signed its certificate",
        Distrust::WrongName => "its certificate is for other names than the one in `endpoint`",
        Distrust::WrongTime => "its certificate is expired or not valid yet; compare the clocks too",
        Distrust::NotPinned => "its certificate is not the one that `fingerprint` names",
        Distrust::Other => "TLS failed",
    };
    let mut detail = format!(
        "The server at {endpoint} is not trusted, so it could not {what}: {why}. Nothing was sent to it. ({})",
        chain(source)
    );
    if let Some(shown) = shown {
        detail.push_str(&format!(
            "\n\nThe server shows the certificate with this fingerprint. If that is what `pvenode cert info` prints on \
             the node itself, pin it in the provider block:\n\n  fingerprint = \"{shown}\"\n\nor trust the authority of \
             the cluster: copy /etc/pve/pve-root-ca.pem from a node and name the copy in `ca_file`. If it is another \
             one, somebody may be listening in."
        ));
    }
    Error::new("Certificate is not trusted", detail)
}

pub(super) fn maybe_applied(attempt: &Attempt, source: &CoreError) -> Error {
    let Attempt { what, endpoint, .. } = attempt;
    let how = source.proxy_lost().map_or_else(|| chain(source), ToString::to_string);
    Error::new(
        "Outcome is not known",
        format!(
            "Proxmox VE at {endpoint} was asked to {what}, and the answer was lost: {how}. It may have been done, or may \
             still be done. Look at the task history, and plan again before anything else: the plan shows what is there."
        ),
    )
}

pub(super) fn timed_out(attempt: &Attempt, upid: Option<&Upid>) -> Error {
    let what = &attempt.what;
    let task = upid.map_or_else(String::new, |upid| {
        format!(
            " The task was not stopped and may still end well: {upid} on node \"{}\". Wait for it before you apply again.",
            upid.node()
        )
    });
    Error::new(
        "Time limit was reached",
        format!(
            "Proxmox VE did not {what} within the time limit of this operation.{task} Raise the limit in the argument \
             `timeouts` if this is a slow system."
        ),
    )
}

pub(super) fn cancelled(attempt: &Attempt) -> Error {
    Error::new(
        "Operation was cancelled",
        format!(
            "The run was interrupted while Proxmox VE was asked to {}. A task that was running has been asked to stop. \
             Plan again to see what was done.",
            attempt.what
        ),
    )
}

pub(super) fn unexpected(attempt: &Attempt, call: &str, reason: &str) -> Error {
    Error::new(
        "Answer was not understood",
        format!(
            "The server at {} could not {}: its answer to {call} is not one of Proxmox VE ({reason}). Is `endpoint` the \
             address of Proxmox VE, and not of something in front of it? If it is, this is a bug in the homelab provider.",
            attempt.endpoint, attempt.what
        ),
    )
}
