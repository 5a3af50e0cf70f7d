//! `homelab_pve_dir_mappings`: the mappings of directories.

use pve_client::MappingKind;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::dir_mapping::NodeDirectory;

/// The mappings of directories of the cluster that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_dir_mappings")]
pub struct DirMappings {
    /// The mappings, by name.
    pub mappings: Computed<BTreeMap<String, DirMapping>>,
}

/// One mapping.
#[derive(Clone, Debug, Object)]
pub struct DirMapping {
    /// Text shown beside the mapping; null if there is none.
    pub description: Option<String>,

    /// The directories.
    #[schema(wire = "map")]
    pub directories: Vec<NodeDirectory>,
}

impl DataSource for DirMappings {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx
            .pve()?
            .mappings(MappingKind::Dir)
            .await
            .explain::<Self>(cx, "list the mappings of directories")?;
        let mapping = |found: pve_client::Mapping| {
            let description = found.settings.string("description");
            let directories =
                found.settings.items("map").iter().filter_map(|text| NodeDirectory::read(text)).collect();
            (found.name.to_string(), DirMapping { description, directories })
        };
        Ok(Self { mappings: found.into_iter().map(mapping).collect::<BTreeMap<_, _>>().into() })
    }
}
