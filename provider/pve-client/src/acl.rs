//! Entries of the access control list.

use std::fmt;

use serde_json::{Map, Value};

use crate::{Call, GroupName, Params, Pve, Result, RoleName, TokenId, UserId, decode::Fields as _};

/// Who is granted a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// A user.
    User(UserId),
    /// A group of users.
    Group(GroupName),
    /// A token.
    Token(TokenId),
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Group(group) => group.fmt(f),
            Self::Token(token) => token.fmt(f),
        }
    }
}

/// One entry: a role for somebody on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclEntry {
    /// The path, such as `/` or `/vms/100`.
    pub path: String,
    /// The role.
    pub role: RoleName,
    /// Who has it.
    pub grantee: Grantee,
    /// Whether it holds below the path too.
    pub propagate: bool,
}

impl AclEntry {
    fn decode(data: &Map<String, Value>) -> Option<Self> {
        let grantee = match data.text("type")?.as_str() {
            "user" => Grantee::User(data.parsed("ugid")?),
            "group" => Grantee::Group(data.parsed("ugid")?),
            "token" => Grantee::Token(data.parsed("ugid")?),
            _ => return None,
        };
        Some(Self {
            path: data.text("path")?,
            role: data.parsed("roleid")?,
            grantee,
            propagate: data.truth("propagate"),
        })
    }

    /// Whether two entries are for the same role, path and grantee.
    pub fn same_key(&self, other: &AclEntry) -> bool {
        (&self.path, &self.role, &self.grantee) == (&other.path, &other.role, &other.grantee)
    }

    fn call(&self, delete: bool) -> Call {
        let kind = match &self.grantee {
            Grantee::User(_) => "users",
            Grantee::Group(_) => "groups",
            Grantee::Token(_) => "tokens",
        };
        let params = Params::new()
            .set("path", &self.path)
            .set("roles", &self.role)
            .set(kind, &self.grantee)
            .bool("propagate", self.propagate)
            .flag("delete", delete);
        Call::put("/access/acl").with(params)
    }
}

impl Pve {
    /// All entries the credentials may see, in order of path, role and grantee.
    pub async fn acl(&self) -> Result<Vec<AclEntry>> {
        let rows = self.objects(&Call::get("/access/acl")).await?;
        let mut entries: Vec<AclEntry> = rows.iter().filter_map(AclEntry::decode).collect();
        entries.sort();
        Ok(entries)
    }

    /// Adds an entry, or changes whether it propagates.
    pub async fn grant(&self, entry: &AclEntry) -> Result<()> {
        self.send(&entry.call(false)).await.map(drop)
    }

    /// Removes an entry; one that is not there is fine.
    pub async fn revoke(&self, entry: &AclEntry) -> Result<()> {
        self.send(&entry.call(true)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_names_its_grantee_by_kind() {
        let row = json!({"path": "/vms/150", "roleid": "PVEVMAdmin", "propagate": 0, "ugid": "tf@pve!tok1", "type": "token"});
        let entry = AclEntry::decode(row.as_object().unwrap()).unwrap();
        assert_eq!(
            entry.call(false).wire(),
            "PUT /api2/json/access/acl path=%2Fvms%2F150&roles=PVEVMAdmin&tokens=tf%40pve%21tok1&propagate=0"
        );
        let row = json!({"ugid": "tfgroup", "propagate": 1, "type": "group", "roleid": "PVEDatastoreUser", "path": "/storage/local"});
        let entry = AclEntry::decode(row.as_object().unwrap()).unwrap();
        assert_eq!(
            entry.call(true).wire(),
            "PUT /api2/json/access/acl path=%2Fstorage%2Flocal&roles=PVEDatastoreUser&groups=tfgroup&propagate=1&delete=1"
        );
    }
}
