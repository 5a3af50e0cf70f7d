//! The failures of a request that got no usable answer, named by what the caller can do about them.

use std::fmt::Write as _;

use crate::Fingerprint;

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
        /// What is wrong with it.
        distrust: Distrust,
        /// The certificate that the server showed, if it came that far.
        shown: Option<Fingerprint>,
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
    /// The content of a request cannot be read, so nothing complete was sent.
    #[error("the content cannot be read: {reason}")]
    Unreadable {
        /// What the operating system or the decoder said.
        reason: String,
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

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// No trusted authority has signed it.
    UnknownAuthority,
    /// It is for other names than the endpoint's.
    WrongName,
    /// It is not valid yet, or not any more.
    WrongTime,
    /// It is not the pinned one.
    NotPinned,
    /// Anything else that makes TLS fail.
    Other,
}

/// A proxy answered for a server that it lost: whether the request was carried out is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proxy answered {status} {reason}")]
pub struct ProxyLost {
    /// The status, such as 596.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
}

impl Error {
    /// The answer of a proxy that lost the real server, if that is how the answer was lost.
    pub fn proxy_lost(&self) -> Option<&ProxyLost> {
        match self {
            Self::MaybeApplied { source, .. } | Self::NoAnswer { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }

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

/// The text of the innermost source, which is what the network or the operating system said.
pub fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
