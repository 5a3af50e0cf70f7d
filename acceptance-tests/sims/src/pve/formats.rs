//! Named formats of the upstream schema and the words in which they refuse.

mod places;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::handlers::hardware::built_in_models;
use super::params::split_list;
use super::property::Values;
use super::roles;

/// Checks `text` against the format `name`; a format that is not known here accepts everything.
pub fn check(name: &str, text: &str) -> Result<(), String> {
    if let Some(element) = name.strip_suffix("-list") {
        if let Some(outcome) = whole_list(name, text) {
            return outcome;
        }
        return split_list(text).iter().try_for_each(|item| check(element, item));
    }
    if let Some(inner) = name.strip_suffix("-opt") {
        return if text.is_empty() { Ok(()) } else { check(inner, text) };
    }
    verdict(name, text).map_err(|message| format!("{message}\n"))
}

/// Lists whose elements have no format of their own.
fn whole_list(name: &str, text: &str) -> Option<Result<(), String>> {
    (name == "pve-hotplug-features-list" || name == "string-list").then(|| {
        let _ = text;
        Ok(())
    })
}

/// Checks what the values of a property string have to hold together.
pub fn check_together(name: &str, values: &Values) -> Result<(), String> {
    if name != "pve-vm-cpu-conf" {
        return Ok(());
    }
    if !values.contains_key("cputype") {
        return Err("CPU is missing cputype\n".to_owned());
    }
    let known = |flag: &str| flag.strip_prefix(['+', '-']).is_some_and(|name| CPU_FLAGS.contains(&name));
    match values.get("flags") {
        Some(flags) if !flags.split(';').all(known) => {
            Err(format!("VM-specific CPU flags must be a subset of: {}\n", CPU_FLAGS.join(", ")))
        }
        _ => Ok(()),
    }
}

/// CPU flags that a VM may set.
const CPU_FLAGS: [&str; 13] = [
    "aes",
    "amd-no-ssb",
    "amd-ssbd",
    "hv-evmcs",
    "hv-tlbflush",
    "ibpb",
    "md-clear",
    "nested-virt",
    "pcid",
    "pdpe1gb",
    "spec-ctrl",
    "ssbd",
    "virt-ssbd",
];

fn verdict(name: &str, text: &str) -> Result<(), String> {
    match name {
        "pve-vmid" => require(is_vmid(text), "value does not look like a valid VM ID"),
        "pve-node" => require(is_label(text), "value does not look like a valid node name"),
        "pve-configid" => require(is_config_id(text), &format!("invalid configuration ID '{text}'")),
        "pve-storage-id" => storage_id(text),
        "pve-storage-content" => content(text),
        "pve-poolid" => pool_id(text),
        "pve-userid" => user_id(text),
        "pve-tokenid" => token_id(text),
        "pve-groupid" => {
            require(is_simple(text), &format!("group name '{text}' contains invalid characters"))
        }
        "pve-roleid" => require(is_simple(text), &format!("role name '{text}' contains invalid characters")),
        "pve-realm" => require(is_realm(text), "value does not look like a valid realm"),
        "pve-priv" => require(roles::PRIVILEGES.contains(&text), &format!("invalid privilege '{text}'")),
        "email" => require(is_email(text), "value does not look like a valid email address"),
        "email-or-username" => require(
            is_email(text) || !text.contains(['@', ' ']),
            "value does not look like a valid email address or user name",
        ),
        "dns-name" => require(is_dns_name(text), "value does not look like a valid DNS name"),
        "ip" => require(is_ip(text), "value does not look like a valid IP address"),
        "ipv4" => require(text.parse::<Ipv4Addr>().is_ok(), "value does not look like a valid IPv4 address"),
        "ipv6" => require(text.parse::<Ipv6Addr>().is_ok(), "value does not look like a valid IPv6 address"),
        "address" => require(
            is_ip(text) || is_dns_name(text),
            &format!("value does not look like a valid address: {text}"),
        ),
        "CIDR" => require(is_cidr(text, true, true), "value does not look like a valid CIDR network"),
        "CIDRv4" => require(is_cidr(text, true, false), "value does not look like a valid IPv4 network"),
        "CIDRv6" => require(is_cidr(text, false, true), "value does not look like a valid IPv6 network"),
        "pve-ipv4-config" => require(
            matches!(text, "dhcp" | "manual") || is_cidr(text, true, false),
            "value does not look like a valid ipv4 network configuration",
        ),
        "pve-ipv6-config" => require(
            matches!(text, "auto" | "dhcp" | "manual") || is_cidr(text, false, true),
            "value does not look like a valid ipv6 network configuration",
        ),
        "mac-addr" => require(is_mac(text), "value does not look like a valid unicast MAC address"),
        "mac-prefix" => require(is_mac_prefix(text), "value is not valid unicast MAC address prefix"),
        "disk-size" => {
            require(is_disk_size(text), &format!("value does not look like a valid disk size: {text}"))
        }
        "pve-iface" => require(is_interface(text), &format!("invalid network interface name '{text}'")),
        "pve-tag" => require(is_tag(text), "invalid characters in tag"),
        "pve-volume-id" => require(is_volume_id(text), &format!("unable to parse volume ID '{text}'")),
        "urlencoded" => require(is_url_encoded(text), &format!("invalid urlencoded string: {text}")),
        "pve-startup-order" => require(is_startup(text), "unable to parse startup options"),
        "pve-hotplug-features" => hotplug(text),
        "pve-calendar-event" => super::calendar::parse(text).map(drop),
        "pve-cpu-type" => cpu_type(text),
        _ => places::verdict(name, text),
    }
}

