//! The provider block, its environment variables, and the list of everything the provider offers.

use std::sync::Arc;

use pve_client::Fingerprint;
use tf_framework::prelude::*;

use crate::cx::{Clients, Connection, Cx};
use crate::{data_sources, ephemeral, functions, pve_connection, resources};

/// The provider.
#[derive(Debug)]
pub struct Homelab;

/// Builds and runs a homelab: guests, images, storage and access on Proxmox VE.
///
/// Every setting can come from an environment variable instead. A setting in the block comes before its variable.
/// Nothing is sent before the first resource needs it.
///
/// A user and a token of its own are made on any node of the cluster with
///
/// ```shell
/// pveum user add terraform@pve
/// pveum acl modify / --users terraform@pve --roles PVEAdmin
/// pveum user token add terraform@pve homelab --privsep 0
/// ```
///
/// The role `PVEAdmin` is enough for pools and for guests without devices of the host. Where more is needed, the message
/// names the privilege and the commands that grant it.
#[derive(Schema)]
#[schema(name = "homelab")]
pub struct Config {
    /// How Proxmox VE is reached.
    pub pve: Option<PveBlock>,
}

/// How Proxmox VE is reached. It is not `Debug`, because it holds secrets.
#[derive(Default, Object)]
pub struct PveBlock {
    /// Address of any node of the cluster, as `https://host:port`. Proxmox VE listens on port 8006.
    /// Environment variable: `HOMELAB_PVE_ENDPOINT`.
    pub endpoint: Option<String>,

    /// API token, as `user@realm!name=secret`. Give either a token, or `username` and `password`.
    /// Environment variable: `HOMELAB_PVE_API_TOKEN`.
    #[schema(sensitive)]
    pub api_token: Option<String>,

    /// User with the realm, such as `root@pam`. Needs `password`.
    /// Environment variable: `HOMELAB_PVE_USERNAME`.
    pub username: Option<String>,

    /// Password of `username`. A user with a second factor needs an API token instead.
    /// Environment variable: `HOMELAB_PVE_PASSWORD`.
    #[schema(sensitive)]
    pub password: Option<String>,

    /// File with the PEM certificates of the authorities to trust, and no others. On a node this is
    /// `/etc/pve/pve-root-ca.pem`. Give at most one of `ca_file`, `ca_pem`, `fingerprint` and `insecure`; without
    /// any, the authorities of the operating system are trusted.
    /// Environment variable: `HOMELAB_PVE_CA_FILE`.
    pub ca_file: Option<String>,

    /// PEM certificates of the authorities to trust, and no others.
    /// Environment variable: `HOMELAB_PVE_CA_PEM`.
    pub ca_pem: Option<String>,

    /// SHA-256 fingerprint of the one certificate to trust, as `AA:BB:…`. A node prints it with
    /// `pvenode cert info`.
    /// Environment variable: `HOMELAB_PVE_FINGERPRINT`.
    #[schema(parse)]
    pub fingerprint: Option<Fingerprint>,

    /// Whether to trust any certificate, so that anyone between here and the server can read and change everything.
    /// Default `false`.
    /// Environment variable: `HOMELAB_PVE_INSECURE` (`true` or `false`).
    pub insecure: Option<bool>,

    /// How many requests may be open at a time. Default 8.
    /// Environment variable: `HOMELAB_PVE_MAX_PARALLEL_REQUESTS`.
    #[schema(validate = range(1, 64))]
    pub max_parallel_requests: Option<i64>,
}

#[expect(clippy::disallowed_methods, reason = "here, and nowhere else, the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The setting that is known only after apply, if there is one.
fn unknown_setting(config: &Value) -> Option<Path> {
    let block = config.attribute("pve");
    if block.is_unknown() {
        return Some("pve".into());
    }
    PveBlock::attributes()
        .iter()
        .map(|attribute| Path::from("pve").then(&attribute.name))
        .find(|path| !config.at(path).is_fully_known())
}

impl ProviderDefinition for Homelab {
    type Config = Config;
    type Client = Clients;
    type Cx = Cx;

    const NAME: &'static str = "homelab";

    fn validate(config: &Value, out: &mut Diagnostics) {
        pve_connection::validate(config.attribute("pve"), out);
    }

    fn configure(config: Config) -> Result<Clients> {
        Ok(Clients::new(pve_connection::connect(config.pve.unwrap_or_default(), &environment)?))
    }

    fn configure_partly(config: &Value) -> Result<Option<Clients>> {
        match unknown_setting(config) {
            Some(path) => Ok(Some(Clients::new(Connection::Unknown(path)))),
            None => Self::configure(Config { pve: None }).map(Some),
        }
    }

    fn notices(clients: &Clients, out: &mut Diagnostics) {
        if let Connection::Ready(client) = &clients.pve {
            pve_connection::notices(client, out);
        }
    }

    fn context(clients: Option<Arc<Clients>>, operation: Operation) -> Cx {
        Cx::new(clients, operation)
    }

    fn register(registry: &mut Registry<Cx>) {
        resources::register(registry);
        data_sources::register(registry);
        functions::register(registry);
        ephemeral::register(registry);
    }
}
