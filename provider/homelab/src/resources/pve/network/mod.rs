//! Network interfaces of nodes: what bridges, VLANs and bonds have in common.

mod addresses;
pub(crate) mod batch;
pub(crate) mod bond;
pub(crate) mod bridge;
mod neighbours;
pub(crate) mod vlan;

use std::fmt;
use std::str::FromStr;

use pve_client::{Error as PveError, Interface, InterfaceName, NodeName, Settings};
use tf_framework::prelude::*;

use self::batch::Staged;
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;
use crate::preflight::{changes, need};

/// `node/interface`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceId {
    pub(crate) node: NodeName,
    pub(crate) name: InterfaceName,
}

/// A text is no id of an interface.
#[derive(Debug, thiserror::Error)]
#[error("it has to be node and interface, such as pve1/vmbr1")]
pub struct InvalidInterfaceId;

impl FromStr for InterfaceId {
    type Err = InvalidInterfaceId;

    fn from_str(text: &str) -> Result<Self, InvalidInterfaceId> {
        let (node, name) = text.split_once('/').ok_or(InvalidInterfaceId)?;
        match (node.parse(), name.parse()) {
            (Ok(node), Ok(name)) => Ok(Self { node, name }),
            _ => Err(InvalidInterfaceId),
        }
    }
}

impl fmt::Display for InterfaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.name)
    }
}

impl InterfaceId {
    pub(super) fn title(&self, noun: &str) -> String {
        format!("{noun} {:?} on node {:?}", self.name.as_str(), self.node.as_str())
    }
}

/// An interface of one type, as its resource sees it.
pub(super) trait Managed: SchemaModel + Clone + PartialEq {
    /// The type on the wire.
    const KIND: &'static str;
    /// The noun, for messages.
    const NOUN: &'static str;

    fn interface_id(&self) -> InterfaceId;
    fn settings(&self) -> Settings;
    fn from_wire(node: NodeName, found: Interface) -> Self;
}

/// The needed privilege, and changes that somebody else has staged: applying ours would apply them too.
pub(super) async fn plan<M: Managed>(cx: &Cx, plan: &mut Plan<'_, M>) -> Result<()> {
    let Some(id) = plan.want().or_else(|| plan.prior.clone()).map(|one| one.interface_id()) else {
        return Ok(());
    };
    if !changes(plan) {
        return Ok(());
    }
    if !plan.is_destroy() {
        if M::KIND == "bridge" {
            cx.expect(Expected::Bridge(id.node.clone(), id.name.clone()));
        }
        cx.expect(Expected::Interface(id.node.clone(), id.name.clone()));
        cx.check_node(plan, "node_name", &id.node).await?;
    }
    if let (Ok(pve), Some(batches)) = (cx.pve(), cx.network_batches())
        && !batches.is_busy(&id.node)
        && let Ok(network) = pve.network(&id.node).await
        && !batches.is_busy(&id.node)
    {
        match (network.staged, plan.want()) {
            (Some(diff), _) => plan.push(batch::foreign(&id.node, &diff)),
            (None, Some(want)) => neighbours::check(cx, &id, &want.settings(), &network.interfaces, plan),
            (None, None) => {}
        }
    }
    cx.preflight(plan, &[need(format!("/nodes/{}", id.node), &["Sys.Modify"])]).await
}

pub(super) async fn create<M: Managed>(cx: &Cx, want: &M) -> Result<InterfaceId> {
    let (pve, id) = (cx.pve()?, want.interface_id());
    let what = format!("create {}", id.title(M::NOUN));
    let staged = Staged::New { kind: M::KIND, settings: want.settings() };
    match batch::change(cx, &pve, &id, staged).await {
        Err(batch::Failure::Pve(error)) if error.already_exists() => {
            Err(errors::not_ours::<M>(id.title(M::NOUN), &id).at("name"))
        }
        Err(failure) => {
            // What was staged may still be applied for others; the state has to know of it.
            if matches!(failure, batch::Failure::Pve(PveError::Cancelled | PveError::TimedOut { .. })) {
                cx.operation().created(&id);
            }
            Err(failure.explain::<M>(cx, &what))
        }
        Ok(()) => {
            cx.operation().created(&id);
            Ok(id)
        }
    }
}

/// Reads the interface with what is staged on its node, which hides what is in force: then the state stays as it is.
pub(super) async fn read<M: Managed>(cx: &Cx, id: &InterfaceId, prior: Option<&M>) -> Result<Option<M>> {
    let what = format!("read {}", id.title(M::NOUN));
    let network = cx.pve()?.network(&id.node).await.explain::<M>(cx, &what)?;
    let found = network.interfaces.into_iter().find(|one| one.name == id.name);
    let found = found.map(|found| of_its_kind(id, found)).transpose()?;
    cx.note_managed(&id.title(M::NOUN));
    if let (Some(diff), Some(batches)) = (network.staged, cx.network_batches())
        && batches.hide(&id.node, found.as_ref() == prior)
    {
        let hidden = Error::from(batch::foreign(&id.node, &diff));
        return Err(if prior.is_some() { hidden.out_of_reach() } else { hidden });
    }
    Ok(found)
}

fn of_its_kind<M: Managed>(id: &InterfaceId, found: Interface) -> Result<M> {
    if found.kind != M::KIND {
        return Err(Error::new(
            "Interface has another type",
            format!(
                "The interface {:?} on node {:?} is of the type {:?}, and not a {}. Use the resource of its type.",
                id.name.as_str(),
                id.node.as_str(),
                found.kind,
                M::NOUN
            ),
        ));
    }
    Ok(M::from_wire(id.node.clone(), found))
}

pub(super) async fn update<M: Managed>(cx: &Cx, id: &InterfaceId, change: Change<'_, M>) -> Result<()> {
    let pve = cx.pve()?;
    let (before, settings) = (change.prior.settings(), change.want.settings());
    let delete = before.changes_to(&settings).delete;
    let staged = Staged::Changed { kind: M::KIND, settings, delete, before };
    let done = batch::change(cx, &pve, id, staged).await;
    done.map_err(|failure| failure.explain::<M>(cx, &format!("change {}", id.title(M::NOUN))))
}

pub(super) async fn delete<M: Managed>(cx: &Cx, id: &InterfaceId, prior: &M) -> Result<()> {
    let pve = cx.pve()?;
    let what = format!("delete {}", id.title(M::NOUN));
    let staged = Staged::Gone { kind: M::KIND, before: prior.settings() };
    let done = batch::change(cx, &pve, id, staged).await;
    done.map_err(|failure| failure.explain::<M>(cx, &what))
}
