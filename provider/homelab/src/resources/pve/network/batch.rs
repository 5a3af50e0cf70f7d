//! One apply of a node's network for all changes of a run that come together, and the way back when it fails.
//!
//! A change is staged at once and then waits for the apply. The first to wait leads: it gathers whatever else of the run
//! is being staged for the node, applies once, and tells the others how it went. See docs/adr/0006-network-batches.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use pve_client::{Error as PveError, NodeName, Pve, Scope, Settings};
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

/// How an apply went, for everybody who waits for it.
type Outcome = Result<(), Diagnostic>;

/// What waits for the next apply of a node.
#[derive(Debug, Default)]
struct Waiting {
    staged: Vec<(InterfaceId, Staged)>,
    tell: Vec<oneshot::Sender<Outcome>>,
    /// Changes that are on their way to be staged.
    coming: usize,
    /// Whether somebody leads.
    led: bool,
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
        waiting.led || waiting.coming > 0 || !waiting.staged.is_empty()
    }
}

impl Node {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a change that is on its way, until it is staged or has failed, whichever way that ends.
struct Coming<'a>(&'a Node);

impl<'a> Coming<'a> {
    fn new(node: &'a Node) -> Self {
        node.waiting().coming += 1;
        Self(node)
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.0.waiting().coming -= 1;
    }
}

/// Changes one interface: stages the change and waits for the apply that it becomes part of.
pub(super) async fn change(cx: &Cx, pve: &Pve, id: &InterfaceId, staged: Staged) -> Result<(), Failure> {
    let Some(batches) = cx.network_batches() else {
        return Err(Failure::Apply(Diagnostic::bug("The network has no batches.")));
    };
    let node = batches.node(&id.node);
    let (told, leads) = {
        let coming = Coming::new(&node);
        let _file = pve.scope().run(node.file.lock()).await.map_err(PveError::from)?;
        if node.waiting().staged.is_empty()
            && let Some(diff) = pve.network(&id.node).await?.staged
        {
            return Err(Failure::Apply(foreign(&id.node, &diff)));
        }
        staged.stage(pve, id).await?;
        let (tell, told) = oneshot::channel();
        let mut waiting = node.waiting();
        waiting.staged.push((id.clone(), staged));
        waiting.tell.push(tell);
        let leads = !std::mem::replace(&mut waiting.led, true);
        drop(waiting);
        drop(coming);
        (told, leads)
    };
    if leads {
        // Whoever leads does it for others too, so that it goes on when its own operation ends.
        let (node, pve, name) = (node.clone(), pve.clone(), id.node.clone());
        tokio::spawn(async move { lead(&node, &pve, &name).await });
    }
    match pve.scope().run(told).await.map_err(PveError::from)? {
        Ok(outcome) => outcome.map_err(Failure::Apply),
        Err(_) => Err(Failure::Apply(Diagnostic::bug("The apply of the network ended without a word."))),
    }
}

/// Gathers, applies once, and tells everybody. A run that is cancelled meanwhile applies nothing.
async fn lead(node: &Node, pve: &Pve, name: &NodeName) {
    let gathered = gather(node, pve).await;
    let pve = pve.client().scoped(Scope::cleanup(APPLY));
    let file = node.file.lock().await;
    let (staged, tell) = {
        let mut waiting = node.waiting();
        waiting.led = false;
        (std::mem::take(&mut waiting.staged), std::mem::take(&mut waiting.tell))
    };
    let outcome = match gathered {
        Ok(()) => apply(&pve, name, &staged).await,
        Err(error) => {
            let undone = pve.revert_network(name).await;
            Err(failed(name, &staged, &error, undone.as_ref().err()))
        }
    };
    drop(file);
    for one in tell {
        // Whoever does not wait any more has been cancelled.
        let _ = one.send(outcome.clone());
    }
}

/// Waits until nothing was staged for a while and nothing is on its way.
async fn gather(node: &Node, pve: &Pve) -> pve_client::Result<()> {
    let mut count = node.waiting().staged.len();
    loop {
        pve.scope().sleep(GATHER).await?;
        let waiting = node.waiting();
        if waiting.coming == 0 && waiting.staged.len() == count {
            return Ok(());
        }
        count = waiting.staged.len();
    }
}

