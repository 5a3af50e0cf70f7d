//! The failures of the Proxmox VE API, named by what a caller can do about them.

use std::collections::BTreeMap;

use crate::{Problem, Upid, problem::classify_for};

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
    /// The content of an upload cannot be read, so nothing complete was sent.
    #[error("the content cannot be read: {reason}")]
    Unreadable {
        /// What the operating system or the decoder said.
        reason: String,
    },
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

impl Error {
    /// The error of an answer with a failure status to a call of `path`.
    pub(crate) fn from_answer(
        path: &str,
        status: u16,
        message: &str,
        fields: BTreeMap<String, String>,
    ) -> Self {
        let message = message.trim().to_owned();
        let classify = |text: &str| classify_for(path, text);
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
            E::Unreadable { reason } => Self::Unreadable { reason },
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
    fn answers_become_the_error_a_caller_can_act_on() {
        let none = BTreeMap::new;
        let one = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
        assert!(matches!(
            Error::from_answer("/cluster/backup", 401, "No ticket", none()),
            Error::Unauthorized { .. }
        ));
        assert!(matches!(
            Error::from_answer(
                "/cluster/backup",
                403,
                "Permission check failed (pool 'x' does not exist)",
                none()
            ),
            Error::Forbidden { .. }
        ));
        assert!(
            matches!(Error::from_answer("/cluster/backup", 500, "VM is locked (backup)\n", none()), Error::Locked { lock: Some(l), .. } if l == "backup")
        );
        let failed = "Parameter verification failed.\n";
        assert!(
            matches!(Error::from_answer("/cluster/backup", 400, failed, one("id", "No such job")), Error::NotFound { message } if message == "No such job")
        );
        assert!(
            matches!(Error::from_answer("/cluster/backup", 400, failed, one("memory", "type check ('integer') failed")), Error::Rejected { fields, .. } if fields.contains_key("memory"))
        );
        let locked = "400 Parameter verification failed.\npool: option conflicts with option 'vmid'\n";
        assert!(
            matches!(Error::from_answer("/cluster/backup", 500, locked, none()), Error::Rejected { fields, .. } if fields["pool"] == "option conflicts with option 'vmid'")
        );
        assert!(matches!(
            Error::from_answer("/cluster/backup", 500, "no options specified", none()),
            Error::Refused { status: 500, .. }
        ));
    }
}
