//! The guest agent, as far as a machine's configuration says.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, leading, option, property, switch};

/// Name under which the switch may stand in its property string.
const ENABLED: Option<&str> = Some("enabled");

/// Spellings of one option. Proxmox VE 9 prefers the first, 8.4 knows the second only, and 9 reads all of them
/// (qemu-server 9.2.6, `Agent.pm`).
const FREEZE: [&str; 3] = ["freeze-fs", "freeze-fs-on-backup", "guest-fsfreeze"];

/// The QEMU guest agent.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Agent {
    /// Whether Proxmox VE may talk to an agent inside the guest. By default that is as in its template for a
    /// clone, else `false`.
    #[schema(wire = "agent")]
    pub enabled: Defaulted<bool>,

    /// Device through which it talks. Proxmox VE's default is `virtio`.
    #[schema(wire = "type", validate = one_of(["virtio", "isa"]))]
    pub r#type: Option<String>,

    /// Whether the guest trims its disks after a clone or move. Proxmox VE's default is `false`.
    #[schema(wire = "fstrim_cloned_disks")]
    pub trim_after_clone: Option<bool>,

    /// Whether the guest's file systems are frozen during a backup. Proxmox VE's default is `true`.
    #[schema(wire = "freeze-fs-on-backup")]
    pub freeze_on_backup: Option<bool>,
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Agent>, config: &VmConfig) -> Option<Agent> {
    let found = property(config, "agent", ENABLED);
    let freeze = FREEZE.iter().find_map(|key| found.truth(key));
    named.filled(config.value("agent").is_some(), |agent| Agent {
        enabled: is_enabled(config).into(),
        r#type: agent.of(|a| &a.r#type).or(found.value("type").map(str::to_owned), "virtio"),
        trim_after_clone: agent.of(|a| &a.trim_after_clone).or(found.truth("fstrim_cloned_disks"), false),
        freeze_on_backup: agent.of(|a| &a.freeze_on_backup).or(freeze, true),
    })
}

/// Whether a machine has an agent.
pub(super) fn is_enabled(config: &VmConfig) -> bool {
    let found = property(config, "agent", ENABLED);
    found.default.is_some_and(|text| matches!(text.as_str(), "1" | "on" | "yes" | "true"))
}

/// Writes what changes.
pub(super) fn write(agent: Pair<'_, Agent>, out: &mut Writes<'_>) {
    out.property("agent", ENABLED, |property| {
        option(property, "type", agent.wish(|a| &a.r#type));
        switch(property, "fstrim_cloned_disks", agent.flag(|a| &a.trim_after_clone));
        let present = FREEZE.iter().find_map(|key| property.truth(key));
        match agent.flag(|a| &a.freeze_on_backup) {
            Edit::Keep => {}
            Edit::Set(value) if present == Some(value) => {}
            wish => {
                FREEZE.iter().for_each(|key| property.set(key, None::<&str>));
                switch(property, "freeze-fs-on-backup", wish);
            }
        }
        let enabled = property.default.as_deref().map(|text| matches!(text, "1" | "on" | "yes" | "true"));
        // A present one that means the same keeps its spelling.
        let wish = match agent.filled(|a| &a.enabled).map(|value| *value) {
            Edit::Set(value) if enabled == Some(value) => Edit::Keep,
            wish => wish.map(u8::from),
        };
        leading(property, wish, "0", agent.prior.is_some());
    });
}
