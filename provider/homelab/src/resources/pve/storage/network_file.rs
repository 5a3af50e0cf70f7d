//! Storages on a network file system: NFS, CIFS and CephFS.

use pve_client::{Secrets, Settings};
use tf_framework::prelude::*;

use super::common::{
    Folders, PREALLOCATION, SHARE_FORMATS, is_forgotten, read_folders, secret, write_folders,
};
use crate::resources::pve::places::{are_mount_options, is_path, is_portal, is_server};

/// A share of an NFS server.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Nfs {
    /// Name or address of the server. A change replaces the definition.
    #[schema(wire = "server", replace, validate = matches("a name or an address of a server", is_server))]
    pub server: String,

    /// Path that the server exports. A change replaces the definition.
    #[schema(wire = "export", replace, validate = matches("an absolute path", is_path))]
    pub export: String,

    /// Mount options, such as `vers=4.2,soft`.
    #[schema(wire = "options", validate = matches("mount options with commas and no blanks between", are_mount_options))]
    pub options: Option<String>,

    /// Whether to make the mount point if it is not there. Proxmox VE's default is `true`.
    #[schema(wire = "create-base-path")]
    pub create_base_path: Option<bool>,

    /// Whether to make a folder for each kind of content. Proxmox VE's default is `true`.
    #[schema(wire = "create-subdirs")]
    pub create_subfolders: Option<bool>,

    /// Folders of the kinds of content, below the mount point.
    #[schema(wire = "content-dirs", validate = length(1, usize::MAX), validate = Folders)]
    pub content_folders: Option<BTreeMap<String, String>>,

    /// Format of new disks when nothing else is said.
    #[schema(wire = "format", validate = one_of(SHARE_FORMATS))]
    pub format: Option<String>,

    /// How the space of new image files is reserved. Proxmox VE's default is `metadata`.
    #[schema(wire = "preallocation", validate = one_of(PREALLOCATION))]
    pub preallocation: Option<String>,

    /// Whether snapshots are chains of volumes. New in Proxmox VE 9. Proxmox VE's default is `false`. A change replaces
    /// the definition.
    #[schema(wire = "snapshot-as-volume-chain", replace)]
    pub snapshot_as_volume_chain: Option<bool>,
}

impl Nfs {
    pub(super) fn settings(&self) -> Settings {
        let settings = Settings::new()
            .set("server", &self.server)
            .set("export", &self.export)
            .opt("options", self.options.as_ref())
            .bool("create-base-path", self.create_base_path)
            .bool("create-subdirs", self.create_subfolders)
            .opt("format", self.format.as_ref())
            .opt("preallocation", self.preallocation.as_ref())
            .bool("snapshot-as-volume-chain", self.snapshot_as_volume_chain);
        write_folders(self.content_folders.as_ref(), settings)
    }

    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            server: settings.string("server").unwrap_or_default(),
            export: settings.string("export").unwrap_or_default(),
            options: settings.string("options"),
            create_base_path: settings.truth("create-base-path"),
            create_subfolders: settings.truth("create-subdirs"),
            content_folders: read_folders(settings),
            format: settings.string("format"),
            preallocation: settings.string("preallocation"),
            snapshot_as_volume_chain: settings.truth("snapshot-as-volume-chain"),
        }
    }
}

