//! Running one verb of a resource: bounded in time, ended by a stop, and never taking anything else down.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::diagnostics::{Diagnostic, Error, Result};
use crate::operation::Operation;
use crate::path::Path;
use crate::server::panicked;
use crate::timeouts;
use crate::value::Value;

/// How long a verb that was told to end may take to do so.
const GRACE: Duration = Duration::from_secs(15);
/// How long the look at what a failed verb left behind may take.
pub(crate) const LAST_LOOK: Duration = Duration::from_secs(20);

/// How long a data source or an ephemeral resource may take.
const USE: Duration = Duration::from_secs(300);

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Read,
    Update,
    Delete,
    /// Anything whose time the user cannot set: data sources and ephemeral resources.
    Use,
}

impl Verb {
    fn noun(self) -> &'static str {
        match self {
            Self::Create => "Creating",
            Self::Read => "Reading",
            Self::Update => "Changing",
            Self::Delete => "Deleting",
            Self::Use => "Using",
        }
    }

    /// Position among the timeouts that the user can set.
    fn timeout(self) -> Option<usize> {
        (self != Self::Use).then_some(self as usize)
    }

    /// How long it may take, as the user says in a state or configuration.
    pub fn limit(self, value: &Value, defaults: &[Duration; 4]) -> Duration {
        self.timeout().map_or(USE, |verb| timeouts::of(value, verb, defaults))
    }
}

/// Runs `work` until it is done, its deadline has passed or the run is stopped. Then it is told to end and gets a
/// while to do so, after which it is dropped. A panic is an error.
pub(crate) async fn bounded<T>(
    operation: &Operation,
    verb: Verb,
    type_name: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let work = AssertUnwindSafe(work).catch_unwind();
    tokio::pin!(work);
    let stopped = operation.cancelled();
    let mut done = tokio::select! {
        biased;
        done = &mut work => Some(done),
        () = stopped.cancelled() => None,
        () = tokio::time::sleep_until(operation.tokio_deadline()) => None,
    };
    // A verb that watches for the end itself may be done in the same moment; the reason is the same.
    let reason = if stopped.is_cancelled() {
        Some(stopped_by_user(verb, type_name))
    } else if Instant::now() >= operation.tokio_deadline() {
        Some(timed_out(verb, type_name))
    } else {
        None
    };
    if done.is_none() {
        operation.cancel();
        done = tokio::time::timeout(GRACE, work).await.ok();
    }
    match done {
        Some(Ok(Ok(done))) => Ok(done),
        Some(Ok(Err(Error(own)))) => Err(Error(reason.into_iter().chain(own).collect())),
        Some(Err(_)) => Err(Error(reason.into_iter().chain([panicked()]).collect())),
        None => Err(Error(reason.into_iter().collect())),
    }
}

fn timed_out(verb: Verb, type_name: &str) -> Diagnostic {
    let what = verb.noun();
    let Some(timeout) = verb.timeout() else {
        let detail = format!(
            "{what} this {type_name} took longer than {} minutes and was given up.",
            USE.as_secs() / 60
        );
        return Diagnostic::error("Operation timed out", detail);
    };
    let path = Path::attribute(timeouts::NAME).then(timeouts::VERBS[timeout]);
    let detail = format!(
        "{what} this {type_name} took longer than it may and was given up. What was done until then stays. Look at \
         the service for what it waits for, and set `{path}` to give it longer."
    );
    Diagnostic::error("Operation timed out", detail).at(path)
}

fn stopped_by_user(verb: Verb, type_name: &str) -> Diagnostic {
    let detail = format!(
        "{} this {type_name} was interrupted because the run was stopped. What was done until then stays, and is in \
         the state as far as it could be read. Apply again to finish.",
        verb.noun()
    );
    Diagnostic::error("Operation was stopped", detail)
}

/// An operation that neither the user nor an earlier deadline ends, for looking at what a failed verb left behind.
pub(crate) fn last_look(private: &[u8]) -> Operation {
    Operation::new(LAST_LOOK, &CancellationToken::new(), private)
}
