//! Directories of the node that a machine shares through virtiofs.

use pve_client::{MappingName, VmConfig};
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::slot;
use super::writes::{Writes, option, property, switch};

/// Name under which the mapping may stand in its property string.
const DIRECTORY: Option<&str> = Some("dirid");

/// A directory of the node, which the guest mounts with the name of the mapping as its tag:
/// `mount -t virtiofs <mapping> /mnt`.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Virtiofs {
    /// Name of a `homelab_pve_dir_mapping`.
    #[schema(parse, wire = "dirid")]
    pub mapping_name: MappingName,

    /// What the guest may keep of the files. Proxmox VE's default is `auto`; `always` is for directories that nobody
    /// else changes.
    #[schema(wire = "cache", validate = one_of(["auto", "always", "metadata", "never"]))]
    pub cache: Option<String>,

    /// Whether a program in the guest may pass by the caches of the node. Proxmox VE's default is `false`.
    #[schema(wire = "direct-io")]
    pub direct_io: Option<bool>,

    /// Whether the guest sees POSIX ACLs, and with them extended attributes. Proxmox VE's default is `false`. Windows
    /// cannot mount such a directory.
    #[schema(wire = "expose-acl")]
    pub expose_acl: Option<bool>,

    /// Whether the guest sees extended attributes. Proxmox VE's default is `false`.
    #[schema(wire = "expose-xattr")]
    pub expose_xattr: Option<bool>,
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Virtiofs>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Virtiofs>> {
    let slots = config.values.keys().filter(|key| slot::is_virtiofs(key)).cloned();
    named.entries(slots, |share, slot| {
        let found = property(config, slot, DIRECTORY);
        Some(Virtiofs {
            mapping_name: found.default.as_deref()?.parse().ok()?,
            cache: share.of(|s| &s.cache).or(found.value("cache").map(str::to_owned), "auto"),
            direct_io: share.of(|s| &s.direct_io).or(found.truth("direct-io"), false),
            expose_acl: share.of(|s| &s.expose_acl).or(found.truth("expose-acl"), false),
            expose_xattr: share.of(|s| &s.expose_xattr).or(found.truth("expose-xattr"), false),
        })
    })
}

/// Writes what changes.
pub(super) fn write(shares: Pair<'_, BTreeMap<String, Virtiofs>>, out: &mut Writes<'_>) {
    for (slot, share) in shares.slots() {
        let Some(want) = share.want else {
            out.remove(slot);
            continue;
        };
        out.property(slot, DIRECTORY, |property| {
            property.default = Some(want.mapping_name.to_string());
            option(property, "cache", share.wish(|s| &s.cache));
            switch(property, "direct-io", share.flag(|s| &s.direct_io));
            switch(property, "expose-acl", share.flag(|s| &s.expose_acl));
            switch(property, "expose-xattr", share.flag(|s| &s.expose_xattr));
        });
    }
}

/// What goes with virtiofs and what does not (qemu-server 9.2, `Virtiofs.pm` and `Memory.pm`).
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let windows = config.attribute("os_type").as_str().is_some_and(|os| os.starts_with('w'));
    let hotplug = config.attribute("hotplug").as_elements().into_iter().flatten();
    let memory = hotplug.filter_map(Value::as_str).any(|feature| feature == "memory");
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (slot, share) in config.attribute("virtiofs").as_entries().into_iter().flatten() {
        let path = Path::from("virtiofs").key(slot);
        if windows && share.attribute("expose_acl").as_bool() == Some(true) {
            out.error(
                path.then("expose_acl"),
                "Windows has no ACLs",
                "Windows cannot mount a directory with POSIX ACLs, and Proxmox VE does not start the machine. Remove \
                 `expose_acl`.",
            );
        }
        if memory {
            out.error(
                path.clone(),
                "Conflicting arguments",
                "Memory cannot be plugged into a machine with virtiofs, and Proxmox VE does not start it. Take `memory` out \
                 of `hotplug`, or remove `virtiofs`.",
            );
        }
        if let Some(name) = share.attribute("mapping_name").as_str()
            && let Some(other) = seen.insert(name, slot)
        {
            out.error(
                path.then("mapping_name"),
                "Directory is used twice",
                format!("The mapping {name:?} is in the slot {other:?} too, and the guest finds it by its name. Remove one of them."),
            );
        }
    }
}
