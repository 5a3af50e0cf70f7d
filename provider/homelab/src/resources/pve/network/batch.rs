//! One apply of a node's network for all changes of a run that come together, and the way back when it fails.
//!
//! A change waits for the apply that it becomes part of. The first to wait leads: it gathers whatever else the run wants of
//! the node, stages all of it, applies once, and tells the others how it went. Staging comes last, so that a run that is
//! killed seldom leaves anything staged. See docs/adr/0006-network-batches.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use api_core::Pace;
use pve_client::{Error as PveError, InterfaceName, NodeName, Pve, Scope, Settings};
use tf_framework::prelude::*;
use tokio::sync::{Mutex, oneshot};

use super::InterfaceId;
use crate::cx::Cx;
use crate::errors::Explain as _;

/// How long the leader waits for further changes after the last one. The CLI starts all changes that do not depend on
/// each other at once, so what belongs together comes together.
const GATHER: Duration = Duration::from_millis(400);

/// How long an apply may take, and undoing one that failed. It is nobody's own, so no single operation limits it.
const APPLY: Duration = Duration::from_secs(180);

/// How long nobody may answer once an apply has begun: it may cut the very connection that it was asked for on.
const SILENCE: Duration = Duration::from_secs(60);

/// What happens to one interface, and what undoes it.
#[derive(Clone, Debug)]
pub(crate) enum Staged {
    /// It is new.
    New { kind: &'static str, settings: Settings },
    /// It changes, and loses what is in `delete`.
    Changed { kind: &'static str, settings: Settings, delete: BTreeSet<String>, before: Settings },
    /// It goes.
    Gone { kind: &'static str, before: Settings },
}

/// Why a change of the network did not happen.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Its own staging failed; others are not concerned.
    Pve(PveError),
    /// The apply failed, and everything that was staged with it was taken back, or not.
    Apply(Diagnostic),
}

impl From<PveError> for Failure {
    fn from(error: PveError) -> Self {
        Self::Pve(error)
    }
}

impl Failure {
    pub(super) fn explain<M: ObjectModel>(self, cx: &Cx, what: &str) -> Error {
        match self {
            Self::Pve(error) => {
                let explained: Result<()> = Err(error).explain::<M>(cx, what);
                explained.err().unwrap_or_else(|| Diagnostic::bug("A failure was lost.").into())
            }
            Self::Apply(diagnostic) => diagnostic.into(),
        }
    }
}

/// How a change went, for whoever waits for it.
type Outcome = Result<(), Failure>;

/// A change that waits to be staged, and who waits for it.
#[derive(Debug)]
struct Pending {
    id: InterfaceId,
    staged: Staged,
    tell: oneshot::Sender<Outcome>,
}

/// What waits for the next apply of a node.
#[derive(Debug, Default)]
struct Waiting {
    pending: Vec<Pending>,
    /// Whether somebody leads.
    led: bool,
    /// Whether an apply is being made, from the first change that is staged.
    at_work: bool,
    /// Whether this run has staged anything.
    staged: bool,
}

#[derive(Debug, Default)]
struct Node {
    waiting: SyncMutex<Waiting>,
    /// Held while staging and while applying: nothing is staged into an apply that runs.
    file: Mutex<()>,
}

/// The nodes whose networks this run changes.
#[derive(Debug, Default)]
pub(crate) struct Batches(SyncMutex<BTreeMap<NodeName, Arc<Node>>>);

impl Batches {
    fn node(&self, name: &NodeName) -> Arc<Node> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default().clone()
    }

    /// Whether what is staged on the node may be this run's own.
    pub(crate) fn is_busy(&self, name: &NodeName) -> bool {
        let node = self.node(name);
        let waiting = node.waiting();
        waiting.led || waiting.at_work || !waiting.pending.is_empty()
    }

    /// Whether what is staged on the node may have been left by this run.
    fn has_staged(&self, name: &NodeName) -> bool {
        self.node(name).waiting().staged
    }

    /// Whether what is staged on a node hides an interface: what it is until then cannot be read. Where this run
    /// has staged nothing, it hides only what it changes: what the state does not know.
    pub(super) fn hide(&self, name: &NodeName, is_known: bool) -> bool {
        !self.is_busy(name) && (self.has_staged(name) || !is_known)
    }
}

impl Node {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes one interface: waits for the apply that the change becomes part of.
pub(super) async fn change(cx: &Cx, pve: &Pve, id: &InterfaceId, staged: Staged) -> Outcome {
    let Some(batches) = cx.network_batches() else {
        return Err(Failure::Apply(Diagnostic::bug("The network has no batches.")));
    };
    let node = batches.node(&id.node);
    let (tell, told) = oneshot::channel();
    let leads = {
        let mut waiting = node.waiting();
        waiting.pending.push(Pending { id: id.clone(), staged, tell });
        !std::mem::replace(&mut waiting.led, true)
    };
    if leads {
        // Whoever leads does it for others too, so that it goes on when its own operation ends.
        let (node, pve, name) = (node.clone(), pve.clone(), id.node.clone());
        tokio::spawn(async move { lead(&node, &pve, &name).await });
    }
    match pve.scope().run(told).await.map_err(PveError::from)? {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::Apply(Diagnostic::bug("The apply of the network ended without a word."))),
    }
}

/// Gathers, stages, applies once, and tells everybody. A run that is cancelled meanwhile stages nothing.
async fn lead(node: &Node, pve: &Pve, name: &NodeName) {
    let gathered = gather(node, pve).await;
    let pve = pve.client().scoped(Scope::cleanup(APPLY));
    let file = node.file.lock().await;
    let pending = {
        let mut waiting = node.waiting();
        (waiting.led, waiting.at_work, waiting.staged) = (false, true, true);
        std::mem::take(&mut waiting.pending)
    };
    match gathered {
        Err(PveError::Cancelled) => {
            for one in pending {
                let _ = one.tell.send(Err(PveError::Cancelled.into()));
            }
        }
        // Others still have the time that whoever leads has not.
        Ok(()) | Err(_) => carry_out(&pve, name, pending).await,
    }
    node.waiting().at_work = false;
    drop(file);
}

/// Waits until no change came for a while.
async fn gather(node: &Node, pve: &Pve) -> pve_client::Result<()> {
    let mut count = node.waiting().pending.len();
    loop {
        pve.scope().sleep(GATHER).await?;
        let now = node.waiting().pending.len();
        if now == count {
            return Ok(());
        }
        count = now;
    }
}

/// Stages all changes and applies them. Whoever does not wait any more has been cancelled, and is told in vain.
async fn carry_out(pve: &Pve, name: &NodeName, pending: Vec<Pending>) {
    let there = match before(pve, name, &pending).await {
        Ok(there) => there,
        Err(diagnostic) => {
            for one in pending {
                let _ = one.tell.send(Err(Failure::Apply(diagnostic.clone())));
            }
            return;
        }
    };
    let (mut staged, mut tell) = (Vec::new(), Vec::new());
    for Pending { id, staged: one, tell: teller } in pending {
        let is_there = there.contains(&id.name);
        if matches!(one, Staged::Gone { .. }) && !is_there {
            let _ = teller.send(Ok(()));
            continue;
        }
        match one.stage(pve, &id, is_there).await {
            Ok(()) => {
                staged.push((id, one));
                tell.push(teller);
            }
            // Its own failure; others are not concerned.
            Err(error) => drop(teller.send(Err(error.into()))),
        }
    }
    if staged.is_empty() {
        return;
    }
    let outcome = apply(pve, name, &staged).await;
    for one in tell {
        let _ = one.send(outcome.clone().map_err(Failure::Apply));
    }
}

/// The interfaces there are, if nothing is staged that would be applied along.
async fn before(
    pve: &Pve,
    name: &NodeName,
    pending: &[Pending],
) -> Result<BTreeSet<InterfaceName>, Diagnostic> {
    match pve.network(name).await {
        Ok(network) => match network.staged {
            Some(diff) => Err(foreign(name, &diff)),
            None => Ok(network.interfaces.into_iter().map(|one| one.name).collect()),
        },
        Err(error) => {
            Err(failed(name, pending.iter().map(|one| &one.id), &error, "Nothing was changed. Apply again."))
        }
    }
}

async fn apply(pve: &Pve, node: &NodeName, staged: &[(InterfaceId, Staged)]) -> Result<(), Diagnostic> {
    let error = match run(pve, node).await {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let undo = pve.client().scoped(Scope::cleanup(APPLY));
    let now = match take_back(&undo, node, staged).await {
        Ok(()) => "All of these changes were taken back, and the network is as it was before. Correct the configuration and \
                   apply again."
            .to_owned(),
        Err(undone) => format!(
            "The changes could not be taken back: “{undone}”. Look at the network of the node now; what is staged is \
             shown and reverted there under System, Network."
        ),
    };
    Err(failed(node, staged.iter().map(|(id, _)| id), &error, &now))
}

async fn run(pve: &Pve, node: &NodeName) -> pve_client::Result<()> {
    // Applying what is applied already does nothing.
    let upid = answered(pve, || pve.apply_network(node)).await?;
    pve.wait(&upid).await.map(drop)
}

/// Repeats a call that may be repeated until it is answered.
async fn answered<T, F>(pve: &Pve, call: impl Fn() -> F) -> pve_client::Result<T>
where
    F: Future<Output = pve_client::Result<T>>,
{
    let since = Instant::now();
    let ask = || async {
        match call().await {
            Err(PveError::NeverSent { .. } | PveError::MaybeApplied { .. }) if since.elapsed() < SILENCE => {
                Ok(None)
            }
            result => result.map(Some),
        }
    };
    api_core::poll(pve.scope(), Pace::default(), ask).await
}

/// Undoes everything. An apply takes the staged file over before it loads it, so dropping what is staged is not enough:
/// the opposite is staged, in the opposite order, and applied.
async fn take_back(pve: &Pve, node: &NodeName, staged: &[(InterfaceId, Staged)]) -> pve_client::Result<()> {
    let unapplied = answered(pve, || pve.network(node)).await?.staged.is_some();
    if unapplied {
        return answered(pve, || pve.revert_network(node)).await;
    }
    for (id, one) in staged.iter().rev() {
        one.opposite().stage(pve, id, false).await?;
    }
    run(pve, node).await
}

impl Staged {
    /// Stages the change. `there` says whether the interface was there before: one that was not, and now is, was made by
    /// a call whose answer was lost.
    async fn stage(&self, pve: &Pve, id: &InterfaceId, there: bool) -> pve_client::Result<()> {
        match self.send(pve, id).await {
            Err(PveError::MaybeApplied { .. }) => {}
            result => return result,
        }
        match (self, answered(pve, || self.send(pve, id)).await) {
            (Self::New { .. }, Err(error)) if !there && error.already_exists() => Ok(()),
            (Self::Gone { .. }, Err(error)) if error.is_not_found() => Ok(()),
            (_, result) => result,
        }
    }

    async fn send(&self, pve: &Pve, id: &InterfaceId) -> pve_client::Result<()> {
        let (node, name) = (&id.node, &id.name);
        match self {
            Self::New { kind, settings } => pve.stage_interface(node, name, kind, settings).await,
            Self::Changed { kind, settings, delete, .. } => {
                pve.stage_interface_change(node, name, kind, settings, delete).await
            }
            Self::Gone { .. } => pve.stage_interface_removal(node, name).await,
        }
    }

    /// What undoes the change.
    fn opposite(&self) -> Self {
        match self {
            Self::New { kind, settings } => Self::Gone { kind, before: settings.clone() },
            Self::Changed { kind, settings, before, .. } => Self::Changed {
                kind,
                settings: before.clone(),
                delete: settings.changes_to(before).delete,
                before: settings.clone(),
            },
            Self::Gone { kind, before } => Self::New { kind, settings: before.clone() },
        }
    }
}

/// `now` says how the network is after that, and what to do.
fn failed<'a>(
    node: &NodeName,
    ids: impl Iterator<Item = &'a InterfaceId>,
    error: &PveError,
    now: &str,
) -> Diagnostic {
    let log = match error {
        PveError::TaskFailed { log_tail, .. } if !log_tail.is_empty() => {
            let lines: Vec<String> = log_tail.iter().map(|line| format!("  {line}")).collect();
            format!("\n\nThe end of the log of its task:\n\n{}", lines.join("\n"))
        }
        _ => String::new(),
    };
    let names: Vec<&str> = ids.map(|id| id.name.as_str()).collect();
    Diagnostic::error(
        "Network was not applied",
        format!(
            "Proxmox VE could not apply the network of node {:?} with the changes of {}: “{error}”. {now}{log}",
            node.as_str(),
            names.join(", ")
        ),
    )
}

/// There are staged changes that this run has not staged.
pub(super) fn foreign(node: &NodeName, diff: &str) -> Diagnostic {
    let lines: Vec<String> = diff.lines().take(20).map(|line| format!("  {line}")).collect();
    Diagnostic::error(
        "Network has staged changes",
        format!(
            "The network of node {:?} has changes that were staged and never applied, by a person or by an apply that was \
             interrupted. Applying this configuration would apply them too. Apply or revert them in the web interface \
             (System, Network), or drop them with\n\n  pvesh delete /nodes/{}/network\n\nand then apply this \
             configuration again. What is staged:\n\n{}",
            node.as_str(),
            node,
            lines.join("\n")
        ),
    )
}
