//! The provider's own login: what must not be taken from it, because then nothing could be given back.

use std::fmt;

use pve_client::{AclEntry, Grantee, GroupName, Pve, RoleName, TokenId, UserId};
use tf_framework::prelude::*;

use crate::cx::Cx;

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

    /// Whether the login has no entry left of one of its circles once some are gone.
    fn ends(&self, going: &Going<'_>, all: &[AclEntry], groups: &[GroupName]) -> bool {
        [Circle::Token, Circle::User].into_iter().any(|circle| {
            let mut had =
                all.iter().filter(|entry| self.circle(&entry.grantee, groups) == Some(circle)).peekable();
            had.peek().is_some() && had.all(|entry| going.takes(entry))
        })
    }

    /// A message if what goes would leave the login without any entry.
    pub(crate) async fn refuses(
        &self,
        pve: &Pve,
        going: &Going<'_>,
    ) -> pve_client::Result<Option<Diagnostic>> {
        // Whoever may not read its own groups is not known to be in one.
        let groups = match &self.user {
            Some(user) if going.may_concern_groups() => {
                pve.user(user).await.map(|user| user.groups.into_iter().collect()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let concerned = match going {
            Going::Entry(entry) => self.circle(&entry.grantee, &groups).is_some(),
            Going::Groups(gone) => groups.iter().any(|group| gone.contains(group)),
            Going::Role(_) => true,
        };
        if !concerned || !self.ends(going, &pve.acl().await?, &groups) {
            return Ok(None);
        }
        Ok(Some(Diagnostic::error(
            "Own access would end",
            format!(
                "The provider is logged in as {}, and {going}. Without it the provider could do nothing more, not even give \
                 it back. Grant the login another role first, or log in as somebody else for this change.",
                self.identity
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

/// Refuses when planning what would leave the provider's login without access, and warns of a replacement: what is new may
/// be there before.
pub(crate) async fn guard<M: SchemaModel>(cx: &Cx, plan: &mut Plan<'_, M>, going: Going<'_>, replaced: bool) {
    let Ok(pve) = cx.pve() else { return };
    if let Ok(Some(mut refusal)) = Own::new(&pve).refuses(&pve, &going).await {
        if replaced {
            refusal.severity = tf_framework::Severity::Warning;
        }
        plan.push(refusal);
    }
}

/// What a change takes away.
#[derive(Clone, Copy)]
pub(crate) enum Going<'a> {
    /// One entry.
    Entry(&'a AclEntry),
    /// Groups, or the login's membership in them.
    Groups(&'a BTreeSet<GroupName>),
    /// A role, and with it what entries with it grant.
    Role(&'a RoleName),
}

impl Going<'_> {
    fn takes(&self, entry: &AclEntry) -> bool {
        match self {
            Self::Entry(going) => entry.same_key(going),
            Self::Groups(gone) => {
                matches!(&entry.grantee, Grantee::Group(group) if gone.contains(group))
            }
            Self::Role(role) => entry.role == **role,
        }
    }

    fn may_concern_groups(&self) -> bool {
        !matches!(self, Self::Entry(AclEntry { grantee: Grantee::User(_) | Grantee::Token(_), .. }))
    }
}

impl fmt::Display for Going<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(entry) => write!(
                f,
                "its last entry in the access control list is this one: role {:?} on {:?} for {:?}",
                entry.role.as_str(),
                entry.path,
                entry.grantee.to_string()
            ),
            Self::Groups(gone) => write!(
                f,
                "what it may do is granted only to its group {}",
                gone.iter().map(|group| format!("{:?}", group.as_str())).collect::<Vec<_>>().join(", ")
            ),
            Self::Role(role) => {
                write!(
                    f,
                    "each of its entries in the access control list grants this role, {:?}",
                    role.as_str()
                )
            }
        }
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
        let ends = |own: &Own, going: &AclEntry, all: &[AclEntry]| own.ends(&Going::Entry(going), all, &ops);
        let all = [entry("/", user()), entry("/", token())];
        assert!(ends(&ci, &all[0], &all) && ends(&ci, &all[1], &all));
        let more = [entry("/", user()), entry("/vms", user()), entry("/", token())];
        assert!(!ends(&ci, &more[0], &more));
        let grouped = [entry("/", user()), entry("/", group())];
        assert!(!ends(&own("tf@pve"), &grouped[0], &grouped));
        assert!(ends(&own("tf@pve"), &grouped[1], &grouped[1..]));
        let root = [entry("/", Grantee::User("root@pam".parse().unwrap()))];
        assert!(!ends(&own("root@pam"), &root[0], &root));
        let other = [entry("/", Grantee::User("other@pve".parse().unwrap()))];
        assert!(!ends(&ci, &other[0], &other));
    }

    #[test]
    fn access_ends_with_a_group_or_a_role_too() {
        let user = entry("/", Grantee::User("tf@pve".parse().unwrap()));
        let group = entry("/", Grantee::Group("ops".parse().unwrap()));
        let (tf, ops): (Own, Vec<GroupName>) = (own("tf@pve"), vec!["ops".parse().unwrap()]);
        let gone: BTreeSet<GroupName> = ops.iter().cloned().collect();
        assert!(tf.ends(&Going::Groups(&gone), std::slice::from_ref(&group), &ops));
        assert!(!tf.ends(&Going::Groups(&gone), &[user.clone(), group.clone()], &ops));
        assert!(!tf.ends(&Going::Groups(&gone), std::slice::from_ref(&group), &[]), "it is not in the group");
        let role: RoleName = "Administrator".parse().unwrap();
        assert!(tf.ends(&Going::Role(&role), &[user.clone(), group.clone()], &ops));
        let other = AclEntry { role: "PVEAuditor".parse().unwrap(), ..group };
        assert!(!tf.ends(&Going::Role(&role), &[user, other], &ops));
    }
}
