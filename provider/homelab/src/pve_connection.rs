//! From the provider block and the environment to a connection to Proxmox VE: one login, one kind of trust.

use pve_client::{Auth, Client, Fingerprint, Secret, Trust};
use tf_framework::prelude::*;

use crate::cx::Connection;
use crate::provider::PveBlock;

/// How many requests may be open at a time when nothing is said.
const PARALLEL: usize = 8;

/// Where variables come from.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn at(name: &str) -> Path {
    Path::from("pve").then(name)
}

/// The arguments that say whom to trust.
const TRUST: [&str; 4] = ["ca_file", "ca_pem", "fingerprint", "insecure"];

/// Rules over several arguments of the block; what is known only after apply breaks none.
pub(crate) fn validate(block: &Value, out: &mut Diagnostics) {
    let set = |name: &str| block.attribute(name).is_set();
    // `insecure = false` says nothing, as leaving it out does.
    let trusts = |name: &&str| set(name) && block.attribute(name) != &Value::Bool(false);
    for other in ["username", "password"] {
        if set("api_token") && set(other) {
            out.error(
                at(other),
                "Conflicting arguments",
                "Only one way to log in can be used: either `api_token`, or `username` and `password`. Remove the others.",
            );
        }
    }
    let said: Vec<&str> = TRUST.into_iter().filter(|name| trusts(name)).collect();
    for other in said.iter().skip(1) {
        out.error(
            at(other),
            "Conflicting arguments",
            format!(
                "The arguments `{}` and `{other}` both say which certificates to trust. Keep only one of `ca_file`, \
                 `ca_pem`, `fingerprint` and `insecure`.",
                said[0]
            ),
        );
    }
}

/// The connection that block and environment describe together; nothing is sent.
pub(crate) fn connect(block: PveBlock, environment: Environment) -> Result<Connection> {
    let said_something = block.api_token.is_some() || block.username.is_some() || block.password.is_some();
    let endpoint = match block.endpoint.clone().or_else(|| environment("HOMELAB_PVE_ENDPOINT")) {
        Some(endpoint) => endpoint,
        None if said_something => {
            return Err(missing(
                "endpoint",
                "There is a login for Proxmox VE, but no address. Set `endpoint`, for example to \
                 `https://pve1.example:8006`, or the environment variable HOMELAB_PVE_ENDPOINT.",
            ));
        }
        None => return Ok(Connection::Absent),
    };
    let auth = login(&block, environment)?;
    let trust = trust(&block, environment)?;
    check(&endpoint, &auth, &trust, block.ca_file.is_some())?;
    let mut config = pve_client::Config::new(endpoint, auth, trust);
    config.concurrency = parallel(&block, environment)?;
    // Every part was checked but the authorities of the system.
    let client = Client::new(config).map_err(|error| invalid("ca_file", &api_core::chain(&error)))?;
    Ok(Connection::Ready(client))
}

/// What the user should know about a connection that works.
pub(crate) fn notices(client: &Client, out: &mut Diagnostics) {
    if *client.trust() == Trust::Insecure && client.endpoint().starts_with("https:") {
        out.warn(
            at("insecure"),
            "Certificate is not checked",
            format!(
                "Any certificate is accepted for {}, so anyone between here and there can read the credentials and \
                 change everything. Trust the authority of the cluster with `ca_file`, or one certificate with \
                 `fingerprint`; a node prints its own with\n\n  pvenode cert info",
                client.endpoint()
            ),
        );
    }
    if client.endpoint().starts_with("http:") {
        out.warn(
            at("endpoint"),
            "Connection is not encrypted",
            format!(
                "The address {} has no encryption, so anyone on the way can read the credentials. Use `https://`.",
                client.endpoint()
            ),
        );
    }
}

fn missing(name: &str, detail: &str) -> Error {
    Error::new("Missing argument", detail).at(at(name))
}

fn invalid(name: &str, reason: &str) -> Error {
    Error::new("Invalid provider configuration", format!("The argument `{name}` cannot be used: {reason}."))
        .at(at(name))
}

/// The login: what the block says, else what the environment says. The two never mix two ways of login.
fn login(block: &PveBlock, environment: Environment) -> Result<Auth> {
    let by_password = block.username.is_some() || block.password.is_some();
    let mut token = block.api_token.clone();
    let (mut username, mut password) = (block.username.clone(), block.password.clone());
    if token.is_none() && !by_password {
        token = environment("HOMELAB_PVE_API_TOKEN");
    }
    if block.api_token.is_none() {
        username = username.or_else(|| environment("HOMELAB_PVE_USERNAME"));
        password = password.or_else(|| environment("HOMELAB_PVE_PASSWORD"));
    }
    match (token, username, password) {
        (Some(token), None, None) => Ok(Auth::Token(Secret::new(token))),
        (Some(_), ..) => Err(Error::new(
            "Conflicting environment variables",
            "The environment has an API token (HOMELAB_PVE_API_TOKEN) and a user or password \
             (HOMELAB_PVE_USERNAME, HOMELAB_PVE_PASSWORD). Unset one of the two ways to log in, or choose one in the \
             provider block.",
        )
        .at("pve")),
        (None, Some(username), Some(password)) => match username.rsplit_once('@') {
            Some((user, realm)) if !user.is_empty() && !realm.is_empty() => Ok(Auth::Password {
                user: user.to_owned(),
                password: Secret::new(password),
                realm: realm.to_owned(),
            }),
            _ => Err(invalid("username", "it has to be a user with its realm, such as root@pam")),
        },
        (None, Some(_), None) => Err(missing(
            "password",
            "The user has no password. Set `password` or the environment variable HOMELAB_PVE_PASSWORD, or use \
             `api_token` instead.",
        )),
        (None, None, Some(_)) => Err(missing(
            "username",
            "There is a password, but no user. Set `username`, for example to `root@pam`, or the environment variable \
             HOMELAB_PVE_USERNAME.",
        )),
        (None, None, None) => Err(missing(
            "api_token",
            "There is no login for Proxmox VE. Set `api_token`, or `username` and `password`, or the environment \
             variable HOMELAB_PVE_API_TOKEN. A token is made with\n\n  pveum user token add root@pam homelab --privsep 0",
        )),
    }
}

