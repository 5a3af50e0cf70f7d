//! Messages about reaching Proxmox VE: configuration, network, certificates, logins, and answers that were lost.

use api_core::{Distrust, Error as CoreError, Fingerprint, root_cause};
use pve_client::{SECOND_FACTOR, Upid};
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
        None if message.contains(SECOND_FACTOR) => {
            return Error::new(
                "Login needs second factor",
                format!(
                    "The provider could not {what}: at {endpoint}, {identity} has a second factor, which nobody can answer \
                     here. Set `api_token` in the provider block instead of `username` and `password`: tokens need no second \
                     factor. One is made by\n\n  pveum user token add {user} homelab --privsep 0"
                ),
            );
        }
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
            "The provider could not {what}, because Proxmox VE at {endpoint} did not accept the login of {identity}: {}. \
             {advice}",
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
    let scheme = if endpoint.starts_with("http:") { " It speaks `https://`, not `http://`." } else { "" };
    Error::new(
        "Proxmox VE cannot be reached",
        format!(
            "The provider could not {what}, because {endpoint} does not answer. The network says: {}. Nothing was \
             changed by this request. Is the host on, is `endpoint` its address, and does a firewall let this machine \
             in?{port}{scheme} Try it with\n\n  curl --insecure {endpoint}/api2/json/version",
            quote(&root_cause(source))
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
    .out_of_reach()
}

fn untrusted(
    attempt: &Attempt,
    distrust: Distrust,
    shown: Option<&Fingerprint>,
    source: &CoreError,
) -> Error {
    let Attempt { what, endpoint, .. } = attempt;
    let cause = root_cause(source);
    let (why, advice) = match distrust {
        Distrust::UnknownAuthority => (
            "no authority that is trusted has signed it",
            "copy /etc/pve/pve-root-ca.pem from a node and name the copy in `ca_file`, or pin this one certificate with \
             `fingerprint`",
        ),
        Distrust::WrongName => (
            "it is for other names than the one in `endpoint`",
            "use a name that the certificate has, or pin this one certificate with `fingerprint`",
        ),
        Distrust::WrongTime => (
            "it is expired or not valid yet",
            "compare the clocks, renew it on the node with `pvecm updatecerts --force`, or pin it with `fingerprint`",
        ),
        Distrust::NotPinned => (
            "it is not the one that `fingerprint` names",
            "the node has a new certificate: set `fingerprint` to this one",
        ),
        Distrust::Other => (cause.as_str(), "compare what the node says about its certificate"),
    };
    let shown = shown.map_or_else(String::new, |shown| {
        format!(
            " The server shows the certificate with the fingerprint\n\n  {shown}\n\nIf `pvenode cert info` prints the \
             same on the node itself, {advice}. If it prints another one, somebody may be listening in."
        )
    });
    Error::new(
        "Certificate is not trusted",
        format!(
            "The provider could not {what}, because it does not trust the certificate of {endpoint}: {why}. Nothing was \
             sent.{shown}"
        ),
    )
}

pub(super) fn maybe_applied(attempt: &Attempt, source: &CoreError) -> Error {
    let Attempt { what, endpoint, .. } = attempt;
    let how = quote(&root_cause(source));
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
            "The provider could not {}, because the answer of {} to {call} is not one of Proxmox VE: {reason}. Is \
             `endpoint` the address of Proxmox VE, and not of something in front of it? If it is, this is a bug in the \
             homelab provider.",
            attempt.what, attempt.endpoint
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_factor_is_answered_by_a_token_and_not_by_another_password() {
        let attempt = Attempt {
            what: "read pool \"a\"".to_owned(),
            endpoint: "https://pve1:8006".to_owned(),
            identity: "otto@pve".to_owned(),
        };
        let told = |message: &str| unauthorized(&attempt, message).0.remove(0);
        let second = told(&format!("otto@pve {SECOND_FACTOR}, which nobody here can answer"));
        assert_eq!(second.summary, "Login needs second factor");
        assert!(second.detail.contains("pveum user token add otto@pve"), "{second}");
        assert!(!second.detail.contains("Check `username`"), "{second}");
        assert_eq!(told("authentication failure").summary, "Login was refused");
    }
}
