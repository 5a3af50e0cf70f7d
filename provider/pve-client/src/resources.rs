//! Finding guests in the cluster.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    Call, NodeName, Params, PoolName, Pve, Result, VmAddress, VmId,
    decode::{Fields as _, words},
};

/// Virtual machine or container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Vm,
    /// A container.
    Container,
}

/// A guest as the cluster's list shows it; name and status lag up to ten seconds behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its number.
    pub id: VmId,
    /// Its node.
    pub node: NodeName,
    /// What it is.
    pub kind: GuestKind,
    /// Its name, once known.
    pub name: Option<String>,
    /// `running`, `stopped` or `unknown`.
    pub status: String,
    /// Whether it is a template.
    pub template: bool,
    /// Its pool.
    pub pool: Option<PoolName>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// Its lock.
    pub lock: Option<String>,
}

impl Pve {
    /// All guests by number, remembered until the next write of this client.
    pub async fn guests(&self) -> Result<Arc<Vec<Guest>>> {
        let (_, remembered) = self.client.remembered();
        match remembered {
            Some(guests) => Ok(guests),
            None => self.guests_now().await,
        }
    }

    /// All guests by number, asked anew.
    pub async fn guests_now(&self) -> Result<Arc<Vec<Guest>>> {
        let (generation, _) = self.client.remembered();
        let call = Call::get("/cluster/resources").with(Params::new().set("type", "vm"));
        let mut guests: Vec<Guest> = self
            .objects(&call)
            .await?
            .iter()
            .filter_map(|guest| {
                Some(Guest {
                    id: guest.parsed("vmid")?,
                    node: guest.parsed("node")?,
                    kind: if guest.text("type").as_deref() == Some("lxc") {
                        GuestKind::Container
                    } else {
                        GuestKind::Vm
                    },
                    name: guest.text("name"),
                    status: guest.text("status").unwrap_or_else(|| "unknown".into()),
                    template: guest.truth("template"),
                    pool: guest.parsed("pool"),
                    tags: guest
                        .text("tags")
                        .map(|tags| words(&tags).map(str::to_owned).collect())
                        .unwrap_or_default(),
                    lock: guest.text("lock"),
                })
            })
            .collect();
        guests.sort_by_key(|guest| guest.id);
        let guests = Arc::new(guests);
        self.client.remember(generation, &guests);
        Ok(guests)
    }

    /// Where the list of guests has a machine. `None` is only a hint that it is gone.
    pub async fn locate(&self, id: VmId) -> Result<Option<VmAddress>> {
        let find =
            |guests: &[Guest]| guests.iter().find(|g| g.id == id).map(|g| VmAddress::new(g.node.clone(), id));
        let (_, remembered) = self.client.remembered();
        if let Some(found) = remembered.and_then(|guests| find(&guests)) {
            return Ok(Some(found));
        }
        Ok(find(&self.guests_now().await?))
    }

    /// Finds a machine by asking the nodes for its configuration: first where it was seen last, then
    /// where the list has it, then everywhere. `None` means that no online node has it.
    pub async fn find_vm(
        &self,
        id: VmId,
        hint: Option<&NodeName>,
    ) -> Result<Option<(VmAddress, crate::VmConfig)>> {
        let mut asked: Vec<NodeName> = Vec::new();
        if let Some(node) = hint {
            if let Some(found) = self.vm_on(node, id).await? {
                return Ok(Some(found));
            }
            asked.push(node.clone());
            // The list that sent us to the wrong node is old.
            self.client.forget_guests();
        }
        if let Some(seen) = self.locate(id).await?.filter(|seen| !asked.contains(&seen.node)) {
            if let Some(found) = self.vm_on(&seen.node, id).await? {
                return Ok(Some(found));
            }
            asked.push(seen.node);
        }
        for node in self.nodes().await?.into_iter().filter(|node| node.online && !asked.contains(&node.name))
        {
            if let Some(found) = self.vm_on(&node.name, id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn vm_on(&self, node: &NodeName, id: VmId) -> Result<Option<(VmAddress, crate::VmConfig)>> {
        let address = VmAddress::new(node.clone(), id);
        match self.vm_config(&address).await {
            Ok(config) => Ok(Some((address, config))),
            Err(error) if error.is_not_found() => Ok(None),
            // A node that left the cluster does not hold the machine any more; the list knows better.
            Err(crate::Error::Refused { message, .. }) if message.starts_with("hostname lookup ") => Ok(None),
            Err(error) => Err(error),
        }
    }
}
