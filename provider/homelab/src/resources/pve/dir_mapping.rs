//! `homelab_pve_dir_mapping`: one name for a directory of each node.

use pve_client::{Mapping, MappingKind, MappingName, NodeName, PropertyString, Settings};
use tf_framework::prelude::*;

use super::mapping_devices::{self as devices, Mapped, plain};
use super::text::one_trimmed_line;
use crate::cx::Cx;

/// One name for a directory of each node, which VMs can share through virtiofs.
#[derive(Clone, Debug, PartialEq, Schema)]
#[schema(name = "pve_dir_mapping")]
pub struct DirMapping {
    /// Name of the mapping: a letter, then letters, digits, `-` or `_`. A change replaces the mapping.
    #[schema(parse, wire = "id", replace)]
    pub name: MappingName,

    /// Text shown beside the mapping in the web interface. One line.
    #[schema(wire = "description", validate = length(1, 4096), validate = matches("one line without blanks at its ends", one_trimmed_line))]
    pub description: Option<String>,

    /// The directories, one per node.
    #[schema(wire = "map", validate = length(1, usize::MAX))]
    pub directories: Vec<NodeDirectory>,
}

/// A directory of a node.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct NodeDirectory {
    /// The node.
    #[schema(parse, wire = "node")]
    pub node_name: NodeName,

    /// Absolute path of the directory, which must exist. No commas.
    #[schema(wire = "path", validate = matches("an absolute path without commas", is_path))]
    pub path: String,
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && plain(text)
}

impl NodeDirectory {
    fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        text.set("node", Some(&self.node_name));
        text.set("path", Some(&self.path));
        text
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = PropertyString::parse(text, None).ok()?;
        Some(Self { node_name: text.value("node")?.parse().ok()?, path: text.value("path")?.to_owned() })
    }
}

impl Mapped for DirMapping {
    const KIND: MappingKind = MappingKind::Dir;
    const NOUN: &'static str = "directory mapping";

    fn name(&self) -> &MappingName {
        &self.name
    }

    fn settings(&self) -> Settings {
        Settings::new()
            .opt("description", self.description.as_ref())
            .list("map", self.directories.iter().map(NodeDirectory::wire))
    }

    fn read(found: Mapping) -> Self {
        Self {
            name: found.name,
            description: found.settings.string("description"),
            directories: found
                .settings
                .items("map")
                .iter()
                .filter_map(|text| NodeDirectory::read(text))
                .collect(),
        }
    }
}

impl Resource for DirMapping {
    type Cx = Cx;
    type Id = MappingName;

    fn id(&self) -> MappingName {
        self.name.clone()
    }

    fn validate(config: &Value, out: &mut Diagnostics) {
        devices::one_per_node(config, "directories", "directory", out);
    }

    async fn plan(cx: &Cx, plan: &mut Plan<'_, Self>) -> Result<()> {
        devices::plan(cx, plan).await
    }

    async fn create(cx: &Cx, want: &Self) -> Result<MappingName> {
        devices::create(cx, want).await
    }

    async fn read(cx: &Cx, id: &MappingName, _prior: Option<&Self>) -> Result<Option<Self>> {
        devices::read(cx, id).await
    }

    async fn update(cx: &Cx, id: &MappingName, change: Change<'_, Self>) -> Result<()> {
        devices::update(cx, id, change).await
    }

    async fn delete(cx: &Cx, id: &MappingName, _prior: &Self) -> Result<()> {
        devices::delete::<Self>(cx, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_as_proxmox_prints_it() {
        let directory = NodeDirectory::read("node=pve1,path=/mnt").unwrap();
        assert_eq!(directory.wire().to_string(), "node=pve1,path=/mnt");
        assert!(is_path("/mnt/a b") && !is_path("mnt") && !is_path("/a,b"));
    }
}
