//! `homelab_pve_acls`: the entries of the access control list.

use pve_client::{AclEntry, Grantee, GroupName, RoleName, TokenId, UserId};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The entries of the access control list that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_acls")]
pub struct Acls {
    /// Only entries for this path.
    pub path: Option<String>,

    /// The entries, in order of path, role and grantee.
    pub acls: Computed<Vec<Acl>>,
}

/// One entry.
#[derive(Clone, Debug, Object)]
pub struct Acl {
    /// Path that the role is for.
    pub path: String,

    /// Name of the role.
    #[schema(parse, wire = "roleid")]
    pub role: RoleName,

    /// User who has the role; null for a group or token.
    #[schema(parse, wire = "ugid")]
    pub user_id: Option<UserId>,

    /// Group whose members have the role; null for a user or token.
    #[schema(parse, wire = "ugid")]
    pub group: Option<GroupName>,

    /// Token that has the role; null for a user or group.
    #[schema(parse, wire = "ugid")]
    pub token_id: Option<TokenId>,

    /// Whether the role holds below the path too.
    pub propagate: bool,
}

impl From<AclEntry> for Acl {
    fn from(found: AclEntry) -> Self {
        let (mut user_id, mut group, mut token_id) = (None, None, None);
        match found.grantee {
            Grantee::User(user) => user_id = Some(user),
            Grantee::Group(name) => group = Some(name),
            Grantee::Token(token) => token_id = Some(token),
        }
        Self { path: found.path, role: found.role, user_id, group, token_id, propagate: found.propagate }
    }
}

impl DataSource for Acls {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let found = cx.pve()?.acl().await.explain::<Self>(cx, "list the access control list")?;
        let matches = |entry: &AclEntry| config.path.as_ref().is_none_or(|path| *path == entry.path);
        let acls: Vec<Acl> = found.into_iter().filter(matches).map(Acl::from).collect();
        Ok(Self { acls: acls.into(), ..config })
    }
}
