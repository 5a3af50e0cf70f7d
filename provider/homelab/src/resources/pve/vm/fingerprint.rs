//! What a create is to make, as one word: the same again when an interrupted apply is repeated.

use sha2::{Digest as _, Sha256};

use super::model::Vm;

/// The fingerprint of a wish: what makes it this machine and no other. Settings that are easily edited between two
/// applies are not part of it.
pub(super) fn fingerprint(want: &Vm) -> String {
    let clone = want.clone.as_ref().map(super::clone::Clone::wish);
    let parts = [
        want.name.clone().unwrap_or_default(),
        want.allowed_nodes().iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        want.vm_id.known().map(ToString::to_string).unwrap_or_default(),
        clone.unwrap_or_default(),
        want.is_template().to_string(),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
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
}