fn require(holds: bool, message: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message.to_owned()) }
}

fn is_vmid(text: &str) -> bool {
    text.len() >= 3 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn starts_alphabetic(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
}

fn is_config_id(text: &str) -> bool {
    text.len() >= 2
        && starts_alphabetic(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn storage_id(text: &str) -> Result<(), String> {
    let holds = text.len() >= 2
        && starts_alphabetic(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && text.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphanumeric());
    require(holds, &format!("storage ID '{text}' contains illegal characters"))
}

fn content(text: &str) -> Result<(), String> {
    let known = ["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"];
    require(known.contains(&text), &format!("invalid content type '{text}'"))
}

fn pool_id(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('/').collect();
    let holds = parts.iter().all(|part| is_simple(part)) && parts.len() <= 3;
    require(holds, &format!("pool name '{text}' contains invalid characters"))
}

/// Names of groups, roles and pools.
fn is_simple(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn is_realm(text: &str) -> bool {
    text.len() >= 2 && starts_alphabetic(text) && is_simple(text)
}

/// Splits `name@realm` at the last `@`.
pub fn split_user(text: &str) -> Option<(&str, &str)> {
    let (name, realm) = text.rsplit_once('@')?;
    let plain = !name.is_empty() && !name.contains([':', '/']) && !name.contains(char::is_whitespace);
    (plain && is_realm(realm)).then_some((name, realm))
}

fn user_id(text: &str) -> Result<(), String> {
    if text.chars().count() < 3 {
        return Err(format!("user name '{text}' is too short"));
    }
    if text.chars().count() > 64 {
        return Err(format!("user name '{text}' is too long ({} > 64)", text.chars().count()));
    }
    require(split_user(text).is_some(), &format!("value '{text}' does not look like a valid user name"))
}

fn token_id(text: &str) -> Result<(), String> {
    let holds =
        text.rsplit_once('!').is_some_and(|(user, token)| split_user(user).is_some() && is_realm(token));
    require(holds, &format!("value '{text}' does not look like a valid token ID"))
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-_~.'".contains(&byte))
            && is_dns_name(domain)
    })
}

fn is_dns_name(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|label| is_label(label) && label.len() <= 63)
}

fn is_ip(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok()
}

fn is_cidr(text: &str, four: bool, six: bool) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u32>() else { return false };
    (four && address.parse::<Ipv4Addr>().is_ok() && bits <= 32)
        || (six && address.parse::<Ipv6Addr>().is_ok() && bits <= 128)
}

fn is_mac(text: &str) -> bool {
    let bytes: Vec<&str> = text.split(':').collect();
    bytes.len() == 6
        && bytes.iter().all(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()))
        && u8::from_str_radix(bytes[0], 16).is_ok_and(|first| first & 1 == 0)
}

fn is_mac_prefix(text: &str) -> bool {
    let bytes: Vec<&str> = text.split(':').filter(|byte| !byte.is_empty()).collect();
    (1..=5).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.len() <= 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()))
        && u8::from_str_radix(bytes[0], 16).is_ok_and(|first| first & 1 == 0)
}

