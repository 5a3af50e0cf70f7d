//! `homelab_pve_acl`: one entry of the access control list.

use std::fmt;
use std::str::FromStr;

use pve_client::{AclEntry, Error as PveError, Grantee, GroupName, Pve, RoleName, TokenId, UserId};
use tf_framework::prelude::*;

use super::own_access::{Going, Own};
use crate::cx::Cx;
use crate::errors::{self, Explain as _};
use crate::memory::Expected;
use crate::preflight::{changes, need};

/// One entry of the access control list: a role, on a path, for one user, group or token.
///
/// Only this entry is ever written; others, also for the same path or the same user, are left alone. The last entry of
/// the login that the provider itself uses is never removed.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_acl")]
pub struct Acl {
    /// Path that the role is for: `/`, or for example `/vms/100`, `/pool/web`, `/storage/local`, `/nodes/pve1`,
    /// `/access/groups/ops`, `/mapping/pci/gpu`, `/sdn/zones/localnetwork/vmbr0`. It need not exist yet. A change
    /// replaces the entry.
    #[schema(wire = "path", replace, validate = matches("a path that begins with a `/`, with no empty part and no `/` at the end", is_path))]
    pub path: String,

    /// Name of the role. A change replaces the entry.
    #[schema(parse, wire = "roles", replace)]
    pub role: RoleName,

    /// User who gets the role, as `name@realm`. Set exactly one of `user_id`, `group` and `token_id`. A change replaces
    /// the entry.
    #[schema(parse, wire = "users", replace)]
    pub user_id: Option<UserId>,

    /// Group whose members get the role. A change replaces the entry.
    #[schema(parse, wire = "groups", replace)]
    pub group: Option<GroupName>,

    /// Token that gets the role, as `user@realm!name`. A token with privilege separation may do what both it and its
    /// user may do, so its user needs an entry too. A change replaces the entry.
    #[schema(parse, wire = "tokens", replace)]
    pub token_id: Option<TokenId>,

    /// Whether the role holds below the path too. Proxmox VE's default, and this one's, is `true`.
    #[schema(wire = "propagate", default = true)]
    pub propagate: Defaulted<bool>,
}

/// Proxmox VE stores paths in one spelling only (pve-access-control 9.1.1, `normalize_path`).
fn is_path(text: &str) -> bool {
    text == "/" || text.starts_with('/') && text[1..].split('/').all(|part| !part.is_empty())
}

/// What an entry is known by: `path,role,grantee`; a group has an `@` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclId {
    path: String,
    role: RoleName,
    grantee: Grantee,
}

/// A text is no id of an entry.
#[derive(Debug, thiserror::Error)]
#[error(
    "it has to be path, role and user, token or @group, such as /vms/100,PVEVMUser,anna@pve or \
     /,Administrator,tf@pve!ci or /pool/web,PVEVMAdmin,@ops"
)]
pub struct InvalidAclId;

impl FromStr for AclId {
    type Err = InvalidAclId;

    fn from_str(text: &str) -> Result<Self, InvalidAclId> {
        let mut parts = text.rsplitn(3, ',');
        let (Some(grantee), Some(role), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidAclId);
        };
        let grantee = match grantee.strip_prefix('@') {
            Some(group) => group.parse().map(Grantee::Group),
            None if grantee.contains('!') => grantee.parse().map(Grantee::Token),
            None => grantee.parse().map(Grantee::User),
        };
        let (Ok(grantee), Ok(role), true) = (grantee, role.parse(), is_path(path)) else {
            return Err(InvalidAclId);
        };
        Ok(Self { path: path.to_owned(), role, grantee })
    }
}

impl fmt::Display for AclId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if matches!(self.grantee, Grantee::Group(_)) { "@" } else { "" };
        write!(f, "{},{},{mark}{}", self.path, self.role, self.grantee)
    }
}

impl AclId {
    fn entry(&self, propagate: bool) -> AclEntry {
        AclEntry {
            path: self.path.clone(),
            role: self.role.clone(),
            grantee: self.grantee.clone(),
            propagate,
        }
    }

    fn name(&self) -> String {
        format!("the role {:?} on {:?} for {:?}", self.role.as_str(), self.path, self.grantee.to_string())
    }
}

impl Acl {
    fn grantee(&self) -> Option<Grantee> {
        let user = self.user_id.clone().map(Grantee::User);
        let group = self.group.clone().map(Grantee::Group);
        user.or(group).or_else(|| self.token_id.clone().map(Grantee::Token))
    }

    fn acl_id(&self) -> Option<AclId> {
        Some(AclId { path: self.path.clone(), role: self.role.clone(), grantee: self.grantee()? })
    }

    fn propagates(&self) -> bool {
        self.propagate.known().copied().unwrap_or(true)
    }
}

impl From<AclEntry> for Acl {
    fn from(found: AclEntry) -> Self {
        let (mut user_id, mut group, mut token_id) = (None, None, None);
        match found.grantee {
            Grantee::User(user) => user_id = Some(user),
            Grantee::Group(name) => group = Some(name),
            Grantee::Token(token) => token_id = Some(token),
        }
        Self {
            path: found.path,
            role: found.role,
            user_id,
            group,
            token_id,
            propagate: found.propagate.into(),
        }
    }
}

