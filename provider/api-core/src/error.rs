//! The failures of a request that got no usable answer, named by what the caller can do about them.

use std::fmt::Write as _;

/// The result of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request never left this machine: repeating it is always safe.
    #[error("cannot connect to {endpoint}")]
    NeverSent {
        /// Scheme, host and port.
        endpoint: String,
        /// What the network said.
        source: Source,
    },
    /// The server's certificate is not one the configuration trusts.
    #[error("the certificate of {endpoint} is not trusted")]
    Untrusted {
        /// Scheme, host and port.
        endpoint: String,
        /// What the verification said.
        source: Source,
    },
    /// A write was sent and its answer lost: read the object again before repeating it.
    #[error("{method} {path} was sent but its outcome is not known")]
    MaybeApplied {
        /// The HTTP method.
        method: String,
        /// The path, without the query.
        path: String,
        /// How the answer was lost.
        source: Source,
    },
    /// A read failed on every attempt.
    #[error("{method} {path} got no complete answer")]
    NoAnswer {
        /// The HTTP method.
        method: String,
        /// The path, without the query.
        path: String,
        /// How the last attempt failed.
        source: Source,
    },
    /// The deadline of the operation passed.
    #[error("the time limit of the operation passed")]
    TimedOut,
    /// The operation was cancelled.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The configuration of the client cannot work.
    #[error("{reason}")]
    Config {
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// A configuration error.
    pub fn config(reason: impl Into<String>) -> Self {
        Self::Config { reason: reason.into() }
    }
}

/// An error and its sources on one line, `a: b: c`; a source whose text is already there is left out.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.contains(&part) {
            let _ = write!(text, ": {part}");
        }
        next = source.source();
    }
    text
}
