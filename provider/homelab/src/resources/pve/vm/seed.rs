//! The disc with the configuration's own data for cloud-init: which documents are on it, and how it is named.
//!
//! Proxmox VE writes its own cloud-init drive from a few settings, and takes whole documents only as snippets, which
//! its API cannot upload. So they travel as a NoCloud disc image, which it can.

pub(super) mod apply;
pub(super) mod check;
pub(super) mod clear;
pub(super) mod config;
mod name;
pub(super) mod plan;
mod shelf;

use cloud_init::NoCloud;
use sha2::{Digest as _, Sha256};

use super::cloud_init::CloudInit;

pub(super) use name::DiscName;
pub(crate) use shelf::Shelf;

/// The arguments that hold a document, and the letter of each in the name of a disc.
pub(super) const DOCUMENTS: [(&str, char); 4] =
    [("user_data", 'u'), ("meta_data", 'm'), ("network_config", 'n'), ("vendor_data", 'v')];

/// The characters of a document.
pub(super) const LONGEST: usize = 4 << 20;

/// What an import puts in the place of a document, which no call reads back.
const UNREAD: &str = "disc ";

/// What is to be done when the documents change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnChange {
    /// A new disc, and a restart.
    Reboot,
    /// A new machine.
    Replace,
    /// Nothing.
    Ignore,
}

impl OnChange {
    /// The values in the configuration language.
    pub(super) const NAMES: [&str; 3] = ["reboot", "replace", "ignore"];

    /// The meaning of a value; what is not known or not set is the default.
    pub(super) fn of(name: Option<&str>) -> Self {
        match name {
            Some("replace") => Self::Replace,
            Some("ignore") => Self::Ignore,
            _ => Self::Reboot,
        }
    }
}

/// Which documents there are, and what is in them: letters and a part of a checksum, such as `un-9f86d081884c7d65`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Print(String);