/// A share of a CIFS (SMB) server.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Cifs {
    /// Name or address of the server. A change replaces the definition.
    #[schema(wire = "server", replace, validate = matches("a name or an address of a server", is_server))]
    pub server: String,

    /// Name of the share. A change replaces the definition.
    #[schema(wire = "share", replace, validate = length(1, usize::MAX))]
    pub share: String,

    /// Folder of the share to use.
    #[schema(wire = "subdir", validate = matches("an absolute path", is_path))]
    pub subfolder: Option<String>,

    /// User to log in as. Needs `password_wo`.
    #[schema(wire = "username", validate = length(1, usize::MAX))]
    pub username: Option<String>,

    /// Password of the user. It is sent and never stored; change `password_wo_version` to send another.
    #[schema(wire = "password", write_only, sensitive, validate = length(1, 256))]
    pub password_wo: Option<String>,

    /// Any number; a change sends `password_wo` again.
    pub password_wo_version: Option<i64>,

    /// Domain or workgroup of the user.
    #[schema(wire = "domain", validate = length(1, 256))]
    pub domain: Option<String>,

    /// Version of the protocol. Proxmox VE's default is `default`: the highest that both sides know.
    #[schema(wire = "smbversion", validate = one_of(["default", "2.0", "2.1", "3", "3.0", "3.11"]))]
    pub smb_version: Option<String>,

    /// Mount options.
    #[schema(wire = "options", validate = matches("mount options with commas and no blanks between", are_mount_options))]
    pub options: Option<String>,

    /// Whether to make the mount point if it is not there. Proxmox VE's default is `true`.
    #[schema(wire = "create-base-path")]
    pub create_base_path: Option<bool>,

    /// Whether to make a folder for each kind of content. Proxmox VE's default is `true`.
    #[schema(wire = "create-subdirs")]
    pub create_subfolders: Option<bool>,

    /// Folders of the kinds of content, below the mount point.
    #[schema(wire = "content-dirs", validate = length(1, usize::MAX), validate = Folders)]
    pub content_folders: Option<BTreeMap<String, String>>,

    /// Format of new disks when nothing else is said.
    #[schema(wire = "format", validate = one_of(SHARE_FORMATS))]
    pub format: Option<String>,

    /// How the space of new image files is reserved. Proxmox VE's default is `metadata`.
    #[schema(wire = "preallocation", validate = one_of(PREALLOCATION))]
    pub preallocation: Option<String>,

    /// Whether snapshots are chains of volumes. New in Proxmox VE 9. Proxmox VE's default is `false`. A change replaces
    /// the definition.
    #[schema(wire = "snapshot-as-volume-chain", replace)]
    pub snapshot_as_volume_chain: Option<bool>,
}

impl Cifs {
    pub(super) fn settings(&self) -> Settings {
        let settings = Settings::new()
            .set("server", &self.server)
            .set("share", &self.share)
            .opt("subdir", self.subfolder.as_ref())
            .opt("username", self.username.as_ref())
            .opt("domain", self.domain.as_ref())
            .opt("smbversion", self.smb_version.as_ref())
            .opt("options", self.options.as_ref())
            .bool("create-base-path", self.create_base_path)
            .bool("create-subdirs", self.create_subfolders)
            .opt("format", self.format.as_ref())
            .opt("preallocation", self.preallocation.as_ref())
            .bool("snapshot-as-volume-chain", self.snapshot_as_volume_chain);
        write_folders(self.content_folders.as_ref(), settings)
    }

    pub(super) fn secrets(&self, secrets: Secrets, before: Option<&Self>) -> Secrets {
        let before = before.map(|before| before.password_wo_version);
        secrets.opt("password", secret(self.password_wo.as_ref(), self.password_wo_version, before))
    }

    pub(super) fn forgotten(&self, before: &Self) -> Option<&'static str> {
        let (value, version) = (self.password_wo.as_ref(), self.password_wo_version);
        is_forgotten(value, version, before.password_wo_version).then_some("password")
    }

    pub(super) fn read(settings: &Settings, prior: Option<&Self>) -> Self {
        Self {
            server: settings.string("server").unwrap_or_default(),
            share: settings.string("share").unwrap_or_default(),
            subfolder: settings.string("subdir"),
            username: settings.string("username"),
            password_wo: None,
            password_wo_version: prior.and_then(|prior| prior.password_wo_version),
            domain: settings.string("domain"),
            smb_version: settings.string("smbversion"),
            options: settings.string("options"),
            create_base_path: settings.truth("create-base-path"),
            create_subfolders: settings.truth("create-subdirs"),
            content_folders: read_folders(settings),
            format: settings.string("format"),
            preallocation: settings.string("preallocation"),
            snapshot_as_volume_chain: settings.truth("snapshot-as-volume-chain"),
        }
    }
}

