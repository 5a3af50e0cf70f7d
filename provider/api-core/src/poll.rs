//! Waiting for a condition on a server that cannot notify.

use std::{future::Future, time::Duration};

use crate::{Error, Scope};

/// How often to ask.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The wait before the second question.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(50), longest: Duration::from_secs(1) }
    }
}

impl Pace {
    /// The wait after `wait`.
    pub fn next(&self, wait: Duration) -> Duration {
        (wait * 3 / 2).min(self.longest)
    }
}

/// Asks until the answer is `Some`, bounded by the scope. The first question is asked at once.
pub async fn poll<T, E, F>(scope: &Scope, pace: Pace, mut ask: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<Option<T>, E>>,
    E: From<Error>,
{
    let mut wait = pace.first;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        scope.sleep(wait).await?;
        wait = pace.next(wait);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn polling_ends_with_the_first_answer() {
        let mut asked = 0;
        let scope = Scope::within(Duration::from_secs(5));
        let got: Result<i32, Error> = poll(&scope, Pace::default(), || {
            asked += 1;
            let now = asked;
            async move { Ok((now == 3).then_some(now)) }
        })
        .await;
        assert_eq!(got.unwrap(), 3);
    }

    #[tokio::test]
    async fn polling_ends_with_the_deadline_and_with_cancellation() {
        let scope = Scope::within(Duration::from_millis(120));
        let started = Instant::now();
        let got: Result<(), Error> = poll(&scope, Pace::default(), || async { Ok(None) }).await;
        assert!(matches!(got, Err(Error::TimedOut)));
        assert!(started.elapsed() < Duration::from_secs(1));
        let scope = Scope::within(Duration::from_secs(9));
        scope.cancelled().cancel();
        let got: Result<(), Error> = poll(&scope, Pace::default(), || async { Ok(None) }).await;
        assert!(matches!(got, Err(Error::Cancelled)));
    }

    #[test]
    fn the_pace_backs_off_to_a_second() {
        let pace = Pace::default();
        let mut wait = pace.first;
        for _ in 0..20 {
            wait = pace.next(wait);
        }
        assert_eq!(wait, Duration::from_secs(1));
    }
}
