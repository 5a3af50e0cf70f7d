//! `homelab_pve_groups`: the groups of users.

use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The groups of users that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_groups")]
pub struct Groups {
    /// The groups, by name.
    pub groups: Computed<BTreeMap<String, Group>>,
}

/// One group.
#[derive(Clone, Debug, Object)]
pub struct Group {
    /// Text shown beside the group; null if there is none.
    pub comment: Option<String>,

    /// The users in it, as `name@realm`.
    #[schema(parse, wire = "users")]
    pub members: BTreeSet<pve_client::UserId>,
}

impl DataSource for Groups {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.groups().await.explain::<Self>(cx, "list the groups")?;
        let group = |group: pve_client::Group| {
            (group.name.to_string(), Group { comment: group.comment, members: group.members })
        };
        Ok(Self { groups: found.into_iter().map(group).collect::<BTreeMap<_, _>>().into() })
    }
}
