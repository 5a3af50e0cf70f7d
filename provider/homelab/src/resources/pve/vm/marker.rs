//! The mark in a machine's description that says which create made it.
//!
//! It is the last line, an HTML comment that the web interface does not show. Only this provider writes it.

use std::fmt;

/// How the line begins and ends.
const START: &str = "<!-- homelab-vm ";
const END: &str = " -->";
/// What stands before the nonce while the machine is being made.
const CREATING: &str = "creating ";

/// Characters of a description that Proxmox VE takes, less those that the mark needs.
pub(super) const LONGEST_DESCRIPTION: usize = 8_000;

/// The mark of a machine that this provider made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// A random text, different for each create.
    pub nonce: String,
    /// What the create was to make, while it is not done.
    pub creating: Option<String>,
}

impl Marker {
    /// The mark of a machine that is complete.
    pub(super) fn complete(nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), creating: None }
    }

    /// The mark of a machine that is being made.
    pub(super) fn creating(nonce: String, fingerprint: String) -> Self {
        Self { nonce, creating: Some(fingerprint) }
    }

    /// Splits a description into the user's text and the mark.
    pub(super) fn split(description: &str) -> (Option<String>, Option<Self>) {
        let (text, last) = description.trim_end().rsplit_once('\n').unwrap_or(("", description.trim_end()));
        match Self::parse(last.trim()) {
            Some(marker) => (Some(text.to_owned()).filter(|text| !text.is_empty()), Some(marker)),
            None => (Some(description.to_owned()).filter(|text| !text.is_empty()), None),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let inner = line.strip_prefix(START)?.strip_suffix(END)?;
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if let Some(rest) = inner.strip_prefix(CREATING) {
            let (nonce, fingerprint) = rest.split_once(' ')?;
            let valid = word(nonce) && word(fingerprint);
            return valid.then(|| Self::creating(nonce.to_owned(), fingerprint.to_owned()));
        }
        word(inner).then(|| Self::complete(inner))
    }

    /// The description with this mark.
    pub(super) fn on(&self, text: Option<&str>) -> String {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => format!("{text}\n{self}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.creating {
            Some(fingerprint) => write!(f, "{START}{CREATING}{} {fingerprint}{END}", self.nonce),
            None => write!(f, "{START}{}{END}", self.nonce),
        }
    }
}

/// A new random text of 32 hexadecimal digits.
pub(super) fn nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The same, or a message for the user.
pub(in crate::resources::pve) fn new_nonce() -> tf_framework::Result<String> {
    nonce().map_err(|error| {
        tf_framework::Error::new(
            "No random numbers",
            format!("The operating system gives no random numbers: {error}."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_with_and_without_a_description() {
        for marker in [Marker::complete("abc"), Marker::creating("abc".to_owned(), "f00".to_owned())] {
            for text in [None, Some("one"), Some("one\ntwo"), Some("one\n\n<!-- mine -->")] {
                let (read, found) = Marker::split(&marker.on(text));
                assert_eq!((read.as_deref(), found.as_ref()), (text, Some(&marker)));
            }
        }
    }

    #[test]
    fn only_our_own_last_line_is_a_mark() {
        for text in [
            "<!-- homelab-vm abc -->\nmore",
            "<!-- homelab-vm a b c -->",
            "<!-- homelab-vm creating abc -->",
            "<!-- homelab-vm <b> -->",
            "see homelab-vm abc",
        ] {
            assert_eq!(Marker::split(text), (Some(text.to_owned()), None), "{text}");
        }
        assert_eq!(Marker::split(""), (None, None));
    }

    #[test]
    fn two_nonces_differ() {
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }
}
