//! What names an image: the node that sees it, and its volume.

use std::fmt;
use std::str::FromStr;

use pve_client::{Checksum, NodeName, VolumeId};

/// `node/storage:content/file`, and after it whatever an import tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageId {
    pub(super) node: NodeName,
    pub(super) volume: VolumeId,
    pub(super) told: Told,
}

/// What an import tells of an image, because it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub url: Option<String>,
    pub source_file: Option<String>,
    pub checksum: Option<Checksum>,
    pub compression: Option<String>,
    pub allow_unverified: bool,
    pub verify_certificate: Option<bool>,
}

/// A text is no id of an image.
#[derive(Debug, thiserror::Error)]
pub enum InvalidImageId {
    /// It does not begin with one.
    #[error("it has to be node and volume, such as pve1/local:import/debian-13.qcow2")]
    NoVolume,
    /// What follows it is not understood.
    #[error(
        "what follows the volume has to be `name=value` for url, source_file, checksum, compression, allow_unverified or \
         verify_certificate, and {0:?} is not"
    )]
    NotTold(String),
}

impl Told {
    fn tell(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once('=')?;
        let text = Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "url" => self.url = Some(text?),
            "source_file" => self.source_file = Some(text?),
            "checksum" => self.checksum = Some(value.parse().ok()?),
            "compression" => self.compression = Some(text?),
            "allow_unverified" => self.allow_unverified = value.parse().ok()?,
            "verify_certificate" => self.verify_certificate = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

impl FromStr for ImageId {
    type Err = InvalidImageId;

    fn from_str(text: &str) -> Result<Self, InvalidImageId> {
        let mut words = text.split_whitespace();
        let id = words.next().unwrap_or_default();
        let (node, volume) = id.split_once('/').ok_or(InvalidImageId::NoVolume)?;
        let volume: VolumeId = volume.parse().map_err(|_| InvalidImageId::NoVolume)?;
        let known = matches!(volume.content(), Some("iso" | "import" | "vztmpl"));
        let node = node.parse().ok().filter(|_| known).ok_or(InvalidImageId::NoVolume)?;
        let mut told = Told::default();
        for word in words {
            told.tell(word).ok_or_else(|| InvalidImageId::NotTold(word.to_owned()))?;
        }
        Ok(Self { node, volume, told })
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { url, source_file, checksum, compression, allow_unverified, verify_certificate } =
            &self.told;
        write!(f, "{}/{}", self.node, self.volume)?;
        let checksum = checksum.as_ref().map(ToString::to_string);
        let told = [
            ("url", url),
            ("source_file", source_file),
            ("checksum", &checksum),
            ("compression", compression),
        ];
        for (name, value) in told {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        if *allow_unverified {
            write!(f, " allow_unverified=true")?;
        }
        verify_certificate.map_or(Ok(()), |verify| write!(f, " verify_certificate={verify}"))
    }
}

impl ImageId {
    pub(super) fn title(&self) -> String {
        format!("image {:?} on node {:?}", self.volume.to_string(), self.node.as_str())
    }

    pub(super) fn content(&self) -> &str {
        self.volume.content().unwrap_or_default()
    }
}

/// The name of the file on the node, from a URL or a path: the last part without its query and without the ending of a
/// compression that is taken off.
pub(super) fn file_name(source: &str, is_url: bool, decompressed: bool) -> Option<String> {
    let path = if is_url { source.split(['?', '#']).next().unwrap_or(source) } else { source };
    let path = if is_url { path.split_once("://").map_or(path, |(_, rest)| rest) } else { path };
    let (_, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = if decompressed { name.rsplit_once('.').map_or(name, |(stem, _)| stem) } else { name };
    (!name.is_empty() && (!is_url || path.contains('/'))).then(|| name.to_owned())
}

/// The endings that each kind of content takes (pve-storage 9.1.7, `Storage.pm`).
pub(super) fn endings(content: &str) -> &'static [&'static str] {
    match content {
        "iso" => &[".iso", ".img", ".ISO", ".IMG"],
        "vztmpl" => &[".tar.gz", ".tar.xz", ".tar.zst"],
        _ => &[".qcow2", ".raw", ".vmdk", ".ova"],
    }
}

/// What Proxmox VE keeps of a name; anything else becomes `_` on its way (pve-storage 9.1.7, `Storage.pm`).
pub(super) fn plain_name(name: &str) -> bool {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && name.chars().all(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_node_and_volume() {
        let text = "pve1/local:import/debian-13.qcow2";
        assert_eq!(text.parse::<ImageId>().unwrap().to_string(), text);
        for bad in ["local:iso/a.iso", "pve1/local:100/vm-100-disk-0.raw", "pve1", "pve1/local:backup/x.vma"]
        {
            assert!(bad.parse::<ImageId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_import_tells_what_cannot_be_read() {
        let text = format!(
            "pve1/local:import/a.qcow2 url=https://a.example/a.qcow2?b=c#d checksum=md5:{} allow_unverified=true \
             verify_certificate=false",
            "0".repeat(32)
        );
        let id: ImageId = text.parse().unwrap();
        assert_eq!(id.told.url.as_deref(), Some("https://a.example/a.qcow2?b=c#d"));
        assert_eq!(id.to_string(), text);
        for bad in ["url", "url=", "size=1", "checksum=md5:0", "allow_unverified=maybe"] {
            let error = format!("pve1/local:import/a.qcow2 {bad}").parse::<ImageId>().unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }

    #[test]
    fn the_name_comes_from_the_end_of_the_source() {
        for (source, is_url, decompressed, name) in [
            ("https://a.example/x/debian.qcow2?v=1/2#top", true, false, Some("debian.qcow2")),
            ("https://a.example/x/talos.raw.xz", true, true, Some("talos.raw")),
            ("https://a.example/", true, false, None),
            ("https://a.example", true, false, None),
            ("./images/talos.raw.zst", false, true, Some("talos.raw")),
            ("a?b.iso", false, false, Some("a?b.iso")),
        ] {
            assert_eq!(file_name(source, is_url, decompressed).as_deref(), name, "{source}");
        }
    }
}
