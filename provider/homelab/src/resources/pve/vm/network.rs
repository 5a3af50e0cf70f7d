//! Network devices of a machine.

use std::fmt;
use std::str::FromStr;

use pve_client::{Net, PropertyString, VmConfig};
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, option, option_of, quantity, switch};
use super::{number_set, slot};

/// The model of a device that says none.
const MODEL: &str = "virtio";

/// The models that Proxmox VE knows (qemu-server 9.2.6, `Network.pm`).
const MODELS: [&str; 14] = [
    "virtio",
    "e1000",
    "e1000e",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "vmxnet3",
];

/// A network device.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Network {
    /// Bridge of the node, for example `vmbr0`. A new device without one is behind QEMU's own address translation.
    #[schema(wire = "bridge", validate = matches("the name of a bridge", name))]
    pub bridge: Option<String>,

    /// Model that the guest sees.
    #[schema(wire = "model", default = MODEL, validate = one_of(MODELS))]
    pub model: Defaulted<String>,

    /// Hardware address, as `BC:24:11:00:00:01`. Proxmox VE chooses one when this is left out, and it stays.
    #[schema(parse, wire = "macaddr", keep)]
    pub mac_address: Defaulted<MacAddress>,

    /// VLAN of the device, from 1 to 4094. By default its frames carry none.
    #[schema(wire = "tag", validate = range(1, 4094))]
    pub vlan_id: Option<u32>,

    /// VLANs that the device may use itself, from 1 to 4094.
    #[schema(wire = "trunks", validate = each(range(1, 4094)))]
    pub trunk_vlan_ids: Option<BTreeSet<u32>>,

    /// Whether the firewall of Proxmox VE watches the device. Proxmox VE's default is `false`.
    #[schema(wire = "firewall")]
    pub firewall: Option<bool>,

    /// Most traffic in MiB per second; fractions are fine. By default there is no limit.
    #[schema(wire = "rate", validate = range(0, 1_000_000))]
    pub rate_mib_per_second: Option<f64>,

    /// Queues for packets, from 0 to 64; one for each processor is a good choice. Only for the model `virtio`.
    #[schema(wire = "queues", validate = range(0, 64))]
    pub queues: Option<u32>,

    /// Largest packet in bytes, from 1 to 65520; 1 means that of the bridge. Only for the model `virtio`.
    #[schema(wire = "mtu", validate = range(1, 65_520))]
    pub mtu: Option<u32>,

    /// Whether the cable is plugged in. Proxmox VE's default is `true`.
    #[schema(wire = "link_down")]
    pub connected: Option<bool>,
}

fn name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// A hardware address. Its case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacAddress([u8; 6]);

/// A text is not a hardware address.
#[derive(Debug, thiserror::Error)]
#[error("it is not the hardware address of one device, such as BC:24:11:00:00:01")]
pub struct InvalidMacAddress;

impl FromStr for MacAddress {
    type Err = InvalidMacAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMacAddress> {
        let parts: Vec<&str> = text.split(':').collect();
        let byte = |part: &&str| {
            let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            plain.then(|| u8::from_str_radix(part, 16).ok()).flatten()
        };
        let bytes: Option<Vec<u8>> = parts.iter().map(byte).collect();
        let address: [u8; 6] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(InvalidMacAddress)?;
        // The lowest bit marks a group of devices, which Proxmox VE refuses.
        if address[0] & 1 == 1 { Err(InvalidMacAddress) } else { Ok(Self(address)) }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&parts.join(":"))
    }
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Network>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Network>> {
    let slots = config.values.keys().filter(|key| slot::is_network(key)).cloned();
    named.entries(slots, |network, slot| Some(device(network, &config.value(slot)?.parse().ok()?)))
}

fn device(named: Named<'_, Network>, found: &Net) -> Network {
    let options = &found.options;
    Network {
        bridge: named.of(|n| &n.bridge).found(found.bridge().map(str::to_owned)),
        model: found.model.clone().into(),
        mac_address: found.mac.as_ref().and_then(|mac| mac.parse().ok()).into(),
        vlan_id: named.of(|n| &n.vlan_id).found(found.tag().map(u32::from)),
        trunk_vlan_ids: named
            .of(|n| &n.trunk_vlan_ids)
            .or(options.value("trunks").map(number_set::parse), []),
        firewall: named.of(|n| &n.firewall).or(options.truth("firewall"), false),
        rate_mib_per_second: named.of(|n| &n.rate_mib_per_second).found(option_of(options, "rate")),
        queues: named.of(|n| &n.queues).or(option_of(options, "queues"), 0_u32),
        mtu: named.of(|n| &n.mtu).found(option_of(options, "mtu")),
        connected: named.of(|n| &n.connected).or(options.truth("link_down").map(|down| !down), true),
    }
}

/// Writes what changes.
pub(super) fn write(networks: Pair<'_, BTreeMap<String, Network>>, out: &mut Writes<'_>) {
    for (slot, network) in networks.slots() {
        let present: Option<Net> = out.current().value(slot).and_then(|text| text.parse().ok());
        match network.want {
            None => out.remove(slot),
            Some(want) => {
                let changed = merged(present.as_ref(), want, network);
                if present.as_ref() != Some(&changed) {
                    out.force(slot, changed);
                }
            }
        }
    }
}

fn merged(present: Option<&Net>, want: &Network, network: Pair<'_, Network>) -> Net {
    let mut net = present.cloned().unwrap_or_else(|| Net::new(MODEL, None));
    if let Some(model) = want.model.known() {
        net.model.clone_from(model);
    }
    if let Some(mac) = want.mac_address.known() {
        let same = net.mac.as_deref().and_then(|text| text.parse::<MacAddress>().ok()).as_ref() == Some(mac);
        if !same {
            net.mac = Some(mac.to_string());
        }
    }
    options(&mut net.options, network);
    net
}

fn options(options: &mut PropertyString, network: Pair<'_, Network>) {
    option(options, "bridge", network.wish(|n| &n.bridge));
    option(options, "tag", network.wish(|n| &n.vlan_id));
    number_set::option(options, "trunks", network.wish(|n| &n.trunk_vlan_ids));
    switch(options, "firewall", network.flag(|n| &n.firewall));
    quantity(options, "rate", network.wish(|n| &n.rate_mib_per_second));
    option(options, "queues", network.wish(|n| &n.queues));
    option(options, "mtu", network.wish(|n| &n.mtu));
    switch(options, "link_down", network.flag(|n| &n.connected).map(|connected| !connected));
}
