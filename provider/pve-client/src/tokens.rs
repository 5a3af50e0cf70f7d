//! API tokens of users.

use serde_json::{Map, Value};

use crate::{
    Call, Params, Pve, Result, Secret, TokenId, UserId, call::segment, client::unexpected,
    decode::Fields as _,
};

/// A token, without its secret, which is told only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// `user@realm!name`.
    pub id: TokenId,
    /// The comment.
    pub comment: Option<String>,
    /// When it ends, in seconds since 1970; 0 for as long as its user.
    pub expires_at: i64,
    /// Whether it has only what both it and its user are granted.
    pub privilege_separation: bool,
}

impl Token {
    fn decode(id: TokenId, data: &Map<String, Value>) -> Self {
        Self {
            id,
            comment: data.text("comment").filter(|text| !text.is_empty()),
            expires_at: data.int("expire").unwrap_or(0),
            privilege_separation: data.truth("privsep"),
        }
    }

    fn settings(&self) -> Params {
        Params::new().bool("privsep", self.privilege_separation).set("expire", self.expires_at)
    }

    fn create_call(&self) -> Call {
        Call::post(path(&self.id)).with(self.settings().opt("comment", self.comment.as_ref()))
    }

    /// All of it is sent: what is left out keeps its value, and `delete` is new in 9.
    fn update_call(&self) -> Call {
        Call::put(path(&self.id))
            .with(self.settings().set("comment", self.comment.as_deref().unwrap_or_default()))
    }
}

fn path(id: &TokenId) -> String {
    format!("/access/users/{}/token/{}", segment(id.user.as_str()), segment(id.name.as_str()))
}

fn regenerate_call(id: &TokenId) -> Call {
    Call::put(path(id)).with(Params::new().set("regenerate", 1))
}

impl Pve {
    /// The tokens of a user, by name.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<Token>> {
        let call = Call::get(format!("/access/users/{}/token", segment(user.as_str())));
        let rows = self.objects(&call).await?;
        let token = |row: &Map<String, Value>| {
            Some(Token::decode(TokenId { user: user.clone(), name: row.parsed("tokenid")? }, row))
        };
        let mut tokens: Vec<Token> = rows.iter().filter_map(token).collect();
        tokens.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(tokens)
    }

    /// One token.
    pub async fn token(&self, id: &TokenId) -> Result<Token> {
        Ok(Token::decode(id.clone(), &self.object(&Call::get(path(id))).await?))
    }

    /// Creates a token and gives its secret.
    pub async fn create_token(&self, token: &Token) -> Result<Secret> {
        self.token_secret(&token.create_call()).await
    }

    /// Changes everything but the secret.
    pub async fn update_token(&self, token: &Token) -> Result<()> {
        self.send(&token.update_call()).await.map(drop)
    }

    /// Gives a token a new secret; the old one ends at once. New in 9.2: older versions refuse it.
    pub async fn regenerate_token(&self, id: &TokenId) -> Result<Secret> {
        self.token_secret(&regenerate_call(id)).await
    }

    /// Deletes a token with its entries in the access control list.
    pub async fn delete_token(&self, id: &TokenId) -> Result<()> {
        self.send(&Call::delete(path(id))).await.map(drop)
    }

    async fn token_secret(&self, call: &Call) -> Result<Secret> {
        let data = self.object(call).await?;
        data.text("value").map(Secret::new).ok_or_else(|| unexpected(call, "there is no secret"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_read_from_numbers_and_strings_alike() {
        let id: TokenId = "tf@pve!tok1".parse().unwrap();
        let created = json!({"comment": "privsep token", "privsep": "1"});
        let stored = json!({"comment": "privsep token", "expire": 0, "privsep": 1});
        let token = Token::decode(id.clone(), created.as_object().unwrap());
        assert_eq!(token, Token::decode(id.clone(), stored.as_object().unwrap()));
        assert_eq!(
            token.create_call().wire(),
            "POST /api2/json/access/users/tf%40pve/token/tok1 privsep=1&expire=0&comment=privsep+token"
        );
        assert_eq!(
            Token { comment: None, privilege_separation: false, ..token }.update_call().wire(),
            "PUT /api2/json/access/users/tf%40pve/token/tok1 privsep=0&expire=0&comment="
        );
        assert_eq!(
            regenerate_call(&id).wire(),
            "PUT /api2/json/access/users/tf%40pve/token/tok1 regenerate=1"
        );
    }
}
