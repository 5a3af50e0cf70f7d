//! The lab's clock: what it starts when it moves on, in the order in which it is due.

use super::permissions::Principal;
use super::state::Lab;
use super::tasks::{Plan, Progress};
use super::upid::Upid;

/// Seconds that each step of a task takes when the clock plays it.
const PACE: i64 = 30;

/// What can be due.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    /// HA gives up on a node.
    Failover(String),
    /// HA moves a VM to a node that it prefers.
    Return(u32, String),
    /// A backup job.
    Backup(String),
    /// A replication job.
    Replication(String),
}

impl Lab {
    /// Moves the clock forward and starts what is due on the way, each at its moment.
    pub fn advance(&mut self, seconds: i64) {
        let end = self.now() + seconds;
        self.start_missed_backups();
        while let Some((moment, due)) = self.next_due(end) {
            self.frozen = Some(moment);
            match due {
                Due::Failover(node) => self.fail_over(&node),
                Due::Return(vmid, target) => self.bring_back(vmid, &target),
                Due::Backup(id) => self.start_backup_job(&id, moment),
                Due::Replication(id) => self.replicate(&id),
            }
        }
        self.frozen = None;
        self.clock_offset += seconds;
    }

    /// What comes first until a moment, if anything does.
    fn next_due(&mut self, end: i64) -> Option<(i64, Due)> {
        let failover = self.due_failover().map(|(moment, node)| (moment, Due::Failover(node)));
        let back = self.due_return().map(|(moment, vmid, target)| (moment, Due::Return(vmid, target)));
        let backup = self.due_backup().map(|(moment, id)| (moment, Due::Backup(id)));
        let replication = self.due_replication().map(|(moment, id)| (moment, Due::Replication(id)));
        let all = [failover, back, backup, replication].into_iter().flatten();
        all.filter(|(moment, _)| *moment <= end).min_by_key(|(moment, _)| *moment)
    }

    /// Runs a task to its end at once, on a clock that moves with every step.
    pub fn play(&mut self, node: &str, who: &Principal, plan: Plan) -> Upid {
        let upid = self.start_task(node, &who.0, plan);
        let Some(position) = self.tasks.queued.iter().position(|(queued, _)| *queued == upid) else {
            return upid;
        };
        let (_, plan) = self.tasks.queued.swap_remove(position);
        let mut step = plan.step;
        let exit = loop {
            match step(self, &upid) {
                Progress::Then(_, next) => {
                    self.frozen = self.frozen.map(|moment| moment + PACE);
                    step = next;
                }
                Progress::Waiting(busy, _) => {
                    self.clean_up_after(&upid);
                    break format!("can't lock file '{}' - got timeout", busy.path);
                }
                Progress::Done => break "OK".to_owned(),
                Progress::Warnings(count) => break format!("WARNINGS: {count}"),
                Progress::Failed(message) => break message,
            }
        };
        self.end_task(&upid, &exit);
        upid
    }
}
