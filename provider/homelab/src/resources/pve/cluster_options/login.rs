//! Second factors at the login, and who is told of what: property strings on the wire.

use pve_client::{PropertyString, Settings};
use tf_framework::prelude::*;

use super::objects::{flag, properties};
use crate::resources::pve::mapping_devices::plain;

/// How keys of WebAuthn are asked for.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct WebAuthn {
    /// Name of the relying party, which the browser shows.
    #[schema(wire = "rp", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub relying_party: Option<String>,

    /// Address of the web interface, such as `https://pve.example:8006`. Without it, that of the request.
    #[schema(wire = "origin", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub origin: Option<String>,

    /// Domain that keys belong to. A change makes every key unusable.
    #[schema(wire = "id", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub domain: Option<String>,

    /// Whether keys work on names below `domain` too. Proxmox VE's default is `true`.
    #[schema(wire = "allow-subdomains")]
    pub allow_subdomains: Option<bool>,
}

/// How keys of U2F are asked for, the forerunner of WebAuthn.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct U2f {
    /// Address of the application that keys belong to. A change makes every key unusable.
    #[schema(wire = "appid", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub app_id: Option<String>,

    /// Address of the web interface. Without it, `app_id`.
    #[schema(wire = "origin", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub origin: Option<String>,
}

/// Who is told of what. Proxmox VE prefers its notification matchers, and keeps these for older setups.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Notices {
    /// Whether it is told that a node was fenced: `always` or `never`.
    #[schema(wire = "fencing", validate = one_of(["always", "never"]))]
    pub fencing: Option<String>,

    /// Whether new packages are told: `auto` for those of production repositories, `always` or `never`. Proxmox VE's
    /// default is `auto`.
    #[schema(wire = "package-updates", validate = one_of(["auto", "always", "never"]))]
    pub package_updates: Option<String>,

    /// Whether replication that fails is told: `always` or `never`.
    #[schema(wire = "replication", validate = one_of(["always", "never"]))]
    pub replication: Option<String>,

    /// Notification target for fencing.
    #[schema(wire = "target-fencing", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub fencing_target: Option<String>,

    /// Notification target for new packages.
    #[schema(wire = "target-package-updates", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub package_updates_target: Option<String>,

    /// Notification target for replication.
    #[schema(wire = "target-replication", validate = length(1, usize::MAX), validate = matches("one line without commas", plain))]
    pub replication_target: Option<String>,
}

impl WebAuthn {
    pub(super) fn wire(&self) -> PropertyString {
        properties([
            ("rp", self.relying_party.clone()),
            ("origin", self.origin.clone()),
            ("id", self.domain.clone()),
            ("allow-subdomains", flag(self.allow_subdomains)),
        ])
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("webauthn", None)?;
        let value = |name: &str| text.value(name).map(str::to_owned);
        Some(Self {
            relying_party: value("rp"),
            origin: value("origin"),
            domain: value("id"),
            allow_subdomains: text.truth("allow-subdomains"),
        })
    }
}

impl U2f {
    pub(super) fn wire(&self) -> PropertyString {
        properties([("appid", self.app_id.clone()), ("origin", self.origin.clone())])
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("u2f", None)?;
        let value = |name: &str| text.value(name).map(str::to_owned);
        Some(Self { app_id: value("appid"), origin: value("origin") })
    }
}

impl Notices {
    pub(super) fn wire(&self) -> PropertyString {
        properties([
            ("fencing", self.fencing.clone()),
            ("package-updates", self.package_updates.clone()),
            ("replication", self.replication.clone()),
            ("target-fencing", self.fencing_target.clone()),
            ("target-package-updates", self.package_updates_target.clone()),
            ("target-replication", self.replication_target.clone()),
        ])
    }

    pub(super) fn read(settings: &Settings) -> Option<Self> {
        let text = settings.property("notify", None)?;
        let value = |name: &str| text.value(name).map(str::to_owned);
        Some(Self {
            fencing: value("fencing"),
            package_updates: value("package-updates"),
            replication: value("replication"),
            fencing_target: value("target-fencing"),
            package_updates_target: value("target-package-updates"),
            replication_target: value("target-replication"),
        })
    }
}
