//! How storages name their volumes and where they keep them.

use crate::pve::state::Storage;

/// Kinds of content, with the directory of a file-based storage that holds them.
const DIRECTORIES: [(&str, &str); 6] = [
    ("iso", "template/iso"),
    ("vztmpl", "template/cache"),
    ("snippets", "snippets"),
    ("backup", "dump"),
    ("import", "import"),
    ("rootdir", "private"),
];

/// A volume id split at its colon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeId {
    /// Id of the storage.
    pub storage: String,
    /// Name within the storage.
    pub name: String,
}

impl VolumeId {
    /// Reads `storage:name`.
    pub fn parse(text: &str) -> Option<Self> {
        let (storage, name) = text.split_once(':')?;
        let valid = storage.starts_with(|first: char| first.is_ascii_alphabetic())
            && storage.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        (valid && !name.is_empty()).then(|| Self { storage: storage.to_owned(), name: name.to_owned() })
    }

    /// A volume of a storage.
    pub fn new(storage: &str, name: impl Into<String>) -> Self {
        Self { storage: storage.to_owned(), name: name.into() }
    }
}

impl std::fmt::Display for VolumeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.storage, self.name)
    }
}

/// What a volume's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// `images`, `iso`, `import`, ….
    pub content: &'static str,
    /// File name without directories.
    pub file: String,
    /// VM that the name makes the owner.
    pub vmid: Option<u32>,
    /// Name of the base volume of a linked clone.
    pub base: Option<String>,
    /// Whether it is the base of linked clones itself.
    pub is_base: bool,
    /// `raw`, `qcow2`, `iso`, ….
    pub format: String,
}

/// Whether the storage keeps files in directories.
pub fn is_file_based(storage: &Storage) -> bool {
    matches!(storage.kind.as_str(), "dir" | "nfs" | "cifs" | "cephfs" | "btrfs")
}

/// Directory of a file-based storage.
pub fn root(id: &str, storage: &Storage) -> String {
    storage.options.get("path").cloned().unwrap_or_else(|| format!("/mnt/pve/{id}"))
}

/// Reads a volume's name; the error is the service's.
pub fn parse(storage: &Storage, name: &str) -> Result<Parsed, String> {
    match storage.kind.as_str() {
        "pbs" => parse_snapshot(name),
        _ if is_file_based(storage) => parse_file(name),
        _ => parse_block(storage, name),
    }
}

/// Absolute path of a volume.
pub fn path(id: &str, storage: &Storage, name: &str) -> Result<String, String> {
    let parsed = parse(storage, name)?;
    if !is_file_based(storage) {
        return Ok(match storage.kind.as_str() {
            "pbs" => format!("{}/{name}", option(storage, "datastore")),
            "zfspool" => format!("/dev/zvol/{}/{}", option(storage, "pool"), parsed.file),
            _ => format!("/dev/{}/{}", option(storage, "vgname"), parsed.file),
        });
    }
    let root = root(id, storage);
    Ok(match (parsed.content, parsed.vmid) {
        ("images", Some(vmid)) => format!("{root}/images/{vmid}/{}", parsed.file),
        (content, _) => format!("{root}/{}/{}", directory(content), parsed.file),
    })
}

/// Directory below the root for a kind of content.
pub fn directory(content: &str) -> &'static str {
    DIRECTORIES.iter().find(|(kind, _)| *kind == content).map_or("images", |(_, directory)| directory)
}

/// Name of a VM's volume from its file name, such as `100/vm-100-disk-0.qcow2`.
pub fn image(storage: &Storage, vmid: u32, stem: &str, format: &str) -> String {
    if is_file_based(storage) { format!("{vmid}/{stem}.{format}") } else { stem.to_owned() }
}

/// Format that a new disk has when none is asked for.
pub fn default_format(_storage: &Storage) -> &'static str {
    "raw"
}

/// Whether the storage can hold a disk of this format.
pub fn takes_format(storage: &Storage, format: &str) -> bool {
    format == "raw" || (is_file_based(storage) && matches!(format, "qcow2" | "vmdk"))
}

/// Number of `vm-100-disk-3.raw` or `base-100-disk-3`.
pub fn disk_number(file: &str, vmid: u32) -> Option<u32> {
    let rest = file.strip_prefix("vm-").or_else(|| file.strip_prefix("base-"))?;
    let rest = rest.strip_prefix(&format!("{vmid}-disk-"))?;
    rest.split('.').next()?.parse().ok()
}

