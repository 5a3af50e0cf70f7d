//! The definitions of storages, as the whole cluster shares them.

use crate::{Call, Changes, Params, Pve, Result, Secret, Settings, StorageName};

/// The definition of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// The name.
    pub name: StorageName,
    /// Such as `dir` or `zfspool`.
    pub kind: String,
    /// Everything else, by wire name. Secrets are never among it.
    pub settings: Settings,
}

impl StorageConfig {
    fn decode(settings: Settings) -> Option<Self> {
        Some(Self { name: settings.parsed("storage")?, kind: settings.text("type")?.to_owned(), settings })
    }
}

fn path(name: &StorageName) -> String {
    format!("/storage/{name}")
}

fn create_call(name: &StorageName, kind: &str, settings: &Settings, secrets: &Secrets) -> Call {
    let params = Params::new().set("storage", name).set("type", kind);
    Call::post("/storage").with(params.and(settings.params()).and(secrets.params()))
}

/// Secrets of a storage, by wire name. They are written and never read back.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<(&'static str, Secret)>);

impl Secrets {
    /// No secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret if there is one.
    #[must_use]
    pub fn opt(mut self, name: &'static str, secret: Option<Secret>) -> Self {
        self.0.extend(secret.map(|secret| (name, secret)));
        self
    }

    fn params(&self) -> Params {
        self.0.iter().fold(Params::new(), |params, (name, secret)| params.set(*name, secret.expose()))
    }
}

impl Pve {
    /// The definitions of all storages, by name.
    pub async fn storage_configs(&self) -> Result<Vec<StorageConfig>> {
        let rows = self.settings_list(&Call::get("/storage")).await?;
        let mut found: Vec<StorageConfig> = rows.into_iter().filter_map(StorageConfig::decode).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The definition of one storage.
    pub async fn storage_config(&self, name: &StorageName) -> Result<StorageConfig> {
        let settings = self.settings(&path(name)).await?;
        let kind = settings.text("type").unwrap_or_default().to_owned();
        Ok(StorageConfig { name: name.clone(), kind, settings })
    }

    /// Defines a storage. Proxmox activates it at once and keeps nothing if that fails. The answer is
    /// the encryption key if a PBS storage was asked to make one.
    pub async fn create_storage(
        &self,
        name: &StorageName,
        kind: &str,
        settings: &Settings,
        secrets: &Secrets,
    ) -> Result<Option<Secret>> {
        let answer = self.send(&create_call(name, kind, settings, secrets)).await?;
        let key = answer.pointer("/config/encryption-key").and_then(|key| key.as_str());
        Ok(key.map(|key| key.to_owned().into()))
    }

    /// Changes a definition.
    pub async fn change_storage(
        &self,
        name: &StorageName,
        changes: &Changes,
        secrets: &Secrets,
    ) -> Result<()> {
        if changes.is_empty() && !secrets.0.is_empty() {
            let call = Call::put(path(name)).with(secrets.params());
            return self.send(&call).await.map(drop);
        }
        self.change(&path(name), changes, secrets.params()).await
    }

    /// Removes a definition; what is stored there stays.
    pub async fn delete_storage(&self, name: &StorageName) -> Result<()> {
        self.send(&Call::delete(path(name))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_storage_is_defined_with_its_type_and_its_secret() {
        let settings =
            Settings::new().set("server", "192.0.2.98").set("datastore", "d").bool("disable", Some(true));
        let secrets = Secrets::new().opt("password", Some("x y".into())).opt("keyring", None);
        assert_eq!(
            create_call(&"pbs1".parse().unwrap(), "pbs", &settings, &secrets).wire(),
            "POST /api2/json/storage storage=pbs1&type=pbs&datastore=d&disable=1&server=192.0.2.98&password=x+y"
        );
    }

    #[test]
    fn the_order_of_content_does_not_matter() {
        let read = |content: &str| {
            let row =
                json!({"storage": "ds2", "type": "dir", "path": "/mnt/ds2", "shared": 0, "content": content});
            StorageConfig::decode(Settings::decode(row.as_object().unwrap())).unwrap()
        };
        let (a, b) = (read("backup,import,iso"), read("iso,backup,import"));
        assert_eq!(a.settings.word_set("content"), b.settings.word_set("content"));
        assert_eq!((a.kind.as_str(), a.settings.truth("shared")), ("dir", Some(false)));
    }
}
