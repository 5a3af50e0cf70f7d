//! A token that has the name of a new one: it is never taken over, and nobody may have its secret.

use pve_client::TokenId;
use tf_framework::prelude::*;

use super::token::Token;
use crate::cx::Cx;
use crate::errors;
use crate::memory::Expected;

/// Warns, when a new token is planned, that there is one of its name.
pub(super) async fn foresee(cx: &Cx, plan: &mut Plan<'_, Token>, name: &str, id: &TokenId) {
    let is_new = plan.is_create() && !cx.manages(name);
    if is_new && cx.is_there(&Expected::Token(id.clone())).await == Some(true) {
        plan.push(with_lost_secret(errors::taken::<Token>(name, quoted(id)).at("name"), id));
    }
}

/// The refusal to make it.
pub(super) fn refuse(name: &str, id: &TokenId) -> Error {
    let Error(messages) = errors::not_ours::<Token>(name, quoted(id)).at("name");
    Error(messages.into_iter().map(|message| with_lost_secret(message, id)).collect())
}

/// A shell would read the `!`.
fn quoted(id: &TokenId) -> String {
    format!("'{id}'")
}

fn with_lost_secret(mut message: Diagnostic, id: &TokenId) -> Diagnostic {
    message.detail.push_str(&format!(
        "\n\nAn import does not bring its secret, which was told once, to whoever made it. If that was an apply that was \
         killed, nobody has it. Then remove the token, and apply again:\n\n  pveum user token remove '{}' '{}'",
        id.user, id.name
    ));
    message
}
