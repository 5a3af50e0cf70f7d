//! Disks of a machine.

use pve_client::{Drive, PropertyString, StorageName, VmConfig};
use tf_framework::prelude::*;

use super::limits::{self, Limits};
use super::named::{Named, Pair};
use super::slot;
use super::writes::{Writes, option, switch};

/// Formats of disk images that the API makes.
pub(super) const FORMATS: [&str; 3] = ["raw", "qcow2", "vmdk"];

/// A disk.
///
/// A disk that the machine got from its template is named here only to change or to watch it.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Disk {
    /// Storage of the disk. A change moves the disk, while the machine runs. A new disk needs one.
    #[schema(parse, wire = "storage", keep)]
    pub storage_name: Defaulted<StorageName>,

    /// Size in GiB, from 1. It can grow, while the machine runs, and never shrink. A new disk needs one unless it is
    /// imported. A disk that is not a whole number of GiB reads as the next larger one.
    #[schema(wire = "size", keep, validate = range(1, 131_072))]
    pub size_gib: Defaulted<u64>,

    /// Format of the image, on storages that hold files; others have `raw` only. By default the storage decides. A
    /// change converts the disk, while the machine runs.
    #[schema(wire = "format", keep, validate = one_of(FORMATS))]
    pub format: Defaulted<String>,

    /// Volume that a new disk gets its content from, for example `local:import/debian-12.qcow2`. Only used when the
    /// disk is made.
    #[schema(wire = "import-from", create_only, validate = matches("a disk image or a disk, such as `local:import/debian-13.qcow2`", volume))]
    pub import_from: Option<String>,

    /// Whether blocks that the guest frees are given back to the storage. Proxmox VE's default is `false`.
    #[schema(wire = "discard")]
    pub discard: Option<bool>,

    /// Whether the guest sees a solid-state disk. Not for `virtio` slots. Proxmox VE's default is `false`.
    #[schema(wire = "ssd")]
    pub ssd: Option<bool>,

    /// Whether the disk has a thread of its own. For `virtio` slots, and for `scsi` slots with the hardware
    /// `virtio-scsi-single`. Proxmox VE's default is `false`.
    #[schema(wire = "iothread")]
    pub io_thread: Option<bool>,

    /// How the host caches the disk. Proxmox VE's default is `none`.
    #[schema(wire = "cache", validate = one_of(["none", "writethrough", "writeback", "unsafe", "directsync"]))]
    pub cache: Option<String>,

    /// How the host reads and writes. Proxmox VE's default is `io_uring`.
    #[schema(wire = "aio", validate = one_of(["native", "threads", "io_uring"]))]
    pub async_io: Option<String>,

    /// Whether backups of the machine include the disk. By default they do, unless the machine has data disks of a tier with
    /// backups: then those are backed up, and this disk is left out.
    #[schema(wire = "backup", keep)]
    pub backup: Defaulted<bool>,

    /// Whether replication jobs of the machine include the disk. Proxmox VE's default is `true`.
    #[schema(wire = "replicate")]
    pub replicate: Option<bool>,

    /// Whether the guest can only read it. For `scsi` and `virtio` slots. Proxmox VE's default is `false`.
    #[schema(wire = "ro")]
    pub read_only: Option<bool>,

    /// Serial number that the guest sees, at most 20 characters: the safe way to find the disk inside, because the
    /// order of disks is not.
    #[schema(wire = "serial", validate = length(1, 20), validate = matches("made of letters, digits, `-`, `_` and `.`", plain))]
    pub serial: Option<String>,

    /// Limits of its traffic.
    pub limits: Option<Limits>,

    /// ID of the volume.
    #[schema(wire = "file", keep)]
    pub volume_id: Computed<String>,

    /// What happens to the volume when the disk is taken out of the configuration: `detach` keeps it as an unused
    /// disk of the machine, `delete` destroys it with everything on it. The machine's own end destroys the volumes
    /// it owns in either case.
    #[schema(default = "detach", validate = one_of(["detach", "delete"]))]
    pub on_remove: Defaulted<String>,
}

/// Whether a volume may be a disk or an image of one: a disc, an archive or a backup is neither.
fn volume(text: &str) -> bool {
    let other = ["backup", "iso", "snippets", "vztmpl"];
    let volume = text.parse::<pve_client::VolumeId>();
    volume.is_ok_and(|volume| !volume.content().is_some_and(|content| other.contains(&content)))
}

fn plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

impl Disk {
    /// Whether taking it out of the configuration destroys its volume.
    pub(super) fn deletes(&self) -> bool {
        self.on_remove.known().is_some_and(|action| action == "delete")
    }
}

/// The disk in a slot, if that is what is there.
pub(super) fn in_slot(config: &VmConfig, slot: &str) -> Option<Drive> {
    let drive: Drive = config.value(slot)?.parse().ok()?;
    (slot::is_disk(slot) && !drive.is_cdrom()).then_some(drive)
}

/// The format of a volume, which its name tells: storages without files hold raw images only.
pub(super) fn format(drive: &Drive) -> String {
    let volume = drive.volume();
    let name = volume.as_ref().map(pve_client::VolumeId::file_name).unwrap_or_default();
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    suffix.filter(|suffix| FORMATS.contains(suffix)).unwrap_or("raw").to_owned()
}

