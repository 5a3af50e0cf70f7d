//! A case lived through the protocol: applied, changed, imported and destroyed in one lab, by one plugin.

use std::collections::{BTreeMap, BTreeSet};

use core_emulator::{Action, Core, Failure, Plugin, State};
use serde_json::{Map, Value as Json, json};
use suite::Lab;
use suite::plugin;

use crate::case::{Case, Object, resolved};
use crate::fields::Field;

/// A lab, a plugin, and what the lab held before.
pub struct World {
    lab: Lab,
    _plugin: Plugin,
    /// Speaks to the plugin.
    pub core: Core,
    before: Json,
    fields: BTreeMap<String, Vec<Field>>,
}

/// What went wrong.
type Wrong = String;

type States = BTreeMap<String, State>;

impl World {
    /// A fresh one.
    pub async fn new(fields: BTreeMap<String, Vec<Field>>) -> Self {
        let lab = Lab::with(&["--task-time", "1"]);
        let (plugin, core) = plugin::configured(&lab).await;
        let before = kept(&lab.state());
        std::fs::write(lab.folder().join("image.raw"), vec![0; 1 << 20]).expect("the folder is ours");
        Self { lab, _plugin: plugin, core, before, fields }
    }

    /// Lives a case.
    pub async fn live(&self, case: &Case) -> Result<(), Wrong> {
        let mut states = States::new();
        self.step("create", case, &mut states, |object| object.first.as_ref()).await?;
        self.step("change", case, &mut states, |object| object.second.as_ref()).await?;
        self.import(case, &mut states).await?;
        self.destroy(case, &mut states).await?;
        let after = kept(&self.lab.state());
        if after == self.before {
            Ok(())
        } else {
            Err(format!("something is left: {}", differences("", &self.before, &after)))
        }
    }

    /// A run of a CLI begins with a provider that knows nothing yet.
    async fn walk(&self) -> Result<(), Wrong> {
        self.core
            .configure(&plugin::block(&self.lab))
            .await
            .map(drop)
            .map_err(|failure| format!("configure: {failure}"))
    }

    /// Applies one configuration of every object, and wants the next plan to be empty.
    async fn step(
        &self,
        what: &str,
        case: &Case,
        states: &mut States,
        config: impl Fn(&Object) -> Option<&Json>,
    ) -> Result<(), Wrong> {
        self.walk().await?;
        self.refresh(what, states).await?;
        for object in &case.0 {
            let Some(config) = config(object) else { continue };
            self.apply(what, object, config, states).await?;
        }
        for object in case.0.iter().rev().filter(|object| config(object).is_none()) {
            self.delete(&object.address(), states).await?;
        }
        self.walk().await?;
        self.refresh(what, states).await?;
        for object in &case.0 {
            if let Some(config) = config(object) {
                self.is_empty(&format!("after the {what}"), object, config, states).await?;
            }
        }
        Ok(())
    }

    /// Plans and applies one object.
    async fn apply(
        &self,
        what: &str,
        object: &Object,
        config: &Json,
        states: &mut States,
    ) -> Result<(), Wrong> {
        let address = object.address();
        let told = |failure: Failure| format!("{what} of {address}: {failure}");
        let config = self.filled(config, states);
        let prior = states.get(&address).cloned();
        let plan = self.core.plan(&object.kind, prior.as_ref(), &config).await.map_err(told)?;
        let applied = self.core.apply(&plan, &config).await.map_err(told)?;
        if let Some(error) = applied.messages.iter().find(|message| message.is_error) {
            return Err(format!("{what} of {address}: {error}"));
        }
        let state = applied.state.ok_or_else(|| format!("{what} of {address}: there is no state"))?;
        states.insert(address, state);
        Ok(())
    }

    /// What an import of an object can know of its last configuration.
    fn readable(&self, object: &Object, states: &States) -> Json {
        let mut config = object.second.clone().unwrap_or_default();
        let state = states[&object.address()].value.to_json();
        // The node of a machine is known, and not where else it might go.
        if config["nodes"].is_array() && state["nodes"].is_null() && state["node_name"].is_string() {
            config["node_name"] = state["node_name"].clone();
        }
        readable(&config, &self.fields[&object.kind], &state)
    }

    async fn refresh(&self, what: &str, states: &mut States) -> Result<(), Wrong> {
        for (address, state) in states.iter_mut() {
            let found = self
                .core
                .refresh(state)
                .await
                .map_err(|failure| format!("{what}: refresh of {address}: {failure}"))?;
            *state = found.ok_or_else(|| format!("{what}: {address} is gone"))?;
        }
        Ok(())
    }