impl Print {
    /// The print of documents in the order of [`DOCUMENTS`]; nothing when there is none.
    pub(super) fn of(documents: [Option<&str>; 4]) -> Option<Self> {
        if let Some(print) = documents.into_iter().flatten().find_map(Self::of_unread) {
            return Some(print);
        }
        let letters = || DOCUMENTS.into_iter().zip(documents).filter(|(_, text)| text.is_some());
        let mut hash = Sha256::new();
        for ((_, letter), text) in letters() {
            let text = text.unwrap_or_default();
            hash.update([letter as u8]);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let letters: String = letters().map(|((_, letter), _)| letter).collect();
        (!letters.is_empty()).then(|| Self(format!("{letters}-{}", short(hash, 8))))
    }

    /// The print of the disc that a text stands for.
    fn of_unread(text: &str) -> Option<Self> {
        Self::parse(text.strip_prefix(UNREAD)?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (letters, digest) = text.split_once('-')?;
        let known = |letter| DOCUMENTS.iter().any(|(_, known)| *known == letter);
        let valid = !letters.is_empty() && letters.chars().all(known) && is_hexadecimal(digest, 16);
        valid.then(|| Self(text.to_owned()))
    }

    /// What stands for a document of the disc that cannot be read.
    fn unread(&self, letter: char) -> Option<String> {
        let (letters, _) = self.0.split_once('-')?;
        letters.contains(letter).then(|| format!("{UNREAD}{}", self.0))
    }

    /// A name for what the guest makes of the documents: another one makes cloud-init run again.
    fn instance(&self, machine: &str) -> String {
        let digest = self.0.rsplit('-').next().unwrap_or_default();
        format!("homelab-{machine}-{digest}")
    }
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The first bytes of a checksum, as hexadecimal digits.
fn short(hash: Sha256, bytes: usize) -> String {
    hash.finalize().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text only stands for a document that an import could not read.
fn is_unread(text: &str) -> bool {
    Print::of_unread(text).is_some()
}

impl CloudInit {
    fn documents(&self) -> [Option<&str>; 4] {
        [&self.user_data, &self.meta_data, &self.network_config, &self.vendor_data].map(Option::as_deref)
    }

    /// The print of its documents. Without one, the drive is Proxmox VE's own.
    pub(super) fn print(&self) -> Option<Print> {
        Print::of(self.documents())
    }

    /// What to do when the documents change.
    pub(super) fn on_change(&self) -> OnChange {
        OnChange::of(self.user_data_change.known().map(String::as_str))
    }
}

/// What is on the disc of a machine that is called `name`; `machine` tells it from others with the same documents.
fn contents(wish: &CloudInit, name: Option<&str>, machine: &str) -> NoCloud {
    let instance = wish.print().map(|print| print.instance(machine)).unwrap_or_default();
    let added = [("instance-id", Some(instance.as_str())), ("local-hostname", name)];
    NoCloud {
        user_data: wish.user_data.clone().unwrap_or_else(|| "#cloud-config\n{}\n".to_owned()),
        meta_data: meta_data(wish.meta_data.as_deref().unwrap_or_default(), added),
        network_config: wish.network_config.clone(),
        vendor_data: wish.vendor_data.clone(),
    }
}

/// Adds what is missing. Both values are made of letters, digits, `-` and `.`, so quotes around them are enough.
fn meta_data(text: &str, added: [(&str, Option<&str>); 2]) -> String {
    if let Ok(serde_json::Value::Object(mut object)) = serde_json::from_str(text) {
        for (key, value) in added {
            if let Some(value) = value {
                object.entry(key).or_insert_with(|| value.into());
            }
        }
        return serde_json::Value::Object(object).to_string();
    }
    let missing = added.into_iter().filter(|(key, _)| !has_key(text, key));
    let lines = missing.filter_map(|(key, value)| value.map(|value| format!("{key}: \"{value}\"\n")));
    let lines: String = lines.collect();
    match text.strip_prefix("---\n") {
        Some(rest) => format!("---\n{lines}{rest}"),
        None => lines + text,
    }
}

/// Whether a YAML mapping in block style has a key.
fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| {
        let name = line.split(':').next().unwrap_or_default().trim_end();
        line.contains(':') && name.trim_matches(['"', '\'']) == key && !name.starts_with(' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(user_data: &str, meta_data: Option<&str>) -> CloudInit {
        CloudInit {
            user_data: Some(user_data.to_owned()),
            meta_data: meta_data.map(str::to_owned),
            ..CloudInit::default()
        }
    }

    #[test]
    fn other_documents_have_another_print_and_the_letters_tell_which_there_are() {
        let print = |documents| Print::of(documents).unwrap().0;
        let one = print([Some("a"), None, None, None]);
        assert!(one.starts_with("u-") && Print::parse(&one).is_some(), "{one}");
        assert_ne!(one, print([Some("b"), None, None, None]));
        let (two, moved) =
            (print([Some("a"), Some("b"), None, None]), print([Some("a"), None, Some("b"), None]));
        assert!(two.starts_with("um-") && moved.starts_with("un-"));
        assert_ne!(two[3..], moved[3..]);
        assert_eq!(Print::of([None; 4]), None);
    }

    #[test]
    fn what_stands_for_a_document_has_the_print_of_the_disc() {
        let print = wish("a", Some("b: c")).print().unwrap();
        assert_eq!(print.unread('n'), None);
        let unread = print.unread('m').unwrap();
        assert!(is_unread(&unread) && !is_unread("#cloud-config"));
        assert_eq!(wish(&print.unread('u').unwrap(), Some(&unread)).print(), Some(print));
    }

    #[test]
    fn meta_data_gets_what_it_lacks() {
        let made = |text: Option<&str>| contents(&wish("a", text), Some("web"), "m").meta_data;
        let id = wish("a", None).print().unwrap().instance("m");
        assert_eq!(made(None), format!("instance-id: \"{id}\"\nlocal-hostname: \"web\"\n"));
        assert_eq!(
            made(Some("\"instance-id\": \"mine\"\n")),
            "local-hostname: \"web\"\n\"instance-id\": \"mine\"\n"
        );
        let both = "---\ninstance-id: mine\nlocal-hostname: other\n";
        assert_eq!(made(Some(both)), both);
        assert!(made(Some("public:\n  instance-id: x\n")).starts_with("instance-id: \"homelab-"));
        let json = made(Some("{\"instance-id\": \"mine\"}"));
        assert_eq!(json, "{\"instance-id\":\"mine\",\"local-hostname\":\"web\"}");
    }

    #[test]
    fn a_change_of_any_document_makes_another_instance() {
        let id = |wish: &CloudInit| wish.print().unwrap().instance("m");
        let mut networked = wish("a", None);
        networked.network_config = Some("version: 2".to_owned());
        assert_ne!(id(&wish("a", None)), id(&networked));
        assert_ne!(id(&wish("a", None)), wish("a", None).print().unwrap().instance("n"));
    }
}
