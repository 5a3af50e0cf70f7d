//! `homelab_pve_usb_mappings`: the mappings of USB devices.

use pve_client::MappingKind;
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::Explain as _;
use crate::resources::pve::usb_mapping::UsbDevice;

/// The mappings of USB devices of the cluster that the login may see.
#[derive(Clone, Debug, Schema)]
#[schema(name = "pve_usb_mappings")]
pub struct UsbMappings {
    /// The mappings, by name.
    pub mappings: Computed<BTreeMap<String, UsbMapping>>,
}

/// One mapping.
#[derive(Clone, Debug, Object)]
pub struct UsbMapping {
    /// Text shown beside the mapping; null if there is none.
    pub description: Option<String>,

    /// The devices.
    #[schema(wire = "map")]
    pub devices: Vec<UsbDevice>,
}

impl DataSource for UsbMappings {
    type Cx = Cx;

    async fn read(cx: &Cx, _config: Self) -> Result<Self> {
        let found = cx
            .pve()?
            .mappings(MappingKind::Usb)
            .await
            .explain::<Self>(cx, "list the mappings of USB devices")?;
        let mapping = |found: pve_client::Mapping| {
            let description = found.settings.string("description");
            let devices =
                found.settings.items("map").iter().filter_map(|text| UsbDevice::read(text)).collect();
            (found.name.to_string(), UsbMapping { description, devices })
        };
        Ok(Self { mappings: found.into_iter().map(mapping).collect::<BTreeMap<_, _>>().into() })
    }
}
