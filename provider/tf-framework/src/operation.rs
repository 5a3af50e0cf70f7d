//! One running operation: its deadline, cancellation, what it has created, its warnings and private data.

use std::fmt::{self, Display};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::diagnostics::Diagnostic;

/// Handed to every verb through the provider's context; cheap to clone.
#[derive(Clone, Debug)]
pub struct Operation {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    deadline: Instant,
    cancelled: CancellationToken,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    created: Option<String>,
    warnings: Vec<Diagnostic>,
    private: Map<String, Json>,
    afterwards: Afterwards,
}

/// What is left to do once the answer was given.
#[derive(Default)]
pub(crate) struct Afterwards(pub Vec<BoxFuture<'static, ()>>);

impl fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left to do", self.0.len())
    }
}

impl Operation {
    /// An operation that ends at the latest after `timeout`; a child of `parent` for cancellation.
    pub fn new(timeout: Duration, parent: &CancellationToken, private: &[u8]) -> Self {
        // Private data that is not ours cannot be understood, and must not stop a read.
        let private = serde_json::from_slice(private).unwrap_or_default();
        Self {
            inner: Arc::new(Inner {
                deadline: Instant::now() + timeout,
                cancelled: parent.child_token(),
                notes: Mutex::new(Notes { private, ..Notes::default() }),
            }),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When waiting must end.
    pub fn deadline(&self) -> std::time::Instant {
        self.inner.deadline.into_std()
    }

    /// Cancelled when the user stops the run, or when the deadline has passed.
    pub fn cancelled(&self) -> CancellationToken {
        self.inner.cancelled.clone()
    }

    /// Notes that the service has accepted a create: from here on a failure leaves a tainted object instead of a lost one.
    pub fn created(&self, id: &(impl Display + ?Sized)) {
        self.notes().created = Some(id.to_string());
    }

    /// The id noted by [`Operation::created`].
    pub fn created_id(&self) -> Option<String> {
        self.notes().created.clone()
    }

    /// Leaves something to do once the CLI has the answer of this create, update or delete, so that it can count on
    /// the state to know of it. It has to end by itself within a second or so: when the CLI is done the process waits no
    /// longer, and what was left undone then must be noticed by a later read.
    pub fn afterwards(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.notes().afterwards.0.push(Box::pin(work));
    }

    /// What is left to do.
    pub(crate) fn take_afterwards(&self) -> Afterwards {
        std::mem::take(&mut self.notes().afterwards)
    }

    /// Adds a warning to the answer.
    pub fn warn(&self, warning: Diagnostic) {
        self.notes().warnings.push(warning);
    }

    /// The warnings so far.
    pub(crate) fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.notes().warnings)
    }

    /// A private value stored beside the state. It is stored in plain text: no secrets.
    pub fn private(&self, key: &str) -> Option<Json> {
        self.notes().private.get(key).cloned()
    }

    /// Stores a private value; null removes it.
    pub fn set_private(&self, key: &str, value: Json) {
        let mut notes = self.notes();
        if value.is_null() {
            notes.private.remove(key);
        } else {
            notes.private.insert(key.to_owned(), value);
        }
    }

    /// The private data as stored.
    pub(crate) fn private_bytes(&self) -> Vec<u8> {
        let notes = self.notes();
        if notes.private.is_empty() {
            Vec::new()
        } else {
            Json::Object(notes.private.clone()).to_string().into_bytes()
        }
    }

    /// Tells the verb to end.
    pub(crate) fn cancel(&self) {
        self.inner.cancelled.cancel();
    }

    pub(crate) fn tokio_deadline(&self) -> Instant {
        self.inner.deadline
    }
}
