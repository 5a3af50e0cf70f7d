//! USB devices of the node, or of whoever looks at the machine's screen, that a machine gets.

use pve_client::{MappingName, PropertyString, VmConfig};
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::slot;
use super::writes::{Writes, property, switch};

/// Name under which the device may stand in its property string.
const HOST: Option<&str> = Some("host");

/// What stands for a device of the viewer.
const SPICE: &str = "spice";

/// Slots that every guest has (qemu-server 9.2.6, `USB.pm`).
const OLD_SLOTS: u32 = 5;

/// Guests with the controller that has all slots and takes devices while it runs.
pub(super) const MODERN: [&str; 4] = ["l26", "win8", "win10", "win11"];

/// A USB device.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Usb {
    /// Name of a `homelab_pve_usb_mapping`. Either this, `host_device` or `spice`.
    #[schema(parse, wire = "mapping")]
    pub mapping_name: Option<MappingName>,

    /// Device of the node: its vendor and product, such as `046d:c52b`, or its place, such as `1-2.3`. Proxmox VE takes
    /// it only from `root@pam` with a password, so a mapping is the better way.
    #[schema(wire = "host", validate = matches("a vendor and a product such as 046d:c52b, or a bus and ports such as 1-2.3", is_device))]
    pub host_device: Option<String>,

    /// Whether whoever looks at the machine's screen through SPICE can plug in a device of his own.
    #[schema(default = false)]
    pub spice: Defaulted<bool>,

    /// Whether it is a USB 3 device. Proxmox VE's default is `false`; guests that run Windows 8 or later, or a Linux of
    /// today, do not need to be told.
    #[schema(wire = "usb3")]
    pub usb3: Option<bool>,
}

fn is_device(text: &str) -> bool {
    let id = |part: &str| {
        let part = part.strip_prefix("0x").unwrap_or(part);
        part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':').is_some_and(|(vendor, product)| id(vendor) && id(product))
        || text.split_once('-').is_some_and(|(bus, ports)| number(bus) && ports.split('.').all(number))
}

fn is_spice(host: &str) -> bool {
    host.eq_ignore_ascii_case(SPICE)
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Usb>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Usb>> {
    let slots = config.values.keys().filter(|key| slot::is_usb(key)).cloned();
    named.entries(slots, |usb, slot| {
        let found = property(config, slot, HOST);
        let spice = found.default.as_deref().is_some_and(is_spice);
        let mapping = found.value("mapping").and_then(|name| name.parse().ok());
        Some(Usb {
            mapping_name: usb.of(|u| &u.mapping_name).found(mapping),
            host_device: usb
                .of(|u| &u.host_device)
                .found(found.default.clone().filter(|host| !is_spice(host))),
            spice: spice.into(),
            usb3: usb.of(|u| &u.usb3).or(found.truth("usb3"), false),
        })
    })
}

/// Writes what changes.
pub(super) fn write(devices: Pair<'_, BTreeMap<String, Usb>>, out: &mut Writes<'_>) {
    for (slot, device) in devices.slots() {
        match device.want {
            None => out.remove(slot),
            Some(want) => out.property(slot, HOST, |property| merge(property, want, device)),
        }
    }
}

fn merge(property: &mut PropertyString, want: &Usb, device: Pair<'_, Usb>) {
    // It is one of the three, whatever was there before.
    if want.spice.known() == Some(&true) {
        if !property.default.as_deref().is_some_and(is_spice) {
            property.default = Some(SPICE.to_owned());
        }
    } else {
        property.default.clone_from(&want.host_device);
    }
    property.set("mapping", want.mapping_name.as_ref());
    switch(property, "usb3", device.flag(|u| &u.usb3));
}

/// A device is named in one way, and old guests have few slots.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let os = config.attribute("os_type");
    for (slot, device) in config.attribute("usb_devices").as_entries().into_iter().flatten() {
        if !device.is_set() {
            continue;
        }
        let path = Path::from("usb_devices").key(slot);
        let (mapping, host) = (device.attribute("mapping_name"), device.attribute("host_device"));
        let spice = device.attribute("spice");
        let ways = [mapping.is_set(), host.is_set(), spice.as_bool() == Some(true)];
        let maybe = mapping.is_unknown() || host.is_unknown() || spice.is_unknown();
        match ways.iter().filter(|way| **way).count() {
            0 if !maybe => out.error(
                path.then("mapping_name"),
                "Missing argument",
                "Nothing says which device this is. Set `mapping_name` to the name of a mapping, `host_device`, or `spice` \
                 to `true`.",
            ),
            0 | 1 => {}
            _ => out.error(
                path.clone(),
                "Conflicting arguments",
                "Only one of `mapping_name`, `host_device` and `spice` may be set: each says which device this is.",
            ),
        }
        if os.as_str().is_some_and(|os| !MODERN.contains(&os)) && is_new(slot) {
            out.push(no_slot(slot));
        }
    }
}

/// Whether only newer guests have a slot.
pub(super) fn is_new(slot: &str) -> bool {
    slot.strip_prefix("usb")
        .and_then(|number| number.parse::<u32>().ok())
        .is_some_and(|number| number >= OLD_SLOTS)
}

/// The message for a slot that the guest does not have.
pub(super) fn no_slot(slot: &str) -> Diagnostic {
    Diagnostic::error(
        "Slot does not exist",
        format!(
            "The slot {slot:?} is there only for guests with `os_type` {}. Others have `usb0` to `usb{}`. Set `os_type`, \
             or use one of these slots.",
            MODERN.map(|os| format!("`{os}`")).join(", "),
            OLD_SLOTS - 1
        ),
    )
    .at(Path::from("usb_devices").key(slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_proxmox_names_them() {
        for good in ["046d:c52b", "0x046D:0xc52b", "1-2", "1-2.3.4"] {
            assert!(is_device(good), "{good}");
        }
        for bad in ["", "046d", "046d:c52", "1-", "1-2.", "spice", "a-1"] {
            assert!(!is_device(bad), "{bad}");
        }
        assert!(is_new("usb5") && is_new("usb13") && !is_new("usb4"));
    }
}