async fn apply(pve: &Pve, node: &NodeName, staged: &[(InterfaceId, Staged)]) -> Outcome {
    let error = match run(pve, node).await {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let undo = pve.client().scoped(Scope::cleanup(APPLY));
    let undone = take_back(&undo, node, staged).await;
    Err(failed(node, staged, &error, undone.as_ref().err()))
}

async fn run(pve: &Pve, node: &NodeName) -> pve_client::Result<()> {
    let upid = match pve.apply_network(node).await {
        // Applying what is applied already does nothing.
        Err(PveError::MaybeApplied { .. }) => pve.apply_network(node).await?,
        result => result?,
    };
    pve.wait(&upid).await.map(drop)
}

/// Undoes everything. An apply takes the staged file over before it loads it, so dropping what is staged is not enough:
/// the opposite is staged, in the opposite order, and applied.
async fn take_back(pve: &Pve, node: &NodeName, staged: &[(InterfaceId, Staged)]) -> pve_client::Result<()> {
    let unapplied = pve.network(node).await?.staged.is_some();
    if unapplied {
        return pve.revert_network(node).await;
    }
    for (id, one) in staged.iter().rev() {
        one.undo(pve, id).await?;
    }
    run(pve, node).await
}

impl Staged {
    async fn stage(&self, pve: &Pve, id: &InterfaceId) -> pve_client::Result<()> {
        let (node, name) = (&id.node, &id.name);
        match self {
            Self::New { kind, settings } => pve.stage_interface(node, name, kind, settings).await,
            Self::Changed { kind, settings, delete, .. } => {
                pve.stage_interface_change(node, name, kind, settings, delete).await
            }
            Self::Gone { .. } => pve.stage_interface_removal(node, name).await,
        }
    }

    async fn undo(&self, pve: &Pve, id: &InterfaceId) -> pve_client::Result<()> {
        let (node, name) = (&id.node, &id.name);
        match self {
            Self::New { .. } => pve.stage_interface_removal(node, name).await,
            Self::Changed { kind, settings, before, .. } => {
                let delete = settings.changes_to(before).delete;
                pve.stage_interface_change(node, name, kind, before, &delete).await
            }
            Self::Gone { kind, before } => pve.stage_interface(node, name, kind, before).await,
        }
    }
}

fn names(staged: &[(InterfaceId, Staged)]) -> String {
    staged.iter().map(|(id, _)| id.name.to_string()).collect::<Vec<_>>().join(", ")
}

fn failed(
    node: &NodeName,
    staged: &[(InterfaceId, Staged)],
    error: &PveError,
    undone: Option<&PveError>,
) -> Diagnostic {
    let log = match error {
        PveError::TaskFailed { log_tail, .. } if !log_tail.is_empty() => {
            let lines: Vec<String> = log_tail.iter().map(|line| format!("  {line}")).collect();
            format!("\n\nThe end of the log of its task:\n\n{}", lines.join("\n"))
        }
        _ => String::new(),
    };
    let now = match undone {
        None => "All of these changes were taken back, and the network is as it was before. Correct the configuration and \
                 apply again."
            .to_owned(),
        Some(undone) => format!(
            "The changes could not be taken back: “{undone}”. Look at the network of the node now; what is staged is \
             shown and reverted there under System, Network."
        ),
    };
    Diagnostic::error(
        "Network was not applied",
        format!(
            "Proxmox VE could not apply the network of node {:?} with the changes of {}: “{error}”. {now}{log}",
            node.as_str(),
            names(staged)
        ),
    )
}

/// Somebody else has staged changes.
pub(super) fn foreign(node: &NodeName, diff: &str) -> Diagnostic {
    let lines: Vec<String> = diff.lines().take(20).map(|line| format!("  {line}")).collect();
    Diagnostic::error(
        "Network has staged changes",
        format!(
            "Somebody has changed the network of node {:?} without applying it, and applying this configuration would \
             apply that too. Apply or revert it in the web interface (System, Network), or drop it with\n\n  pvesh delete \
             /nodes/{}/network\n\nWhat is staged:\n\n{}",
            node.as_str(),
            node,
            lines.join("\n")
        ),
    )
}
