//! Network devices of a VM configuration: reading, printing back, and MAC addresses.

use std::collections::BTreeMap;

/// Models of the emulated card (upstream: `PVE::QemuServer::Network`).
const MODELS: [&str; 14] = [
    "e1000",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "e1000e",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "virtio",
    "vmxnet3",
];

/// Options of a network device that are booleans.
const BOOLEANS: [&str; 3] = ["firewall", "host-tunnel", "link_down"];

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Model of the card.
    pub model: String,
    /// Address as given: its case is kept. Generated when a write names none.
    pub mac: Option<String>,
    /// Everything else, by name.
    pub options: BTreeMap<String, String>,
}

impl Network {
    /// Reads `virtio=BC:…,bridge=vmbr0` or `model=virtio,macaddr=BC:…,bridge=vmbr0`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut model = None;
        let mut mac = None;
        let mut options = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => model = Some(part.to_owned()),
                Some(("model", value)) => model = Some(value.to_owned()),
                Some(("macaddr", value)) => mac = Some(value.to_owned()),
                Some((key, value)) if MODELS.contains(&key) => {
                    model = Some(key.to_owned());
                    mac = Some(value.to_owned());
                }
                Some((key, value)) => {
                    options.insert(key.to_owned(), normal_value(key, value));
                }
            }
        }
        Some(Self { model: model?, mac, options })
    }

    /// Bridge that the device is plugged into.
    pub fn bridge(&self) -> Option<&str> {
        self.options.get("bridge").map(String::as_str)
    }

    /// VLAN tag.
    pub fn tag(&self) -> Option<&str> {
        self.options.get("tag").map(String::as_str)
    }

    /// The entry with an address: the given one, or a new one under `prefix`.
    #[must_use]
    pub fn with_mac(mut self, prefix: &str) -> Self {
        if self.mac.is_none() {
            self.mac = Some(random_mac(prefix));
        }
        self
    }

    /// Whether a running VM can take over `new` without unplugging the card.
    pub fn changes_in_place(&self, new: &Self) -> bool {
        let key = |net: &Self| {
            let option = |name: &str| net.options.get(name).cloned();
            (net.model.clone(), net.mac.as_deref().map(str::to_lowercase), option("queues"), option("mtu"))
        };
        key(self) == key(new)
    }
}

impl std::fmt::Display for Network {
    /// `model=MAC` first, then the options in the order of their names.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.model)?;
        if let Some(mac) = &self.mac {
            write!(f, "={mac}")?;
        }
        self.options.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

/// A new unicast address. `prefix` is the datacenter's `mac_prefix`, for example `BC:24:11`.
pub fn random_mac(prefix: &str) -> String {
    let random = uuid::Uuid::new_v4().into_bytes();
    let mut bytes: Vec<u8> = prefix
        .split(':')
        .filter(|part| !part.is_empty())
        .filter_map(|part| u8::from_str_radix(part, 16).ok())
        .collect();
    bytes.truncate(6);
    let missing = 6 - bytes.len();
    bytes.extend_from_slice(&random[..missing]);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn normal_value(key: &str, value: &str) -> String {
    match super::options::parse_boolean(value) {
        Some(truth) if BOOLEANS.contains(&key) => if truth { "1" } else { "0" }.to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_printed_with_model_and_mac_first_and_options_sorted() {
        for (sent, stored) in [
            (
                "model=virtio,macaddr=bc:24:11:aa:bb:cc,bridge=vmbr0,queues=2,mtu=1400,link_down=1,trunks=10;20",
                "virtio=bc:24:11:aa:bb:cc,bridge=vmbr0,link_down=1,mtu=1400,queues=2,trunks=10;20",
            ),
            (
                "e1000=BC:24:11:AA:BB:CD,bridge=vmbr1,firewall=0",
                "e1000=BC:24:11:AA:BB:CD,bridge=vmbr1,firewall=0",
            ),
            (
                "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=20,rate=12.5",
                "virtio=BC:24:11:00:00:01,bridge=vmbr0,rate=12.5,tag=20",
            ),
        ] {
            assert_eq!(Network::parse(sent).unwrap().to_string(), stored);
        }
    }

    #[test]
    fn a_missing_mac_is_made_up_under_the_prefix_and_a_given_one_is_kept() {
        let made = Network::parse("virtio,bridge=vmbr0").unwrap().with_mac("BC:24:11");
        let mac = made.mac.unwrap();
        assert!(mac.starts_with("BC:24:11:") && mac.len() == 17, "{mac}");
        let kept = Network::parse("virtio=aa:bb:cc:dd:ee:ff").unwrap().with_mac("BC:24:11");
        assert_eq!(kept.to_string(), "virtio=aa:bb:cc:dd:ee:ff");
    }

    #[test]
    fn only_card_properties_need_a_replug() {
        let net = |text: &str| Network::parse(text).unwrap();
        let old = net("virtio=BC:24:11:00:00:01,bridge=vmbr0");
        assert!(old.changes_in_place(&net("virtio=BC:24:11:00:00:01,bridge=vmbr1,tag=3,link_down=1")));
        assert!(!old.changes_in_place(&net("e1000=BC:24:11:00:00:01,bridge=vmbr0")));
        assert!(!old.changes_in_place(&net("virtio=BC:24:11:00:00:02,bridge=vmbr0")));
        assert!(!old.changes_in_place(&net("virtio=BC:24:11:00:00:01,bridge=vmbr0,queues=2")));
    }
}
