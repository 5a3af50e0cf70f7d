//! Storages of services: Proxmox Backup Server and Ceph block devices.

use pve_client::{Secrets, Settings};
use tf_framework::prelude::*;

use super::common::secret;

/// A datastore of a Proxmox Backup Server.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Pbs {
    /// Name or address of the server. A change replaces the definition.
    #[schema(wire = "server", replace)]
    pub server: String,

    /// Port of the server. Proxmox VE's default is 8007.
    #[schema(wire = "port", validate = range(1, 65535))]
    pub port: Option<i64>,

    /// Name of the datastore. A change replaces the definition.
    #[schema(wire = "datastore", replace)]
    pub datastore: String,

    /// Namespace in the datastore. Without it, its root.
    #[schema(wire = "namespace")]
    pub namespace: Option<String>,

    /// User or token to log in as, such as `backup@pbs!pve`. Proxmox VE's default is `root@pam`.
    #[schema(wire = "username")]
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

    /// Any number; a change sends `encryption_key_wo` again.
    pub encryption_key_wo_version: Option<i64>,
}

/// Proxmox VE can make a key itself, but tells it only once and never again.
fn is_key(text: &str) -> bool {
    text.trim_start().starts_with('{')
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
    }

    pub(super) fn secrets(&self, secrets: Secrets, before: Option<&Self>) -> Secrets {
        let password = before.map(|before| before.password_wo_version);
        let key = before.map(|before| before.encryption_key_wo_version);
        secrets.opt("password", secret(self.password_wo.as_ref(), self.password_wo_version, password)).opt(
            "encryption-key",
            secret(self.encryption_key_wo.as_ref(), self.encryption_key_wo_version, key),
        )
    }

    pub(super) fn read(settings: &Settings, prior: Option<&Self>) -> Self {
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
            encryption_key_wo_version: prior.and_then(|prior| prior.encryption_key_wo_version),
        }
    }
}

/// A pool of Ceph block devices.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Rbd {
    /// Name of the pool. Proxmox VE's default is `rbd`. A change replaces the definition.
    #[schema(wire = "pool", replace)]
    pub pool: Option<String>,

    /// Pool that holds the data, when `pool` holds only what describes it. A change replaces the definition.
    #[schema(wire = "data-pool", replace)]
    pub data_pool: Option<String>,

    /// Namespace in the pool. A change replaces the definition.
    #[schema(wire = "namespace", replace)]
    pub namespace: Option<String>,

    /// Addresses of the monitors of a cluster elsewhere. Without it, the cluster of these nodes.
    #[schema(wire = "monhost", validate = length(1, usize::MAX))]
    pub monitors: Option<BTreeSet<String>>,

    /// User to log in as. Proxmox VE's default is `admin`.
    #[schema(wire = "username")]
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
}
