//! The provider's own login: what must not be taken from it, because then nothing could be given back.

use pve_client::{AclEntry, Grantee, GroupName, Pve, TokenId, UserId};
use tf_framework::prelude::*;

/// The login of the provider.
pub(crate) struct Own {
    identity: String,
    user: Option<UserId>,
}

impl Own {
    pub(crate) fn new(pve: &Pve) -> Self {
        let identity = pve.client().identity();
        let user = identity.split('!').next().and_then(|user| user.parse().ok());
        Self { identity, user }
    }

    /// Whether this is the user, also behind a token.
    pub(crate) fn is_user(&self, user: &UserId) -> bool {
        self.user.as_ref() == Some(user)
    }

    /// Whether this is the token.
    pub(crate) fn is_token(&self, token: &TokenId) -> bool {
        self.identity == token.to_string()
    }

    /// Who the entry is for, as far as it is the login itself: its token, or its user and the user's groups. Each of
    /// the two has to keep an entry, because a token with privilege separation may do only what both may.
    fn circle(&self, grantee: &Grantee, groups: &[GroupName]) -> Option<Circle> {
        match grantee {
            Grantee::Token(token) if self.is_token(token) => Some(Circle::Token),
            // This one may do everything without an entry.
            _ if self.user.as_ref().is_some_and(|user| user.as_str() == "root@pam") => None,
            Grantee::User(user) if self.is_user(user) => Some(Circle::User),
            Grantee::Group(group) if groups.contains(group) => Some(Circle::User),
            _ => None,
        }
    }

    /// Whether the login has no entry left once this one is gone.
    fn is_last(&self, going: &AclEntry, all: &[AclEntry], groups: &[GroupName]) -> bool {
        let Some(circle) = self.circle(&going.grantee, groups) else { return false };
        let stays =
            |entry: &&AclEntry| !entry.same_key(going) && self.circle(&entry.grantee, groups) == Some(circle);
        !all.iter().any(|entry| stays(&entry))
    }

    /// A message if removing the entry would leave the login without any.
    pub(crate) async fn refuses(
        &self,
        pve: &Pve,
        going: &AclEntry,
    ) -> pve_client::Result<Option<Diagnostic>> {
        let groups = match (&self.user, &going.grantee) {
            // Whoever may not read its own groups is not known to be in one.
            (Some(user), Grantee::Group(_)) => {
                pve.user(user).await.map(|user| user.groups.into_iter().collect()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if self.circle(&going.grantee, &groups).is_none() || !self.is_last(going, &pve.acl().await?, &groups)
        {
            return Ok(None);
        }
        Ok(Some(Diagnostic::error(
            "Own access would end",
            format!(
                "The provider is logged in as {}, and its last entry in the access control list is this one: role {:?} \
                 on {:?} for {:?}. Without it the provider could do nothing more, not even give it back. Grant the login \
                 another role first, or log in as somebody else to remove it.",
                self.identity,
                going.role.as_str(),
                going.path,
                going.grantee.to_string()
            ),
        )))
    }

    /// The message that a rotation from one token to the next would end the login, and lose the new secret with it.
    pub(crate) fn refuses_rotation(&self, in_use: &TokenId, next: &TokenId) -> Option<Diagnostic> {
        self.is_token(next).then(|| {
            Diagnostic::error(
                "Own login would end",
                format!(
                    "The provider is logged in as {}, the spare one of the two tokens, which this rotation gives a new \
                     secret: the login would end before that secret is known. Give the provider the token in use first, \
                     {in_use}: its secret is in the attribute `api_token` here.",
                    self.identity
                ),
            )
            .at("rotation_id")
        })
    }

    /// The message that an object is the login itself.
    pub(crate) fn is_self(&self, object: &str, verb: &str) -> Diagnostic {
        Diagnostic::error(
            "Own login would end",
            format!(
                "The provider is logged in as {}, so it cannot {verb} {object}: everything after that would fail. Log in \
                 as somebody else for this change.",
                self.identity
            ),
        )
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Circle {
    Token,
    User,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, grantee: Grantee) -> AclEntry {
        AclEntry { path: path.to_owned(), role: "Administrator".parse().unwrap(), grantee, propagate: true }
    }

    fn own(identity: &str) -> Own {
        Own { identity: identity.to_owned(), user: identity.split('!').next().unwrap().parse().ok() }
    }

    #[test]
    fn the_last_entry_of_the_login_is_known_by_token_user_and_group() {
        let user = || Grantee::User("tf@pve".parse().unwrap());
        let token = || Grantee::Token("tf@pve!ci".parse().unwrap());
        let group = || Grantee::Group("ops".parse().unwrap());
        let ops: Vec<GroupName> = vec!["ops".parse().unwrap()];
        let ci = own("tf@pve!ci");
        let all = [entry("/", user()), entry("/", token())];
        assert!(ci.is_last(&all[0], &all, &[]) && ci.is_last(&all[1], &all, &[]));
        let more = [entry("/", user()), entry("/vms", user()), entry("/", token())];
        assert!(!ci.is_last(&more[0], &more, &[]));
        let grouped = [entry("/", user()), entry("/", group())];
        assert!(!own("tf@pve").is_last(&grouped[0], &grouped, &ops));
        assert!(own("tf@pve").is_last(&grouped[1], &grouped[1..], &ops));
        assert!(!own("root@pam").is_last(&entry("/", Grantee::User("root@pam".parse().unwrap())), &[], &[]));
        assert!(!ci.is_last(&entry("/", Grantee::User("other@pve".parse().unwrap())), &[], &[]));
    }
}
