//! Storages of services: Proxmox Backup Server and Ceph block devices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pve_client::{Secrets, Settings};
use tf_framework::prelude::*;

use super::common::{is_forgotten, secret};
use crate::resources::pve::places::{is_portal, is_server};

/// A datastore of a Proxmox Backup Server.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Pbs {
    /// Name or address of the server. A change replaces the definition.
    #[schema(wire = "server", replace, validate = matches("a name or an address of a server", is_server))]
    pub server: String,

    /// Port of the server. Proxmox VE's default is 8007.
    #[schema(wire = "port", validate = range(1, 65535))]
    pub port: Option<i64>,

    /// Name of the datastore. A change replaces the definition.
    #[schema(wire = "datastore", replace, validate = length(1, usize::MAX))]
    pub datastore: String,

    /// Namespace in the datastore. Without it, its root.
    #[schema(wire = "namespace", validate = length(1, usize::MAX))]
    pub namespace: Option<String>,

    /// User or token to log in as, such as `backup@pbs!pve`. Proxmox VE's default is `root@pam`.
    #[schema(wire = "username", validate = length(1, usize::MAX))]
    pub username: Option<String>,

    /// Password or secret of the user or token. It is sent and never stored; change `password_wo_version` to send
    /// another.
    #[schema(wire = "password", write_only, sensitive, validate = length(1, 256))]
    pub password_wo: Option<String>,

    /// Any number; a change sends `password_wo` again.
    pub password_wo_version: Option<i64>,

    /// SHA-256 fingerprint of the certificate of the server, if no known authority has signed it.
    #[schema(wire = "fingerprint", validate = matches("32 pairs of hexadecimal digits with colons between", is_fingerprint))]
    pub fingerprint: Option<String>,

    /// Key that the nodes encrypt backups with, as the JSON that `proxmox-backup-client key create --kdf none` writes.
    /// Keep it elsewhere too: without it, backups are lost. It is sent and never stored; change
    /// `encryption_key_wo_version` to send another.
    #[schema(wire = "encryption-key", write_only, sensitive, validate = matches("the JSON of a key; make one with `proxmox-backup-client key create --kdf none`", is_key))]
    pub encryption_key_wo: Option<String>,

    /// Any number; a change sends `encryption_key_wo` again. Without it and the key, backups are no longer encrypted.
    pub encryption_key_wo_version: Option<i64>,

    /// Public RSA key, as PEM. Each backup then holds its encryption key too, encrypted for the owner of the private
    /// one, who can restore when `encryption_key_wo` is lost. Needs an encryption key. Proxmox VE does not show it again,
    /// so an import does not know it, and the next apply sends it once more.
    #[schema(wire = "master-pubkey", validate = matches("a public key as PEM, which begins with `-----BEGIN PUBLIC KEY-----`", is_public_key))]
    pub master_public_key: Option<String>,
}

/// Proxmox VE can make a key itself, but tells it only once and never again. What it takes has to have `data`
/// (pve-storage 9.1.7, `PBSPlugin.pm`).
fn is_key(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|key| key.get("data").is_some())
}

fn is_public_key(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN PUBLIC KEY-----")
}

fn is_fingerprint(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 32 && text.split(':').all(pair)
}

impl Pbs {
    pub(super) fn settings(&self) -> Settings {
        Settings::new()
            .set("server", &self.server)
            .opt("port", self.port)
            .set("datastore", &self.datastore)
            .opt("namespace", self.namespace.as_ref())
            .opt("username", self.username.as_ref())
            .opt("fingerprint", self.fingerprint.as_ref())
            .opt("master-pubkey", self.master_public_key.as_ref().map(|key| STANDARD.encode(key)))
    }

    pub(super) fn secrets(&self, secrets: Secrets, before: Option<&Self>) -> Secrets {
        let password = before.map(|before| before.password_wo_version);
        let key = before.map(|before| before.encryption_key_wo_version);
        secrets.opt("password", secret(self.password_wo.as_ref(), self.password_wo_version, password)).opt(
            "encryption-key",
            secret(self.encryption_key_wo.as_ref(), self.encryption_key_wo_version, key),
        )
    }

