//! Which machines have which volumes on a bus. Proxmox VE does not tell, so every machine is asked.

use std::sync::Arc;

use pve_client::{Cluster, GuestKind, NodeName, Pve, VmAddress};
use tf_framework::prelude::*;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::model::DataDisk;
use super::sight;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::lifecycle::if_there;

/// How many machines are asked at a time.
const PARALLEL: usize = 8;

/// A machine that has a volume in a slot.
#[derive(Clone, Debug)]
pub(super) struct Use {
    /// The machine.
    pub at: VmAddress,
    /// Its slot.
    pub slot: String,
    /// The serial number that its guest sees.
    pub serial: Option<String>,
}

/// The uses of all volumes.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    cluster: Arc<Cluster>,
    by_volume: BTreeMap<(Option<NodeName>, String), Vec<Use>>,
}

/// The uses as a run found them first.
#[derive(Debug, Default)]
pub(crate) struct Found(OnceCell<Arc<Uses>>);

impl Uses {
    /// Volumes of one name are different ones where nodes do not share the storage.
    fn key(&self, node: &NodeName, volume: &str) -> (Option<NodeName>, String) {
        let storage = volume.split_once(':').and_then(|(name, _)| name.parse().ok());
        let shared = storage.and_then(|storage| self.cluster.is_shared(&storage)) == Some(true);
        ((!shared).then(|| node.clone()), volume.to_owned())
    }

    /// Who has a volume that is at hand where a machine is.
    pub(super) fn of(&self, at: &VmAddress, volume: &str) -> impl Iterator<Item = &Use> {
        self.by_volume.get(&self.key(&at.node, volume)).into_iter().flatten()
    }
}

/// The uses of all volumes now. Machines on nodes that are down run nothing, and cannot be asked.
pub(super) async fn everywhere(cx: &Cx, pve: &Pve) -> Result<Uses> {
    let what = "look for machines that use the volume";
    let cluster = pve.cluster().await.explain::<DataDisk>(cx, what)?;
    let online = |node: &NodeName| cluster.nodes.iter().any(|found| found.name == *node && found.online);
    let machines = cluster.guests.iter().filter(|guest| guest.kind == GuestKind::Vm && !guest.template);
    let mut asked = JoinSet::new();
    let mut uses = Uses { cluster: cluster.clone(), by_volume: BTreeMap::new() };
    for guest in machines.filter(|guest| online(&guest.node)) {
        let (pve, at) = (pve.clone(), VmAddress::new(guest.node.clone(), guest.id));
        asked.spawn(async move { (pve.vm_config(&at).await, at) });
        if asked.len() >= PARALLEL {
            take(cx, asked.join_next().await, &mut uses)?;
        }
    }
    while let Some(answer) = asked.join_next().await {
        take(cx, Some(answer), &mut uses)?;
    }
    Ok(uses)
}

type Answer =
    std::result::Result<(pve_client::Result<pve_client::VmConfig>, VmAddress), tokio::task::JoinError>;

fn take(cx: &Cx, answer: Option<Answer>, uses: &mut Uses) -> Result<()> {
    let Some(Ok((config, at))) = answer else { return Ok(()) };
    let config = if_there(config).explain::<DataDisk>(cx, "look for machines that use the volume")?;
    for (slot, drive) in config.iter().flat_map(sight::disks) {
        let serial = drive.options.value("serial").map(str::to_owned);
        let used = Use { at: at.clone(), slot: slot.to_owned(), serial };
        uses.by_volume.entry(uses.key(&at.node, &drive.file)).or_default().push(used);
    }
    Ok(())
}

/// The uses of all volumes, asked once a run.
pub(super) async fn once_a_run(cx: &Cx, pve: &Pve) -> Result<Arc<Uses>> {
    let Some(found) = cx.uses_of_volumes() else { return everywhere(cx, pve).await.map(Arc::new) };
    found.0.get_or_try_init(|| async { everywhere(cx, pve).await.map(Arc::new) }).await.cloned()
}