    /// Wants the plan of an object to be empty.
    async fn is_empty(
        &self,
        when: &str,
        object: &Object,
        config: &Json,
        states: &States,
    ) -> Result<(), Wrong> {
        let address = object.address();
        let config = self.filled(config, states);
        let prior = &states[&address];
        let plan = self.core.plan(&object.kind, Some(prior), &config).await;
        let plan = plan.map_err(|failure| format!("the plan of {address} {when}: {failure}"))?;
        if plan.action == Action::NoOp {
            return Ok(());
        }
        let changes = differences("", &prior.value.to_json(), &plan.planned.to_json());
        let warned: Vec<String> = plan.warnings.iter().map(ToString::to_string).collect();
        Err(format!("the plan of {address} {when} is not empty: {:?} {changes} {warned:?}", plan.action))
    }

    /// Forgets every object, imports it, and wants an empty plan for what an import can know.
    async fn import(&self, case: &Case, states: &mut States) -> Result<(), Wrong> {
        self.walk().await?;
        let there: Vec<&Object> = case.0.iter().filter(|object| object.second.is_some()).collect();
        let mut imported = States::new();
        for object in &there {
            let address = object.address();
            let id = import_id(&object.kind, &states[&address].value.to_json());
            let state = self.core.import(&object.kind, &id).await;
            imported.insert(
                address.clone(),
                state.map_err(|failure| format!("import of {address} by {id:?}: {failure}"))?,
            );
        }
        for object in &there {
            let config = object.second.as_ref().unwrap_or(&Json::Null);
            let waits = imported[&object.address()].value.to_json()["pending_changes"]
                .as_array()
                .is_some_and(|keys| !keys.is_empty());
            if object.kind == "homelab_pve_image" || waits {
                // Where a file came from cannot be read, and neither whether a machine may be restarted: an apply notes it.
                self.apply("apply after the import", object, config, &mut imported).await?;
                self.is_empty("after the import", object, config, &imported).await?;
            } else {
                let config = self.readable(object, &imported);
                self.is_empty("after the import", object, &config, &imported).await?;
            }
        }
        *states = imported;
        Ok(())
    }

    /// Takes protections away and destroys everything.
    async fn destroy(&self, case: &Case, states: &mut States) -> Result<(), Wrong> {
        self.walk().await?;
        for object in &case.0 {
            let address = object.address();
            let Some(state) = states.get(&address).cloned() else { continue };
            let value = state.value.to_json();
            let Some(guard) =
                ["protection", "deletion_protection"].into_iter().find(|name| value[name] == true)
            else {
                continue;
            };
            let mut config = self.readable(object, states);
            config[guard] = json!(false);
            self.apply("unprotecting", object, &config, states).await?;
        }
        self.walk().await?;
        self.refresh("destroy", states).await?;
        for object in case.0.iter().rev() {
            self.delete(&object.address(), states).await?;
        }
        Ok(())
    }

    /// A configuration with the values of the objects that it refers to.
    fn filled(&self, config: &Json, states: &States) -> Json {
        resolved(config, &|reference| {
            if reference == "path.module" {
                return json!(self.lab.folder());
            }
            let (address, name) = reference.rsplit_once('.').expect("a reference names an argument");
            let state =
                states.get(address).unwrap_or_else(|| panic!("{address} comes before what refers to it"));
            state.value.to_json()[name].clone()
        })
    }

    async fn delete(&self, address: &str, states: &mut States) -> Result<(), Wrong> {
        let Some(state) = states.remove(address) else { return Ok(()) };
        let told = |failure: Failure| format!("destroy of {address}: {failure}");
        let plan = self.core.plan_destroy(&state).await.map_err(told)?;
        let applied = self.core.apply(&plan, &Json::Null).await.map_err(told)?;
        match applied.messages.iter().find(|message| message.is_error) {
            Some(error) => Err(format!("destroy of {address}: {error}")),
            None => Ok(()),
        }
    }
}

/// What an import keeps its default for, as the documentation says, beside what the schema marks as used only once.
const NOT_IMPORTED: [&str; 13] = [
    "wait_for",
    "user_data_change",
    "deletion_protection",
    "timeouts",
    "on_remove",
    "reboot_when_needed",
    "shutdown_timeout_seconds",
    "password",
    "password_wo_version",
    "keyring_wo_version",
    "encryption_key_wo_version",
    "rotation_id",
    "wipe_disks_on_destroy",
];

