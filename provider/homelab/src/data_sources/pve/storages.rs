//! `homelab_pve_storages`: the definitions of storages.

use pve_client::NodeName;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;

/// The storages that the cluster has defined and the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_storages")]
pub struct Storages {
    /// Only storages of this type, such as `dir` or `zfspool`.
    pub r#type: Option<String>,

    /// Only storages that may hold this content, such as `images` or `iso`.
    pub content: Option<String>,

    /// The storages, by name.
    pub storages: Computed<BTreeMap<String, Storage>>,
}

/// One storage.
#[derive(Clone, Debug, Object)]
pub struct Storage {
    /// Type of the storage.
    pub r#type: String,

    /// What it may hold.
    pub content: BTreeSet<String>,

    /// Nodes that use it; null for all.
    #[schema(parse, wire = "nodes")]
    pub nodes: Option<BTreeSet<NodeName>>,

    /// Whether it is used at all.
    #[schema(wire = "disable")]
    pub enabled: bool,

    /// Whether every node sees the same content.
    pub shared: bool,

    /// Its options by the names of Proxmox VE, such as `path` or `server`. Secrets are never among them.
    pub options: BTreeMap<String, String>,
}

/// What has an attribute of its own, or changes with every other storage.
const APART: [&str; 7] = ["storage", "type", "content", "nodes", "disable", "shared", "digest"];

impl From<pve_client::StorageConfig> for Storage {
    fn from(found: pve_client::StorageConfig) -> Self {
        let settings = &found.settings;
        let options = settings.params();
        let options = options.iter().filter(|(name, _)| !APART.contains(name));
        Self {
            content: settings.word_set("content").unwrap_or_default(),
            nodes: settings
                .word_set("nodes")
                .map(|names| names.iter().filter_map(|name| name.parse().ok()).collect()),
            enabled: settings.truth("disable") != Some(true),
            shared: settings.truth("shared") == Some(true),
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            r#type: found.kind,
        }
    }
}

impl DataSource for Storages {
    type Cx = Cx;

    async fn read(cx: &Cx, config: Self) -> Result<Self> {
        let found = cx.pve()?.storage_configs().await.explain::<Self>(cx, "list the storages")?;
        let all = found.into_iter().map(|storage| (storage.name.to_string(), Storage::from(storage)));
        let matches = |storage: &Storage| {
            config.r#type.as_ref().is_none_or(|kind| *kind == storage.r#type)
                && config.content.as_ref().is_none_or(|content| storage.content.contains(content))
        };
        let storages: BTreeMap<String, Storage> = all.filter(|(_, storage)| matches(storage)).collect();
        Ok(Self { storages: storages.into(), ..config })
    }
}