async fn find(pve: &Pve, id: &AclId) -> pve_client::Result<Option<AclEntry>> {
    let wanted = id.entry(true);
    Ok(pve.acl().await?.into_iter().find(|entry| entry.same_key(&wanted)))
}

/// Granting the same again changes nothing, so a lost answer is no reason to give up.
async fn grant(pve: &Pve, entry: &AclEntry) -> pve_client::Result<()> {
    match pve.grant(entry).await {
        Err(PveError::MaybeApplied { .. }) => pve.grant(entry).await,
        result => result,
    }
}

/// Warns of a change that would take the last entry from the provider's own login, or refuses it.
async fn guard(cx: &Cx, plan: &mut Plan<'_, Acl>) {
    let Some(id) = plan.prior.as_ref().and_then(Acl::acl_id) else { return };
    let replaced = plan.want().is_some_and(|want| want.acl_id().as_ref() != Some(&id));
    let Ok(pve) = cx.pve() else { return };
    if !plan.is_destroy() && !replaced {
        return;
    }
    if let Ok(Some(mut refusal)) = Own::new(&pve).refuses(&pve, &Going::Entry(&id.entry(true))).await {
        if replaced {
            refusal.severity = tf_framework::Severity::Warning;
            refusal.detail.push_str(
                " With `create_before_destroy = true` in its `lifecycle` the new entry is there before the old one goes.",
            );
        }
        plan.push(refusal);
    }
}

/// Warns of a role and of somebody who are not there, and of a path to nothing.
async fn check_names(cx: &Cx, plan: &mut Plan<'_, Acl>) {
    let Some(want) = plan.want() else { return };
    let mut named = vec![("role".into(), Expected::Role(want.role.clone()))];
    named.extend(want.user_id.clone().map(|user| ("user_id".into(), Expected::User(user))));
    named.extend(want.group.clone().map(|group| ("group".into(), Expected::Group(group))));
    named.extend(want.token_id.clone().map(|token| ("token_id".into(), Expected::Token(token))));
    cx.check_there(plan, named).await;
    cx.check_subject(plan, "path", &want.path).await;
}

impl Resource for Acl {
    type Cx = Cx;
    type Id = AclId;

    fn id(&self) -> AclId {
        self.acl_id().unwrap_or_else(|| unreachable!("validation leaves exactly one grantee"))
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        rules::exactly_one_of(config, &["user_id", "group", "token_id"], out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        guard(cx, plan).await;
        check_names(cx, plan).await;
        let path = plan.want().or_else(|| plan.prior.clone()).map(|acl| acl.path);
        match path {
            Some(path) if changes(plan) => cx.preflight(plan, &[need(path, &["Permissions.Modify"])]).await,
            _ => Ok(()),
        }
    }

    async fn create(cx: &Cx, want: &Self) -> Result<AclId> {
        let (pve, id) = (cx.pve()?, want.id());
        let what = format!("grant {}", id.name());
        if find(&pve, &id).await.explain::<Self>(cx, &what)?.is_some() {
            return Err(
                errors::not_ours::<Self>(format!("entry for {}", id.name()), format!("'{id}'")).at("path")
            );
        }
        grant(&pve, &id.entry(want.propagates())).await.explain::<Self>(cx, &what)?;
        cx.operation().created(&id);
        cx.forget_permissions().await;
        Ok(id)
    }

    async fn read(cx: &Cx, id: &AclId, _prior: Option<&Self>) -> Result<Option<Self>> {
        let found = find(&cx.pve()?, id).await;
        Ok(found.explain::<Self>(cx, format_args!("look for {}", id.name()))?.map(Self::from))
    }

    async fn update(cx: &Cx, id: &AclId, change: Change<'_, Self>) -> Result<()> {
        let done = grant(&cx.pve()?, &id.entry(change.want.propagates())).await;
        cx.forget_permissions().await;
        done.explain::<Self>(cx, format_args!("change {}", id.name()))
    }

    async fn delete(cx: &Cx, id: &AclId, prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        let what = format!("remove {}", id.name());
        let entry = id.entry(prior.propagates());
        if let Some(refusal) =
            Own::new(&pve).refuses(&pve, &Going::Entry(&entry)).await.explain::<Self>(cx, &what)?
        {
            return Err(refusal.into());
        }
        let done = match pve.revoke(&entry).await {
            Err(PveError::MaybeApplied { .. }) => pve.revoke(&entry).await,
            result => result,
        };
        cx.forget_permissions().await;
        done.explain::<Self>(cx, &what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_for_every_kind_of_grantee() {
        for text in ["/,Administrator,tf@pve!ci", "/vms/100,PVEVMUser,anna@pve", "/pool/web,PVEVMAdmin,@ops"]
        {
            assert_eq!(text.parse::<AclId>().unwrap().to_string(), text);
        }
        for text in ["/,Administrator", "vms,PVEVMUser,a@pve", "/vms/,PVEVMUser,a@pve", "/,PVEVMUser,a"] {
            assert!(text.parse::<AclId>().is_err(), "{text}");
        }
    }
}
