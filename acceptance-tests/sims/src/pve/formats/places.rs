//! Formats of what names a place: paths, servers, volume groups, addresses of the firewall, HA resources.

use super::{is_cidr, is_dns_name, is_ip, require};

/// Checks a text; a format that is not known here accepts everything.
pub fn verdict(name: &str, text: &str) -> Result<(), String> {
    match name {
        "pve-storage-path" => {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_.@".contains(&byte);
            let holds = text.len() > 1 && text.starts_with('/') && is_plain(text.as_bytes()[1]);
            require(holds, "value does not look like a valid filesystem path")
        }
        "pve-storage-path-in-property-string" => require(
            text.len() > 1 && text.starts_with('/') && !text[1..].starts_with([';', ',', '=', '(', ')']),
            "Value does not look like a valid absolute path. These symbols are currently not allowed in path: ;,=()",
        ),
        "pve-storage-server" => require(
            is_ip(text) || is_dns_name(text),
            "value does not look like a valid server name or IP address",
        ),
        "pve-storage-vgname" => {
            require(is_lvm_name(text), &format!("lvm volume name '{text}' contains illegal characters"))
        }
        "pve-ha-resource-or-vm-id" => {
            require(is_resource(text), "value does not look like a valid ha resource id")
        }
        "IPorCIDR" => {
            require(is_address(text), "value does not look like a valid IP address or CIDR network")
        }
        "IPorCIDRorAlias" => require(
            is_address(text) || is_alias(text),
            "value does not look like a valid IP address or CIDR network",
        ),
        _ => Ok(()),
    }
}

fn is_lvm_name(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() > 1
        && ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// `vm:100`, or a number that means a VM.
fn is_resource(text: &str) -> bool {
    let named = text.split_once(':').is_some_and(|(kind, name)| {
        kind.bytes().next_back().is_some_and(|byte| byte.is_ascii_lowercase()) && !name.is_empty()
    });
    named || text.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit())
}

fn is_address(text: &str) -> bool {
    is_ip(text) || is_cidr(text, true, true)
}

/// A name of the firewall, maybe of the cluster's or a guest's.
fn is_alias(text: &str) -> bool {
    let name = text.strip_prefix("dc/").or_else(|| text.strip_prefix("guest/")).unwrap_or(text);
    name.len() > 1
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(verdict(name, text), Ok(()), "{name} {text}");
        }
        for text in bad {
            assert!(verdict(name, text).is_err(), "{name} {text}");
        }
    }

    #[test]
    fn places_are_told_from_what_names_none() {
        check("pve-storage-path", &["/mnt/a b", "/x"], &["mnt", "/", ""]);
        check("pve-storage-path-in-property-string", &["/srv/films"], &["srv", "/,a"]);
        check("pve-storage-server", &["192.0.2.1", "nas.example.test", "fd00::1"], &["a b", "x_y!"]);
        check("pve-storage-vgname", &["pve", "vg-1"], &["-pve", "v", "a b"]);
        check("pve-ha-resource-or-vm-id", &["vm:100", "100", "ct:7"], &["vm:", "abc"]);
        check("IPorCIDR", &["192.0.2.1", "192.0.2.0/24", "fd00::/8"], &["name", "1.2.3"]);
        check("IPorCIDRorAlias", &["dc/nas", "nas", "192.0.2.1"], &["1nas", "a", "dc/"]);
    }
}
