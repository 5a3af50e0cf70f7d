//! `homelab_pve_version`: what the server runs.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The version of Proxmox VE on the node that `endpoint` names.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_version")]
pub struct Version {
    /// The full version, such as `9.2.11`.
    pub version: Computed<String>,

    /// The first two parts of the version, such as `9.2`.
    pub release: Computed<String>,

    /// The commit that the server was built from.
    #[schema(wire = "repoid")]
    pub repository_id: Computed<String>,
}

impl DataSource for Version {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.version().await.explain::<Self>(cx, "read the version")?;
        Ok(Self {
            version: found.version.into(),
            release: found.release.into(),
            repository_id: found.repository_id.into(),
        })
    }
}
