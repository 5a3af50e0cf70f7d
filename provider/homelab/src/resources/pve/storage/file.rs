//! Storages on a file system of the node: directories, Btrfs and ZFS.

use pve_client::Settings;
use tf_framework::prelude::*;

use super::common::{FORMATS, Folders, PREALLOCATION, read_folders, write_folders};
use crate::resources::pve::places::{is_block_size, is_path};

/// A directory.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Dir {
    /// Absolute path of the directory. A change replaces the definition.
    #[schema(wire = "path", replace, validate = matches("an absolute path", is_path))]
    pub path: String,

    /// Whether every node sees the same files there. Say it only if they do: Proxmox VE does not copy anything.
    /// Proxmox VE's default is `false`.
    #[schema(wire = "shared")]
    pub shared: Option<bool>,

    /// `yes` if the path itself is a mount point, or the path of the one above: then the storage is offline while
    /// nothing is mounted, instead of filling the disk below. Proxmox VE's default is `no`.
    #[schema(wire = "is_mountpoint", validate = matches("yes, no or an absolute path", is_mount_point))]
    pub is_mountpoint: Option<String>,

    /// Whether to make the directory if it is not there. Proxmox VE's default is `true`.
    #[schema(wire = "create-base-path")]
    pub create_base_path: Option<bool>,

    /// Whether to make a folder for each kind of content. Proxmox VE's default is `true`.
    #[schema(wire = "create-subdirs")]
    pub create_subfolders: Option<bool>,

    /// Folders of the kinds of content, below `path`.
    #[schema(wire = "content-dirs", validate = length(1, usize::MAX), validate = Folders)]
    pub content_folders: Option<BTreeMap<String, String>>,

    /// Format of new disks when nothing else is said.
    #[schema(wire = "format", validate = one_of(FORMATS))]
    pub format: Option<String>,

    /// How the space of new image files is reserved. Proxmox VE's default is `metadata`.
    #[schema(wire = "preallocation", validate = one_of(PREALLOCATION))]
    pub preallocation: Option<String>,

    /// Whether snapshots are chains of volumes. New in Proxmox VE 9. Proxmox VE's default is `false`. A change replaces
    /// the definition.
    #[schema(wire = "snapshot-as-volume-chain", replace)]
    pub snapshot_as_volume_chain: Option<bool>,
}

impl Dir {
    pub(super) fn settings(&self) -> Settings {
        let settings = Settings::new()
            .set("path", &self.path)
            .bool("shared", self.shared)
            .opt("is_mountpoint", self.is_mountpoint.as_ref())
            .bool("create-base-path", self.create_base_path)
            .bool("create-subdirs", self.create_subfolders)
            .opt("format", self.format.as_ref())
            .opt("preallocation", self.preallocation.as_ref())
            .bool("snapshot-as-volume-chain", self.snapshot_as_volume_chain);
        write_folders(self.content_folders.as_ref(), settings)
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            path: settings.string("path").unwrap_or_default(),
            shared: settings.truth("shared"),
            is_mountpoint: settings.string("is_mountpoint"),
            create_base_path: settings.truth("create-base-path"),
            create_subfolders: settings.truth("create-subdirs"),
            content_folders: read_folders(settings),
            format: settings.string("format"),
            preallocation: settings.string("preallocation"),
            snapshot_as_volume_chain: settings.truth("snapshot-as-volume-chain"),
        }
    }
}

/// A directory on Btrfs.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Btrfs {
    /// Absolute path of a directory on Btrfs. A change replaces the definition.
    #[schema(wire = "path", replace, validate = matches("an absolute path", is_path))]
    pub path: String,

    /// `yes` if the path itself is a mount point, or the path of the one above. Proxmox VE's default is `no`.
    #[schema(wire = "is_mountpoint", validate = matches("yes, no or an absolute path", is_mount_point))]
    pub is_mountpoint: Option<String>,

    /// Whether every node sees the same files there. Proxmox VE's default is `false`.
    #[schema(wire = "shared")]
    pub shared: Option<bool>,

    /// Whether to make the directory if it is not there. Proxmox VE's default is `true`.
    #[schema(wire = "create-base-path")]
    pub create_base_path: Option<bool>,

    /// Whether to make a folder for each kind of content. Proxmox VE's default is `true`.
    #[schema(wire = "create-subdirs")]
    pub create_subfolders: Option<bool>,

    /// Format of new disks when nothing else is said.
    #[schema(wire = "format", validate = one_of(["raw", "subvol"]))]
    pub format: Option<String>,

    /// Whether new files are written without copy-on-write, and so without checksums. Proxmox VE's default is `false`.
    #[schema(wire = "nocow")]
    pub nocow: Option<bool>,

    /// How the space of new image files is reserved. Proxmox VE's default is `metadata`.
    #[schema(wire = "preallocation", validate = one_of(PREALLOCATION))]
    pub preallocation: Option<String>,
}

impl Btrfs {
    pub(super) fn settings(&self) -> Settings {
        Settings::new()
            .set("path", &self.path)
            .opt("is_mountpoint", self.is_mountpoint.as_ref())
            .bool("shared", self.shared)
            .bool("create-base-path", self.create_base_path)
            .bool("create-subdirs", self.create_subfolders)
            .opt("format", self.format.as_ref())
            .bool("nocow", self.nocow)
            .opt("preallocation", self.preallocation.as_ref())
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            path: settings.string("path").unwrap_or_default(),
            is_mountpoint: settings.string("is_mountpoint"),
            shared: settings.truth("shared"),
            create_base_path: settings.truth("create-base-path"),
            create_subfolders: settings.truth("create-subdirs"),
            format: settings.string("format"),
            nocow: settings.truth("nocow"),
            preallocation: settings.string("preallocation"),
        }
    }
}

/// A ZFS pool, or a file system of one.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct ZfsPool {
    /// The pool, or a file system in it, such as `tank/vms`. A change replaces the definition.
    #[schema(wire = "pool", replace, validate = length(1, usize::MAX))]
    pub pool: String,

    /// Block size of new disks: a power of two, such as `16k`. Proxmox VE's default is `16k` (`8k` before 8.1).
    #[schema(wire = "blocksize", validate = matches("a power of two such as 16k", is_block_size))]
    pub block_size: Option<String>,

    /// Whether new disks take space only as they fill. Proxmox VE's default is `false`.
    #[schema(wire = "sparse")]
    pub sparse: Option<bool>,

    /// Where the pool is mounted, if not where its name says.
    #[schema(wire = "mountpoint", validate = matches("an absolute path", is_path))]
    pub mount_point: Option<String>,
}

impl ZfsPool {
    pub(super) fn settings(&self) -> Settings {
        Settings::new()
            .set("pool", &self.pool)
            .opt("blocksize", self.block_size.as_ref())
            .bool("sparse", self.sparse)
            .opt("mountpoint", self.mount_point.as_ref())
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            pool: settings.string("pool").unwrap_or_default(),
            block_size: settings.string("blocksize"),
            sparse: settings.truth("sparse"),
            mount_point: settings.string("mountpoint"),
        }
    }
}

fn is_mount_point(text: &str) -> bool {
    matches!(text, "yes" | "no" | "1" | "0" | "true" | "false" | "on" | "off") || is_path(text)
}
