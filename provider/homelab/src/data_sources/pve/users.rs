//! `homelab_pve_users`: the users.

use jiff::Timestamp;
use pve_client::GroupName;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::text::moment;

/// The users that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_users")]
pub struct Users {
    /// The users, by `name@realm`.
    pub users: Computed<BTreeMap<String, User>>,
}

/// One user.
#[derive(Clone, Debug, Object)]
pub struct User {
    /// Whether the user can log in.
    #[schema(wire = "enable")]
    pub enabled: bool,

    /// When the account ends, as RFC 3339; null for never.
    #[schema(parse, wire = "expire")]
    pub expires_at: Option<Timestamp>,

    /// Groups the user is in.
    #[schema(parse, wire = "groups")]
    pub groups: BTreeSet<GroupName>,

    /// Text shown beside the user; null if there is none.
    pub comment: Option<String>,

    /// E-mail address; null if there is none.
    pub email: Option<String>,

    /// First name; null if there is none.
    #[schema(wire = "firstname")]
    pub first_name: Option<String>,

    /// Last name; null if there is none.
    #[schema(wire = "lastname")]
    pub last_name: Option<String>,
}

impl DataSource for Users {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx.pve()?.users().await.explain::<Self>(cx, "list the users")?;
        let user = |user: pve_client::User| {
            let shown = User {
                enabled: user.enabled,
                expires_at: moment(user.expires_at),
                groups: user.groups,
                comment: user.comment,
                email: user.email,
                first_name: user.first_name,
                last_name: user.last_name,
            };
            (user.id.to_string(), shown)
        };
        Ok(Self { users: found.into_iter().map(user).collect::<BTreeMap<_, _>>().into() })
    }
}
