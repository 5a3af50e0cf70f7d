//! Tasks: work that goes on after its call was answered, with a log and an end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::Busy;
use super::state::Lab;
use super::upid::Upid;

/// One step of a task's work, run under the lab's lock.
pub type Step = Box<dyn FnOnce(&mut Lab, &Upid) -> Progress + Send>;

/// Undoes a task that was stopped or made to fail.
pub type Cleanup = Box<dyn FnOnce(&mut Lab, &Upid) + Send>;

/// Something that happens by itself.
pub type Later = Box<dyn FnOnce(&mut Lab) + Send>;

/// How a step ended.
pub enum Progress {
    /// The task is done.
    Done,
    /// Done, with this many warnings in its log.
    Warnings(u32),
    /// The task failed with this text.
    Failed(String),
    /// Another step follows after a while.
    Then(Duration, Step),
    /// A lock is held: the step that follows runs once it is free, or the task fails.
    Waiting(Busy, Step),
}

/// What a handler starts.
pub struct Plan {
    /// Worker type, such as `qmstart`.
    pub kind: &'static str,
    /// What it is about.
    pub id: String,
    /// How long until the first step.
    pub after: Duration,
    /// The work.
    pub step: Step,
    /// Runs instead of the rest when the task is stopped or made to fail.
    pub cleanup: Option<Cleanup>,
}

impl Plan {
    /// Work that begins after `after`.
    pub fn new(
        kind: &'static str,
        id: impl Into<String>,
        after: Duration,
        step: impl FnOnce(&mut Lab, &Upid) -> Progress + Send + 'static,
    ) -> Self {
        Self { kind, id: id.into(), after, step: Box::new(step), cleanup: None }
    }

    /// What to undo when the task is stopped or made to fail.
    #[must_use]
    pub fn or(mut self, cleanup: impl FnOnce(&mut Lab, &Upid) + Send + 'static) -> Self {
        self.cleanup = Some(Box::new(cleanup));
        self
    }
}

/// One task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub upid: Upid,
    /// Lines of its log.
    pub log: Vec<String>,
    /// `OK`, `WARNINGS: n` or the error, once ended.
    pub exit: Option<String>,
    /// End, in seconds since 1970.
    pub endtime: Option<i64>,
    /// Somebody asked it to stop.
    pub stopping: bool,
    /// Order in which tasks ended.
    pub ended_as: u64,
}

/// Every task of the cluster.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tasks {
    /// By id, the oldest first.
    pub list: Vec<Task>,
    /// Processes started so far, on all nodes.
    pub processes: u32,
    /// Tasks ended so far.
    pub ended: u64,
    /// Work that the runner has not taken over yet.
    #[serde(skip)]
    pub queued: Vec<(Upid, Plan)>,
    /// What happens later without being a task, and how much later.
    #[serde(skip)]
    pub later: Vec<(Duration, Later)>,
    /// What to undo, by task.
    #[serde(skip)]
    pub cleanups: BTreeMap<Upid, Cleanup>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tasks").field("list", &self.list).finish_non_exhaustive()
    }
}

impl Tasks {
    /// The task with this id.
    pub fn find(&self, upid: &Upid) -> Option<&Task> {
        self.list.iter().rev().find(|task| task.upid == *upid)
    }

    /// The task with this id.
    pub fn find_mut(&mut self, upid: &Upid) -> Option<&mut Task> {
        self.list.iter_mut().rev().find(|task| task.upid == *upid)
    }

    /// Marks what was running when the lab ended.
    pub fn interrupt_all(&mut self) {
        for task in self.list.iter_mut().filter(|task| task.exit.is_none()) {
            task.exit = Some("unexpected status".to_owned());
            task.endtime = Some(task.upid.starttime);
        }
    }

    /// Adds a line to a task's log.
    pub fn log(&mut self, upid: &Upid, line: impl Into<String>) {
        if let Some(task) = self.find_mut(upid) {
            task.log.push(line.into());
        }
    }
}

