//! Not everything at once: turns at sources and storages that are worked hard, and patience with file locks.

use std::{
    collections::BTreeMap,
    future::Future,
    hash::{BuildHasher as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Problem, Pve, Result, StorageName, VmId};

/// How many clones of one source, or copies onto one storage, go on at a time.
const PARALLEL: usize = 4;

/// How often something is tried whose file lock was not free. Proxmox VE itself waits up to ten seconds each time.
const ATTEMPTS: u32 = 12;

/// What takes turns. To take several, take them in this order, so that nobody waits for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Cloning a machine that runs: the clone holds its configuration for itself (qemu-server 9.2.6, `API2/Qemu.pm`).
    RunningSource(VmId),
    /// Cloning a template or a stopped machine: clones share its lock, but read the same disks.
    Source(VmId),
    /// Copying onto a storage.
    Storage(StorageName),
    /// Changing an object of one file, whose digest covers all of them. The text is the path of their list.
    File(String),
}

/// The queues of one client.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<Turn, Arc<Semaphore>>>);

impl Turns {
    fn queue(&self, turn: Turn) -> Arc<Semaphore> {
        let permits = if matches!(turn, Turn::RunningSource(_) | Turn::File(_)) { 1 } else { PARALLEL };
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(turn).or_insert_with(|| Arc::new(Semaphore::new(permits))).clone()
    }
}

/// A turn that was taken; dropping it lets the next one go on.
#[derive(Debug)]
pub struct Taken {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Pve {
    /// Waits for a turn. It is held while the task runs, not only while it is started.
    pub async fn take(&self, turn: Turn) -> Result<Taken> {
        let queue = self.client.turns().queue(turn);
        // The queues are never closed, so a permit comes or the scope ends.
        let permit = self.scope.run(queue.acquire_owned()).await?.ok();
        Ok(Taken { _permit: permit })
    }

    /// Tries again, with growing and uneven pauses, as long as a file lock was not free. What fails so has changed
    /// nothing, whether the call itself said it or its task.
    pub async fn patiently<T, F>(&self, mut work: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            match work().await {
                Err(error) if error.problem() == Problem::Busy && attempt < ATTEMPTS => {
                    tracing::debug!(attempt, error = %error, "the lock was not free; trying again");
                    // Without jitter those that failed together would fail together again.
                    if let Err(over) = self.scope.sleep(pause.mul_f64(jitter())).await {
                        return Err(if matches!(over, api_core::Error::TimedOut) {
                            error
                        } else {
                            over.into()
                        });
                    }
                    pause = (pause * 2).min(Duration::from_secs(3));
                }
                result => return result,
            }
        }
        Err(Error::TimedOut { upid: None })
    }
}

/// From 0.5 to 1.5; the standard library seeds each hasher at random.
fn jitter() -> f64 {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    0.5 + (random % 1024) as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use api_core::Scope;

    use super::*;
    use crate::{Auth, Client, Config, Trust};

    fn pve(limit: Duration) -> Pve {
        let auth = Auth::Token("a@pve!b=c".into());
        Client::new(Config::new("http://127.0.0.1:9", auth, Trust::System))
            .unwrap()
            .scoped(Scope::within(limit))
    }

    fn busy() -> Error {
        Error::Busy { message: "can't lock file".into() }
    }

    #[tokio::test]
    async fn a_running_source_is_cloned_one_by_one_and_another_is_not_held_up() {
        let pve = pve(Duration::from_millis(50));
        let source = |number| Turn::RunningSource(VmId::new(number).unwrap());
        let first = pve.take(source(100)).await.unwrap();
        pve.take(source(101)).await.unwrap();
        assert!(matches!(pve.take(source(100)).await, Err(Error::TimedOut { .. })));
        drop(first);
        let later = pve.client().scoped(Scope::within(Duration::from_secs(5)));
        later.take(source(100)).await.unwrap();
    }

    #[tokio::test]
    async fn only_a_lock_that_was_not_free_is_tried_again() {
        let pve = pve(Duration::from_secs(10));
        let tries = AtomicU32::new(0);
        let got = pve
            .patiently(|| async {
                if tries.fetch_add(1, Ordering::SeqCst) < 2 { Err(busy()) } else { Ok(7) }
            })
            .await;
        assert_eq!((got.unwrap(), tries.load(Ordering::SeqCst)), (7, 3));
        let tries = AtomicU32::new(0);
        let got: Result<()> = pve
            .patiently(|| async {
                tries.fetch_add(1, Ordering::SeqCst);
                Err(Error::Conflict { message: "checksum mismatch".into() })
            })
            .await;
        assert!(matches!(got, Err(Error::Conflict { .. })));
        assert_eq!(tries.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn patience_ends_with_the_scope_and_says_what_was_not_free() {
        let got: Result<()> = pve(Duration::from_millis(80)).patiently(|| async { Err(busy()) }).await;
        assert!(matches!(got, Err(Error::Busy { .. })), "{got:?}");
    }
}
