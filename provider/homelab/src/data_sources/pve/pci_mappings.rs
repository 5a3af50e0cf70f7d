//! `homelab_pve_pci_mappings`: the mappings of PCI devices.

use pve_client::MappingKind;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::pci_mapping::PciDevice;

/// The mappings of PCI devices of the cluster that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_pci_mappings")]
pub struct PciMappings {
    /// The mappings, by name.
    pub mappings: Computed<BTreeMap<String, PciMapping>>,
}

/// One mapping.
#[derive(Clone, Debug, Object)]
pub struct PciMapping {
    /// Text shown beside the mapping; null if there is none.
    pub description: Option<String>,

    /// The devices.
    #[schema(wire = "map")]
    pub devices: Vec<PciDevice>,
}

impl DataSource for PciMappings {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx
            .pve()?
            .mappings(MappingKind::Pci)
            .await
            .explain::<Self>(cx, "list the mappings of PCI devices")?;
        let mapping = |found: pve_client::Mapping| {
            let description = found.settings.string("description");
            let devices =
                found.settings.items("map").iter().filter_map(|text| PciDevice::read(text)).collect();
            (found.name.to_string(), PciMapping { description, devices })
        };
        Ok(Self { mappings: found.into_iter().map(mapping).collect::<BTreeMap<_, _>>().into() })
    }
}
