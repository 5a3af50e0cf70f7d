//! The time and the permission to go on that every call of one operation shares.

use std::{future::Future, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Error, Result};

/// A deadline and a cancellation token, bound to a client handle so that no call can forget them.
#[derive(Clone, Debug)]
pub struct Scope {
    deadline: Instant,
    cancelled: CancellationToken,
}

impl Scope {
    /// A scope that ends at `deadline` or when the token is cancelled.
    pub fn new(deadline: std::time::Instant, cancelled: CancellationToken) -> Self {
        Self { deadline: Instant::from_std(deadline), cancelled }
    }

    /// A scope that ends after `limit`.
    pub fn within(limit: Duration) -> Self {
        Self { deadline: Instant::now() + limit, cancelled: CancellationToken::new() }
    }

    /// The same token with a deadline that is at most `limit` away.
    #[must_use]
    pub fn at_most(&self, limit: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + limit), cancelled: self.cancelled.clone() }
    }

    /// A scope for cleaning up after this one ended: not cancelled, and with its own short limit.
    #[must_use]
    pub fn cleanup(limit: Duration) -> Self {
        Self::within(limit)
    }

    /// When the operation has to be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The token of the operation.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// The time left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Fails when the operation is over.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.is_cancelled() || self.remaining().is_zero() { Err(self.over()) } else { Ok(()) }
    }

    /// Why the operation is over. Who gave it the deadline may cancel it then, so time comes first.
    pub(crate) fn over(&self) -> Error {
        if self.remaining().is_zero() { Error::TimedOut } else { Error::Cancelled }
    }

    /// Runs a future until the operation is over.
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(self.over()),
            value = future => Ok(value),
            () = tokio::time::sleep_until(self.deadline) => Err(Error::TimedOut),
        }
    }

    /// Waits; fails early when the operation is over.
    pub async fn sleep(&self, time: Duration) -> Result<()> {
        self.run(tokio::time::sleep(time)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cancellation_at_the_deadline_is_a_deadline() {
        let scope = Scope::within(Duration::ZERO);
        scope.cancelled().cancel();
        assert!(matches!(scope.run(std::future::pending::<()>()).await, Err(Error::TimedOut)));
        assert!(matches!(scope.check(), Err(Error::TimedOut)));
        let early = Scope::within(Duration::from_secs(60));
        early.cancelled().cancel();
        assert!(matches!(early.run(std::future::pending::<()>()).await, Err(Error::Cancelled)));
    }
}
