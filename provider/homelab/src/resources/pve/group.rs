//! `homelab_pve_group`: a group of users.

use pve_client::GroupName;
use tf_framework::prelude::*;

use super::lifecycle::Object;
use super::own_access::{self, Going, Own};
use super::text::trimmed;
use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::memory::Expected;
use crate::preflight::need;

/// A group of users, to whom an entry of the access control list (`homelab_pve_acl`) can grant a role together.
///
/// A user joins by its own argument `groups`. Deleting a group takes from its members what it granted, so one that grants
/// the provider's own login all it may do is never deleted.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_group")]
pub struct Group {
    /// Name of the group: letters, digits, `.`, `-` and `_`. A change replaces the group.
    #[schema(parse, wire = "groupid", replace)]
    pub name: GroupName,

    /// Text shown beside the group in the web interface.
    #[schema(wire = "comment", validate = length(1, usize::MAX), validate = matches("free of blanks at both ends", trimmed))]
    pub comment: Option<String>,

    /// The users in the group, as `name@realm`.
    #[schema(parse, wire = "members")]
    pub members: Computed<BTreeSet<pve_client::UserId>>,
}

fn object(name: &GroupName) -> Object<'_> {
    Object::new("group", name, "name")
}

impl Resource for Group {
    type Cx = Cx;
    type Id = GroupName;

    fn id(&self) -> GroupName {
        self.name.clone()
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        if let (true, Some(want)) = (plan.is_create(), plan.want()) {
            let group = Expected::Group(want.name.clone());
            cx.expect(group.clone());
            object(&want.name).foresee(cx, plan, cx.is_there(&group)).await;
        }
        if let Some(prior) = plan.prior.clone() {
            let replaced = plan.want().is_some_and(|want| want.name != prior.name);
            if plan.is_destroy() || replaced {
                own_access::guard(cx, plan, Going::Groups(&BTreeSet::from([prior.name])), replaced).await;
            }
        }
        cx.preflight(plan, &[need("/access/groups", &["Group.Allocate"])]).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<GroupName> {
        let pve = cx.pve()?;
        let (find, make) =
            (|| pve.group(&want.name), || pve.create_group(&want.name, want.comment.as_deref()));
        let ours = |found: &pve_client::Group| found.comment == want.comment && found.members.is_empty();
        object(&want.name).create::<Self, _, _, _, _, _>(cx, find, ours, make).await?;
        Ok(want.name.clone())
    }

    async fn read(cx: &Cx, id: &GroupName, _prior: Option<&Self>) -> Result<Option<Self>> {
        let pve = cx.pve()?;
        let found = object(id).read::<Self, _>(cx, pve.group(id)).await?;
        Ok(found.map(|found| Self {
            name: found.name,
            comment: found.comment,
            members: found.members.into(),
        }))
    }

    async fn update(cx: &Cx, id: &GroupName, change: Change<'_, Self>) -> Result<()> {
        let pve = cx.pve()?;
        let comment = change.want.comment.as_deref();
        object(id).change::<Self, _, _>(cx, || pve.update_group(id, comment)).await
    }

    async fn delete(cx: &Cx, id: &GroupName, _prior: &Self) -> Result<()> {
        let pve = cx.pve()?;
        let refusal = Own::new(&pve).refuses(&pve, &Going::Groups(&BTreeSet::from([id.clone()]))).await;
        if let Some(refusal) = refusal.explain::<Self>(cx, format_args!("delete {}", object(id).name))? {
            return Err(refusal.into());
        }
        object(id).delete::<Self, _, _>(cx, || pve.delete_group(id)).await?;
        cx.forget_permissions().await;
        Ok(())
    }
}
