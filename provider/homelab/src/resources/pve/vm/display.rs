//! The graphics card that a machine's screen hangs on.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, leading, option, option_of, property};

/// Wire key.
const KEY: &str = "vga";

/// Name under which the type may stand in its property string.
const TYPE: Option<&str> = Some("type");

/// What a machine has that says nothing.
pub(super) const STANDARD: &str = "std";

/// What Proxmox VE offers (pve-api of 9.2.11).
const TYPES: [&str; 14] = [
    "std",
    "virtio",
    "virtio-gl",
    "qxl",
    "qxl2",
    "qxl3",
    "qxl4",
    "cirrus",
    "vmware",
    "serial0",
    "serial1",
    "serial2",
    "serial3",
    "none",
];

/// The graphics card that a machine's screen hangs on.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Display {
    /// Type. By default a clone has that of its template, any other `std`; `qxl` is for SPICE, where the number is that of
    /// the screens, `serial0` shows that port instead, and `none` is for a machine with a graphics card of its node.
    #[schema(wire = "type", validate = one_of(TYPES))]
    pub r#type: Defaulted<String>,

    /// Memory of the card in MiB, from 4 to 512. By default it depends on the type; a serial port has none.
    #[schema(wire = "memory", validate = range(4, 512))]
    pub memory_mib: Option<u32>,

    /// Which clipboard is shared with the guest: `vnc` is that of the console in the web interface, which needs an agent
    /// for SPICE in the guest. By default it is that of SPICE where there is one.
    #[schema(wire = "clipboard", validate = one_of(["vnc"]))]
    pub clipboard: Option<String>,
}

/// What a configuration says.
pub(super) fn read(named: Named<'_, Display>, config: &VmConfig) -> Option<Display> {
    let found = property(config, KEY, TYPE);
    named.filled(config.value(KEY).is_some(), |display| Display {
        r#type: found.default.clone().unwrap_or_else(|| STANDARD.to_owned()).into(),
        memory_mib: display.of(|d| &d.memory_mib).found(option_of(&found, "memory")),
        clipboard: display.of(|d| &d.clipboard).found(found.value("clipboard").map(str::to_owned)),
    })
}

/// Writes what changes.
pub(super) fn write(display: Pair<'_, Display>, out: &mut Writes<'_>) {
    out.property(KEY, TYPE, |property| {
        option(property, "memory", display.wish(|d| &d.memory_mib));
        option(property, "clipboard", display.wish(|d| &d.clipboard));
        leading(property, display.filled(|d| &d.r#type), STANDARD, display.prior.is_some());
    });
}

/// A serial port has no memory.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let display = config.attribute("display");
    let kind = display.attribute("type").as_str().unwrap_or(STANDARD);
    if (kind.starts_with("serial") || kind == "none") && display.attribute("memory_mib").is_set() {
        out.error(
            "display.memory_mib",
            "Unsupported argument",
            format!(
                "A display of type {kind:?} has no memory. Remove `memory_mib`, or choose another `type`."
            ),
        );
    }
}
