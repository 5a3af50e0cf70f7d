//! `homelab_pve_role`: a named set of privileges.

use pve_client::RoleName;
use tf_framework::prelude::*;

use super::lifecycle::Object;
use super::own_access::{self, Going, Own};
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::{changes, need};

/// A role: a named set of privileges, which an entry of the access control list (`homelab_pve_acl`) grants on a path.
///
/// Roles that come with Proxmox VE, such as `PVEVMAdmin`, need no resource and cannot be changed.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_role")]
pub struct Role {
    /// Name of the role: letters, digits, `.`, `-` and `_`. Names that begin with `PVE` are kept for Proxmox VE. A
    /// change replaces the role.
    #[schema(parse, wire = "roleid", replace)]
    pub name: RoleName,

    /// The privileges, such as `VM.Audit`. Planning checks that the connected version of Proxmox VE knows them:
    /// `VM.Monitor`, for example, ended with version 9.
    #[schema(wire = "privs")]
    pub privileges: BTreeSet<String>,
}

fn object(name: &RoleName) -> Object<'_> {
    Object::new("role", name, "name")
}

/// Names each privilege that this version does not know.
async fn check_privileges(cx: &Cx, plan: &mut Plan<'_, Role>) {
    let (Some(want), Ok(pve), Some(memory)) = (plan.want(), cx.pve(), cx.memory()) else { return };
    let Ok(known) = memory.privileges(&pve).await else { return };
    for name in want.privileges.iter().filter(|name| !known.contains(*name)) {
        let hint = match name.as_str() {
            "VM.Monitor" => {
                " It ended with version 9; agent calls need `VM.GuestAgent.Audit` and its siblings instead."
                    .to_owned()
            }
            name => match known.iter().find(|other| other.eq_ignore_ascii_case(name)) {
                Some(other) => format!(" Write it `{other}`."),
                None => " Every privilege it knows is in its role `Administrator`:\n\n  pvesh get \
                         /access/roles/Administrator"
                    .to_owned(),
            },
        };
        plan.error(
            "privileges",
            "Unknown privilege",
            format!("The connected version of Proxmox VE has no privilege {name:?}.{hint}"),
        );
    }
}

/// Refuses a new role with a name that Proxmox VE keeps for itself (pve-access-control 9.1.1, `API2/Role.pm`).
fn check_name(plan: &mut Plan<'_, Role>) {
    let Some(want) = plan.want() else { return };
    let is_new = plan.prior.as_ref().is_none_or(|prior| prior.name != want.name);
    let begins = want.name.as_str().get(..3).is_some_and(|start| start.eq_ignore_ascii_case("PVE"));
    if is_new && begins {
        plan.error(
            "name",
            "Name is reserved",
            format!(
                "Proxmox VE keeps names that begin with \"PVE\" for its own roles and refuses a new role {:?}. Choose \
                 another name. Its own roles need no resource: an entry of the access control list can name them.",
                want.name.as_str()
            ),
        );
    }
}

impl Resource for Role {
    type Cx = Cx;
    type Id = RoleName;

    fn id(&self) -> RoleName {
        self.name.clone()
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        check_name(plan);
        if changes(plan) {
            check_privileges(cx, plan).await;
        }
        if let (true, Some(want)) = (plan.is_create(), plan.want()) {
            let role = Expected::Role(want.name.clone());
            cx.expect(role.clone());
            object(&want.name).foresee(cx, plan, cx.is_there(&role)).await;
        }
        if let Some(prior) = plan.prior.clone() {
            let replaced = plan.want().is_some_and(|want| want.name != prior.name);
            if plan.is_destroy() || replaced {
                own_access::guard(cx, plan, Going::Role(&prior.name), replaced).await;
            }
        }
        cx.preflight(plan, &[need("/access", &["Sys.Modify"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<RoleName> {
        let pve = cx.pve()?;
        let (find, make) = (|| pve.role(&want.name), || pve.create_role(&want.name, &want.privileges));
        let ours = |found: &BTreeSet<String>| *found == want.privileges;
        object(&want.name).create::<Self, _, _, _, _, _>(cx, find, ours, make).await?;
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, id: &RoleName, _prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        let found = object(id).read::<Self, _>(cx, pve.role(id)).await?;
        Ok(found.map(|privileges| Self { name: id.clone(), privileges }))
    }

    async fn update(cx: &Cx, id: &RoleName, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        object(id).change::<Self, _, _>(cx, || pve.update_role(id, &change.want.privileges)).await?;
        cx.forget_permissions().await;
        Ok(())
    }

    async fn delete(cx: &Cx, id: &RoleName, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        let refusal = Own::new(&pve).refuses(&pve, &Going::Role(id)).await;
        if let Some(refusal) = refusal.explain::<Self>(cx, format_args!("delete {}", object(id).name))? {
            return Err(refusal.into());
        }
        object(id).delete::<Self, _, _>(cx, || pve.delete_role(id)).await?;
        cx.forget_permissions().await;
        Ok(())
    }
}
