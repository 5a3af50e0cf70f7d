//! Pools and their members.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    Call, Error, Params, PoolName, Pve, Result, StorageName, VmId,
    decode::{Fields as _, objects},
};

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The name.
    pub name: PoolName,
    /// The comment.
    pub comment: Option<String>,
    /// The guests in it. Empty in the list of pools, which does not tell.
    pub vms: BTreeSet<VmId>,
    /// The storages in it. Empty in the list of pools, which does not tell.
    pub storages: BTreeSet<StorageName>,
}

/// A change of members or of the comment.
#[derive(Clone, Debug, Default)]
pub struct PoolEdit {
    /// The new comment; an empty one removes it.
    pub comment: Option<String>,
    /// Guests to add or remove.
    pub vms: BTreeSet<VmId>,
    /// Storages to add or remove.
    pub storages: BTreeSet<StorageName>,
    /// Whether to remove the members instead of adding them.
    pub remove: bool,
    /// Whether guests may be taken from another pool.
    pub allow_move: bool,
}

impl PoolEdit {
    /// The call. The name is a parameter, because names with a slash do not fit a path.
    pub fn call(&self, pool: &PoolName) -> Call {
        let params = Params::new()
            .set("poolid", pool)
            .opt("comment", self.comment.as_ref())
            .list("vms", &self.vms)
            .list("storage", &self.storages)
            .flag("delete", self.remove)
            .flag("allow-move", self.allow_move);
        let call = Call::put("/pools").with(params);
        // Adding a member twice is refused; setting a comment twice is not.
        if self.vms.is_empty() && self.storages.is_empty() { call.idempotent() } else { call }
    }
}

impl Pool {
    fn decode(data: &Map<String, Value>) -> Option<Self> {
        let members = objects(data.get("members").cloned().unwrap_or_default());
        let kind = |member: &Map<String, Value>| member.text("type").unwrap_or_default();
        Some(Self {
            name: data.parsed("poolid")?,
            comment: data.text("comment").filter(|text| !text.is_empty()),
            vms: members
                .iter()
                .filter(|m| matches!(kind(m).as_str(), "qemu" | "lxc"))
                .filter_map(|m| m.parsed("vmid"))
                .collect(),
            storages: members
                .iter()
                .filter(|m| kind(m) == "storage")
                .filter_map(|m| m.parsed("storage"))
                .collect(),
        })
    }
}

impl Pve {
    /// The pools, by name, without members.
    pub async fn pools(&self) -> Result<Vec<Pool>> {
        let mut pools: Vec<Pool> =
            self.objects(&Call::get("/pools")).await?.iter().filter_map(Pool::decode).collect();
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pools)
    }

    /// One pool with its members.
    pub async fn pool(&self, name: &PoolName) -> Result<Pool> {
        let call = Call::get("/pools").with(Params::new().set("poolid", name));
        let found = self.objects(&call).await?.iter().find_map(Pool::decode);
        found.ok_or_else(|| Error::NotFound { message: format!("pool '{name}' does not exist") })
    }

    /// Creates an empty pool.
    pub async fn create_pool(&self, name: &PoolName, comment: Option<&str>) -> Result<()> {
        let params = Params::new().set("poolid", name).opt("comment", comment);
        self.send(&Call::post("/pools").with(params)).await.map(drop)
    }

    /// Changes a pool.
    pub async fn edit_pool(&self, name: &PoolName, edit: &PoolEdit) -> Result<()> {
        self.send(&edit.call(name)).await.map(drop)
    }

    /// Deletes an empty pool.
    pub async fn delete_pool(&self, name: &PoolName) -> Result<()> {
        self.send(&Call::delete("/pools").with(Params::new().set("poolid", name))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_and_removed_by_the_same_call() {
        let pool: PoolName = "a/b".parse().unwrap();
        let mut edit = PoolEdit {
            vms: [101, 100].map(|n| VmId::new(n).unwrap()).into(),
            allow_move: true,
            ..PoolEdit::default()
        };
        assert_eq!(edit.call(&pool).wire(), "PUT /api2/json/pools poolid=a%2Fb&vms=100%2C101&allow-move=1");
        edit = PoolEdit { storages: ["local".parse().unwrap()].into(), remove: true, ..PoolEdit::default() };
        assert_eq!(edit.call(&pool).wire(), "PUT /api2/json/pools poolid=a%2Fb&storage=local&delete=1");
        edit = PoolEdit { comment: Some(String::new()), ..PoolEdit::default() };
        assert_eq!(edit.call(&pool).wire(), "PUT /api2/json/pools poolid=a%2Fb&comment=");
    }
}
