//! The failures of the Proxmox VE API, and the one place where its error texts are read.

use std::collections::BTreeMap;

use crate::Upid;

/// The result of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call or its task failed. `message` is always the service's own text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object does not exist.
    #[error("{message}")]
    NotFound {
        /// The service's text.
        message: String,
    },
    /// An object with that id exists.
    #[error("{message}")]
    AlreadyExists {
        /// The service's text.
        message: String,
    },
    /// The object changed since it was read: its digest differs.
    #[error("{message}")]
    Conflict {
        /// The service's text.
        message: String,
    },
    /// The guest carries a lock of an operation, such as `backup`.
    #[error("{message}")]
    Locked {
        /// The service's text.
        message: String,
        /// The name of the lock, where the text has it.
        lock: Option<String>,
    },
    /// Another call holds the file lock for the moment: worth repeating.
    #[error("{message}")]
    Busy {
        /// The service's text.
        message: String,
    },
    /// Parameters were refused.
    #[error("{message}")]
    Rejected {
        /// The service's text.
        message: String,
        /// The refused parameters, by wire name.
        fields: BTreeMap<String, String>,
    },
    /// The credentials are missing, wrong or expired.
    #[error("{message}")]
    Unauthorized {
        /// The service's text.
        message: String,
    },
    /// A privilege is missing, or the object is not there for this user.
    #[error("{message}")]
    Forbidden {
        /// The service's text.
        message: String,
    },
    /// Any other refusal.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the text means, as far as it is known.
        problem: Problem,
        /// The service's text.
        message: String,
    },
    /// The task was started and failed.
    #[error("task {upid} failed: {message}")]
    TaskFailed {
        /// The task.
        upid: Upid,
        /// What the text means, as far as it is known.
        problem: Problem,
        /// The exit status.
        message: String,
        /// The last lines of the log.
        log_tail: Vec<String>,
    },
    /// Nothing was sent, or a read got no answer: repeating is safe.
    #[error("proxmox ve cannot be reached")]
    NeverSent {
        /// Why.
        source: api_core::Error,
    },
    /// The answer of a write was lost: read before repeating.
    #[error("the outcome of a change is not known")]
    MaybeApplied {
        /// Why.
        source: api_core::Error,
    },
    /// The time limit passed.
    #[error("the time limit of the operation passed")]
    TimedOut {
        /// The task that is still running, if one is.
        upid: Option<Upid>,
    },
    /// The operation was cancelled.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The client's configuration cannot work.
    #[error("{reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// The answer is not what the API describes.
    #[error("{call} answered something unexpected: {reason}")]
    Unexpected {
        /// Method and path.
        call: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

/// What an error text means. Shared by calls and tasks, which fail with the same texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The object does not exist.
    NotFound,
    /// The id is taken.
    AlreadyExists,
    /// The digest is stale.
    Conflict,
    /// The guest is locked.
    Locked,
    /// A file lock was not free in time.
    Busy,
    /// The guest is protected.
    Protected,
    /// The guest runs and must not.
    Running,
    /// The guest does not run and must.
    NotRunning,
    /// The guest agent is not enabled in the configuration.
    AgentDisabled,
    /// The guest agent does not answer.
    AgentSilent,
    /// The member is in this or another pool.
    Member,
    /// The member is not in the pool.
    NotMember,
    /// A file or volume is still used by something.
    InUse,
    /// The guest did not react in time.
    GuestTimeout,
    /// The task was stopped.
    Interrupted,
    /// Nothing this client knows.
    Other,
}

/// Reads an error text. Emitters: qemu-server 9.2.6 (`QemuServer.pm`, `API2/Qemu.pm`, `QemuConfig.pm`),
/// pve-guest-common 6.0.2 (`AbstractConfig.pm`), pve-common 9.2.1 (`Tools.pm`, `SectionConfig.pm`),
/// pve-access-control 9.1.1 and pve-manager 9.2.11 (`API2/Pool.pm`).
pub fn classify(text: &str) -> Problem {
    let text = text.trim().to_ascii_lowercase();
    let has = |part: &str| text.contains(part);
    if has("checksum mismatch (file change by other user") || has("detected modified configuration") {
        Problem::Conflict
    } else if has("can't lock file")
        || has("unable to acquire lock")
        || has("cfs-lock") && has("got lock request timeout")
    {
        Problem::Busy
    } else if has("is locked (") || has("is locked") && has("vm ") {
        Problem::Locked
    } else if has("protection mode enabled") {
        Problem::Protected
    } else if has("no qemu guest agent configured") {
        Problem::AgentDisabled
    } else if has("guest agent is not running") {
        Problem::AgentSilent
    } else if has("already running")
        || has("is running - ")
        || text.ends_with("if vm is running")
        || has("while the source vm is running")
    {
        Problem::Running
    } else if has("is already a pool member") || has("belongs already to pool") {
        Problem::Member
    } else if has("is not a pool member") {
        Problem::NotMember
    } else if has(" not running") {
        Problem::NotRunning
    } else if has("already exists")
        || has("already defined")
        || has("config file already exists")
        || has("refusing to override existing file")
    {
        Problem::AlreadyExists
    } else if has("still in use") || has("is used by") || has("is not empty") {
        Problem::InUse
    } else if has("quit/powerdown failed") || has("vm quit") && has("timeout") {
        Problem::GuestTimeout
    } else if text == "interrupted by signal" || has("received interrupt") || text == "unexpected status" {
        Problem::Interrupted
    } else if missing(&text) {
        Problem::NotFound
    } else {
        Problem::Other
    }
}

