//! PCI devices of the node that a machine gets.

use pve_client::{MappingName, PropertyString, VmConfig};
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::slot;
use super::writes::{Writes, option, property, switch};

/// Name under which the address may stand in its property string.
pub(super) const HOST: Option<&str> = Some("host");

/// A PCI device of the node.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Pci {
    /// Name of a `homelab_pve_pci_mapping`: the machine gets the first device of it that is free on its node. Either
    /// this or `host_address`.
    #[schema(parse, wire = "mapping")]
    pub mapping_name: Option<MappingName>,

    /// Address on the node, such as `0000:01:00.0`; without the function all functions of the device; several with a
    /// `;` between. Proxmox VE takes it only from `root@pam` with a password, so a mapping is the better way.
    #[schema(wire = "host", validate = matches("a PCI address such as 0000:01:00.0, or several with a `;` between", is_address))]
    pub host_address: Option<String>,

    /// Whether the guest sees a PCI Express device, for which the machine type has to be `q35`. Proxmox VE's default
    /// is `false`.
    #[schema(wire = "pcie")]
    pub pcie: Option<bool>,

    /// Whether the guest sees the firmware of the device. Proxmox VE's default is `true`.
    #[schema(wire = "rombar")]
    pub rom_bar: Option<bool>,

    /// Whether it is the main graphics card of the guest, which then has no virtual one unless `display` says so.
    /// Proxmox VE's default is `false`.
    #[schema(wire = "x-vga")]
    pub primary_gpu: Option<bool>,

    /// Type of the virtual device to make from it, such as `nvidia-63`, for a device that several machines share. By
    /// default the machine gets the whole device.
    #[schema(wire = "mdev", validate = matches("the type of a mediated device, without `/`, `.`, `:` and `,`", is_type))]
    pub mediated_device_type: Option<String>,
}

/// `[dddd:]bb:dd[.f]`, as the schema of Proxmox VE says.
fn is_address(text: &str) -> bool {
    let hex = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let one = |address: &str| {
        let (address, function) = address.split_once('.').unwrap_or((address, "0"));
        let parts: Vec<&str> = address.split(':').collect();
        let (domain, rest) = match parts[..] {
            [domain, bus, device] => (domain, [bus, device]),
            [bus, device] => ("0000", [bus, device]),
            _ => return false,
        };
        hex(domain, 4, 8) && rest.iter().all(|part| hex(part, 2, 2)) && hex(function, 1, 1)
    };
    text.split(';').all(one)
}

fn is_type(text: &str) -> bool {
    !text.is_empty() && !text.contains(['/', '.', ':', ',', ' ', '\n'])
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Pci>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Pci>> {
    let slots = config.values.keys().filter(|key| slot::is_pci(key)).cloned();
    named.entries(slots, |pci, slot| {
        let found = property(config, slot, HOST);
        Some(Pci {
            mapping_name: pci
                .of(|p| &p.mapping_name)
                .found(found.value("mapping").and_then(|name| name.parse().ok())),
            host_address: pci.of(|p| &p.host_address).found(found.default.clone()),
            pcie: pci.of(|p| &p.pcie).or(found.truth("pcie"), false),
            rom_bar: pci.of(|p| &p.rom_bar).or(found.truth("rombar"), true),
            primary_gpu: pci.of(|p| &p.primary_gpu).or(found.truth("x-vga"), false),
            mediated_device_type: pci
                .of(|p| &p.mediated_device_type)
                .found(found.value("mdev").map(str::to_owned)),
        })
    })
}

/// Writes what changes.
pub(super) fn write(devices: Pair<'_, BTreeMap<String, Pci>>, out: &mut Writes<'_>) {
    for (slot, device) in devices.slots() {
        match device.want {
            None => out.remove(slot),
            Some(want) => out.property(slot, HOST, |property| merge(property, want, device)),
        }
    }
}

fn merge(property: &mut PropertyString, want: &Pci, device: Pair<'_, Pci>) {
    // It is one or the other, whatever was there before.
    property.default.clone_from(&want.host_address);
    property.set("mapping", want.mapping_name.as_ref());
    switch(property, "pcie", device.flag(|p| &p.pcie));
    switch(property, "rombar", device.flag(|p| &p.rom_bar));
    switch(property, "x-vga", device.flag(|p| &p.primary_gpu));
    option(property, "mdev", device.wish(|p| &p.mediated_device_type));
}

/// A device is named in one way, and PCI Express is a matter of the chipset.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    let machine = config.attribute("machine");
    let mut primary: Option<&str> = None;
    for (slot, device) in config.attribute("pci_devices").as_entries().into_iter().flatten() {
        let path = Path::from("pci_devices").key(slot);
        one_name(&path, device, "mapping_name", "host_address", out);
        let says = |name: &str| device.attribute(name).as_bool() == Some(true);
        if says("pcie") && machine.as_str().is_some_and(|name| !is_q35(name)) {
            out.push(no_express(slot));
        }
        if says("primary_gpu")
            && let Some(other) = primary.replace(slot)
        {
            out.error(
                path.then("primary_gpu"),
                "Two primary graphics cards",
                format!("The device {other:?} is the primary graphics card already. Set `primary_gpu` for one of them only."),
            );
        }
    }
}

/// Whether a machine type has PCI Express.
pub(super) fn is_q35(machine: &str) -> bool {
    machine == "q35" || machine.starts_with("pc-q35-")
}

/// The message for a PCI Express device in a machine that has none.
pub(super) fn no_express(slot: &str) -> Diagnostic {
    Diagnostic::error(
        "Chipset has no PCI Express",
        format!(
            "The device {slot:?} is to be a PCI Express device, which only the chipset `q35` has, and Proxmox VE's \
             default is another one. Set `machine` to `q35`, or remove `pcie`."
        ),
    )
    .at(Path::from("pci_devices").key(slot).then("pcie"))
}

/// Exactly one of two arguments names a device.
pub(super) fn one_name(path: &Path, device: &Value, mapped: &str, raw: &str, out: &mut Diagnostics) {
    if !device.is_set() {
        return;
    }
    let (mapping, host) = (device.attribute(mapped), device.attribute(raw));
    if mapping.is_set() && host.is_set() {
        out.error(
            path.then(raw),
            "Conflicting arguments",
            format!("Only one of `{mapped}` and `{raw}` may be set: a device is found by its mapping or by its place."),
        );
    }
    if mapping.is_null() && host.is_null() {
        out.error(
            path.then(mapped),
            "Missing argument",
            format!(
                "Nothing says which device this is. Set `{mapped}` to the name of a mapping, or set `{raw}`."
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_proxmox_takes() {
        for good in ["0000:01:00.0", "01:00.0", "01:00", "0000:0A:00;0000:0b:00.1", "00010000:01:00.0"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "1:00.0", "0000:01:00.0;", "0000:01:00.00", "gpu", "0000:01:0g.0", "000:01:00.0"] {
            assert!(!is_address(bad), "{bad}");
        }
        assert!(is_type("nvidia-63") && !is_type("a.b") && !is_type(""));
    }
}
