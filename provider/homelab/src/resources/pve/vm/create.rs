//! Making a machine: empty, from images, or as a clone. It is ours from the first moment, and never somebody else's.

use pve_client::{
    Error as PveError, NodeName, Params, Pve, Scope, StorageName, Taken, Turn, VmAddress, VmConfig, VmId,
};
use tf_framework::prelude::*;

use super::carry::{self, Way};
use super::creations::Creations;
use super::fingerprint::fingerprint;
use super::machine::Machine;
use super::marker::{self, Marker};
use super::model::Vm;
use super::named::Pair;
use super::takeover::{self, Resident};
use super::{VmReference, completion, config, observe, ownership, placement};
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;

/// How often a create whose answer was lost is sent.
const ATTEMPTS: u32 = 4;

/// How long cleaning up after a failed create may take.
const CLEANUP: std::time::Duration = std::time::Duration::from_secs(10);

/// One create at work.
pub(super) struct Create<'a> {
    pub cx: &'a Cx,
    pub pve: Pve,
    pub creations: &'a Creations,
    pub want: &'a Vm,
    /// Where it is made.
    pub node: NodeName,
    pub fingerprint: String,
    /// The machine to clone, if it is a clone.
    pub source: Option<Source>,
}

/// The machine that is cloned.
pub(super) struct Source {
    pub at: VmAddress,
    pub running: bool,
    pub way: Way,
}

impl Source {
    /// Whether the clone is made beside it and carried to its node.
    pub(super) fn is_carried(&self) -> bool {
        self.way != Way::Direct
    }
}

/// How far a machine is when the rest begins.
pub(super) enum Made {
    /// Exactly as asked, apart from the sizes of imported disks.
    New(VmAddress),
    /// A clone, or one that an interrupted apply left behind.
    Raw(VmAddress),
}

impl Made {
    fn at(&self) -> &VmAddress {
        match self {
            Self::New(at) | Self::Raw(at) => at,
        }
    }
}

/// See [`super::Vm`].
pub(super) async fn create(cx: &Cx, want: &Vm) -> Result<VmReference> {
    let pve = cx.pve()?;
    let creations = cx.creations().ok_or_else(errors::pve_not_configured)?;
    let node = placement::node_now(cx, &pve, want).await?;
    let source = source(cx, &pve, creations, want, &node).await?;
    let create = Create { cx, pve, creations, want, node, fingerprint: fingerprint(want), source };
    let made = create.make().await?;
    let id = made.at().id;
    let mut machine = create.machine(made.at().clone());
    if let Err(error) = create.finish(&mut machine, &made).await {
        // The state knows the machine from here on, so the mark must not call it a leftover.
        let cleanup = machine.pve.client().scoped(Scope::cleanup(CLEANUP));
        if let Ok(config) = cleanup.vm_config(&machine.at).await
            && ownership::is_ours(cx.operation(), &config)
        {
            completion::later(cx, &cleanup, machine.at.clone(), config);
        }
        return Err(error);
    }
    Ok(id.into())
}

/// Finds the machine to clone.
async fn source(
    cx: &Cx,
    pve: &Pve,
    creations: &Creations,
    want: &Vm,
    node: &NodeName,
) -> Result<Option<Source>> {
    let Some(clone) = &want.clone else { return Ok(None) };
    let what = "find the machine to clone";
    let found = clone.find(pve, node).await.explain::<Vm>(cx, what)?;
    let id = found.ok_or_else(|| super::plan::no_such_template(clone))?;
    // A template that is older than this run is in the first list, and one that is younger in the present one.
    let first = creations.at_first(pve).await.explain::<Vm>(cx, what)?;
    let now = match first.guest(id) {
        Some(_) => first,
        None => pve.cluster().await.explain::<Vm>(cx, what)?,
    };
    let (at, running) = match now.guest(id) {
        Some(guest) => (VmAddress::new(guest.node.clone(), id), guest.status == "running"),
        None => match pve.find_vm(id, None).await.explain::<Vm>(cx, what)? {
            Some((at, _)) => (at, false),
            None => return Err(super::plan::no_template(id).into()),
        },
    };
    let way = if at.node == *node {
        Way::Direct
    } else {
        let config = pve.vm_config(&at).await.explain::<Vm>(cx, what)?;
        carry::way(&now, &at, &config, clone.storage_name.as_ref())
    };
    Ok(Some(Source { at, running, way }))
}

