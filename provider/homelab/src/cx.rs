//! What every operation gets: clients bound to its deadline and cancellation, and the operation itself.

use std::sync::Arc;

use pve_client::{Client, Finished, JobId, Pve, Scope, Upid};
use tf_framework::prelude::*;

use crate::errors::{self, Explain as _};
use crate::memory::{Expected, Memory};
use crate::resources::backup::TierNames;
use crate::resources::pve::data_disk::ties::Ties;
use crate::resources::pve::data_disk::uses;
use crate::resources::pve::network::batch::Batches;
use crate::resources::pve::vm::{Creations, Planned, Shelf, Wishes};

/// The clients that the provider block made; shared by every operation of a run.
#[derive(Debug)]
pub struct Clients {
    pub(crate) pve: Connection,
    pub(crate) memory: Memory,
    pub(crate) creations: Creations,
    pub(crate) capacity: Planned,
    pub(crate) network_batches: Batches,
    pub(crate) uses_of_volumes: uses::Found,
    pub(crate) shelf: Shelf,
    pub(crate) wishes: Wishes,
    pub(crate) ties: Ties,
}

impl Clients {
    pub(crate) fn new(pve: Connection) -> Self {
        Self {
            pve,
            memory: Memory::default(),
            creations: Creations::default(),
            capacity: Planned::default(),
            network_batches: Batches::default(),
            uses_of_volumes: uses::Found::default(),
            shelf: Shelf::default(),
            wishes: Wishes::default(),
            ties: Ties::default(),
        }
    }
}

/// What the provider block says about one service.
#[derive(Debug)]
pub(crate) enum Connection {
    /// It can be used.
    Ready(Client),
    /// It is not configured.
    Absent,
    /// This setting is known only after apply.
    Unknown(Path),
}

/// The context of one operation.
#[derive(Clone, Debug)]
pub struct Cx {
    clients: Option<Arc<Clients>>,
    operation: Operation,
}

impl Cx {
    pub(crate) fn new(clients: Option<Arc<Clients>>, operation: Operation) -> Self {
        Self { clients, operation }
    }

    /// The operation: its deadline, and what it tells the framework.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// A client of Proxmox VE whose calls end with this operation.
    pub fn pve(&self) -> Result<Pve> {
        match self.clients.as_ref().map(|clients| &clients.pve) {
            Some(Connection::Ready(client)) => {
                let scope = Scope::new(self.operation.deadline(), self.operation.cancelled());
                Ok(client.scoped(scope))
            }
            Some(Connection::Unknown(path)) => Err(errors::setting_not_known(path)),
            Some(Connection::Absent) | None => Err(errors::pve_not_configured()),
        }
    }

    /// What this run remembers, if the provider is configured.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.clients.as_ref().map(|clients| &clients.memory)
    }

    /// Whether this run plans to make something that another plan names.
    pub(crate) fn expects(&self, expected: &Expected) -> bool {
        self.memory().is_some_and(|memory| memory.expects(expected))
    }

    /// Notes that this run plans to make something.
    pub(crate) fn expect(&self, expected: Expected) {
        if let Some(memory) = self.memory() {
            memory.expect(expected);
        }
    }

    /// Notes an object that the state knows.
    pub(crate) fn note_managed(&self, object: &str) {
        if let Some(memory) = self.memory() {
            memory.note_managed(object);
        }
    }

    /// Whether a state of this run knows an object.
    pub(crate) fn manages(&self, object: &str) -> bool {
        self.memory().is_some_and(|memory| memory.manages(object))
    }

    /// Forgets what the login may do, after a change that could have changed it.
    pub(crate) async fn forget_permissions(&self) {
        if let Some(memory) = self.memory() {
            memory.forget_permissions().await;
        }
    }

    /// Forgets the backup jobs, after a change of them.
    pub(crate) async fn forget_backup_jobs(&self) {
        if let Some(memory) = self.memory() {
            memory.forget_backup_jobs().await;
        }
    }

    /// Whether there is a backup job; nothing when that cannot be told.
    pub(crate) async fn has_backup_job(&self, id: &JobId) -> Option<bool> {
        let jobs = self.memory()?.backup_jobs(&self.pve().ok()?).await.ok()?;
        Some(jobs.iter().any(|job| job.id == *id))
    }

    /// What the backup tiers are called.
    pub(crate) async fn tier_names(&self) -> pve_client::Result<TierNames> {
        let (Ok(pve), Some(memory)) = (self.pve(), self.memory()) else { return Ok(TierNames::default()) };
        memory.tier_names(&pve).await
    }

    /// Forgets what the backup tiers are called, after a change of them.
    pub(crate) async fn forget_tier_names(&self) {
        if let Some(memory) = self.memory() {
            memory.forget_tier_names().await;
        }
    }

    /// The changes of nodes' networks that this run gathers.
    pub(crate) fn network_batches(&self) -> Option<&Batches> {
        self.clients.as_ref().map(|clients| &clients.network_batches)
    }

    /// Which machines had which volumes on a bus when this run asked first.
    pub(crate) fn uses_of_volumes(&self) -> Option<&uses::Found> {
        self.clients.as_ref().map(|clients| &clients.uses_of_volumes)
    }

    /// The machines that this run of the provider is making.
    pub(crate) fn creations(&self) -> Option<&Creations> {
        self.clients.as_ref().map(|clients| &clients.creations)
    }

    /// The cloud-init discs that this run has seen.
    pub(crate) fn shelf(&self) -> Option<&Shelf> {
        self.clients.as_ref().map(|clients| &clients.shelf)
    }

    /// What machines are to do once the manager of high availability lets go of them.
    pub(crate) fn wishes(&self) -> Option<&Wishes> {
        self.clients.as_ref().map(|clients| &clients.wishes)
    }

    /// What ties machines to their nodes, as far as this run has planned.
    pub(crate) fn ties(&self) -> Option<&Ties> {
        self.clients.as_ref().map(|clients| &clients.ties)
    }

    /// What the plans of this run ask of nodes and storages.
    pub(crate) fn capacity(&self) -> Option<&Planned> {
        self.clients.as_ref().map(|clients| &clients.capacity)
    }

    /// The client of Proxmox VE without a scope, if there is one.
    pub(crate) fn pve_client(&self) -> Option<&Client> {
        match &self.clients.as_ref()?.pve {
            Connection::Ready(client) => Some(client),
            _ => None,
        }
    }

    /// Waits for a task and tells its warnings. `what` completes "Proxmox VE could not …", as in
    /// `start VM 100`; `M` is the model whose wire names the answer may mention.
    pub async fn finish<M: ObjectModel>(&self, pve: &Pve, upid: &Upid, what: &str) -> Result<Finished> {
        let finished = pve.wait(upid).await.explain::<M>(self, what)?;
        if let Some(warning) = errors::task_warnings(&finished, what) {
            self.operation.warn(warning);
        }
        Ok(finished)
    }
}
