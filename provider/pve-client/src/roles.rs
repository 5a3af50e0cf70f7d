//! Roles: named sets of privileges.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    Call, Params, Pve, Result, RoleName,
    call::segment,
    decode::{Fields as _, truth, words},
};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: RoleName,
    /// Its privileges.
    pub privileges: BTreeSet<String>,
    /// Whether it came with Proxmox VE and cannot be changed.
    pub built_in: bool,
}

impl Role {
    fn from_list(data: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            name: data.parsed("roleid")?,
            privileges: data
                .text("privs")
                .map(|text| words(&text).map(str::to_owned).collect())
                .unwrap_or_default(),
            built_in: data.truth("special"),
        })
    }
}

/// The privileges of the answer for one role, which is an object of privilege to 1.
fn privileges(data: &Map<String, Value>) -> BTreeSet<String> {
    let granted = data.iter().filter(|(_, value)| truth(value) == Some(true));
    granted.map(|(name, _)| name.clone()).collect()
}

fn path(name: &RoleName) -> String {
    format!("/access/roles/{}", segment(name.as_str()))
}

fn create_call(name: &RoleName, privileges: &BTreeSet<String>) -> Call {
    Call::post("/access/roles").with(Params::new().set("roleid", name).list("privs", privileges))
}

/// The set is replaced; an empty one has to be sent, because without `privs` nothing changes.
fn update_call(name: &RoleName, privileges: &BTreeSet<String>) -> Call {
    let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
    Call::put(path(name)).with(Params::new().set("privs", privileges.join(",")))
}

impl Pve {
    /// The roles, by name.
    pub async fn roles(&self) -> Result<Vec<Role>> {
        let mut roles: Vec<Role> =
            self.objects(&Call::get("/access/roles")).await?.iter().filter_map(Role::from_list).collect();
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(roles)
    }

    /// The privileges of one role.
    pub async fn role(&self, name: &RoleName) -> Result<BTreeSet<String>> {
        Ok(privileges(&self.object(&Call::get(path(name))).await?))
    }

    /// Creates a role.
    pub async fn create_role(&self, name: &RoleName, privileges: &BTreeSet<String>) -> Result<()> {
        self.send(&create_call(name, privileges)).await.map(drop)
    }

    /// Replaces the privileges of a role.
    pub async fn update_role(&self, name: &RoleName, privileges: &BTreeSet<String>) -> Result<()> {
        self.send(&update_call(name, privileges)).await.map(drop)
    }

    /// Deletes a role; entries of the access control list that name it stay without effect.
    pub async fn delete_role(&self, name: &RoleName) -> Result<()> {
        self.send(&Call::delete(path(name))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_is_sent_as_a_comma_list_and_an_empty_one_is_sent_too() {
        let name: RoleName = "TFRole".parse().unwrap();
        let some = BTreeSet::from(["VM.Audit".to_owned(), "SDN.Use".to_owned()]);
        assert_eq!(
            create_call(&name, &some).wire(),
            "POST /api2/json/access/roles roleid=TFRole&privs=SDN.Use%2CVM.Audit"
        );
        assert_eq!(create_call(&name, &BTreeSet::new()).wire(), "POST /api2/json/access/roles roleid=TFRole");
        assert_eq!(update_call(&name, &BTreeSet::new()).wire(), "PUT /api2/json/access/roles/TFRole privs=");
    }

    #[test]
    fn the_list_tells_built_in_roles() {
        let list = json!({"privs": "Pool.Audit,VM.Audit", "special": 1, "roleid": "PVEPoolUser"});
        let role = Role::from_list(list.as_object().unwrap()).unwrap();
        assert!(role.built_in && role.privileges.len() == 2);
        let one = json!({"VM.Audit": 1, "VM.Clone": 1});
        assert_eq!(privileges(one.as_object().unwrap()).len(), 2);
    }
}
