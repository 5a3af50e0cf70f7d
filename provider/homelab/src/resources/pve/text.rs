//! What texts Proxmox VE keeps as they are, for validators.

/// Its configuration files lose blanks at the ends of a comment (pve-access-control 9.1.1, `AccessControl.pm`;
/// pve-common 9.2.1, `SectionConfig.pm`).
pub(crate) fn trimmed(text: &str) -> bool {
    text.trim() == text
}
