//! Groups of users.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    Call, GroupName, Params, Pve, Result, UserId,
    call::segment,
    decode::{Fields as _, words},
};

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: GroupName,
    /// The comment.
    pub comment: Option<String>,
    /// The users in it.
    pub members: BTreeSet<UserId>,
}

impl Group {
    fn from_list(data: &Map<String, Value>) -> Option<Self> {
        let users = data.text("users").unwrap_or_default();
        Some(Self {
            name: data.parsed("groupid")?,
            comment: data.text("comment").filter(|text| !text.is_empty()),
            members: words(&users).filter_map(|user| user.parse().ok()).collect(),
        })
    }

    fn from_one(name: &GroupName, data: &Map<String, Value>) -> Self {
        let members = data.get("members").and_then(Value::as_array).into_iter().flatten();
        Self {
            name: name.clone(),
            comment: data.text("comment").filter(|text| !text.is_empty()),
            members: members.filter_map(|user| user.as_str()?.parse().ok()).collect(),
        }
    }
}

fn path(name: &GroupName) -> String {
    format!("/access/groups/{}", segment(name.as_str()))
}

fn create_call(name: &GroupName, comment: Option<&str>) -> Call {
    Call::post("/access/groups").with(Params::new().set("groupid", name).opt("comment", comment))
}

/// There is no way to delete a comment; an empty one is no comment.
fn update_call(name: &GroupName, comment: Option<&str>) -> Call {
    Call::put(path(name)).with(Params::new().set("comment", comment.unwrap_or_default()))
}

impl Pve {
    /// The groups, by name.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> =
            self.objects(&Call::get("/access/groups")).await?.iter().filter_map(Group::from_list).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// One group.
    pub async fn group(&self, name: &GroupName) -> Result<Group> {
        Ok(Group::from_one(name, &self.object(&Call::get(path(name))).await?))
    }

    /// Creates an empty group.
    pub async fn create_group(&self, name: &GroupName, comment: Option<&str>) -> Result<()> {
        self.send(&create_call(name, comment)).await.map(drop)
    }

    /// Sets or removes the comment.
    pub async fn update_group(&self, name: &GroupName, comment: Option<&str>) -> Result<()> {
        self.send(&update_call(name, comment)).await.map(drop)
    }

    /// Deletes a group; its members lose what it granted.
    pub async fn delete_group(&self, name: &GroupName) -> Result<()> {
        self.send(&Call::delete(path(name))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comment_is_cleared_by_an_empty_one() {
        let name: GroupName = "tfgroup".parse().unwrap();
        assert_eq!(
            create_call(&name, Some("by tf")).wire(),
            "POST /api2/json/access/groups groupid=tfgroup&comment=by+tf"
        );
        assert_eq!(update_call(&name, None).wire(), "PUT /api2/json/access/groups/tfgroup comment=");
    }

    #[test]
    fn members_are_a_comma_list_in_the_list_and_an_array_in_one() {
        let row = json!({"users": "a@pve,b@pve", "comment": "by tf", "groupid": "tfgroup"});
        let group = Group::from_list(row.as_object().unwrap()).unwrap();
        let one = json!({"members": ["a@pve", "b@pve"], "comment": "by tf"});
        assert_eq!(Group::from_one(&group.name, one.as_object().unwrap()), group);
        assert_eq!(group.members.len(), 2);
    }
}
