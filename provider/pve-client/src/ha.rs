//! Guests of the high-availability manager, and the rules about where they run.

use crate::{Call, Changes, Error, HaRuleName, HaServiceId, Params, Pve, Result, Settings, call::segment};

/// A guest that the manager looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaResource {
    /// `vm:100` or `ct:100`.
    pub id: HaServiceId,
    /// Everything else, by wire name; unset values are absent.
    pub settings: Settings,
}

/// A rule. New in Proxmox VE 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaRule {
    /// The name.
    pub name: HaRuleName,
    /// `node-affinity` or `resource-affinity`.
    pub kind: String,
    /// Everything else, by wire name.
    pub settings: Settings,
}

fn resource_path(id: &HaServiceId) -> String {
    format!("/cluster/ha/resources/{}", segment(&id.to_string()))
}

fn rule_path(name: &HaRuleName) -> String {
    format!("/cluster/ha/rules/{name}")
}

fn create_resource_call(id: &HaServiceId, settings: &Settings) -> Call {
    Call::post("/cluster/ha/resources").with(Params::new().set("sid", id).and(settings.params()))
}

fn create_rule_call(name: &HaRuleName, kind: &str, settings: &Settings) -> Call {
    let params = Params::new().set("rule", name).set("type", kind).and(settings.params());
    Call::post("/cluster/ha/rules").with(params)
}

impl Pve {
    /// The guests of the manager, by id.
    pub async fn ha_resources(&self) -> Result<Vec<HaResource>> {
        let rows = self.settings_list(&Call::get("/cluster/ha/resources")).await?;
        let resource = |settings: Settings| Some(HaResource { id: settings.parsed("sid")?, settings });
        let mut found: Vec<HaResource> = rows.into_iter().filter_map(resource).collect();
        found.sort_by_key(|a| a.id);
        Ok(found)
    }

    /// One guest of the manager.
    pub async fn ha_resource(&self, id: &HaServiceId) -> Result<HaResource> {
        Ok(HaResource { id: *id, settings: self.settings(&resource_path(id)).await? })
    }

    /// Puts a guest under the manager, which starts it if `state` is `started`.
    pub async fn create_ha_resource(&self, id: &HaServiceId, settings: &Settings) -> Result<()> {
        self.send(&create_resource_call(id, settings)).await.map(drop)
    }

    /// Changes how the manager treats a guest.
    pub async fn change_ha_resource(&self, id: &HaServiceId, changes: &Changes) -> Result<()> {
        self.change(&resource_path(id), changes, Params::new()).await
    }

    /// Takes a guest from the manager, and from the rules that name it.
    pub async fn delete_ha_resource(&self, id: &HaServiceId) -> Result<()> {
        match self.send(&Call::delete(resource_path(id))).await {
            // "cannot delete service 'vm:103', not HA managed!"
            Err(Error::Refused { message, .. }) if message.ends_with("not HA managed!") => {
                Err(Error::NotFound { message })
            }
            result => result.map(drop),
        }
    }

    /// The rules, by name.
    pub async fn ha_rules(&self) -> Result<Vec<HaRule>> {
        let rows = self.settings_list(&Call::get("/cluster/ha/rules")).await?;
        let mut found: Vec<HaRule> = rows.into_iter().filter_map(HaRule::decode).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// One rule.
    pub async fn ha_rule(&self, name: &HaRuleName) -> Result<HaRule> {
        let settings = self.settings(&rule_path(name)).await?;
        let kind = settings.text("type").unwrap_or_default().to_owned();
        Ok(HaRule { name: name.clone(), kind, settings })
    }

    /// Creates a rule; the guests have to be under the manager.
    pub async fn create_ha_rule(&self, name: &HaRuleName, kind: &str, settings: &Settings) -> Result<()> {
        self.send(&create_rule_call(name, kind, settings)).await.map(drop)
    }

    /// Changes a rule; the type has to be told again.
    pub async fn change_ha_rule(&self, name: &HaRuleName, kind: &str, changes: &Changes) -> Result<()> {
        self.change(&rule_path(name), changes, Params::new().set("type", kind)).await
    }

    /// Deletes a rule; one that is not there is fine.
    pub async fn delete_ha_rule(&self, name: &HaRuleName) -> Result<()> {
        self.send(&Call::delete(rule_path(name))).await.map(drop)
    }
}

impl HaRule {
    fn decode(settings: Settings) -> Option<Self> {
        Some(Self { name: settings.parsed("rule")?, kind: settings.text("type")?.to_owned(), settings })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_guest_is_named_by_its_kind_and_number() {
        let id: HaServiceId = "vm:100".parse().unwrap();
        let settings = Settings::new().set("state", "stopped").set("max_restart", 2).set("comment", "c");
        assert_eq!(
            create_resource_call(&id, &settings).wire(),
            "POST /api2/json/cluster/ha/resources sid=vm%3A100&comment=c&max_restart=2&state=stopped"
        );
        assert_eq!(resource_path(&id), "/cluster/ha/resources/vm%3A100");
    }

    #[test]
    fn a_rule_is_sent_with_its_type_and_read_with_it() {
        let row = json!({"resources": "vm:100", "rule": "r1", "type": "node-affinity", "comment": "x", "order": 1,
            "digest": "a0", "strict": 1, "nodes": "pve1:2"});
        let rule = HaRule::decode(Settings::decode(row.as_object().unwrap())).unwrap();
        let sent = Settings::new().set("resources", "vm:100").set("nodes", "pve1:2");
        assert_eq!(
            create_rule_call(&rule.name, &rule.kind, &sent).wire(),
            "POST /api2/json/cluster/ha/rules rule=r1&type=node-affinity&nodes=pve1%3A2&resources=vm%3A100"
        );
    }
}
