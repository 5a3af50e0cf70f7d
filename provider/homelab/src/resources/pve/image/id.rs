//! What names an image: the node that sees it, and its volume.

use std::fmt;
use std::str::FromStr;

use pve_client::{NodeName, VolumeId};

/// `node/storage:content/file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageId {
    pub(super) node: NodeName,
    pub(super) volume: VolumeId,
}

/// A text is no id of an image.
#[derive(Debug, thiserror::Error)]
#[error("it has to be node and volume, such as pve1/local:import/debian-13.qcow2")]
pub struct InvalidImageId;

impl FromStr for ImageId {
    type Err = InvalidImageId;

    fn from_str(text: &str) -> Result<Self, InvalidImageId> {
        let (node, volume) = text.split_once('/').ok_or(InvalidImageId)?;
        let volume: VolumeId = volume.parse().map_err(|_| InvalidImageId)?;
        let known = matches!(volume.content(), Some("iso" | "import" | "vztmpl"));
        match node.parse() {
            Ok(node) if known => Ok(Self { node, volume }),
            _ => Err(InvalidImageId),
        }
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.volume)
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
