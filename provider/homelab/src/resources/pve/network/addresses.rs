//! What every interface may have: addresses, gateways, MTU and a comment.

use pve_client::Settings;
use tf_framework::prelude::*;

/// An address with the length of its network, as Proxmox VE keeps it.
pub(super) fn is_cidr4(text: &str) -> bool {
    is_cidr::<std::net::Ipv4Addr>(text, 32)
}

pub(super) fn is_cidr6(text: &str) -> bool {
    is_cidr::<std::net::Ipv6Addr>(text, 128)
}

pub(super) fn is_address4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

pub(super) fn is_address6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_cidr<A: std::str::FromStr>(text: &str, most: u8) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        address.parse::<A>().is_ok() && length.parse::<u8>().is_ok_and(|length| length <= most)
    })
}

/// The common part, in the order of the wire.
pub(super) struct Common<'a> {
    pub ipv4_cidr: Option<&'a String>,
    pub ipv4_gateway: Option<&'a String>,
    pub ipv6_cidr: Option<&'a String>,
    pub ipv6_gateway: Option<&'a String>,
    pub mtu: Option<i64>,
    pub autostart: Option<bool>,
    pub comment: Option<&'a String>,
}

impl Common<'_> {
    pub(super) fn settings(&self) -> Settings {
        // `autostart` is a line of its own; without it there is none.
        Settings::new()
            .opt("cidr", self.ipv4_cidr)
            .opt("gateway", self.ipv4_gateway)
            .opt("cidr6", self.ipv6_cidr)
            .opt("gateway6", self.ipv6_gateway)
            .opt("mtu", self.mtu)
            .bool("autostart", self.autostart.filter(|autostart| *autostart))
            .opt("comments", self.comment)
    }
}

/// Rules that need more than one argument.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    rules::also_requires(config, "ipv4_gateway", &["ipv4_cidr"], out);
    rules::also_requires(config, "ipv6_gateway", &["ipv6_cidr"], out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_the_length_of_their_network() {
        assert!(is_cidr4("198.51.100.1/24") && is_cidr6("2001:db8::1/64"));
        for wrong in ["198.51.100.1", "198.51.100.1/33", "2001:db8::1/64", "x/24"] {
            assert!(!is_cidr4(wrong), "{wrong}");
        }
    }
}