/// Size that the storage really allocates: block storages round up to their extents of 4 MiB.
pub fn allocated_size(storage: &Storage, bytes: u64) -> u64 {
    const EXTENT: u64 = 4 << 20;
    if is_file_based(storage) { bytes } else { bytes.div_ceil(EXTENT) * EXTENT }
}

fn option<'a>(storage: &'a Storage, key: &str) -> &'a str {
    storage.options.get(key).map_or("", String::as_str)
}

fn parse_file(name: &str) -> Result<Parsed, String> {
    let unreadable = || format!("unable to parse directory volume name '{name}'\n");
    let parts: Vec<&str> = name.split('/').collect();
    let number = |text: &str| text.parse::<u32>().ok();
    match parts.as_slice() {
        [base_vmid, base, vmid, file] if number(base_vmid).is_some() && number(vmid).is_some() => {
            let (format, is_base) = parse_image(file)?;
            parse_image(base)?;
            let base = Some(format!("{base_vmid}/{base}"));
            Ok(Parsed {
                content: "images",
                file: (*file).to_owned(),
                vmid: number(vmid),
                base,
                is_base,
                format,
            })
        }
        [vmid, file] if number(vmid).is_some() => {
            let (format, is_base) = parse_image(file)?;
            Ok(Parsed {
                content: "images",
                file: (*file).to_owned(),
                vmid: number(vmid),
                base: None,
                is_base,
                format,
            })
        }
        [kind, file] if !file.is_empty() => {
            let content = DIRECTORIES.iter().map(|(content, _)| *content).find(|content| content == kind);
            let format = content.and_then(|content| file_format(content, file));
            let (content, format) = content.zip(format).ok_or_else(unreadable)?;
            let file = (*file).to_owned();
            let vmid = archived_guest(&file).filter(|_| content == "backup");
            Ok(Parsed { content, file, vmid, base: None, is_base: false, format })
        }
        _ => Err(unreadable()),
    }
}

/// The guest in the name of an archive, `vzdump-qemu-100-2026_11_25-03_00_14.vma.zst`.
fn archived_guest(file: &str) -> Option<u32> {
    let rest = file.strip_prefix("vzdump-")?;
    rest.split('-').nth(1)?.parse().ok()
}

/// Name of a backup on a backup server: `backup/vm/100/2026-11-25T03:00:14Z`.
fn parse_snapshot(name: &str) -> Result<Parsed, String> {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        ["backup", kind @ ("vm" | "ct" | "host"), group, moment] => Ok(Parsed {
            content: "backup",
            file: moment.to_owned(),
            vmid: group.parse().ok(),
            base: None,
            is_base: false,
            format: format!("pbs-{kind}"),
        }),
        _ => Err(format!("unable to parse PBS volume name '{name}'\n")),
    }
}

fn parse_image(file: &str) -> Result<(String, bool), String> {
    let format = file.rsplit_once('.').map(|(_, extension)| extension);
    match format.filter(|format| matches!(*format, "raw" | "qcow2" | "vmdk" | "subvol")) {
        Some(format) if !file.contains(char::is_whitespace) => {
            Ok((format.to_owned(), file.starts_with("base-")))
        }
        _ => Err(format!("unable to parse volume filename '{file}'\n")),
    }
}

/// Format of a file by its extension. `None` if the kind of content does not take the extension.
pub fn file_format(content: &str, file: &str) -> Option<String> {
    let extension = |known: &[&'static str]| {
        known.iter().find(|known| file.ends_with(&format!(".{known}"))).map(|known| (*known).to_owned())
    };
    match content {
        "iso" => extension(&["iso", "img", "ISO", "IMG"]).map(|_| "iso".to_owned()),
        "vztmpl" => extension(&["tar.gz", "tar.xz", "tar.zst"]).map(|found| match found.as_str() {
            "tar.gz" => "tgz".to_owned(),
            "tar.xz" => "txz".to_owned(),
            _ => "tzst".to_owned(),
        }),
        "import" => extension(&["ova", "ovf", "qcow2", "raw", "vmdk"]),
        "snippets" => Some("snippet".to_owned()),
        "backup" => {
            extension(&["vma.zst", "vma.lzo", "vma.gz", "vma", "tar.zst", "tar.lzo", "tar.gz", "tar"])
        }
        "rootdir" => Some("subvol".to_owned()),
        _ => None,
    }
}

