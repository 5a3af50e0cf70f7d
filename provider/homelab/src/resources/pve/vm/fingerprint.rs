//! What a create is to make, as one word: the same again when an interrupted apply is repeated.

use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::marker::Made;
use super::model::Vm;

/// The fingerprint of a wish: what makes it this machine and no other. Settings that are easily edited between two
/// applies are not part of it.
pub(super) fn fingerprint(want: &Vm) -> String {
    let clone = want.clone.as_ref().map(|clone| clone.vm_id.to_string());
    let parts = [
        want.name.clone().unwrap_or_default(),
        want.node_name.to_string(),
        want.vm_id.known().map(ToString::to_string).unwrap_or_default(),
        clone.unwrap_or_default(),
        want.is_template().to_string(),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    short(hash)
}

/// How long a machine that was just made counts as the one that a repeated create asks for.
const FRESH_SECONDS: u64 = 600;

/// What the mark says of a create that ends now; nothing where there is no clock.
pub(super) fn made_now(creating: &str) -> Option<Made> {
    Some(Made { fingerprint: here(creating), at: now()? })
}

/// Whether a mark is that of the same wish from the same folder, and fresh.
pub(super) fn is_fresh(made: &Made, creating: &str) -> bool {
    let age = now().and_then(|now| now.checked_sub(made.at));
    made.fingerprint == here(creating) && age.is_some_and(|age| age < FRESH_SECONDS)
}

fn now() -> Option<u64> {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok().map(|time| time.as_secs())
}

/// The fingerprint of a wish that comes from this folder: the CLIs start the provider in that of the configuration, so
/// the wish of another configuration has another.
fn here(fingerprint: &str) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    short(Sha256::new().chain_update(fingerprint).chain_update(folder.as_os_str().as_encoded_bytes()))
}

fn short(hash: Sha256) -> String {
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_wish_has_the_same_fingerprint_and_another_has_another() {
        let wish = |name: &str, id: Option<u32>| {
            let mut vm = Vm::nothing("pve1".parse().unwrap());
            vm.name = Some(name.to_owned());
            vm.vm_id = id.into();
            vm
        };
        let mut described = wish("a", None);
        described.description = Some("edited".to_owned());
        assert_eq!(fingerprint(&wish("a", None)), fingerprint(&described));
        assert_ne!(fingerprint(&wish("a", None)), fingerprint(&wish("b", None)));
        assert_ne!(fingerprint(&wish("a", None)), fingerprint(&wish("a", Some(100))));
    }

    #[test]
    fn what_was_made_is_fresh_for_a_while_and_for_the_same_wish_only() {
        let made = made_now("f00").unwrap();
        assert!(is_fresh(&made, "f00") && !is_fresh(&made, "f01"));
        let old = Made { at: made.at - FRESH_SECONDS, ..made.clone() };
        let early = Made { at: made.at + 60, ..made };
        assert!(!is_fresh(&old, "f00") && !is_fresh(&early, "f00"));
    }
}
