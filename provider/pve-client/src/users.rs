//! Users.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    Call, GroupName, Params, Pve, Result, Secret, TokenId, UserId,
    call::segment,
    decode::{Fields as _, words},
};

/// A user, as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `name@realm`.
    pub id: UserId,
    /// Whether the user can log in.
    pub enabled: bool,
    /// When the account ends, in seconds since 1970; 0 for never.
    pub expires_at: i64,
    /// The groups the user is in.
    pub groups: BTreeSet<GroupName>,
    /// The comment.
    pub comment: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
}

impl User {
    fn decode(id: UserId, data: &Map<String, Value>) -> Self {
        let text = |name| data.text(name).filter(|text| !text.is_empty());
        let groups = match data.get("groups") {
            Some(Value::Array(items)) => {
                items.iter().filter_map(|item| item.as_str()?.parse().ok()).collect()
            }
            Some(Value::String(list)) => words(list).filter_map(|word| word.parse().ok()).collect(),
            _ => BTreeSet::new(),
        };
        Self {
            id,
            enabled: data.truth("enable"),
            expires_at: data.int("expire").unwrap_or(0),
            groups,
            comment: text("comment"),
            email: text("email"),
            first_name: text("firstname"),
            last_name: text("lastname"),
        }
    }

    fn create_call(&self, password: Option<&Secret>) -> Call {
        let params = Params::new()
            .set("userid", &self.id)
            .opt("password", password.map(|secret| secret.expose()))
            .bool("enable", self.enabled)
            .set("expire", self.expires_at)
            .list("groups", &self.groups)
            .opt("comment", self.comment.as_ref())
            .opt("email", self.email.as_ref())
            .opt("firstname", self.first_name.as_ref())
            .opt("lastname", self.last_name.as_ref());
        Call::post("/access/users").with(params)
    }

    /// The call that turns another version of this user into this one. Nothing can be deleted; an
    /// empty value is none.
    fn update_call(&self, before: &User) -> Call {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let groups: Vec<&str> = self.groups.iter().map(GroupName::as_str).collect();
        let params = Params::new()
            .opt("enable", (self.enabled != before.enabled).then_some(u8::from(self.enabled)))
            .opt("expire", (self.expires_at != before.expires_at).then_some(self.expires_at))
            .opt("groups", (self.groups != before.groups).then(|| groups.join(",")))
            .opt("comment", (self.comment != before.comment).then(|| text(&self.comment)))
            .opt("email", (self.email != before.email).then(|| text(&self.email)))
            .opt("firstname", (self.first_name != before.first_name).then(|| text(&self.first_name)))
            .opt("lastname", (self.last_name != before.last_name).then(|| text(&self.last_name)));
        Call::put(path(&self.id)).with(params)
    }
}

fn path(id: &UserId) -> String {
    format!("/access/users/{}", segment(id.as_str()))
}

fn password_call(id: &UserId, password: &Secret, own: Option<&Secret>) -> Call {
    let params = Params::new()
        .set("userid", id)
        .set("password", password.expose())
        .opt("confirmation-password", own.map(|secret| secret.expose()));
    Call::put("/access/password").with(params)
}

/// Who can log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// The users.
    pub users: BTreeSet<UserId>,
    /// Their tokens.
    pub tokens: BTreeSet<TokenId>,
}

impl Logins {
    fn decode(rows: &[Map<String, Value>]) -> Self {
        let mut logins = Self::default();
        for row in rows {
            let Some(user) = row.parsed::<UserId>("userid") else { continue };
            let tokens = row.get("tokens").and_then(Value::as_array).into_iter().flatten();
            let names = tokens.filter_map(|token| token["tokenid"].as_str()?.parse().ok());
            logins.tokens.extend(names.map(|name| TokenId { user: user.clone(), name }));
            logins.users.insert(user);
        }
        logins
    }
}

fn list_call() -> Call {
    Call::get("/access/users").with(Params::new().set("full", 1))
}

impl Pve {
    /// The users and their tokens.
    pub async fn logins(&self) -> Result<Logins> {
        Ok(Logins::decode(&self.objects(&list_call()).await?))
    }

    /// The users, by id, with their groups.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows = self.objects(&list_call()).await?;
        let mut users: Vec<User> =
            rows.iter().filter_map(|row| Some(User::decode(row.parsed("userid")?, row))).collect();
        users.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(users)
    }

    /// One user.
    pub async fn user(&self, id: &UserId) -> Result<User> {
        Ok(User::decode(id.clone(), &self.object(&Call::get(path(id))).await?))
    }

    /// Creates a user; a password is for the realm `pve` only.
    pub async fn create_user(&self, user: &User, password: Option<&Secret>) -> Result<()> {
        self.send(&user.create_call(password)).await.map(drop)
    }

    /// Sends what differs between two versions of a user.
    pub async fn update_user(&self, before: &User, after: &User) -> Result<()> {
        let call = after.update_call(before);
        if call.params.is_empty() {
            return Ok(());
        }
        self.send(&call).await.map(drop)
    }

    /// Sets a password. A token cannot do that; a ticket has to confirm it with the password it was
    /// made from.
    pub async fn set_password(&self, id: &UserId, password: &Secret) -> Result<()> {
        let own = self.client.password();
        self.send(&password_call(id, password, own)).await.map(drop)
    }

    /// Deletes a user with its tokens and its entries in the access control list.
    pub async fn delete_user(&self, id: &UserId) -> Result<()> {
        self.send(&Call::delete(path(id))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(data: Value) -> User {
        User::decode("tf@pve".parse().unwrap(), data.as_object().unwrap())
    }

    #[test]
    fn a_user_is_created_with_everything_and_updated_with_differences() {
        let full = user(json!({"firstname": "T", "comment": "\u{fc}n\u{ef}code", "enable": 1, "expire": 0,
            "groups": ["tfgroup"], "tokens": null, "lastname": "F", "email": "tf@example.com"}));
        assert_eq!(
            full.create_call(Some(&"Secret123!".into())).wire(),
            "POST /api2/json/access/users userid=tf%40pve&password=Secret123%21&enable=1&expire=0\
             &groups=tfgroup&comment=%C3%BCn%C3%AFcode&email=tf%40example.com&firstname=T&lastname=F"
        );
        let bare = user(json!({"groups": [], "tokens": null, "expire": 0, "enable": 0}));
        assert_eq!(
            bare.update_call(&full).wire(),
            "PUT /api2/json/access/users/tf%40pve enable=0&groups=&comment=&email=&firstname=&lastname="
        );
        assert!(full.update_call(&full).params.is_empty());
    }

    #[test]
    fn tokens_are_listed_with_their_users() {
        let row = json!({"userid": "ci@pve", "tokens": [{"tokenid": "deploy", "privsep": 1}]});
        let rows = [row, json!({"userid": "root@pam"})].map(|row| row.as_object().unwrap().clone());
        let logins = Logins::decode(&rows);
        assert_eq!(logins.users.len(), 2);
        assert_eq!(logins.tokens, BTreeSet::from(["ci@pve!deploy".parse().unwrap()]));
    }

    #[test]
    fn groups_of_the_full_list_are_a_comma_list() {
        assert_eq!(user(json!({"enable": 1, "expire": 0, "groups": "a,b"})).groups.len(), 2);
    }

    #[test]
    fn a_password_is_confirmed_with_the_own_one() {
        let id = "tf@pve".parse().unwrap();
        assert_eq!(
            password_call(&id, &"new".into(), Some(&"old".into())).wire(),
            "PUT /api2/json/access/password userid=tf%40pve&password=new&confirmation-password=old"
        );
    }
}
