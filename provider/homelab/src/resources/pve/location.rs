//! Where a node or a cluster is on earth.

use pve_client::{PropertyString, Settings};
use tf_framework::prelude::*;

/// A place on earth, which the web interface shows on a map.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Location {
    /// Degrees north of the equator, -90 to 90.
    #[schema(wire = "latitude", validate = range(-90, 90))]
    pub latitude: f64,

    /// Degrees east of Greenwich, -180 to 180.
    #[schema(wire = "longitude", validate = range(-180, 180))]
    pub longitude: f64,

    /// Name of the place.
    #[schema(wire = "name", validate = length(1, 128), validate = matches("a name without commas", |text| !text.contains(',')))]
    pub name: Option<String>,
}

impl Location {
    pub(super) fn wire(&self) -> PropertyString {
        let mut text = PropertyString::default();
        text.set("latitude", Some(self.latitude));
        text.set("longitude", Some(self.longitude));
        text.set("name", self.name.as_ref());
        text
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("location", None)?;
        let degrees = |name: &str| text.value(name)?.parse().ok();
        Some(Self {
            latitude: degrees("latitude")?,
            longitude: degrees("longitude")?,
            name: text.value("name").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_what_it_sends() {
        let place = Location { latitude: 52.52, longitude: -13.4, name: Some("rack 1".to_owned()) };
        let sent = Settings::new().properties("location", &place.wire());
        assert_eq!(sent.text("location"), Some("latitude=52.52,longitude=-13.4,name=rack 1"));
        assert_eq!(Location::read(&sent), Some(place));
    }
}
