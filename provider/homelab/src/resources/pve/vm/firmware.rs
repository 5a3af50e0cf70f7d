//! The volumes in which a machine's firmware keeps its variables and secrets.

use pve_client::{Drive, StorageName, VmConfig};
use tf_framework::prelude::*;

use super::disk;
use super::named::{Named, Pair};
use super::writes::Writes;

/// Wire key of the EFI disk.
pub(super) const EFI: &str = "efidisk0";
/// Wire key of the TPM state.
pub(super) const TPM: &str = "tpmstate0";

/// The disk with the variables of an EFI firmware, for `bios = "ovmf"`.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct EfiDisk {
    /// Storage of the disk. A change moves it.
    #[schema(parse, wire = "storage", keep)]
    pub storage_name: Defaulted<StorageName>,

    /// Layout of the firmware: `4m` is the one to choose, Proxmox VE's default is `2m`. A change makes a new disk,
    /// and the variables are lost; the old disk stays as an unused one.
    #[schema(wire = "efitype", keep, validate = one_of(["2m", "4m"]))]
    pub r#type: Defaulted<String>,

    /// Whether the keys of common operating systems are there from the start, for Secure Boot. Proxmox VE's default
    /// is `false`. A change makes a new disk, as with `type`.
    #[schema(wire = "pre-enrolled-keys", keep)]
    pub pre_enrolled_keys: Defaulted<bool>,

    /// Format of the image. By default the storage decides. A change converts the disk.
    #[schema(wire = "format", keep, validate = one_of(disk::FORMATS))]
    pub format: Defaulted<String>,

    /// ID of the volume.
    #[schema(wire = "file", keep)]
    pub volume_id: Computed<String>,
}

/// The state of a trusted platform module.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct TpmState {
    /// Storage of the state. A change moves it, which needs the machine to be stopped.
    #[schema(parse, wire = "storage", keep)]
    pub storage_name: Defaulted<StorageName>,

    /// Version of the module. Proxmox VE's default is `v1.2`. A change makes a new module, and the secrets in the
    /// old one are out of reach; its volume stays as an unused disk.
    #[schema(wire = "version", keep, validate = one_of(["v1.2", "v2.0"]))]
    pub version: Defaulted<String>,

    /// ID of the volume.
    #[schema(wire = "file", keep)]
    pub volume_id: Computed<String>,
}

/// Whether a wire key is one of these volumes.
pub(super) fn is_volume(key: &str) -> bool {
    key == EFI || key == TPM
}

fn drive(config: &VmConfig, key: &str) -> Option<Drive> {
    config.value(key)?.parse().ok()
}

/// The EFI disk that a configuration has.
pub(super) fn read_efi(named: Named<'_, EfiDisk>, config: &VmConfig) -> Option<EfiDisk> {
    let found = drive(config, EFI)?;
    named.filled(true, |_| EfiDisk {
        storage_name: found.volume().map(|volume| volume.storage().clone()).into(),
        r#type: found.options.value("efitype").unwrap_or("2m").into(),
        pre_enrolled_keys: found.options.truth("pre-enrolled-keys").unwrap_or(false).into(),
        format: disk::format(&found).into(),
        volume_id: found.file.clone().into(),
    })
}

/// The TPM state that a configuration has.
pub(super) fn read_tpm(named: Named<'_, TpmState>, config: &VmConfig) -> Option<TpmState> {
    let found = drive(config, TPM)?;
    named.filled(true, |_| TpmState {
        storage_name: found.volume().map(|volume| volume.storage().clone()).into(),
        version: found.options.value("version").unwrap_or("v1.2").into(),
        volume_id: found.file.clone().into(),
    })
}

/// Writes what changes of the EFI disk.
pub(super) fn write_efi(efi: Pair<'_, EfiDisk>, out: &mut Writes<'_>) {
    let present = drive(out.current(), EFI);
    let Some(want) = efi.want else {
        if efi.prior.is_some() {
            out.remove(EFI);
        }
        return;
    };
    let option = |key: &str| present.as_ref().and_then(|drive| drive.options.value(key));
    let keys = present.as_ref().and_then(|drive| drive.options.truth("pre-enrolled-keys")).unwrap_or(false);
    let same = want.r#type.known().is_none_or(|wanted| option("efitype").unwrap_or("2m") == wanted)
        && want.pre_enrolled_keys.known().is_none_or(|wanted| keys == *wanted);
    if present.is_some() && same {
        return;
    }
    let storage = want.storage_name.known().cloned().or_else(|| storage_of(present.as_ref()));
    let Some(storage) = storage else {
        return out.problem(no_storage("efi_disk"));
    };
    let mut new = Drive::allocate(&storage, 1);
    new.options.set("efitype", want.r#type.known());
    new.options.set("pre-enrolled-keys", want.pre_enrolled_keys.known().map(|keys| u8::from(*keys)));
    new.options.set("format", want.format.known());
    out.force(EFI, new);
}

/// Writes what changes of the TPM state.
pub(super) fn write_tpm(tpm: Pair<'_, TpmState>, out: &mut Writes<'_>) {
    let present = drive(out.current(), TPM);
    let Some(want) = tpm.want else {
        if tpm.prior.is_some() {
            out.remove(TPM);
        }
        return;
    };
    let version = present.as_ref().and_then(|drive| drive.options.value("version")).unwrap_or("v1.2");
    let same = want.version.known().is_none_or(|wanted| wanted == version);
    if present.is_some() && same {
        return;
    }
    let storage = want.storage_name.known().cloned().or_else(|| storage_of(present.as_ref()));
    let Some(storage) = storage else {
        return out.problem(no_storage("tpm_state"));
    };
    let mut new = Drive::allocate(&storage, 1);
    new.options.set("version", want.version.known());
    out.force(TPM, new);
}

fn storage_of(present: Option<&Drive>) -> Option<StorageName> {
    present?.volume().map(|volume| volume.storage().clone())
}

/// The error for a new volume without a storage.
pub(super) fn no_storage(attribute: &str) -> Diagnostic {
    Diagnostic::error(
        "Missing argument",
        format!("The machine has no `{attribute}` yet, so one is made, and it needs a storage. Set `storage_name`."),
    )
    .at(Path::from(attribute).then("storage_name"))
}