/// `32`, `1536M`, `3.5G`.
pub fn is_disk_size(text: &str) -> bool {
    let number = text.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(text);
    !number.is_empty()
        && !number.starts_with('.')
        && !number.ends_with('.')
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && number.parse::<f64>().is_ok()
}

fn is_interface(text: &str) -> bool {
    (2..=20).contains(&text.len())
        && starts_alphabetic(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-@".contains(&byte))
}

fn is_tag(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-+.".contains(&byte))
}

fn is_volume_id(text: &str) -> bool {
    text.split_once(':').is_some_and(|(storage, volume)| storage_id(storage).is_ok() && !volume.is_empty())
}

fn is_url_encoded(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()+%".contains(&byte);
    text.bytes().all(safe)
}

fn is_startup(text: &str) -> bool {
    text.split(',').filter(|part| !part.trim().is_empty()).all(|part| {
        let value = part.trim().split_once('=').map_or(part.trim(), |(key, value)| {
            if matches!(key, "order" | "up" | "down") { value } else { "" }
        });
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn hotplug(text: &str) -> Result<(), String> {
    if matches!(text, "0" | "1") {
        return Ok(());
    }
    let known = ["network", "disk", "cpu", "memory", "usb", "cloudinit"];
    match split_list(text).iter().find(|feature| !known.contains(&feature.as_str())) {
        Some(feature) => Err(format!("invalid hotplug feature '{feature}'")),
        None => Ok(()),
    }
}

fn cpu_type(text: &str) -> Result<(), String> {
    // Whether the cluster defines it is not a matter of form.
    if text.starts_with("custom-") {
        return Ok(());
    }
    require(
        built_in_models().any(|model| model == text),
        &format!("Built-in cputype '{text}' is not defined (missing 'custom-' prefix?)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(format: &str, text: &str, message: &str) {
        assert_eq!(check(format, text).unwrap_err(), format!("{message}\n"));
    }

    #[test]
    fn refusals_use_upstreams_words() {
        refused("pve-userid", "tf2", "value 'tf2' does not look like a valid user name");
        refused("pve-vmid", "99", "value does not look like a valid VM ID");
        refused("pve-storage-id", "1bad!", "storage ID '1bad!' contains illegal characters");
        refused("pve-poolid", "bad pool!", "pool name 'bad pool!' contains invalid characters");
        refused("pve-priv-list", "VM.Audit,VM.Nope", "invalid privilege 'VM.Nope'");
        refused("email-opt", "notmail", "value does not look like a valid email address");
        refused("pve-storage-content-list", "images,bogus", "invalid content type 'bogus'");
        refused("pve-startup-order", "order=abc", "unable to parse startup options");
        refused("pve-hotplug-features", "bogus", "invalid hotplug feature 'bogus'");
        refused("pve-tag-list", "bad tag!;-x", "invalid characters in tag");
        refused("pve-configid", "x", "invalid configuration ID 'x'");
    }

    #[test]
    fn flags_of_a_processor_are_few_and_need_its_type() {
        let cpu = |pairs: &[(&str, &str)]| {
            let values = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            check_together("pve-vm-cpu-conf", &values)
        };
        assert_eq!(cpu(&[("cputype", "host"), ("flags", "+aes;-pcid")]), Ok(()));
        assert_eq!(cpu(&[("flags", "+aes")]).unwrap_err(), "CPU is missing cputype\n");
        assert!(
            cpu(&[("cputype", "host"), ("flags", "+avx")]).unwrap_err().starts_with("VM-specific CPU flags")
        );
    }

    #[test]
    fn usual_values_are_accepted() {
        for (format, text) in [
            ("pve-userid", "tf@pve"),
            ("pve-poolid", "tfpool/sub"),
            ("pve-tokenid", "tf@pve!tok1"),
            ("pve-ipv4-config", "192.0.2.1/24"),
            ("pve-ipv6-config", "auto"),
            ("pve-startup-order", "order=2,up=30,down=60"),
            ("urlencoded", "ssh-ed25519%20AAAA%0A"),
            ("email-opt", ""),
            ("pve-node", "pve1"),
        ] {
            assert_eq!(check(format, text), Ok(()), "{format} {text}");
        }
    }
}
