//! `homelab_pve_snapshots`: the snapshots of a virtual machine.

use jiff::Timestamp;
use pve_client::VmId;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::snapshot::address;
use crate::resources::pve::text::moment;

/// The snapshots of a virtual machine, oldest first.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_snapshots")]
pub struct Snapshots {
    /// ID of the machine.
    #[schema(wire = "vmid", validate = range(100, 999_999_999))]
    pub vm_id: u32,

    /// The snapshots, oldest first.
    pub snapshots: Computed<Vec<Snapshot>>,
}

/// One snapshot.
#[derive(Clone, Debug, Object)]
pub struct Snapshot {
    /// Its name.
    pub name: String,

    /// Text about it; null if there is none.
    pub description: Option<String>,

    /// Snapshot that the machine was at when this one was made; null for the first.
    pub parent: Option<String>,

    /// When it was made, as RFC 3339.
    #[schema(parse, wire = "snaptime")]
    pub created_at: Option<Timestamp>,

    /// Whether it holds the memory too.
    #[schema(wire = "vmstate")]
    pub memory: bool,
}

impl DataSource for Snapshots {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let pve = cx.pve()?;
        let what = format!("list the snapshots of VM {}", config.vm_id);
        let vm = VmId::new(config.vm_id)
            .map_err(|error| Error::new("Invalid value", format!("{error}.")).at("vm_id"))?;
        let at = address(&pve, vm).await.explain::<Self>(cx, &what)?;
        let found = pve.snapshots(&at).await.explain::<Self>(cx, &what)?;
        let snapshot = |found: pve_client::Snapshot| Snapshot {
            name: found.name.to_string(),
            description: found.description,
            parent: found.parent.map(|parent| parent.to_string()),
            created_at: found.created_at.and_then(moment),
            memory: found.memory,
        };
        Ok(Self { snapshots: found.into_iter().map(snapshot).collect::<Vec<_>>().into(), ..config })
    }
}
