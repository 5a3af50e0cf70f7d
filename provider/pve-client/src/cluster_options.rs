//! The options of the whole cluster.

use crate::{Call, Changes, Pve, Result, Settings};

const PATH: &str = "/cluster/options";

impl Pve {
    /// The options that are set, by wire name.
    pub async fn cluster_options(&self) -> Result<Settings> {
        self.settings(PATH).await
    }

    /// Changes options; they have no digest.
    pub async fn change_cluster_options(&self, changes: &Changes) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.send(&Call::put(PATH).with(changes.params())).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_read_without_what_is_empty_and_deleted_by_name() {
        let answer = json!({"description": "managed\n", "keyboard": "en-us", "mac_prefix": "BC:24:11", "allowed-tags": []});
        let before = Settings::decode(answer.as_object().unwrap());
        assert_eq!((before.text("description"), before.text("allowed-tags")), (Some("managed"), None));
        let changes = before.changes_to(&Settings::new().set("mac_prefix", "BC:24:11"));
        assert_eq!(
            Call::put(PATH).with(changes.params()).wire(),
            "PUT /api2/json/cluster/options delete=description%2Ckeyboard"
        );
    }
}
