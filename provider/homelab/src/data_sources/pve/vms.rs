//! `homelab_pve_vms`: the virtual machines that match a filter.

use pve_client::{Guest, NodeName, PoolName};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::guests::machines;
use crate::name_pattern::matches_pattern;

/// Lists virtual machines and templates of the whole cluster. A machine has to match every filter that is given.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_vms")]
pub struct Vms {
    /// Only machines on this node.
    #[schema(parse, wire = "node")]
    pub node_name: Option<NodeName>,

    /// Only machines in this pool itself, not in pools inside it.
    #[schema(parse, wire = "pool")]
    pub pool_name: Option<PoolName>,

    /// Only machines that have all of these tags.
    pub tags: Option<BTreeSet<String>>,

    /// Only templates if true, no templates if false.
    pub template: Option<bool>,

    /// Only machines whose whole name matches: `*` stands for any characters, `?` for exactly one.
    pub name_pattern: Option<String>,

    /// The machines that match, lowest number first.
    pub vms: Computed<Vec<Found>>,
}

/// One machine.
#[derive(Clone, Debug, Object)]
pub struct Found {
    /// Number of the machine.
    #[schema(wire = "vmid")]
    pub vm_id: i64,

    /// Name of the machine; null while its node hides it.
    pub name: Option<String>,

    /// Node that the machine is on.
    #[schema(wire = "node")]
    pub node_name: String,

    /// `running`, `stopped`, or `unknown` for the first seconds of a new machine and while its node is down.
    pub status: String,

    /// Whether it is a template.
    pub template: bool,

    /// Pool that the machine is in; null if none.
    #[schema(wire = "pool")]
    pub pool_name: Option<String>,

    /// Tags of the machine.
    pub tags: BTreeSet<String>,
}

impl From<Guest> for Found {
    fn from(found: Guest) -> Self {
        Self {
            vm_id: found.id.number().into(),
            name: found.name,
            node_name: found.node.to_string(),
            status: found.status,
            template: found.template,
            pool_name: found.pool.map(|pool| pool.to_string()),
            tags: found.tags,
        }
    }
}

impl Vms {
    fn accepts(&self, guest: &Guest) -> bool {
        let name = guest.name.as_deref().unwrap_or_default();
        self.node_name.as_ref().is_none_or(|node| *node == guest.node)
            && self.pool_name.as_ref().is_none_or(|pool| Some(pool) == guest.pool.as_ref())
            && self
                .tags
                .as_ref()
                .is_none_or(|tags| tags.iter().all(|tag| guest.tags.contains(&tag.to_lowercase())))
            && self.template.is_none_or(|template| template == guest.template)
            && self.name_pattern.as_ref().is_none_or(|pattern| matches_pattern(pattern, name))
    }
}

impl DataSource for Vms {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let machines = machines(&cx.pve()?).await.explain::<Self>(cx, "list the virtual machines")?;
        let found: Vec<Found> =
            machines.into_iter().filter(|guest| config.accepts(guest)).map(Found::from).collect();
        Ok(Self { vms: found.into(), ..config })
    }
}
