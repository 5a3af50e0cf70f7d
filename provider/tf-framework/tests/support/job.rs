//! A job on a service in memory whose verbs do what a test tells them.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tf_framework::prelude::*;
use tokio::sync::Notify;

/// A job.
#[derive(Clone, Debug, Schema)]
#[schema(name = "job")]
pub struct Job {
    /// Name of the job.
    pub name: String,
    /// How urgent it is.
    #[schema(wire = "prio")]
    pub priority: Option<i64>,
    /// The word that starts it.
    #[schema(sensitive)]
    pub token: Option<String>,
    /// Which run it is.
    pub run: Computed<i64>,
    /// Who runs it.
    #[schema(keep)]
    pub runner: Computed<String>,
}

/// What a verb does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Script {
    Work,
    Fail,
    /// Nobody can be asked.
    Lose,
    FailQuoting,
    Panic,
    Hang,
    HangUntilCancelled,
    /// Works, but keeps another priority and token.
    Twist,
    /// Works, but another runner takes over.
    Hand,
    /// Works, and leaves something to do.
    Leave,
}

thread_local! {
    pub static STORED: RefCell<Option<Job>> = const { RefCell::new(None) };
    pub static VERB: Cell<Script> = const { Cell::new(Script::Work) };
    pub static READ: Cell<Script> = const { Cell::new(Script::Work) };
    pub static LEFT: Arc<AtomicBool> = Arc::default();
    pub static STARTED: std::rc::Rc<Notify> = std::rc::Rc::new(Notify::new());
}

pub async fn play(script: Script, operation: &Operation, token: Option<&str>) -> Result<()> {
    STARTED.with(|started| started.notify_one());
    match script {
        Script::Work | Script::Twist | Script::Hand => Ok(()),
        Script::Leave => {
            let left = LEFT.with(Clone::clone);
            operation.afterwards(async move { left.store(true, Ordering::SeqCst) });
            Ok(())
        }
        Script::Fail => Err(Error::new("Service refused", "The service refused.")),
        Script::Lose => Err(Error::new("Node does not answer", "Apply again later.").out_of_reach()),
        Script::FailQuoting => Err(Error::new(
            "Service refused",
            format!("The service refused {:?}.", token.unwrap_or_default()),
        )),
        Script::Panic => panic!("a secret detail"),
        Script::Hang => pending().await,
        Script::HangUntilCancelled => {
            operation.cancelled().cancelled().await;
            Err(Error::new("Waiting was cut short", "The task was still running."))
        }
    }
}

pub fn store(want: &Job) {
    let mut job = want.clone();
    job.run = STORED
        .with_borrow(|old| old.as_ref().and_then(|job| job.run.known().copied()).unwrap_or(0) + 1)
        .into();
    job.runner = if VERB.get() == Script::Hand { "other" } else { "first" }.into();
    if VERB.get() == Script::Twist {
        (job.priority, job.token) = (Some(99), Some("changed secret".to_owned()));
    }
    STORED.set(Some(job));
}

pub struct Cx(Operation);

impl Resource for Job {
    type Cx = Cx;
    type Id = String;

    const TIMEOUTS: [Duration; 4] = [Duration::from_secs(100); 4];

    fn id(&self) -> String {
        self.name.clone()
    }

    async fn create(cx: &Cx, want: &Job) -> Result<String> {
        store(want);
        cx.0.created(&want.name);
        cx.0.set_private("note", "kept".into());
        play(VERB.get(), &cx.0, want.token.as_deref()).await?;
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, _id: &String, _prior: Option<&Job>) -> Result<Option<Job>> {
        if READ.get() != Script::Work {
            play(READ.get(), &cx.0, None).await?;
        }
        Ok(STORED.with_borrow(Clone::clone))
    }

    async fn update(cx: &Cx, _id: &String, change: Change<'_, Job>) -> Result<()> {
        store(change.want);
        play(VERB.get(), &cx.0, change.want.token.as_deref()).await
    }

    async fn delete(cx: &Cx, _id: &String, prior: &Job) -> Result<()> {
        play(VERB.get(), &cx.0, prior.token.as_deref()).await?;
        STORED.set(None);
        Ok(())
    }
}

impl From<Operation> for Cx {
    fn from(operation: Operation) -> Self {
        Self(operation)
    }
}

/// Offers it.
pub type Provider = super::only::Only<Job>;

pub const TYPE: &str = "homelab_job";