fn missing(text: &str) -> bool {
    // "delete pool failed: pool 'x' does not exist", but not a missing member or reference: the
    // noun of the action has to be the noun of what is missing.
    let wrapped = text.strip_prefix("delete ").or_else(|| text.strip_prefix("update "));
    if let Some((noun, rest)) = wrapped.and_then(|rest| rest.split_once(" failed: ")) {
        let noun = noun.trim_end_matches('s');
        let about = rest.strip_prefix("no such ").unwrap_or(rest).starts_with(noun);
        return about && missing(rest);
    }
    // A base image or ISO that a task misses is not the object of the call, hence the exact shapes.
    let ends = text.ends_with("does not exist") || text.ends_with("does not exist!");
    let named = [
        "configuration file '",
        "pool '",
        "storage '",
        "role '",
        "user '",
        "group '",
        "snapshot '",
        "snapshot ",
    ];
    (ends && named.iter().any(|start| text.starts_with(start)))
        || text.starts_with("unable to find configuration file for ")
        || text.starts_with("no such ")
        || text.starts_with("resource '") && text.ends_with("does not exist in cluster")
        || text.starts_with("mapping '") && text.ends_with("not found")
        || text == "interface does not exist"
}

impl Error {
    /// The error of an answer with a failure status.
    pub(crate) fn from_answer(status: u16, message: &str, fields: BTreeMap<String, String>) -> Self {
        let message = message.trim().to_owned();
        let problem = classify(&message);
        match (status, problem) {
            (401, _) => Self::Unauthorized { message },
            (403, _) => Self::Forbidden { message },
            (404, _) => Self::NotFound { message },
            // "No such job" and a taken id come as refused parameters.
            (400, _) if !fields.is_empty() => {
                let inner = fields.values().map(|text| classify(text)).find(|p| *p != Problem::Other);
                let text = || fields.values().cloned().collect::<Vec<_>>().join("; ");
                match inner {
                    Some(Problem::NotFound) => Self::NotFound { message: text() },
                    Some(Problem::AlreadyExists) => Self::AlreadyExists { message: text() },
                    _ => Self::Rejected { message, fields },
                }
            }
            (_, Problem::NotFound) => Self::NotFound { message },
            (_, Problem::AlreadyExists) => Self::AlreadyExists { message },
            (_, Problem::Conflict) => Self::Conflict { message },
            (_, Problem::Busy) => Self::Busy { message },
            (_, Problem::Locked) => {
                let lock = message.split_once("locked (").and_then(|(_, rest)| rest.split_once(')'));
                let lock = lock.map(|(name, _)| name.to_owned());
                Self::Locked { message, lock }
            }
            (400, _) => Self::Rejected { message, fields },
            _ => match embedded(&message) {
                Some(fields) if fields.values().any(|text| classify(text) == Problem::NotFound) => {
                    Self::NotFound { message }
                }
                Some(fields) => Self::Rejected { message, fields },
                None => Self::Refused { status, problem, message },
            },
        }
    }

    /// What the failure means, whether a call or its task reported it.
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotFound { .. } => Problem::NotFound,
            Self::AlreadyExists { .. } => Problem::AlreadyExists,
            Self::Conflict { .. } => Problem::Conflict,
            Self::Locked { .. } => Problem::Locked,
            Self::Busy { .. } => Problem::Busy,
            Self::Refused { problem, .. } | Self::TaskFailed { problem, .. } => *problem,
            _ => Problem::Other,
        }
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.problem() == Problem::NotFound
    }

    /// Whether the id is taken.
    pub fn already_exists(&self) -> bool {
        self.problem() == Problem::AlreadyExists
    }
}

/// Sections checked under a lock answer 500 with `param: text` lines instead of an errors map.
fn embedded(message: &str) -> Option<BTreeMap<String, String>> {
    let rest =
        message.strip_prefix("400 ").unwrap_or(message).strip_prefix("Parameter verification failed.")?;
    let fields = rest.lines().filter_map(|line| line.split_once(": "));
    Some(fields.map(|(name, text)| (name.trim().to_owned(), text.trim().to_owned())).collect())
}