    pub(super) fn forgotten(&self, before: &Self) -> Vec<&'static str> {
        let (password, key) = (self.password_wo.as_ref(), self.encryption_key_wo.as_ref());
        let password = is_forgotten(password, self.password_wo_version, before.password_wo_version);
        [
            password.then_some("password"),
            self.ends_encryption(key.is_some(), before).then_some("encryption-key"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether nothing is encrypted any more.
    fn ends_encryption(&self, has_key: bool, before: &Self) -> bool {
        before.encryption_key_wo_version.is_some() && self.encryption_key_wo_version.is_none() && !has_key
    }

    pub(super) fn read(settings: &Settings, prior: Option<&Self>) -> Self {
        // Of a key the service shows a fingerprint, of a public one that there is one.
        let shown = |name: &str| settings.text(name).is_some();
        Self {
            server: settings.string("server").unwrap_or_default(),
            port: settings.int("port"),
            datastore: settings.string("datastore").unwrap_or_default(),
            namespace: settings.string("namespace"),
            username: settings.string("username"),
            password_wo: None,
            password_wo_version: prior.and_then(|prior| prior.password_wo_version),
            fingerprint: settings.string("fingerprint"),
            encryption_key_wo: None,
            encryption_key_wo_version: prior
                .filter(|_| shown("encryption-key"))
                .and_then(|prior| prior.encryption_key_wo_version),
            master_public_key: prior
                .filter(|_| shown("master-pubkey"))
                .and_then(|prior| prior.master_public_key.clone()),
        }
    }
}

/// A pool of Ceph block devices.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Rbd {
    /// Name of the pool. Proxmox VE's default is `rbd`. A change replaces the definition.
    #[schema(wire = "pool", replace, validate = length(1, usize::MAX))]
    pub pool: Option<String>,

    /// Pool that holds the data, when `pool` holds only what describes it. A change replaces the definition.
    #[schema(wire = "data-pool", replace, validate = length(1, usize::MAX))]
    pub data_pool: Option<String>,

    /// Namespace in the pool. A change replaces the definition.
    #[schema(wire = "namespace", replace, validate = length(1, usize::MAX))]
    pub namespace: Option<String>,

    /// Addresses of the monitors of a cluster elsewhere. Without it, the cluster of these nodes.
    #[schema(wire = "monhost", validate = length(1, usize::MAX), validate = each(matches("a name or an address of a server, maybe with a port", is_portal)))]
    pub monitors: Option<BTreeSet<String>>,

    /// User to log in as. Proxmox VE's default is `admin`.
    #[schema(wire = "username", validate = length(1, usize::MAX))]
    pub username: Option<String>,

    /// Keyring of the user, for a cluster elsewhere. It is sent and never stored; change `keyring_wo_version` to send
    /// another.
    #[schema(wire = "keyring", write_only, sensitive)]
    pub keyring_wo: Option<String>,

    /// Any number; a change sends `keyring_wo` again.
    pub keyring_wo_version: Option<i64>,

    /// Whether the kernel maps the devices, which containers need. Proxmox VE's default is `false`.
    #[schema(wire = "krbd")]
    pub kernel_driver: Option<bool>,
}

impl Rbd {
    pub(super) fn settings(&self) -> Settings {
        Settings::new()
            .opt("pool", self.pool.as_ref())
            .opt("data-pool", self.data_pool.as_ref())
            .opt("namespace", self.namespace.as_ref())
            .words("monhost", self.monitors.iter().flatten())
            .opt("username", self.username.as_ref())
            .bool("krbd", self.kernel_driver)
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
            pool: settings.string("pool"),
            data_pool: settings.string("data-pool"),
            namespace: settings.string("namespace"),
            monitors: settings.word_set("monhost"),
            username: settings.string("username"),
            keyring_wo: None,
            keyring_wo_version: prior.and_then(|prior| prior.keyring_wo_version),
            kernel_driver: settings.truth("krbd"),
        }
    }
}

/// A version without its secret would never be sent.
pub(super) fn needs_secret(config: &Value, kind: &str, secret: &str, out: &mut Diagnostics) {
    let object = config.attribute(kind);
    let version = format!("{secret}_version");
    if object.attribute(&version).is_set() && object.attribute(secret).is_null() {
        out.error(
            Path::from(kind).then(&version),
            "Missing argument",
            format!("The argument `{version}` needs `{secret}` to be set too."),
        );
    }
}

pub(super) fn validate(config: &Value, out: &mut Diagnostics) {
    for (kind, secret) in [("pbs", "password_wo"), ("pbs", "encryption_key_wo"), ("rbd", "keyring_wo")] {
        needs_secret(config, kind, secret, out);
    }
    let pbs = config.attribute("pbs");
    if pbs.attribute("master_public_key").is_set() && pbs.attribute("encryption_key_wo").is_null() {
        out.error(
            Path::from("pbs").then("master_public_key"),
            "Missing argument",
            "Only an encryption key can be encrypted for it. Set `encryption_key_wo` too.",
        );
    }
}

/// Says when planning that backups will no longer be encrypted.
pub(super) fn warn_of_plain_backups(plan: &mut Plan<'_, super::Storage>) {
    let before = plan.prior.as_ref().and_then(|prior| prior.pbs.clone());
    let (Some(before), Some(after)) = (before, plan.want().and_then(|want| want.pbs)) else { return };
    let has_key = !plan.config.attribute("pbs").attribute("encryption_key_wo").is_null();
    if after.ends_encryption(has_key, &before) {
        plan.warn(
            Path::from("pbs").then("encryption_key_wo_version"),
            "Backups become readable",
            "The nodes forget the encryption key of this storage, so new backups are not encrypted, and those that are can \
             only be restored with a copy of the key.",
        );
    }
}
