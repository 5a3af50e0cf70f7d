//! Waiting for tasks.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use api_core::{Pace, Scope};
use tokio::time::Instant;

use serde_json::{Map, Value};

use crate::{
    Call, Error, NodeName, Params, Pve, Result, Upid, call::segment, decode::Fields as _, decode::objects,
    problem::classify_for,
};

/// How many log lines an error or a list of warnings may hold.
const TAIL: usize = 20;

/// No task ends sooner, so that asking before would be a call for nothing.
const SOONEST: Duration = Duration::from_millis(15);

/// How often to ask then.
const PACE: Pace = Pace { first: Duration::from_millis(30), longest: Duration::from_secs(1) };

/// How long nobody may answer while a task runs.
const SILENCE: Duration = Duration::from_secs(60);

/// A task that ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The task.
    pub upid: Upid,
    /// The warnings in its log.
    pub warnings: Vec<String>,
}

fn path(upid: &Upid, rest: &str) -> String {
    format!("/nodes/{}/tasks/{}{rest}", upid.node(), segment(upid.as_str()))
}

impl Pve {
    /// Waits until a task ends. If the operation is cancelled, the task is stopped; if its time is
    /// up, the task is left alone and named in the error.
    pub async fn wait(&self, upid: &Upid) -> Result<Finished> {
        let silent = Mutex::new(None);
        let ask = || self.exit_status_or_silence(upid, &silent);
        let result = match self.scope.sleep(SOONEST).await {
            Ok(()) => api_core::poll(&self.scope, PACE, ask).await,
            Err(over) => Err(over.into()),
        };
        // Whatever the task did, the list of guests is old now.
        self.client.forget_guests();
        let exit = match result {
            Ok(exit) => exit,
            Err(Error::Cancelled) => {
                let cleanup = self.client.scoped(Scope::cleanup(Duration::from_secs(5)));
                if let Err(error) = cleanup.stop_task(upid).await {
                    tracing::warn!(upid = %upid, error = api_core::chain(&error), "the task could not be stopped");
                }
                return Err(Error::Cancelled);
            }
            Err(Error::TimedOut { .. }) => {
                return Err(Error::TimedOut { upid: Some(upid.clone()) });
            }
            Err(error) => return Err(error),
        };
        if exit == "OK" {
            return Ok(Finished { upid: upid.clone(), warnings: Vec::new() });
        }
        let log = self.task_log(upid).await.unwrap_or_default();
        if exit.starts_with("WARNINGS:") {
            let warnings: Vec<String> = log.iter().filter_map(|line| warning(line)).collect();
            // The exit status counts them even if the log cannot be read.
            let warnings = if warnings.is_empty() { vec![exit] } else { warnings };
            return Ok(Finished { upid: upid.clone(), warnings });
        }
        let log_tail = log[log.len().saturating_sub(TAIL)..].to_vec();
        let problem = classify_for(upid.kind(), &exit);
        Err(Error::TaskFailed { upid: upid.clone(), problem, message: exit, log_tail })
    }

    /// The exit status. A proxy that restarts, or a network that is gone for a moment, does not end the task, so an
    /// answer that is missing is waited for a while.
    async fn exit_status_or_silence(
        &self,
        upid: &Upid,
        silent: &Mutex<Option<Instant>>,
    ) -> Result<Option<String>> {
        let result = self.exit_status(upid).await;
        let mut silent = silent.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(Error::NeverSent { source }) = &result else {
            *silent = None;
            return result;
        };
        let since = *silent.get_or_insert_with(Instant::now);
        let trusted = !matches!(source, api_core::Error::Untrusted { .. });
        if trusted && since.elapsed() < SILENCE { Ok(None) } else { result }
    }

    /// The exit status, once the task has ended.
    pub async fn exit_status(&self, upid: &Upid) -> Result<Option<String>> {
        let data = self.object(&Call::get(path(upid, "/status"))).await?;
        if data.text("status").as_deref() == Some("running") {
            return Ok(None);
        }
        Ok(Some(data.text("exitstatus").unwrap_or_else(|| "unexpected status".into()).trim().to_owned()))
    }

    /// The whole log, line by line.
    pub async fn task_log(&self, upid: &Upid) -> Result<Vec<String>> {
        // Without a limit only the first 50 lines come.
        let call = Call::get(path(upid, "/log")).with(Params::new().set("limit", 0));
        Ok(objects(self.send(&call).await?).iter().filter_map(|line| line.text("t")).collect())
    }

    /// The tasks that run on a node.
    pub async fn running_tasks(&self, node: &NodeName) -> Result<Vec<Upid>> {
        let call = Call::get(format!("/nodes/{node}/tasks")).with(Params::new().set("source", "active"));
        // Tasks that ended a moment ago are in the list too, with their end.
        let running = |task: &Map<String, Value>| !task.contains_key("endtime");
        let tasks = self.objects(&call).await?;
        Ok(tasks.iter().filter(|task| running(task)).filter_map(|task| task.parsed("upid")).collect())
    }

    /// Waits for the tasks that run on a node and are meant, because an answer was lost or whoever began them died. Says
    /// whether there was one. How it ended is not told: that shows in what is there.
    pub async fn await_tasks(&self, node: &NodeName, is_meant: impl Fn(&Upid) -> bool) -> Result<bool> {
        let mut any = false;
        for task in self.running_tasks(node).await?.into_iter().filter(is_meant) {
            any = true;
            let ended = self.wait(&task).await;
            self.scope.check()?;
            tracing::debug!(task = %task, ok = ended.is_ok(), "waited for a task that nobody heard of");
        }
        Ok(any)
    }

    /// The tasks of a kind on a node that began at a time, in seconds since 1970, or later; the newest end first. Each
    /// with its end, if it has ended.
    pub async fn tasks_since(
        &self,
        node: &NodeName,
        kind: &str,
        since: i64,
    ) -> Result<Vec<(Upid, Option<i64>)>> {
        let params =
            Params::new().set("source", "all").set("typefilter", kind).set("since", since).set("limit", 500);
        let tasks = self.objects(&Call::get(format!("/nodes/{node}/tasks")).with(params)).await?;
        Ok(tasks.iter().filter_map(|task| Some((task.parsed("upid")?, task.int("endtime")))).collect())
    }

    /// Asks a task to stop.
    pub async fn stop_task(&self, upid: &Upid) -> Result<()> {
        self.send(&Call::delete(path(upid, ""))).await.map(drop)
    }
}

fn warning(line: &str) -> Option<String> {
    let text = line.strip_prefix("WARN: ").or_else(|| line.strip_prefix("WARNING: "))?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever waits for a task runs in a task of its own.
    #[test]
    fn a_wait_can_move_between_threads() {
        fn sent<'a>(pve: &'a Pve, upid: &'a Upid) -> impl Future<Output = Result<Finished>> + Send + 'a {
            pve.wait(upid)
        }
        let _ = sent;
    }
}
