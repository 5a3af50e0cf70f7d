//! Files that come from outside: their names, checksums, and what a disk made from them is like.

use super::list::space;
use super::naming::{self, VolumeId};
use super::volume::Volume;
use crate::pve::answer::Failure;
use crate::pve::state::Lab;

/// Where a file is to be kept.
#[derive(Debug, Clone)]
pub struct Place {
    /// Node that stores it.
    pub node: String,
    /// The volume.
    pub id: VolumeId,
    /// Absolute path.
    pub path: String,
}

/// A checksum that the file must have.
#[derive(Debug, Clone)]
pub struct Expected {
    /// `md5`, `sha256`, ….
    pub algorithm: String,
    /// The digest in hexadecimal digits.
    pub digest: String,
}

/// The place of a file with this name, if the storage takes it.
pub fn place(lab: &Lab, node: &str, storage: &str, content: &str, name: &str) -> Result<Place, Failure> {
    let config = lab.usable_storage(node, storage)?;
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if naming::file_format(content, name).is_none() {
        return Err(Failure::parameter("filename", "wrong file extension"));
    }
    if !config.content().contains(content) {
        let message = format!("storage '{storage}' is not configured for content-type '{content}'");
        return Err(Failure::parameter("storage", message));
    }
    let id = VolumeId::new(storage, format!("{content}/{name}"));
    let path = naming::path(storage, config, &id.name).map_err(Failure::died)?;
    Ok(Place { node: node.to_owned(), id, path })
}

/// Both parameters of a checksum, or neither.
pub fn expected(params: &crate::pve::params::Params) -> Option<Expected> {
    let algorithm = params.text("checksum-algorithm")?.to_owned();
    Some(Expected { algorithm, digest: params.text("checksum")?.to_lowercase() })
}

/// Looks whether a file is the expected one; tells it in the log.
pub fn verify(expected: Option<&Expected>, data: &[u8], log: &mut Vec<String>) -> Result<(), Failure> {
    let Some(expected) = expected else { return Ok(()) };
    let got = checksum(&expected.algorithm, data);
    if got != expected.digest {
        log.push("calculating checksum...".to_owned());
        let Expected { digest, .. } = expected;
        return Err(Failure::died(format!("checksum mismatch: got '{got}' != expect '{digest}'")));
    }
    log.push("calculating checksum...OK, checksum verified".to_owned());
    Ok(())
}

/// Whether the storage has space for a file; one of the same name goes first.
pub fn fits(lab: &Lab, place: &Place, data: &[u8]) -> bool {
    let Some(storage) = lab.storages.get(&place.id.storage) else { return false };
    let (total, used) = space(lab, &place.node, &place.id.storage, storage);
    let replaced = lab.volume(&place.node, &place.id).map_or(0, |volume| volume.used);
    let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
    (used - replaced).saturating_add(size) <= total
}

/// Keeps a file.
pub fn keep(lab: &mut Lab, place: &Place, data: &[u8]) {
    let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let content = place.id.name.split('/').next().unwrap_or_default().to_owned();
    let format = naming::file_format(&content, &place.id.name).unwrap_or_default();
    let volume = Volume {
        content,
        format,
        size,
        disk_size: virtual_size(data).unwrap_or(size),
        used: size,
        created_at: lab.now(),
        contents: checksum("sha256", data),
        sha256: Some(checksum("sha256", data)),
        ..Volume::default()
    };
    lab.put_volume(&place.node, &place.id, volume);
}

/// Size of the disk in a qcow2 file: magic, version, …, then the size as the fourth 64-bit word.
fn virtual_size(data: &[u8]) -> Option<u64> {
    let header = data.get(..32)?;
    header.starts_with(b"QFI\xfb").then(|| u64::from_be_bytes(header[24..32].try_into().unwrap_or_default()))
}

/// Digest of some bytes in hexadecimal digits; empty for an algorithm that nobody knows.
pub fn checksum(algorithm: &str, data: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = match algorithm {
        "md5" => md5::Md5::digest(data).to_vec(),
        "sha1" => sha1::Sha1::digest(data).to_vec(),
        "sha224" => sha2::Sha224::digest(data).to_vec(),
        "sha256" => sha2::Sha256::digest(data).to_vec(),
        "sha384" => sha2::Sha384::digest(data).to_vec(),
        "sha512" => sha2::Sha512::digest(data).to_vec(),
        _ => Vec::new(),
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_disk_is_read_from_the_image_header() {
        let mut image = b"QFI\xfb\0\0\0\x03".to_vec();
        image.resize(24, 0);
        image.extend((128_u64 << 20).to_be_bytes());
        image.resize(512, 0);
        assert_eq!(virtual_size(&image), Some(128 << 20));
        assert_eq!(virtual_size(&[0; 65536]), None);
    }

    #[test]
    fn checksums_are_as_recorded_for_an_iso_of_zeros() {
        let iso = vec![0; 65536];
        assert_eq!(
            checksum("sha256", &iso),
            "de2f256064a0af797747c2b97505dc0b9f3df0de4f489eac731c23ae9ca9cc31"
        );
        assert_eq!(checksum("md5", &iso), "fcd6bcb56c1689fcef28b57c22475bad");
    }

    #[test]
    fn a_mismatch_names_both_digests() {
        let expected = Expected { algorithm: "md5".to_owned(), digest: "00".to_owned() };
        let mut log = Vec::new();
        let failure = verify(Some(&expected), b"", &mut log).unwrap_err();
        assert_eq!(
            failure.message,
            "checksum mismatch: got 'd41d8cd98f00b204e9800998ecf8427e' != expect '00'\n"
        );
        assert_eq!(log, ["calculating checksum..."]);
    }
}