/// What a configuration says.
pub(super) fn read(
    named: Named<'_, BTreeMap<String, Disk>>,
    config: &VmConfig,
) -> Option<BTreeMap<String, Disk>> {
    let slots = config.values.keys().filter(|key| slot::is_disk(key)).cloned();
    named.entries(slots, |disk, slot| Some(one(disk, &in_slot(config, slot)?)))
}

fn one(named: Named<'_, Disk>, found: &Drive) -> Disk {
    let options = &found.options;
    let text = |key: &str| options.value(key).map(str::to_owned);
    Disk {
        storage_name: found.volume().map(|volume| volume.storage().clone()).into(),
        size_gib: found.size().map(pve_client::Size::gib_rounded_up).into(),
        format: format(found).into(),
        import_from: None,
        discard: named.of(|d| &d.discard).or(discard(options), false),
        ssd: named.of(|d| &d.ssd).or(options.truth("ssd"), false),
        io_thread: named.of(|d| &d.io_thread).or(options.truth("iothread"), false),
        cache: named.of(|d| &d.cache).or(text("cache"), "none"),
        async_io: named.of(|d| &d.async_io).or(text("aio"), "io_uring"),
        backup: options.truth("backup").unwrap_or(true).into(),
        replicate: named.of(|d| &d.replicate).or(options.truth("replicate"), true),
        read_only: named.of(|d| &d.read_only).or(options.truth("ro"), false),
        serial: named.of(|d| &d.serial).found(text("serial")),
        limits: limits::read(named.of(|d| &d.limits), options),
        volume_id: found.file.clone().into(),
        on_remove: match named {
            Named::Only(disk) => disk.on_remove.clone(),
            _ => "detach".into(),
        },
    }
}

fn discard(options: &PropertyString) -> Option<bool> {
    options.value("discard").map(|text| text == "on")
}

/// Writes what changes. Growing, moving and converting are other calls; so is destroying what is taken out.
pub(super) fn write(disks: Pair<'_, BTreeMap<String, Disk>>, out: &mut Writes<'_>) {
    for (slot, disk) in disks.slots() {
        match (disk.want, in_slot(out.current(), slot)) {
            (Some(_), Some(present)) => {
                let mut changed = present.clone();
                options(&mut changed.options, disk);
                if changed != present {
                    out.force(slot, changed);
                }
            }
            (Some(want), None) => match new(slot, want) {
                Ok(mut drive) => {
                    options(&mut drive.options, disk);
                    out.force(slot, drive);
                }
                Err(problem) => out.problem(problem),
            },
            (None, Some(_)) if disk.prior.is_some_and(Disk::deletes) => {}
            (None, Some(_)) => out.remove(slot),
            (None, None) => {}
        }
    }
}

/// The error for a new disk without a storage.
pub(super) fn no_storage(slot: &str) -> Diagnostic {
    missing(slot, "storage_name", "a new disk needs a storage")
}

/// The error for a new disk without a size.
pub(super) fn no_size(slot: &str) -> Diagnostic {
    missing(slot, "size_gib", "a new disk that is not imported needs a size")
}

fn missing(slot: &str, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "Missing argument",
        format!("The machine has no disk {slot:?} yet, so one is made, and {why}. Set `{name}`."),
    )
    .at(Path::from("disks").key(slot).then(name))
}

/// The error for a disk that is larger than it is to be.
pub(super) fn shrinks(slot: &str, has: u64, wants: u64, whose: &str) -> Option<Diagnostic> {
    let problem = || {
        Diagnostic::error(
            "Disk cannot shrink",
            format!(
                "The disk {slot:?} of {whose} has {has} GiB, and this configuration asks for {wants}. Proxmox VE cannot \
                 shrink disks. Set `size_gib` to {has} or more."
            ),
        )
        .at(Path::from("disks").key(slot).then("size_gib"))
    };
    (wants < has).then(problem)
}

/// A request for a new volume.
fn new(slot: &str, want: &Disk) -> Result<Drive, Diagnostic> {
    let Some(storage) = want.storage_name.known() else { return Err(no_storage(slot)) };
    let drive = match (&want.import_from, want.size_gib.known()) {
        (Some(source), _) => Drive::import(storage, source),
        (None, Some(size)) => Drive::allocate(storage, *size),
        (None, None) => return Err(no_size(slot)),
    };
    Ok(match want.format.known() {
        Some(format) => drive.with("format", format),
        None => drive,
    })
}

fn options(options: &mut PropertyString, disk: Pair<'_, Disk>) {
    match disk.flag(|d| &d.discard) {
        Edit::Set(value) if discard(options) == Some(value) => {}
        wish => option(options, "discard", wish.map(|value| if value { "on" } else { "ignore" })),
    }
    switch(options, "ssd", disk.flag(|d| &d.ssd));
    switch(options, "iothread", disk.flag(|d| &d.io_thread));
    option(options, "cache", disk.wish(|d| &d.cache));
    option(options, "aio", disk.wish(|d| &d.async_io));
    if let Some(included) = disk.want.and_then(|disk| disk.backup.known())
        && options.truth("backup").unwrap_or(true) != *included
    {
        options.set("backup", (!included).then_some(0));
    }
    switch(options, "replicate", disk.flag(|d| &d.replicate));
    switch(options, "ro", disk.flag(|d| &d.read_only));
    option(options, "serial", disk.wish(|d| &d.serial));
    limits::write(disk.of(|d| &d.limits), options);
}
