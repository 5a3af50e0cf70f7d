//! The lab at work: one lock round the state, handlers, waiting for locks, tasks in the background.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::{Answer, Busy, Failure};
use super::faults::{Fault, Kind};
use super::handlers::{self, Handler, Request};
use super::router::Router;
use super::state::Lab;
use super::tasks::{Plan, Progress, Step};
use super::upid::Upid;
use crate::wire_log::WireLog;

/// How often an unsaved state is written.
const SAVE_EVERY: Duration = Duration::from_millis(200);

/// A simulated Proxmox VE.
pub struct Server {
    lab: Mutex<Lab>,
    changes: watch::Sender<u64>,
    handlers: HashMap<(&'static str, &'static str), Handler>,
    /// Finds methods.
    pub router: Router,
    /// Requests so far.
    pub wire_log: WireLog,
    /// Delay of every answer.
    pub latency: Duration,
    /// Waits as long as a real node does.
    pub real_delays: bool,
    state_file: Option<PathBuf>,
}

impl Server {
    /// A lab that begins with `lab` and is kept in `state_file`, if there is one.
    pub fn new(lab: Lab, wire_log: WireLog, state_file: Option<PathBuf>) -> Self {
        Self {
            lab: Mutex::new(lab),
            changes: watch::Sender::new(0),
            handlers: handlers::routes().map(|route| ((route.verb, route.path), route.handler)).collect(),
            router: Router::new(),
            wire_log,
            latency: Duration::ZERO,
            real_delays: false,
            state_file,
        }
    }

    /// The state, for as long as the guard lives.
    pub fn lab(&self) -> MutexGuard<'_, Lab> {
        self.lab.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The behaviour of a method.
    pub fn handler(&self, verb: &'static str, path: &'static str) -> Option<Handler> {
        self.handlers.get(&(verb, path)).copied()
    }

    /// Runs a handler, waiting for lock files as long as the service would.
    pub async fn run(self: &Arc<Self>, handler: Handler, request: &Request, faults: &[Fault]) -> Answer {
        let started = Instant::now();
        loop {
            let mut changed = self.changes.subscribe();
            let answer = {
                let mut lab = self.lab();
                let answer = handler(&mut lab, request);
                lab.note_double_use();
                self.take_over(&mut lab, faults);
                answer
            };
            let busy = match &answer {
                Err(Failure { busy: Some(busy), .. }) => self.scaled(busy.limit),
                _ => {
                    self.changed();
                    return answer;
                }
            };
            let left = busy.saturating_sub(started.elapsed());
            if left.is_zero() || tokio::time::timeout(left, changed.changed()).await.is_err() {
                return answer;
            }
        }
    }

    /// Tells everybody who waits, and the saver, that the state may have changed.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn scaled(&self, limit: Duration) -> Duration {
        if self.real_delays { limit } else { limit / 10 }
    }

    /// Moves queued tasks to the background, faults applied.
    fn take_over(self: &Arc<Self>, lab: &mut Lab, faults: &[Fault]) {
        for (upid, mut plan) in std::mem::take(&mut lab.tasks.queued) {
            for fault in faults {
                spoil(&mut plan, fault);
            }
            let server = Arc::clone(self);
            tokio::spawn(async move { server.work(upid, plan).await });
        }
        for (after, change) in std::mem::take(&mut lab.tasks.later) {
            let server = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                {
                    let mut lab = server.lab();
                    change(&mut lab);
                    server.take_over(&mut lab, &[]);
                }
                server.changed();
            });
        }
    }

    async fn work(self: Arc<Self>, upid: Upid, plan: Plan) {
        let mut next: (Duration, Step) = (plan.after, plan.step);
        loop {
            let (wait, step) = next;
            if !self.pause(&upid, wait).await {
                return;
            }
            let progress = {
                let mut lab = self.lab();
                let progress = step(&mut lab, &upid);
                lab.note_double_use();
                self.take_over(&mut lab, &[]);
                progress
            };
            next = match self.after(&upid, progress).await {
                Some(next) => next,
                None => return,
            };
        }
    }

    /// Ends the task, or says what follows.
    async fn after(&self, upid: &Upid, progress: Progress) -> Option<(Duration, Step)> {
        let exit = match progress {
            Progress::Then(wait, step) => {
                self.changed();
                return Some((wait, step));
            }
            Progress::Waiting(busy, step) => {
                if self.until_free(&busy).await {
                    return Some((Duration::ZERO, step));
                }
                self.lab().clean_up_after(upid);
                format!("can't lock file '{}' - got timeout", busy.path)
            }
            Progress::Done => "OK".to_owned(),
            Progress::Warnings(count) => format!("WARNINGS: {count}"),
            Progress::Failed(message) => message,
        };
        self.lab().end_task(upid, &exit);
        self.changed();
        None
    }

    async fn until_free(&self, busy: &Busy) -> bool {
        let mut changed = self.changes.subscribe();
        let end = Instant::now() + self.scaled(busy.limit);
        while self.lab().file_locks.contains_key(&busy.path) {
            if tokio::time::timeout_at(end, changed.changed()).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Waits before a step; false when the task was stopped meanwhile.
    async fn pause(&self, upid: &Upid, wait: Duration) -> bool {
        let mut changed = self.changes.subscribe();
        let end = Instant::now().checked_add(wait).unwrap_or_else(far_future);
        loop {
            {
                let mut lab = self.lab();
                if lab.tasks.find(upid).is_none_or(|task| task.stopping) {
                    lab.clean_up_after(upid);
                    lab.end_task(upid, "received interrupt");
                    drop(lab);
                    self.changed();
                    return false;
                }
            }
            if tokio::time::timeout_at(end, changed.changed()).await.is_err() {
                return true;
            }
        }
    }

    /// Writes the state whenever it changed, until the program ends.
    pub async fn keep_saved(self: Arc<Self>) {
        let mut changed = self.changes.subscribe();
        while changed.changed().await.is_ok() {
            tokio::time::sleep(SAVE_EVERY).await;
            changed.mark_unchanged();
            self.save();
        }
    }

    /// Writes the state: a new file first, then renamed over the old one.
    pub fn save(&self) {
        let Some(path) = &self.state_file else { return };
        let written = serde_json::to_vec(&*self.lab()).map_err(std::io::Error::other).and_then(|text| {
            let fresh = path.with_extension("json.new");
            std::fs::write(&fresh, text)?;
            std::fs::rename(&fresh, path)
        });
        if let Err(error) = written {
            eprintln!("homelab-sim: cannot write {}: {error}", path.display());
        }
    }
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(30 * 365 * 24 * 3600)
}

fn spoil(plan: &mut Plan, fault: &Fault) {
    match fault.kind {
        Kind::TaskSlow => plan.after += Duration::from_millis(fault.milliseconds.unwrap_or(5000)),
        Kind::TaskEndless => plan.after = Duration::MAX,
        Kind::TaskFails => {
            let message = fault.message.clone().unwrap_or_else(|| "planted failure".to_owned());
            plan.step = Box::new(move |lab, upid| {
                lab.clean_up_after(upid);
                Progress::Failed(message)
            });
        }
        _ => {}
    }
}
