//! Which privileges a user or token has where.

mod expression;

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Failure;
use super::roles;
use super::state::{Lab, SubjectKind};

/// Privileges with their propagate flag.
pub type Privileges = BTreeMap<String, bool>;

/// `name@realm` or `name@realm!token`, as tasks and permissions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(pub String);

impl Principal {
    /// The user, without the token.
    pub fn user(&self) -> &str {
        self.0.split('!').next().unwrap_or_default()
    }

    /// The token's id.
    pub fn token(&self) -> Option<&str> {
        self.0.split_once('!').map(|(_, token)| token)
    }

    /// The superuser with a ticket; its tokens are not.
    pub fn is_root(&self) -> bool {
        self.0 == "root@pam"
    }
}

impl Lab {
    /// Privileges of `who` at `path`, with the propagate flag of each.
    pub fn privileges(&self, who: &Principal, path: &str) -> Privileges {
        if who.user() == "root@pam" && !self.is_separated(who) {
            return roles::privileges(self.release).into_iter().map(|name| (name.to_owned(), true)).collect();
        }
        let of_user = self.user_privileges(who.user(), path);
        if !self.is_separated(who) {
            return of_user;
        }
        let of_token = self.with_pool(path, |at| self.roles_at(&who.0, &BTreeSet::new(), true, at));
        of_token
            .into_iter()
            .filter_map(|(name, propagate)| of_user.get(&name).map(|flag| (name, propagate && *flag)))
            .collect()
    }

    /// Privileges of a user, whatever tokens it has.
    fn user_privileges(&self, user: &str, path: &str) -> Privileges {
        if user == "root@pam" {
            return roles::privileges(self.release).into_iter().map(|name| (name.to_owned(), true)).collect();
        }
        let groups: BTreeSet<&str> = self
            .access
            .groups
            .iter()
            .filter(|(_, group)| group.users.contains(user))
            .map(|(id, _)| id.as_str())
            .collect();
        self.with_pool(path, |at| self.roles_at(user, &groups, false, at))
    }

    fn is_separated(&self, who: &Principal) -> bool {
        let Some(token) = who.token() else { return false };
        self.access
            .users
            .get(who.user())
            .and_then(|user| user.tokens.get(token))
            .is_some_and(|token| token.separated)
    }

    /// Privileges at a path, with those of the pool that holds it.
    fn with_pool(&self, path: &str, roles_at: impl Fn(&str) -> BTreeMap<String, bool>) -> Privileges {
        let mut roles = roles_at(path);
        if let Some(pool) = self.pool_of(path).filter(|_| !roles.contains_key("NoAccess")) {
            for (role, propagate) in roles_at(&format!("/pool/{pool}")) {
                roles.entry(role).or_insert(propagate);
            }
        }
        if roles.contains_key("NoAccess") {
            return Privileges::new();
        }
        let mut privileges = Privileges::new();
        for (role, propagate) in roles {
            for privilege in self.privileges_of_role(&role).unwrap_or_default() {
                let flag = privileges.entry(privilege).or_insert(propagate);
                *flag |= propagate;
            }
        }
        privileges
    }

    fn pool_of(&self, path: &str) -> Option<&str> {
        let mut parts = path.split('/').skip(1);
        match (parts.next()?, parts.next()?) {
            ("vms", vmid) => self.pool_of_guest(vmid.parse().ok()?),
            ("storage", storage) => {
                self.pools.iter().find(|(_, pool)| pool.storages.contains(storage)).map(|(id, _)| id.as_str())
            }
            _ => None,
        }
    }

    /// Privileges of a role; none if there is no such role.
    pub fn privileges_of_role(&self, role: &str) -> Option<BTreeSet<String>> {
        match roles::built_in(self.release, role) {
            Some(names) => Some(names.into_iter().map(str::to_owned).collect()),
            None => self.access.roles.get(role).cloned(),
        }
    }

    /// Roles of a subject at a path: the deepest path with an entry wins, users over groups.
    fn roles_at(
        &self,
        subject: &str,
        groups: &BTreeSet<&str>,
        token: bool,
        path: &str,
    ) -> BTreeMap<String, bool> {
        let mut roles = BTreeMap::new();
        for at in ancestors(path) {
            let here =
                || self.access.acl.iter().filter(|entry| entry.path == at && (entry.propagate || at == path));
            let kind = if token { SubjectKind::Token } else { SubjectKind::User };
            let mut own: BTreeMap<String, bool> = here()
                .filter(|entry| entry.kind == kind && entry.subject == subject)
                .map(|entry| (entry.role.clone(), entry.propagate))
                .collect();
            if own.is_empty() {
                own = here()
                    .filter(|entry| {
                        entry.kind == SubjectKind::Group && groups.contains(entry.subject.as_str())
                    })
                    .map(|entry| (entry.role.clone(), entry.propagate))
                    .collect();
            }
            if own.contains_key("NoAccess") {
                own.retain(|role, _| role == "NoAccess");
            }
            if !own.is_empty() {
                roles = own;
            }
        }
        roles
    }

