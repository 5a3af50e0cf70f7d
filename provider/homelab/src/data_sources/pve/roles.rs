//! `homelab_pve_roles`: the roles of the cluster.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The roles of the cluster, those that came with Proxmox VE included.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_roles")]
pub struct Roles {
    /// The roles, by name.
    pub roles: Computed<BTreeMap<String, Role>>,
}

/// One role.
#[derive(Clone, Debug, Object)]
pub struct Role {
    /// Its privileges.
    #[schema(wire = "privs")]
    pub privileges: BTreeSet<String>,

    /// Whether it came with Proxmox VE and cannot be changed.
    #[schema(wire = "special")]
    pub built_in: bool,
}

impl DataSource for Roles {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.roles().await.explain::<Self>(cx, "list the roles")?;
        let role = |role: pve_client::Role| {
            (role.name.to_string(), Role { privileges: role.privileges, built_in: role.built_in })
        };
        Ok(Self { roles: found.into_iter().map(role).collect::<BTreeMap<_, _>>().into() })
    }
}
