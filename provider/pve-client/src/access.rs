//! Tickets and permissions.

use std::collections::{BTreeMap, BTreeSet};

use api_core::Secret;
use serde_json::{Map, Value};

use crate::{
    Call, Params, Pve, Result,
    decode::{Fields as _, truth},
};

/// A login that is valid for two hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// `user@realm`.
    pub username: String,
    /// The value of the cookie `PVEAuthCookie`.
    pub value: Secret,
    /// The value of the header `CSRFPreventionToken`.
    pub csrf: Secret,
}

impl Ticket {
    pub(crate) fn decode(data: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            username: data.text("username")?,
            value: data.text("ticket")?.into(),
            csrf: data.text("CSRFPreventionToken")?.into(),
        })
    }
}

/// Privileges by path; the value tells whether they propagate.
pub type Permissions = BTreeMap<String, BTreeMap<String, bool>>;

impl Pve {
    /// The names of the realms. Everybody may see them.
    pub async fn realms(&self) -> Result<BTreeSet<String>> {
        let found = self.send(&Call::get("/access/domains")).await?;
        let name = |row: &Value| row.as_object()?.text("realm");
        Ok(found.as_array().into_iter().flatten().filter_map(name).collect())
    }

    /// The privileges of the credentials in use, or those on one path.
    pub async fn permissions(&self, path: Option<&str>) -> Result<Permissions> {
        let call = Call::get("/access/permissions").with(Params::new().opt("path", path));
        // No privileges at all are an empty object or an empty list.
        let Value::Object(paths) = self.send(&call).await? else {
            return Ok(Permissions::new());
        };
        let privileges = |map: Map<String, Value>| {
            map.iter().map(|(name, v)| (name.clone(), truth(v).unwrap_or(false))).collect()
        };
        Ok(paths
            .into_iter()
            .filter_map(
                |(path, v)| {
                    if let Value::Object(map) = v { Some((path, privileges(map))) } else { None }
                },
            )
            .collect())
    }
}
