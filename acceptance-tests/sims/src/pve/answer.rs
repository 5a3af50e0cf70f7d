//! What a handler answers: data, or a failure with the service's status and words.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

/// What a handler returns.
pub type Answer = Result<Reply, Failure>;

/// A successful answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// The value of `data`.
    pub data: Value,
    /// Members beside `data`, such as `total` and `changes`.
    pub beside: Map<String, Value>,
}

impl Reply {
    /// `{"data":null}`.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Adds a member beside `data`.
    #[must_use]
    pub fn beside(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.beside.insert(key.to_owned(), value.into());
        self
    }
}

impl<T: Into<Value>> From<T> for Reply {
    fn from(data: T) -> Self {
        Self { data: data.into(), beside: Map::new() }
    }
}

/// A lock that somebody else holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// Absolute path of the lock file.
    pub path: String,
    /// How long the real service waits for it.
    pub limit: Duration,
}

/// A refusal, in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// The member `message`; its first line is the reason phrase.
    pub message: String,
    /// The member `errors`.
    pub errors: BTreeMap<String, String>,
    /// Sends no body: how the front end refuses credentials.
    pub bare: bool,
    /// The handler is called again once this lock is free, until its limit has passed.
    pub busy: Option<Busy>,
}

impl Failure {
    /// A failure with a status and a message; the newline that Perl's `die` adds is added here.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if !message.ends_with('\n') {
            message.push('\n');
        }
        Self { status, message, errors: BTreeMap::new(), bare: false, busy: None }
    }

    /// What a Perl `die` becomes.
    pub fn died(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// 400 with an entry in `errors`.
    pub fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::parameters(BTreeMap::from([(name.into(), message.into())]))
    }

    /// 400 with the given `errors`.
    pub fn parameters(errors: BTreeMap<String, String>) -> Self {
        Self { errors, ..Self::new(400, "Parameter verification failed.") }
    }

    /// 403 `Permission check failed (what)`; without detail if `what` is empty.
    pub fn permission(what: &str) -> Self {
        if what.is_empty() {
            return Self::new(403, "Permission check failed");
        }
        Self::new(403, format!("Permission check failed ({what})"))
    }

    /// A refusal by the front end: the text is only in the status line.
    pub fn bare(status: u16, reason: impl Into<String>) -> Self {
        Self { message: reason.into(), bare: true, ..Self::new(status, "") }
    }

    /// A refusal whose message carries no newline.
    pub fn verbatim(status: u16, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::new(status, "") }
    }

    /// A lock file is held: the caller waits for it and is refused after `limit`.
    pub fn busy(path: impl Into<String>, limit: Duration) -> Self {
        let path = path.into();
        let message = format!("can't lock file '{path}' - got timeout");
        Self { busy: Some(Busy { path, limit }), ..Self::died(message) }
    }

    /// The reason phrase.
    pub fn reason(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// The same failure with words put before it, as nested `die`s do.
    #[must_use]
    pub fn within(mut self, context: &str) -> Self {
        if self.errors.is_empty() && self.status == 500 {
            self.message = format!("{context}: {}", self.message);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_line_of_the_message() {
        let failure = Failure::died("400 Parameter verification failed.\npool: option conflicts");
        assert_eq!(failure.reason(), "400 Parameter verification failed.");
        assert_eq!(failure.message, "400 Parameter verification failed.\npool: option conflicts\n");
    }

    #[test]
    fn a_permission_failure_without_detail_has_no_brackets() {
        assert_eq!(Failure::permission("").message, "Permission check failed\n");
        assert_eq!(
            Failure::permission("/vms/100, VM.Audit").message,
            "Permission check failed (/vms/100, VM.Audit)\n"
        );
    }
}
