//! Starting, stopping and restarting, each bounded.

use std::time::Duration;

use api_core::Pace;
use pve_client::{Error as PveError, Finished, Problem};
use tf_framework::prelude::*;

use super::machine::{Machine, is_lost};

/// How long a start or stop whose answer was lost gets to show.
const LATE: Duration = Duration::from_secs(10);

impl Machine<'_> {
    /// Starts the machine. One that runs already is fine.
    pub(super) async fn start(&self) -> Result<()> {
        let started = self.power("start", true, || self.pve.start_vm(&self.at)).await;
        let blamed = started.as_ref().err().is_some_and(|error| error.problem() == Problem::DeviceInUse);
        let started = self.explain(started, "start");
        if blamed { started.map_err(|error| error.at("pci_devices")) } else { started }
    }

    /// Asks the guest to shut down, and pulls the plug when it takes longer than it may.
    pub(super) async fn stop(&self, seconds: u32) -> Result<()> {
        let stopped = self.plug_out(seconds).await;
        self.explain(stopped, "stop")
    }

    /// Shuts down and starts, which applies what waits for a start. A machine that high availability looks after is
    /// never stopped on the way: an apply that died then would leave its manager asked to keep it stopped.
    pub(super) async fn restart(&self, seconds: u32, is_managed: bool) -> Result<()> {
        if seconds > 0 || is_managed {
            let seconds = seconds.max(1);
            match self.task("restart", || self.pve.reboot_vm(&self.at, Some(seconds))).await {
                result if is_managed => return self.explain(result, "restart").map(drop),
                Ok(done) if !is_ha(&done) => return self.come_back().await,
                Ok(_) => {}
                // A guest that does not react, or an answer that was lost: the hard way works in either case.
                Err(PveError::TaskFailed { .. } | PveError::MaybeApplied { .. }) => {}
                Err(error) => return self.explain(Err(error), "restart"),
            }
        }
        self.stop(0).await?;
        self.start().await
    }

    /// Sees a machine run again that was shut down for a restart. The node starts it after that task has ended, and does not
    /// say so if that fails; one more start does.
    async fn come_back(&self) -> Result<()> {
        match self.becomes(true, LATE).await {
            Err(PveError::TimedOut { .. }) => self.start().await,
            result => self.explain(result, "restart"),
        }
    }

    /// Whether the machine runs.
    pub(super) async fn runs(&self) -> Result<bool> {
        self.explain(self.pve.vm_status(&self.at).await, "read").map(|status| status.running)
    }

    async fn plug_out(&self, seconds: u32) -> pve_client::Result<()> {
        if seconds > 0 {
            let asked =
                self.power("stop", false, || self.pve.shutdown_vm(&self.at, Some(seconds), true)).await;
            match asked {
                // A guest that hangs may hold up even the forced end; the plug is left.
                Err(PveError::TaskFailed { .. }) => {}
                done => return done,
            }
        }
        self.power("stop", false, || self.pve.stop_vm(&self.at)).await
    }

    /// Does what leaves the machine running or not, and sees to it when the answer does not.
    async fn power<F>(&self, verb: &str, running: bool, send: impl Fn() -> F) -> pve_client::Result<()>
    where
        F: Future<Output = pve_client::Result<pve_client::Upid>>,
    {
        let already = if running { Problem::Running } else { Problem::NotRunning };
        let mut done = self.task(verb, &send).await;
        if is_lost(&done) && self.becomes(running, LATE).await.is_err() {
            done = self.task(verb, &send).await;
        }
        match done {
            Ok(finished) if is_ha(&finished) => self.becomes(running, self.pve.scope().remaining()).await,
            Ok(_) => Ok(()),
            Err(error) if error.problem() == already => Ok(()),
            Err(PveError::MaybeApplied { .. }) => self.becomes(running, LATE).await,
            Err(error) => Err(error),
        }
    }

    async fn becomes(&self, running: bool, limit: Duration) -> pve_client::Result<()> {
        let scope = self.pve.scope().at_most(limit);
        api_core::poll(&scope, Pace::default(), || async {
            let status = self.pve.vm_status(&self.at).await?;
            Ok((status.running == running).then_some(()))
        })
        .await
    }
}

/// Whether a task only passed the wish on: with high availability the end of the task says nothing.
fn is_ha(finished: &Finished) -> bool {
    finished.upid.kind().starts_with("ha")
}