/// How many ended tasks are kept.
const KEPT: usize = 2000;

impl Lab {
    /// Starts a task and answers its id.
    pub fn start_task(&mut self, node: &str, user: &str, mut plan: Plan) -> Upid {
        self.tasks.processes += 1;
        let now = self.now();
        let upid = Upid {
            node: node.to_owned(),
            pid: 1000 + self.tasks.processes * 2,
            pstart: 500_000 + u64::from(self.tasks.processes) * 37,
            starttime: now,
            kind: plan.kind.to_owned(),
            id: std::mem::take(&mut plan.id),
            user: user.to_owned(),
        };
        self.tasks.list.push(Task {
            upid: upid.clone(),
            log: Vec::new(),
            exit: None,
            endtime: None,
            stopping: false,
            ended_as: 0,
        });
        if let Some(cleanup) = plan.cleanup.take() {
            self.tasks.cleanups.insert(upid.clone(), cleanup);
        }
        self.tasks.queued.push((upid.clone(), plan));
        upid
    }

    /// Lets something happen after a while without a task.
    pub fn later(&mut self, after: Duration, change: impl FnOnce(&mut Lab) + Send + 'static) {
        self.tasks.later.push((after, Box::new(change)));
    }

    /// Time that a task with real work takes at least.
    pub fn usual_task_time(&self) -> Duration {
        Duration::from_millis(self.task_time)
    }

    /// Ends a task: its log gets the last line, its status the exit text.
    pub fn end_task(&mut self, upid: &Upid, exit: &str) {
        let now = self.now();
        self.tasks.cleanups.remove(upid);
        self.tasks.ended += 1;
        let ended_as = self.tasks.ended;
        let Some(task) = self.tasks.find_mut(upid) else { return };
        let failed = exit != "OK" && !exit.starts_with("WARNINGS: ");
        task.log.push(match exit {
            "OK" => "TASK OK".to_owned(),
            warnings if !failed => format!("TASK {warnings}"),
            error => format!("TASK ERROR: {}", error.trim_end()),
        });
        task.exit = Some(exit.trim_end().lines().next().unwrap_or_default().to_owned());
        task.endtime = Some(now);
        task.ended_as = ended_as;
        let surplus = self.tasks.list.len().saturating_sub(KEPT);
        let mut dropped = 0;
        self.tasks.list.retain(|task| {
            let drop = dropped < surplus && task.exit.is_some();
            dropped += usize::from(drop);
            !drop
        });
    }

    /// Runs a task's cleanup, if it has one.
    pub fn clean_up_after(&mut self, upid: &Upid) {
        if let Some(cleanup) = self.tasks.cleanups.remove(upid) {
            cleanup(self, upid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(lab: &mut Lab) -> Upid {
        lab.start_task("pve1", "root@pam", Plan::new("qmstart", "100", Duration::ZERO, |_, _| Progress::Done))
    }

    #[test]
    fn an_ended_task_tells_so_in_its_log() {
        let mut lab = Lab::default();
        let upid = started(&mut lab);
        lab.end_task(&upid, "VM 100 already running\n");
        let task = lab.tasks.find(&upid).unwrap();
        assert_eq!(task.exit.as_deref(), Some("VM 100 already running"));
        assert_eq!(task.log.last().unwrap(), "TASK ERROR: VM 100 already running");
    }

    #[test]
    fn two_tasks_never_share_an_id() {
        let mut lab = Lab::default();
        assert_ne!(started(&mut lab), started(&mut lab));
    }

    #[test]
    fn old_ended_tasks_go_but_running_ones_stay() {
        let mut lab = Lab::default();
        let running = started(&mut lab);
        for _ in 0..KEPT + 10 {
            let upid = started(&mut lab);
            lab.end_task(&upid, "OK");
        }
        assert!(lab.tasks.find(&running).is_some());
        assert_eq!(lab.tasks.list.len(), KEPT);
    }
}