/// Whom to trust: what the block says, else what the environment says.
fn trust(block: &PveBlock, environment: Environment) -> Result<Trust> {
    let in_block = block.ca_file.is_some()
        || block.ca_pem.is_some()
        || block.fingerprint.is_some()
        || block.insecure.is_some();
    let from_environment = if in_block { None } else { trust_of_environment(environment)? };
    let said = from_environment.unwrap_or(Said {
        ca_file: block.ca_file.clone(),
        ca_pem: block.ca_pem.clone(),
        fingerprint: block.fingerprint,
        insecure: block.insecure.unwrap_or(false),
    });
    Ok(match said {
        Said { ca_file: Some(file), .. } => Trust::Authority(read(&file)?),
        Said { ca_pem: Some(pem), .. } => Trust::Authority(pem),
        Said { fingerprint: Some(fingerprint), .. } => Trust::Fingerprint(fingerprint),
        Said { insecure: true, .. } => Trust::Insecure,
        _ => Trust::System,
    })
}

/// The four ways to say whom to trust; at most one is used.
struct Said {
    ca_file: Option<String>,
    ca_pem: Option<String>,
    fingerprint: Option<Fingerprint>,
    insecure: bool,
}

fn trust_of_environment(environment: Environment) -> Result<Option<Said>> {
    let ca_file = environment("HOMELAB_PVE_CA_FILE");
    let ca_pem = environment("HOMELAB_PVE_CA_PEM");
    let fingerprint = environment("HOMELAB_PVE_FINGERPRINT");
    let insecure = environment("HOMELAB_PVE_INSECURE");
    let fingerprint = fingerprint
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| variable("HOMELAB_PVE_FINGERPRINT", &api_core::chain(&error)))?;
    let insecure = match insecure.as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(variable("HOMELAB_PVE_INSECURE", "it has to be true or false")),
    };
    let said = Said { ca_file, ca_pem, fingerprint, insecure };
    let count = [said.ca_file.is_some(), said.ca_pem.is_some(), said.fingerprint.is_some(), said.insecure];
    match count.into_iter().filter(|is| *is).count() {
        0 => Ok(None),
        1 => Ok(Some(said)),
        _ => Err(Error::new(
            "Conflicting environment variables",
            "More than one of HOMELAB_PVE_CA_FILE, HOMELAB_PVE_CA_PEM, HOMELAB_PVE_FINGERPRINT and HOMELAB_PVE_INSECURE \
             says which certificates to trust. Keep only one.",
        )
        .at("pve")),
    }
}

fn variable(name: &str, reason: &str) -> Error {
    Error::new(
        "Invalid environment variable",
        format!("The environment variable {name} cannot be used: {reason}."),
    )
    .at("pve")
}

fn read(file: &str) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        let hint = if file.starts_with('~') {
            " A leading `~` is not the home folder here; write `pathexpand(\"~/…\")`."
        } else {
            ""
        };
        Error::new(
            "File cannot be read",
            format!("The file {file:?} with the certificate authority cannot be read: {error}.{hint}"),
        )
        .at(at("ca_file"))
    })
}

fn parallel(block: &PveBlock, environment: Environment) -> Result<usize> {
    let wrong = || variable("HOMELAB_PVE_MAX_PARALLEL_REQUESTS", "it has to be a number from 1 to 64");
    let number = match (block.max_parallel_requests, environment("HOMELAB_PVE_MAX_PARALLEL_REQUESTS")) {
        (Some(number), _) => usize::try_from(number).unwrap_or(PARALLEL),
        (None, Some(text)) => text.parse().map_err(|_| wrong())?,
        (None, None) => PARALLEL,
    };
    if (1..=64).contains(&number) { Ok(number) } else { Err(wrong()) }
}

/// Checks the parts one by one, so that the message names the right argument.
fn check(endpoint: &str, auth: &Auth, trust: &Trust, from_file: bool) -> Result<()> {
    api_core::check_endpoint(endpoint).map_err(|error| invalid("endpoint", &api_core::chain(&error)))?;
    auth.check().map_err(|error| {
        let name = if matches!(auth, Auth::Token(_)) { "api_token" } else { "password" };
        invalid(name, &api_core::chain(&error))
    })?;
    let name = if from_file { "ca_file" } else { "ca_pem" };
    match trust {
        Trust::Authority(_) => trust.check().map_err(|error| invalid(name, &api_core::chain(&error))),
        // Reading the system's authorities takes time, so that is left to the client.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