impl<'a> Create<'a> {
    /// The new machine at an address.
    pub(super) fn machine(&self, at: VmAddress) -> Machine<'a> {
        Machine { cx: self.cx, pve: self.pve.clone(), at, want: Some(self.want) }
    }

    fn explain<T>(&self, result: pve_client::Result<T>, what: &str) -> Result<T> {
        result.explain::<Vm>(self.cx, what)
    }

    async fn make(&self) -> Result<Made> {
        match self.want.vm_id.known() {
            Some(id) => {
                let id = VmId::new(*id)
                    .map_err(|error| Error::new("Invalid value", format!("{error}.")).at("vm_id"))?;
                let held = self.creations.hold(id);
                match self.attempt(id).await? {
                    Ok(made) => {
                        if let Some(held) = held {
                            held.keep();
                        }
                        Ok(made)
                    }
                    Err(resident) => match (held, resident.takeover(self).await?) {
                        (Some(held), Some(at)) => {
                            held.keep();
                            Ok(Made::Raw(at))
                        }
                        _ => Err(resident.not_ours()),
                    },
                }
            }
            None => match takeover::leftover(self).await? {
                Some((at, held)) => {
                    held.keep();
                    Ok(Made::Raw(at))
                }
                None => self.make_with_free_id().await,
            },
        }
    }

    async fn make_with_free_id(&self) -> Result<Made> {
        let cluster = self.explain(self.creations.at_first(&self.pve).await, "list the guests")?;
        let mut taken: BTreeSet<VmId> = cluster.guests.iter().map(|guest| guest.id).collect();
        let listed = taken.len();
        loop {
            let held = self.creations.next(&self.pve, &taken, taken.len() - listed).await;
            let held = self.explain(held, "find a free VM ID")?;
            let held = held.ok_or_else(|| Error::new("No free VM ID", "Every VM ID is taken."))?;
            match self.attempt(held.id()).await? {
                Ok(made) => {
                    held.keep();
                    return Ok(made);
                }
                // Made by somebody else since, or not shown to this user.
                Err(_) => {
                    taken.insert(held.id());
                }
            }
        }
    }

    /// Makes the machine with one ID. The inner error is who has the ID.
    async fn attempt(&self, id: VmId) -> Result<Result<Made, Resident>> {
        let at = VmAddress::new(self.first_node().clone(), id);
        let marker = Marker::creating(marker::new_nonce()?, self.fingerprint.clone());
        ownership::begin(self.cx.operation(), &marker.nonce, id);
        if let Some(memory) = self.cx.memory() {
            memory.no_longer_expect(&Expected::Vm(id));
        }
        let what = self.machine(at.clone()).what("create");
        for _ in 0..ATTEMPTS {
            match self.send(&at, &marker).await? {
                Ok(()) => return Ok(Ok(self.made(at))),
                Err(PveError::MaybeApplied { .. }) => {}
                Err(error) if error.already_exists() => {
                    let resident = takeover::resident(self, id).await?;
                    return match resident {
                        // The nonce is of this attempt alone, so an earlier send of it has come through.
                        Some(resident) if resident.nonce().as_ref() == Some(&marker.nonce) => {
                            self.cx.operation().created(&id);
                            Ok(Ok(self.made(at)))
                        }
                        Some(resident) => Ok(Err(resident)),
                        // Gone between the two questions, or made by one who may see more than we do.
                        None => self.explain(Err(error), &what),
                    };
                }
                Err(error) => return self.explain(Err(error), &what),
            }
            if let Some(resident) = takeover::resident(self, id).await?
                && resident.nonce().as_ref() == Some(&marker.nonce)
            {
                self.cx.operation().created(&id);
                return Ok(Ok(self.made(at)));
            }
        }
        Err(Error::new(
            "Creation got no answer",
            format!("Proxmox VE was asked {ATTEMPTS} times to {what}, and the answer was lost each time."),
        ))
    }

    fn made(&self, at: VmAddress) -> Made {
        if self.source.is_some() { Made::Raw(at) } else { Made::New(at) }
    }

    /// Sends the create and waits for its task. The outer error is one that the caller cannot handle.
    async fn send(&self, at: &VmAddress, marker: &Marker) -> Result<pve_client::Result<()>> {
        let machine = self.machine(at.clone());
        let params = match &self.source {
            Some(_) => self.clone_params(at, marker),
            None => self.create_params(marker)?,
        };
        let turns = match &self.source {
            Some(source) => self.turns(source).await,
            None => machine.turns_at_storages().await,
        };
        let _turns = self.explain(turns, "wait for its turn")?;
        let send = || async {
            let upid = match &self.source {
                Some(source) => self.pve.clone_vm(&source.at, at.id, params.clone()).await?,
                None => self.pve.create_vm(at, params.clone()).await?,
            };
            // From here on there is something that must not be lost.
            self.cx.operation().created(&at.id);
            Ok(upid)
        };
        Ok(machine.task("create", send).await.map(drop))
    }

    async fn turns(&self, source: &Source) -> pve_client::Result<Vec<Taken>> {
        let turn =
            if source.running { Turn::RunningSource(source.at.id) } else { Turn::Source(source.at.id) };
        let mut turns = vec![self.pve.take(turn).await?];
        if let Some(storage) = self.copies(source).cloned() {
            turns.push(self.pve.take(Turn::Storage(storage)).await?);
        }
        Ok(turns)
    }

    /// The storage that is asked for the disks of a clone.
    fn copies<'s>(&'s self, source: &'s Source) -> Option<&'s StorageName> {
        match &source.way {
            Way::Direct => self.want.clone.as_ref().and_then(|clone| clone.storage_name.as_ref()),
            Way::Carried(storage) => storage.as_ref(),
        }
    }

    fn create_params(&self, marker: &Marker) -> Result<Params> {
        let nothing = VmConfig::default();
        let vm = Pair { prior: None, want: Some(self.want) };
        let (params, _) = config::write(vm, marker, &nothing).finish()?;
        Ok(params.opt("pool", self.want.pool_name.as_ref()))
    }

    fn clone_params(&self, at: &VmAddress, marker: &Marker) -> Params {
        let (Some(clone), Some(source)) = (&self.want.clone, &self.source) else { return Params::new() };
        let elsewhere = (source.at.node != at.node).then_some(&at.node);
        let full = if source.is_carried() { Some(true) } else { clone.wants_copies() };
        let params = Params::new()
            .opt("name", self.want.name.as_ref())
            .set("description", marker.on(self.want.description.as_deref()))
            .opt("full", full.map(u8::from))
            .opt("storage", self.copies(source))
            .opt("format", clone.format.as_ref())
            .opt("snapname", clone.snapshot_name.as_ref());
        params.opt("pool", self.want.pool_name.as_ref()).opt("target", elsewhere)
    }

    /// Everything after the machine is there: what a clone has other than wanted, sizes, template, start.
    async fn finish(&self, machine: &mut Machine<'_>, made: &Made) -> Result<()> {
        let want = self.want;
        let imports = |vm: &Vm| vm.disks.iter().flatten().any(|(_, disk)| disk.import_from.is_some());
        let mut is_template = false;
        match made {
            Made::New(_) if !imports(want) && !want.has_documents() => {}
            Made::New(_) => {
                let config = machine.config().await?;
                machine.settle_volumes(want, &config, false).await?;
                machine.insert_first_disc(want, config).await?;
            }
            Made::Raw(_) => {
                let mut config = machine.config().await?;
                is_template = config.value("template") == Some("1");
                let marker = config::marker(&config).unwrap_or_else(|| {
                    let nonce = ownership::nonce(self.cx.operation()).unwrap_or_default();
                    Marker::creating(nonce, self.fingerprint.clone())
                });
                if self.carry(machine, &config).await? {
                    config = machine.config().await?;
                }
                config = machine.free_slot(want, config).await?;
                let before = config.clone();
                let provided = machine.provide_disc(want, &config, false).await?;
                let whole = Pair { prior: None, want: provided.as_ref().or(Some(want)) };
                machine.converge(whole, &marker, config).await?;
                machine.clear_unused(want, want).await?;
                config = if imports(want) { machine.config().await? } else { before };
                machine.settle_volumes(want, &config, false).await?;
            }
        }
        machine.attach_data_disks(None, want).await?;
        match (want.is_template(), want.is_started()) {
            (true, _) if is_template => Ok(()),
            (true, _) => machine.become_template().await,
            (false, true) => {
                machine.start().await?;
                // While a guest is waited for it may stop again.
                if want.wait_for.is_none() {
                    observe::started(self.cx.operation());
                }
                machine.wait_for_guest(want).await
            }
            (false, false) => Ok(()),
        }
    }
}
