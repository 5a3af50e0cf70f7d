//! What runs now, and what was left to do once the answers have arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::operation::Afterwards;

/// How long an answer gets to arrive at the CLI, and into its state, before what was left to do afterwards is done.
const ARRIVAL: Duration = Duration::from_secs(2);

/// Whether the answers so far are known to have arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// Nobody can say; after a while they have.
    Likely,
    /// The CLI asked for the end, so it has them all.
    Certain,
    /// The CLI died, or may have.
    Doubtful,
}

/// Counts running operations, so that the end of the process can wait for them.
pub(crate) struct Activity {
    running: AtomicUsize,
    changed: Notify,
    arrival: watch::Sender<Arrival>,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            running: AtomicUsize::new(0),
            changed: Notify::new(),
            arrival: watch::Sender::new(Arrival::Likely),
        }
    }
}

/// Counts a running operation until dropped, also when its task panics.
pub(crate) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl Activity {
    /// Counts one more operation.
    pub fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(self.clone())
    }

    /// Does what an operation left to do, once its answer has arrived. It counts as running.
    pub fn afterwards(self: &Arc<Self>, work: Afterwards) {
        if work.0.is_empty() {
            return;
        }
        let running = self.begin();
        tokio::spawn(async move {
            let mut arrival = running.0.arrival.subscribe();
            let told = arrival.wait_for(|arrival| *arrival != Arrival::Likely);
            let doubtful = match tokio::time::timeout(ARRIVAL, told).await {
                Ok(Ok(arrival)) => *arrival == Arrival::Doubtful,
                Ok(Err(_)) | Err(_) => false,
            };
            if !doubtful {
                futures_util::future::join_all(work.0).await;
            }
        });
    }

    /// The CLI has every answer.
    pub fn answers_arrived(&self) {
        self.arrival.send_replace(Arrival::Certain);
    }

    /// Answers may not have arrived.
    pub fn answers_lost(&self) {
        self.arrival.send_replace(Arrival::Doubtful);
    }

    /// Resolves when no operation runs.
    pub async fn idle(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }
}