/// A configuration without what an import cannot know, which is not in the imported `state`.
pub fn readable(config: &Json, fields: &[Field], state: &Json) -> Json {
    let Json::Object(entries) = config else { return config.clone() };
    let kept = entries.iter().filter_map(|(name, value)| {
        let field = fields.iter().find(|field| field.name == *name)?;
        let state = &state[name];
        // Nothing and an empty text, map or list look alike in what the service tells.
        if [json!(""), json!({}), json!([])].contains(value) && state.is_null() {
            return None;
        }
        // How a machine moves is nowhere in the service; that of the cluster is.
        if name == "migration" && state.is_null() {
            return None;
        }
        let is_elsewhere = name == "nodes" && entries.contains_key("node_name");
        if is_elsewhere || field.unreadable && state.is_null() || NOT_IMPORTED.contains(&name.as_str()) {
            return None;
        }
        let value = match (&field.inside, value) {
            (Some((nesting, fields)), Json::Object(map)) if nesting == "map" => map
                .iter()
                .map(|(key, value)| (key.clone(), readable(value, fields, &state[key])))
                .collect::<Map<_, _>>()
                .into(),
            (Some((nesting, fields)), value) if nesting == "single" => readable(value, fields, state),
            (_, value) => value.clone(),
        };
        Some((name.clone(), value))
    });
    Json::Object(kept.collect())
}

/// What a user types to import an object.
pub fn import_id(kind: &str, state: &Json) -> String {
    let text = |name: &str| state[name].as_str().map_or_else(|| state[name].to_string(), str::to_owned);
    let parts: &[&str] = match kind {
        "homelab_backup_schedule" | "homelab_pve_backup_job" | "homelab_pve_replication_job" => &["job_id"],
        "homelab_backup_tier" => &["number"],
        "homelab_pve_bond" | "homelab_pve_bridge" | "homelab_pve_vlan" | "homelab_pve_zfs_pool" => {
            &["node_name", "name"]
        }
        "homelab_pve_cluster_options" => return "cluster".to_owned(),
        "homelab_pve_data_disk" => &["id"],
        "homelab_pve_ha_resource" => &["service_id"],
        "homelab_pve_image" => &["node_name", "volume_id"],
        "homelab_pve_snapshot" => &["vm_id", "name"],
        "homelab_pve_user" => &["user_id"],
        "homelab_pve_vm" => &["node_name", "vm_id"],
        "homelab_pve_token" => return format!("{}!{}", text("user_id"), text("name")),
        "homelab_pve_acl" => {
            let group = state["group"].as_str().map(|group| format!("@{group}"));
            let others =
                ["user_id", "token_id"].into_iter().find_map(|name| state[name].as_str().map(str::to_owned));
            let subject = group.or(others).unwrap_or_default();
            return format!("{},{},{subject}", text("path"), text("role"));
        }
        _ => &["name"],
    };
    parts.iter().map(|name| text(name)).collect::<Vec<_>>().join("/")
}

/// The part of the lab's state that tells what is there. A file without entries is as good as none.
pub fn kept(state: &Json) -> Json {
    const PASSING: [&str; 5] = ["tasks", "faults", "file_locks", "clock_offset", "started_at"];
    let is_empty = |value: &Json| *value == json!([]) || *value == json!({}) || value.is_null();
    let entries =
        state.as_object().into_iter().flatten().filter(|(name, _)| !PASSING.contains(&name.as_str()));
    let mut kept: Map<String, Json> = entries.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(files) = kept.get_mut("files").and_then(Json::as_object_mut) {
        files.retain(|_, file| !is_empty(file));
    }
    // A node cannot be without these, so they stay as the last configuration made them.
    for node in
        kept.get_mut("nodes").and_then(Json::as_object_mut).into_iter().flat_map(|nodes| nodes.values_mut())
    {
        ["dns", "hosts", "timezone"].iter().for_each(|name| node[name] = Json::Null);
    }
    Json::Object(kept)
}

/// Where two values differ, with both.
pub fn differences(path: &str, before: &Json, after: &Json) -> String {
    match (before, after) {
        (Json::Object(old), Json::Object(new)) => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let null = Json::Null;
            let inside = names.into_iter().map(|name| {
                differences(
                    &format!("{path}.{name}"),
                    old.get(name).unwrap_or(&null),
                    new.get(name).unwrap_or(&null),
                )
            });
            inside.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
        }
        (old, new) if old == new => String::new(),
        (old, new) => format!("{path}: {old} -> {new}"),
    }
}
