//! Addresses that cloud-init gives to one network device.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::slot;
use super::writes::{Writes, option, property};

/// Addresses of one network device.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct IpConfig {
    /// Address with its prefix length, as `192.0.2.10/24`, or `dhcp`.
    #[schema(wire = "ip", validate = matches("an IPv4 address with its prefix length, such as 192.0.2.10/24, or `dhcp`", ipv4))]
    pub ipv4_address: Option<String>,

    /// Gateway. Needs an address that is not by DHCP.
    #[schema(wire = "gw", validate = matches("an IPv4 address", |text| text.parse::<Ipv4Addr>().is_ok()))]
    pub ipv4_gateway: Option<String>,

    /// Address with its prefix length, as `2001:db8::10/64`, `dhcp`, or `auto` for what the router advertises.
    #[schema(wire = "ip6", validate = matches("an IPv6 address with its prefix length, such as 2001:db8::10/64, `dhcp` or `auto`", ipv6))]
    pub ipv6_address: Option<String>,

    /// Gateway. Needs an address that is neither by DHCP nor `auto`.
    #[schema(wire = "gw6", validate = matches("an IPv6 address", |text| text.parse::<Ipv6Addr>().is_ok()))]
    pub ipv6_gateway: Option<String>,
}

fn ipv4(text: &str) -> bool {
    text == "dhcp" || network(text, 32).is_some_and(|address| address.is_ipv4())
}

fn ipv6(text: &str) -> bool {
    matches!(text, "dhcp" | "auto") || network(text, 128).is_some_and(|address| address.is_ipv6())
}

fn network(text: &str, longest: u8) -> Option<IpAddr> {
    let (address, prefix) = text.split_once('/')?;
    let plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let fits = plain && prefix.parse::<u8>().is_ok_and(|length| length <= longest);
    fits.then(|| address.parse().ok()).flatten()
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, IpConfig>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, IpConfig>> {
    let devices = config.values.keys().filter(|key| slot::is_ip_config(key)).cloned();
    named.entries(devices, |ip, device| {
        let found = property(config, device, None);
        let text = |key: &str| found.value(key).map(str::to_owned);
        Some(IpConfig {
            ipv4_address: ip.of(|i| &i.ipv4_address).found(text("ip")),
            ipv4_gateway: ip.of(|i| &i.ipv4_gateway).found(text("gw")),
            ipv6_address: ip.of(|i| &i.ipv6_address).found(text("ip6")),
            ipv6_gateway: ip.of(|i| &i.ipv6_gateway).found(text("gw6")),
        })
    })
}

/// Writes what changes.
pub(super) fn write(ip_configs: Pair<'_, BTreeMap<String, IpConfig>>, out: &mut Writes<'_>) {
    for (device, ip) in ip_configs.slots() {
        if ip.want.is_none() {
            out.remove(device);
            continue;
        }
        out.property(device, None, |property| {
            option(property, "ip", ip.wish(|i| &i.ipv4_address));
            option(property, "gw", ip.wish(|i| &i.ipv4_gateway));
            option(property, "ip6", ip.wish(|i| &i.ipv6_address));
            option(property, "gw6", ip.wish(|i| &i.ipv6_gateway));
        });
    }
}

/// Rules over several arguments of one device.
pub(super) fn validate(at: &Path, ip: &Value, out: &mut Diagnostics) {
    if let Some(problem) = not_empty().check(ip) {
        out.error(at.clone(), "Invalid value", problem);
    }
    for (gateway, address) in [("ipv4_gateway", "ipv4_address"), ("ipv6_gateway", "ipv6_address")] {
        let wrong = match ip.attribute(address) {
            Value::Null => true,
            Value::String(text) => matches!(text.as_str(), "dhcp" | "auto"),
            _ => false,
        };
        if wrong && ip.attribute(gateway).is_set() {
            out.error(
                at.then(gateway),
                "Gateway without address",
                format!(
                    "A gateway belongs to a fixed address: the guest learns it by itself otherwise. Set `{address}` to \
                     an address with its prefix length, or remove `{gateway}`."
                ),
            );
        }
    }
}