fn parse_block(storage: &Storage, name: &str) -> Result<Parsed, String> {
    let plugin = if storage.kind == "zfspool" { "zfs" } else { "lvm" };
    let unreadable = || format!("unable to parse {plugin} volume name '{name}'\n");
    // ZFS names the base of a linked clone in front: `base-100-disk-0/vm-101-disk-0`.
    let (base, file) = match name.split_once('/') {
        Some((base, file)) if plugin == "zfs" => (Some(base.to_owned()), file),
        _ => (None, name),
    };
    let is_base = file.starts_with("base-");
    let rest = file.strip_prefix("vm-").or_else(|| file.strip_prefix("base-")).ok_or_else(unreadable)?;
    let (vmid, _) = rest.split_once('-').ok_or_else(unreadable)?;
    let vmid = Some(vmid.parse().map_err(|_| unreadable())?);
    Ok(Parsed { content: "images", file: file.to_owned(), vmid, base, is_base, format: "raw".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(kind: &str, options: &[(&str, &str)]) -> Storage {
        Storage {
            kind: kind.to_owned(),
            options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn names_tell_owner_base_and_format() {
        let dir = storage("dir", &[("path", "/mnt/ds2")]);
        let linked = parse(&dir, "110/base-110-disk-0.qcow2/113/vm-113-disk-0.qcow2").unwrap();
        assert_eq!(linked.vmid, Some(113));
        assert_eq!(linked.base.as_deref(), Some("110/base-110-disk-0.qcow2"));
        assert!(!linked.is_base && parse(&dir, "110/base-110-disk-0.raw").unwrap().is_base);
        assert_eq!(parse(&dir, "700/foo.raw").unwrap().vmid, Some(700));
        assert_eq!(parse(&dir, "iso/test.iso").unwrap().content, "iso");
        assert_eq!(parse(&dir, "import/dl.qcow2").unwrap().format, "qcow2");
        let thin = storage("lvmthin", &[("vgname", "pve")]);
        assert_eq!(parse(&thin, "vm-100-disk-0").unwrap().vmid, Some(100));
    }

    #[test]
    fn an_unreadable_name_is_refused_in_the_services_words() {
        let dir = storage("dir", &[("path", "/mnt/ds2")]);
        for (name, error) in [
            ("abc", "unable to parse directory volume name 'abc'\n"),
            ("1G", "unable to parse directory volume name '1G'\n"),
            ("iso/readme.txt", "unable to parse directory volume name 'iso/readme.txt'\n"),
            ("100/disk", "unable to parse volume filename 'disk'\n"),
        ] {
            assert_eq!(parse(&dir, name).unwrap_err(), error);
        }
        let thin = storage("lvmthin", &[("vgname", "pve")]);
        assert_eq!(parse(&thin, "abc").unwrap_err(), "unable to parse lvm volume name 'abc'\n");
    }

    #[test]
    fn paths_are_where_the_plugin_puts_them() {
        let dir = storage("dir", &[("path", "/mnt/ds2")]);
        for (name, expected) in [
            ("700/vm-700-disk-0.qcow2", "/mnt/ds2/images/700/vm-700-disk-0.qcow2"),
            ("110/base-110-disk-0.qcow2/113/vm-113-disk-0.qcow2", "/mnt/ds2/images/113/vm-113-disk-0.qcow2"),
            ("iso/test.iso", "/mnt/ds2/template/iso/test.iso"),
            ("import/dl.qcow2", "/mnt/ds2/import/dl.qcow2"),
        ] {
            assert_eq!(path("ds2", &dir, name).unwrap(), expected);
        }
        assert_eq!(
            path("nfs1", &storage("nfs", &[]), "iso/a.iso").unwrap(),
            "/mnt/pve/nfs1/template/iso/a.iso"
        );
        let thin = storage("lvmthin", &[("vgname", "pve")]);
        assert_eq!(path("local-lvm", &thin, "vm-100-disk-0").unwrap(), "/dev/pve/vm-100-disk-0");
    }

    #[test]
    fn disk_numbers_count_for_templates_too() {
        assert_eq!(disk_number("vm-100-disk-3.raw", 100), Some(3));
        assert_eq!(disk_number("base-100-disk-0", 100), Some(0));
        assert_eq!(disk_number("vm-101-disk-3.raw", 100), None);
        assert_eq!(disk_number("vm-100-cloudinit.qcow2", 100), None);
    }
}