impl From<api_core::Error> for Error {
    fn from(source: api_core::Error) -> Self {
        use api_core::Error as E;
        match source {
            E::NeverSent { .. } | E::Untrusted { .. } | E::NoAnswer { .. } => Self::NeverSent { source },
            E::MaybeApplied { .. } => Self::MaybeApplied { source },
            E::TimedOut => Self::TimedOut { upid: None },
            E::Cancelled => Self::Cancelled,
            E::Config { reason } => Self::Config { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_text_has_its_meaning() {
        use Problem as P;
        for (text, want) in [
            ("Configuration file 'nodes/pve1/qemu-server/555.conf' does not exist\n", P::NotFound),
            ("unable to find configuration file for VM 555 on node 'pve1'", P::NotFound),
            ("no such user ('x')", P::NotFound),
            ("No such job", P::NotFound),
            ("No such storage.", P::NotFound),
            ("no such resource 'vm:999'", P::NotFound),
            ("no such task", P::NotFound),
            ("role 'x' does not exist", P::NotFound),
            ("pool 'x' does not exist", P::NotFound),
            ("storage 'x' does not exist", P::NotFound),
            ("mapping 'x' not found", P::NotFound),
            ("unable to create VM 100 - VM 100 already exists on node 'pve1'", P::AlreadyExists),
            ("unable to create VM 110: config file already exists", P::AlreadyExists),
            ("VM 100 already exists", P::AlreadyExists),
            ("Token already exists.", P::AlreadyExists),
            ("checksum mismatch (file change by other user?)", P::Conflict),
            (
                "update failed: detected modified configuration - file changed by other user? Try again.",
                P::Conflict,
            ),
            ("VM is locked (backup)", P::Locked),
            ("can't lock file '/var/lock/qemu-server/lock-170.conf' - got timeout", P::Busy),
            ("can't remove VM 100 - protection mode enabled", P::Protected),
            ("can't remove drive 'scsi0' - protection mode enabled", P::Protected),
            ("VM 102 already running", P::Running),
            ("VM 160 is running - destroy failed", P::Running),
            ("Cannot move disk to another VM while the source VM is running - detach first", P::Running),
            ("VM 100 is not running", P::NotRunning),
            ("No QEMU guest agent configured", P::AgentDisabled),
            ("QEMU guest agent is not running", P::AgentSilent),
            ("VM quit/powerdown failed - got timeout", P::GuestTimeout),
            ("base volume 'local:110/base-110-disk-0.qcow2' is still in use by linked cloned", P::InUse),
            ("shrinking disks is not supported", P::Other),
            ("storage 'x' is not online", P::Other),
            ("no options specified", P::Other),
            ("delete pool failed: pool 'nope' does not exist", P::NotFound),
            ("update user failed: no such user ('ghost@pve')", P::NotFound),
            ("update pools failed: pool 'x' does not exist", P::NotFound),
            ("create user failed: no such group 'nogroup'", P::Other),
            ("update pools failed: storage 'x' does not exist", P::Other),
            ("update pools failed: VM 100 is already a pool member", P::Member),
            (
                "update pools failed: VM 100 belongs already to pool 'p' and 'allow-move' is not set",
                P::Member,
            ),
            ("update pools failed: VM 100 is not a pool member", P::NotMember),
            ("volume 'ds2:iso/nope.iso' does not exist", P::Other),
            ("hostname lookup 'nope' failed - failed to get address info", P::Other),
        ] {
            assert_eq!(classify(text), want, "{text}");
        }
    }

    #[test]
    fn answers_become_the_error_a_caller_can_act_on() {
        let none = BTreeMap::new;
        let one = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
        assert!(matches!(Error::from_answer(401, "No ticket", none()), Error::Unauthorized { .. }));
        assert!(matches!(
            Error::from_answer(403, "Permission check failed (pool 'x' does not exist)", none()),
            Error::Forbidden { .. }
        ));
        assert!(
            matches!(Error::from_answer(500, "VM is locked (backup)\n", none()), Error::Locked { lock: Some(l), .. } if l == "backup")
        );
        let failed = "Parameter verification failed.\n";
        assert!(
            matches!(Error::from_answer(400, failed, one("id", "No such job")), Error::NotFound { message } if message == "No such job")
        );
        assert!(
            matches!(Error::from_answer(400, failed, one("memory", "type check ('integer') failed")), Error::Rejected { fields, .. } if fields.contains_key("memory"))
        );
        let locked = "400 Parameter verification failed.\npool: option conflicts with option 'vmid'\n";
        assert!(
            matches!(Error::from_answer(500, locked, none()), Error::Rejected { fields, .. } if fields["pool"] == "option conflicts with option 'vmid'")
        );
        assert!(matches!(
            Error::from_answer(500, "no options specified", none()),
            Error::Refused { status: 500, .. }
        ));
    }
}
