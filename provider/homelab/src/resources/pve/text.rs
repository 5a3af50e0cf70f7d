//! What texts Proxmox VE keeps as they are, for validators, and how it writes moments.

use jiff::Timestamp;

/// Its configuration files lose blanks at the ends of a comment (pve-access-control 9.1.1, `AccessControl.pm`;
/// pve-common 9.2.1, `SectionConfig.pm`).
pub(crate) fn trimmed(text: &str) -> bool {
    text.trim() == text
}

/// Moments are kept as whole seconds, and 0 stands for none.
pub(crate) fn whole_seconds(text: &str) -> bool {
    text.parse::<Timestamp>().is_ok_and(|time| time.subsec_nanosecond() == 0 && time.as_second() > 0)
}

/// A moment from seconds since 1970; 0 is none.
pub(crate) fn moment(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok().filter(|_| seconds != 0)
}

/// Section files hold one line per value, and lose blanks at its ends.
pub(crate) fn one_trimmed_line(text: &str) -> bool {
    trimmed(text) && !text.contains(['\n', '\r'])
}

/// A description of several lines; a line break at its end is lost on the way.
pub(crate) fn without_final_line_break(text: &str) -> bool {
    !text.is_empty() && !text.ends_with('\n')
}

/// A name and a domain, as Proxmox VE's format `email` has them.
pub(crate) fn is_email(text: &str) -> bool {
    let mark = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_~.'".contains(&byte);
    text.split_once('@').is_some_and(|(name, domain)| {
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        !name.is_empty() && name.bytes().all(mark) && domain.split('.').all(label)
    })
}