/// A file system of Ceph.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct CephFs {
    /// Addresses of the monitors of a cluster elsewhere. Without it, the cluster of these nodes.
    #[schema(wire = "monhost", validate = length(1, usize::MAX), validate = each(matches("a name or an address of a server, maybe with a port", is_portal)))]
    pub monitors: Option<BTreeSet<String>>,

    /// Name of the file system. Without it, the default one. A change replaces the definition.
    #[schema(wire = "fs-name", replace, validate = length(1, usize::MAX))]
    pub file_system: Option<String>,

    /// Folder of the file system to mount.
    #[schema(wire = "subdir", validate = matches("an absolute path", is_path))]
    pub subfolder: Option<String>,

    /// User to log in as. Proxmox VE's default is `admin`.
    #[schema(wire = "username", validate = length(1, usize::MAX))]
    pub username: Option<String>,

    /// Secret of the user, for a cluster elsewhere. It is sent and never stored; change `keyring_wo_version` to send
    /// another.
    #[schema(wire = "keyring", write_only, sensitive)]
    pub keyring_wo: Option<String>,

    /// Any number; a change sends `keyring_wo` again.
    pub keyring_wo_version: Option<i64>,

    /// Whether to mount through FUSE instead of the kernel. Proxmox VE's default is `false`.
    #[schema(wire = "fuse")]
    pub fuse: Option<bool>,

    /// Mount options.
    #[schema(wire = "options", validate = matches("mount options with commas and no blanks between", are_mount_options))]
    pub options: Option<String>,

    /// Whether to make the mount point if it is not there. Proxmox VE's default is `true`.
    #[schema(wire = "create-base-path")]
    pub create_base_path: Option<bool>,

    /// Whether to make a folder for each kind of content. Proxmox VE's default is `true`.
    #[schema(wire = "create-subdirs")]
    pub create_subfolders: Option<bool>,

    /// Folders of the kinds of content, below the mount point.
    #[schema(wire = "content-dirs", validate = length(1, usize::MAX), validate = Folders)]
    pub content_folders: Option<BTreeMap<String, String>>,
}

impl CephFs {
    pub(super) fn settings(&self) -> Settings {
        let settings = Settings::new()
            .words("monhost", self.monitors.iter().flatten())
            .opt("fs-name", self.file_system.as_ref())
            .opt("subdir", self.subfolder.as_ref())
            .opt("username", self.username.as_ref())
            .bool("fuse", self.fuse)
            .opt("options", self.options.as_ref())
            .bool("create-base-path", self.create_base_path)
            .bool("create-subdirs", self.create_subfolders);
        write_folders(self.content_folders.as_ref(), settings)
    }

    pub(super) fn secrets(&self, secrets: Secrets, before: Option<&Self>) -> Secrets {
        let before = before.map(|before| before.keyring_wo_version);
        secrets.opt("keyring", secret(self.keyring_wo.as_ref(), self.keyring_wo_version, before))
    }

    pub(super) fn forgotten(&self, before: &Self) -> Option<&'static str> {
        let (value, version) = (self.keyring_wo.as_ref(), self.keyring_wo_version);
        is_forgotten(value, version, before.keyring_wo_version).then_some("keyring")
    }

    pub(super) fn read(settings: &Settings, prior: Option<&Self>) -> Self {
        Self {
            monitors: settings.word_set("monhost"),
            file_system: settings.string("fs-name"),
            subfolder: settings.string("subdir"),
            username: settings.string("username"),
            keyring_wo: None,
            keyring_wo_version: prior.and_then(|prior| prior.keyring_wo_version),
            fuse: settings.truth("fuse"),
            options: settings.string("options"),
            create_base_path: settings.truth("create-base-path"),
            create_subfolders: settings.truth("create-subdirs"),
            content_folders: read_folders(settings),
        }
    }
}

/// A version without its secret would never be sent.
pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    for (kind, secret) in [("cifs", "password_wo"), ("cephfs", "keyring_wo")] {
        super::object::needs_secret(config, kind, secret, out);
    }
}
