//! The spare token of a rotation: a new secret for it, whatever the version of Proxmox VE.

use pve_client::{Error as PveError, Grantee, Pve, Secret, Token, TokenId};
use tf_framework::prelude::*;

use super::lifecycle::if_there;

/// What the name of the spare token has at its end.
const SUFFIX: &str = "-2";

/// The spare token of a token.
pub(crate) fn spare(id: &TokenId) -> Option<TokenId> {
    let name = format!("{}{SUFFIX}", id.name).parse().ok()?;
    Some(TokenId { user: id.user.clone(), name })
}

/// The message that the name of a spare token which is to be made is taken.
pub(crate) async fn taken(pve: &Pve, spare: Option<&TokenId>) -> Option<Diagnostic> {
    let spare = spare?;
    pve.token(spare).await.ok()?;
    Some(
        Diagnostic::error(
            "Spare token already exists",
            format!(
                "With `rotation_id` there is a second token, and there is already a token \"{spare}\", which this configuration did not \
                 create. It was left as it is. Choose another `name`, or, if nobody uses it, for example because an \
                 interrupted apply has left it, delete it and apply again:\n\n  pveum user token delete {} {}",
                spare.user, spare.name
            ),
        )
        .at("rotation_id"),
    )
}

/// Gives the spare token a secret that nobody knows yet, and makes it first if it is not there. It is not in use, so
/// ending its old secret hurts nobody.
pub(crate) async fn prepare(pve: &Pve, token: &Token) -> pve_client::Result<Secret> {
    if if_there(pve.token(&token.id).await)?.is_none() {
        return make(pve, token).await;
    }
    match pve.regenerate_token(&token.id).await {
        // Versions before 9.2 do not know the parameter.
        Err(PveError::Rejected { fields, .. }) if fields.contains_key("regenerate") => {
            remake(pve, token).await
        }
        Err(PveError::MaybeApplied { .. }) => pve.regenerate_token(&token.id).await,
        result => result,
    }
}

async fn make(pve: &Pve, token: &Token) -> pve_client::Result<Secret> {
    match pve.create_token(token).await {
        Err(PveError::MaybeApplied { .. }) => remake(pve, token).await,
        result => result,
    }
}

/// Deletes the token, makes it again and gives back its entries of the access control list, which go with it.
async fn remake(pve: &Pve, token: &Token) -> pve_client::Result<Secret> {
    let grantee = Grantee::Token(token.id.clone());
    let entries: Vec<_> = pve.acl().await?.into_iter().filter(|entry| entry.grantee == grantee).collect();
    if_there(pve.delete_token(&token.id).await)?;
    let secret = pve.create_token(token).await?;
    for entry in &entries {
        pve.grant(entry).await?;
    }
    Ok(secret)
}
