//! `homelab_pve_ha_resources`: the guests under the high-availability manager.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The guests under the high-availability manager.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_ha_resources")]
pub struct HaResources {
    /// The guests, by id such as `vm:100`.
    pub resources: Computed<BTreeMap<String, HaResource>>,
}

/// One guest.
#[derive(Clone, Debug, Object)]
pub struct HaResource {
    /// ID of the guest.
    pub guest_id: u32,

    /// State that the manager keeps the guest in.
    pub state: String,

    /// How often a start is tried again on the same node; null for Proxmox VE's default.
    #[schema(wire = "max_restart")]
    pub max_restarts: Option<i64>,

    /// How often the guest is moved when it does not start; null for Proxmox VE's default.
    #[schema(wire = "max_relocate")]
    pub max_relocations: Option<i64>,

    /// Text shown beside the guest; null if there is none.
    pub comment: Option<String>,
}

impl DataSource for HaResources {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.ha_resources().await.explain::<Self>(cx, "list the HA resources")?;
        let resource = |found: pve_client::HaResource| {
            let settings = &found.settings;
            let shown = HaResource {
                guest_id: found.id.guest.number(),
                state: settings.string("state").unwrap_or_else(|| "started".to_owned()),
                max_restarts: settings.int("max_restart"),
                max_relocations: settings.int("max_relocate"),
                comment: settings.string("comment"),
            };
            (found.id.to_string(), shown)
        };
        Ok(Self { resources: found.into_iter().map(resource).collect::<BTreeMap<_, _>>().into() })
    }
}
