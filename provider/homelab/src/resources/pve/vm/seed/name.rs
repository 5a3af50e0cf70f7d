//! Names of discs: `homelab-vm-100-1a2b3c4d-un-9f86d081884c7d65.iso`.
//!
//! The number and the part after it are those of the machine, so that a disc is known as ours wherever it lies, also on
//! a storage that another cluster with a machine of that number uses. The rest is the print of the documents.

use std::fmt;

use pve_client::{StorageName, VmConfig, VmId, VolumeId};
use sha2::{Digest as _, Sha256};

use super::{Print, is_hexadecimal, short};
use crate::resources::pve::vm::writes::property;

const START: &str = "homelab-vm-";
const END: &str = ".iso";

/// The name of a disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::resources::pve::vm) struct DiscName {
    /// The machine that it was made for.
    pub vm: VmId,
    /// What tells the machine from another with the same number.
    pub machine: String,
    /// What is on it.
    pub print: Print,
}

impl DiscName {
    /// The name of a volume that is a disc of this provider.
    pub(in crate::resources::pve::vm) fn of(volume: &VolumeId) -> Option<Self> {
        if volume.content() != Some("iso") {
            return None;
        }
        let inner = volume.file_name().strip_prefix(START)?.strip_suffix(END)?;
        let (vm, rest) = inner.split_once('-')?;
        let (machine, print) = rest.split_once('-')?;
        let machine = is_hexadecimal(machine, 8).then(|| machine.to_owned())?;
        Some(Self { vm: vm.parse().ok()?, machine, print: Print::parse(print)? })
    }

    /// The volume of this name on a storage.
    pub(super) fn on(&self, storage: &StorageName) -> Option<VolumeId> {
        format!("{storage}:iso/{self}").parse().ok()
    }
}

impl fmt::Display for DiscName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{START}{}-{}-{}{END}", self.vm, self.machine, self.print.0)
    }
}

/// What tells a machine from another with the same number: from the UUID that Proxmox VE gives each.
pub(super) fn machine(config: &VmConfig) -> String {
    let uuid = property(config, "smbios1", None).value("uuid").map(str::to_ascii_lowercase);
    short(Sha256::new().chain_update(uuid.unwrap_or_default()), 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_names_of_discs() {
        let text = "local:iso/homelab-vm-100-1a2b3c4d-un-9f86d081884c7d65.iso";
        let name = DiscName::of(&text.parse().unwrap()).unwrap();
        assert_eq!((name.vm.number(), name.machine.as_str()), (100, "1a2b3c4d"));
        assert_eq!(name.on(&"local".parse().unwrap()).unwrap().to_string(), text);
        for foreign in [
            "local:iso/debian-13.iso",
            "local:iso/homelab-vm-100.iso",
            "local:iso/homelab-vm-100-1a2b3c4d-9f86d081884c7d65.iso",
            "local:iso/homelab-vm-100-1a2b3c4d-x-9f86d081884c7d65.iso",
            "local:iso/homelab-vm-100-1A2B3C4D-u-9f86d081884c7d65.iso",
            "local:import/homelab-vm-100-1a2b3c4d-un-9f86d081884c7d65.iso",
            "local:iso/homelab-vm-1-1a2b3c4d-un-9f86d081884c7d65.iso",
        ] {
            assert_eq!(DiscName::of(&foreign.parse().unwrap()), None, "{foreign}");
        }
    }

    #[test]
    fn machines_of_the_same_number_have_discs_of_other_names() {
        let config = |uuid: &str| VmConfig {
            values: [("smbios1".to_owned(), format!("uuid={uuid}"))].into(),
            digest: None,
        };
        assert_eq!(machine(&config("A-1")), machine(&config("a-1")));
        assert_ne!(machine(&config("a-1")), machine(&config("a-2")));
    }
}
