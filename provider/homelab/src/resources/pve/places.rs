//! What texts Proxmox VE takes for places: paths, servers, portals, names of LVM; for validators.

use std::net::{IpAddr, Ipv4Addr};

/// Absolute paths in its files of storages (pve-storage 9.1.7, `Plugin.pm`).
pub(super) fn is_path(text: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_alphanumeric() || b"-/_.@".contains(byte);
    text.starts_with('/') && text.as_bytes().get(1).is_some_and(begins) && !text.contains(['\n', '\r'])
}

pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

pub(super) fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

/// A name or an address.
pub(super) fn is_server(text: &str) -> bool {
    is_ip(text) || is_host(text)
}

fn is_host(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let label = |label: &str| {
        let bytes = label.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    text.split('.').all(label)
}

/// A server, maybe with a port; with one, an IPv6 address is in brackets.
pub(super) fn is_portal(text: &str) -> bool {
    let host = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            if port.parse::<u16>().is_err() {
                return false;
            }
            host
        }
        _ => text,
    };
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => is_ip(address),
        None => is_server(host),
    }
}

/// Groups and pools of LVM (pve-storage 9.1.7, `LVMPlugin.pm`).
pub(super) fn is_lvm_name(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() > 1
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Mount options, as `fstab` has them.
pub(super) fn are_mount_options(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// A folder below the path of a storage.
pub(super) fn is_folder(text: &str) -> bool {
    !text.is_empty() && text.len() < 4096 && !text.contains("..") && !text.contains([',', ';', '\n', '\r'])
}

/// A power of two, in bytes or with the unit k or M.
pub(super) fn is_block_size(text: &str) -> bool {
    let number = text.trim_end_matches(['k', 'K', 'm', 'M']);
    text.len() - number.len() <= 1 && number.parse::<u64>().is_ok_and(u64::is_power_of_two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accepts: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(accepts(text), "{text:?}");
        }
        for text in bad {
            assert!(!accepts(text), "{text:?}");
        }
    }

    #[test]
    fn places_are_told_from_other_texts() {
        check(is_path, &["/mnt/a b", "/x"], &["srv", "/", "", "/a\nb"]);
        check(
            is_server,
            &["nas", "nas.example", "192.0.2.1", "fd00::1"],
            &["", "a b", "nas_1!", "nas..example"],
        );
        check(
            is_portal,
            &["192.0.2.1", "192.0.2.1:3260", "nas.example:3260", "fd00::1", "[fd00::1]:3260"],
            &["", "192.0.2.1:port", "a b", "[nas]:1"],
        );
        check(is_lvm_name, &["pve", "vg-1"], &["", "v", "-pve", "a b"]);
        check(are_mount_options, &["vers=4.2,soft"], &["", "ro, soft"]);
        check(is_folder, &["dump", "a/b.c"], &["", "../x", "a,b"]);
        check(is_block_size, &["16k", "8192", "1M"], &["", "17k", "16q", "16kk", "k"]);
    }
}
