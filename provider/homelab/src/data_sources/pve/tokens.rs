//! `homelab_pve_tokens`: the API tokens of a user.

use jiff::Timestamp;
use pve_client::UserId;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::text::moment;

/// The API tokens of a user, without their secrets.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_tokens")]
pub struct Tokens {
    /// The user, as `name@realm`.
    #[schema(parse, wire = "userid")]
    pub user_id: UserId,

    /// The tokens, by name.
    pub tokens: Computed<BTreeMap<String, Token>>,
}

/// One token.
#[derive(Clone, Debug, Object)]
pub struct Token {
    /// The token, as `user@realm!name`.
    pub token_id: String,

    /// Text shown beside the token; null if there is none.
    pub comment: Option<String>,

    /// When the token ends, as RFC 3339; null for when its user ends.
    #[schema(parse, wire = "expire")]
    pub expires_at: Option<Timestamp>,

    /// Whether the token may do only what both it and its user are granted.
    #[schema(wire = "privsep")]
    pub privilege_separation: bool,
}

impl DataSource for Tokens {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let what = format!("list the tokens of {:?}", config.user_id.as_str());
        let found = cx.pve()?.tokens(&config.user_id).await.explain::<Self>(cx, what)?;
        let token = |token: pve_client::Token| {
            let shown = Token {
                token_id: token.id.to_string(),
                comment: token.comment,
                expires_at: moment(token.expires_at),
                privilege_separation: token.privilege_separation,
            };
            (token.id.name.to_string(), shown)
        };
        Ok(Self { tokens: found.into_iter().map(token).collect::<BTreeMap<_, _>>().into(), ..config })
    }
}
