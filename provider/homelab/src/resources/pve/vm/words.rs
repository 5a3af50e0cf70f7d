//! Words that arguments of a machine take: kinds of guests, keyboards, names, tags and machine types.

/// What a machine can be for (qemu-server 9.2.6, `QemuServer.pm`).
pub(super) const OS_TYPES: [&str; 13] = [
    "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24", "l26",
    "solaris",
];

/// Layouts of keyboards (pve-api of 9.2.11).
pub(super) const KEYBOARDS: [&str; 24] = [
    "da", "de", "de-ch", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it",
    "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sl", "sv",
];

/// Whether a text is a DNS name.
pub(super) fn dns_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split('.').all(label)
}

/// Whether a text is a tag.
pub(in crate::resources::pve) fn tag(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(first) && text.chars().all(|c| first(c) || "-+.".contains(c))
}

/// Whether a text is a machine type.
pub(super) fn machine(text: &str) -> bool {
    let version = |text: &str| {
        let (number, build) = text.split_once("+pve").unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        number.contains('.') && number.split('.').all(digits) && digits(build)
    };
    let text = text.strip_suffix(".pxe").unwrap_or(text);
    matches!(text, "pc" | "q35" | "virt")
        || ["pc-i440fx-", "pc-q35-", "virt-", "pc-"]
            .iter()
            .any(|prefix| text.strip_prefix(prefix).is_some_and(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tags_and_machine_types_are_those_that_proxmox_takes() {
        assert!(["web-1", "vm-103.example.com", "A"].iter().all(|name| dns_name(name)));
        assert!(["", "-a", "a-", "bad_name!", "a..b", "a.", "ü"].iter().all(|name| !dns_name(name)));
        assert!(["prod", "_x", "a-b+c.d", "Prod"].iter().all(|text| tag(text)));
        assert!(["", "-x", "bad tag!", "a;b", "a,b"].iter().all(|text| !tag(text)));
        assert!(
            ["pc", "q35", "pc-q35-9.2+pve1", "pc-i440fx-10.0", "pc-9.2"].iter().all(|text| machine(text))
        );
        assert!(["", "q34", "pc-q35", "pc-q35-9", "pc-q35-9.2+pve"].iter().all(|text| !machine(text)));
    }
}