    /// Whether `who` has every one of `privileges` at `path`.
    pub fn allows(&self, who: &Principal, path: &str, privileges: &[&str]) -> bool {
        let held = self.privileges(who, path);
        privileges.iter().all(|name| held.contains_key(*name))
    }

    /// Whether `who` has one of `privileges` at `path`.
    pub fn allows_any(&self, who: &Principal, path: &str, privileges: &[&str]) -> bool {
        let held = self.privileges(who, path);
        privileges.iter().any(|name| held.contains_key(*name))
    }

    /// Refuses unless `who` has every one of `privileges`, naming the first that is missing.
    pub fn require(&self, who: &Principal, path: &str, privileges: &[&str]) -> Result<(), Failure> {
        if who.is_root() {
            return Ok(());
        }
        let held = self.privileges(who, path);
        match privileges.iter().find(|name| !held.contains_key(**name)) {
            Some(missing) => Err(Failure::permission(&format!("{path}, {missing}"))),
            None => Ok(()),
        }
    }

    /// Refuses unless `who` has one of `privileges`.
    pub fn require_any(&self, who: &Principal, path: &str, privileges: &[&str]) -> Result<(), Failure> {
        if who.is_root() || self.allows_any(who, path, privileges) {
            return Ok(());
        }
        Err(Failure::permission(&format!("{path}, {}", privileges.join("|"))))
    }
}

/// `/`, `/vms`, `/vms/100` for `/vms/100`.
fn ancestors(path: &str) -> Vec<String> {
    let mut found = vec!["/".to_owned()];
    let mut at = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        at.push('/');
        at.push_str(part);
        found.push(at.clone());
    }
    found
}

/// Without doubled or trailing slashes.
pub fn normalized(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::state::{AclEntry, Group, Pool, Token, User};

    fn lab(entries: &[(&str, SubjectKind, &str, &str, bool)]) -> Lab {
        let mut lab = Lab::default();
        let token = |separated| Token { separated, ..Token::default() };
        let tokens = [("sep".to_owned(), token(true)), ("full".to_owned(), token(false))].into();
        lab.access.users.insert("tf@pve".to_owned(), User { enabled: true, tokens, ..User::default() });
        lab.access
            .groups
            .insert("ops".to_owned(), Group { users: ["tf@pve".to_owned()].into(), ..Group::default() });
        lab.access.acl = entries
            .iter()
            .map(|(path, kind, subject, role, propagate)| AclEntry {
                path: (*path).to_owned(),
                kind: *kind,
                subject: (*subject).to_owned(),
                role: (*role).to_owned(),
                propagate: *propagate,
            })
            .collect();
        lab
    }

    fn who(text: &str) -> Principal {
        Principal(text.to_owned())
    }

    #[test]
    fn a_deeper_entry_replaces_a_higher_one() {
        let lab = lab(&[
            ("/", SubjectKind::User, "tf@pve", "PVEVMAdmin", true),
            ("/vms/103", SubjectKind::User, "tf@pve", "NoAccess", true),
        ]);
        assert!(lab.allows(&who("tf@pve"), "/vms/100", &["VM.Audit"]));
        assert!(!lab.allows(&who("tf@pve"), "/vms/103", &["VM.Audit"]));
    }

    #[test]
    fn an_entry_without_propagation_ends_at_its_path() {
        let lab = lab(&[("/vms", SubjectKind::User, "tf@pve", "PVEVMAdmin", false)]);
        assert_eq!(lab.privileges(&who("tf@pve"), "/vms").get("VM.Audit"), Some(&false));
        assert!(lab.privileges(&who("tf@pve"), "/vms/100").is_empty());
    }

    #[test]
    fn a_separated_token_has_what_both_have() {
        let lab = lab(&[
            ("/", SubjectKind::User, "tf@pve", "PVEVMUser", true),
            ("/", SubjectKind::Token, "tf@pve!sep", "Administrator", true),
        ]);
        assert!(lab.allows(&who("tf@pve!sep"), "/vms/1", &["VM.Audit"]));
        assert!(!lab.allows(&who("tf@pve!sep"), "/vms/1", &["VM.Allocate"]));
        assert!(lab.allows(&who("tf@pve!full"), "/vms/1", &["VM.Audit"]));
    }

    #[test]
    fn the_pool_of_a_guest_gives_its_privileges_too() {
        let mut lab = lab(&[("/pool/p", SubjectKind::Group, "ops", "PVEVMUser", true)]);
        lab.pools.insert("p".to_owned(), Pool { guests: [100].into(), ..Pool::default() });
        assert!(lab.allows(&who("tf@pve"), "/vms/100", &["VM.Audit"]));
        assert!(!lab.allows(&who("tf@pve"), "/vms/101", &["VM.Audit"]));
    }
}
