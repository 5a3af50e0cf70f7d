//! The lab's own certificate authority and the certificate it serves with.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the certificate.
    #[error("cannot serve with the certificate")]
    Serve(#[from] rustls::Error),
}

/// What the listener serves with.
pub struct Identity {
    /// The authority's certificate, PEM.
    pub ca_pem: String,
    /// Signed by the authority.
    pub right: Arc<ServerConfig>,
    /// Signed by nobody the client knows; for the fault `wrong_certificate`.
    pub wrong: Arc<ServerConfig>,
    /// The authority's certificate, then the served one.
    pub certificates: [Certificate; 2],
}

/// A certificate as the node tells of it.
#[derive(Debug, Clone, Default)]
pub struct Certificate {
    /// PEM.
    pub pem: String,
    /// SHA-256, colon separated and upper case.
    pub fingerprint: String,
    /// `/CN=…`.
    pub subject: String,
    /// `/CN=…`.
    pub issuer: String,
    /// Names and addresses that it is good for.
    pub names: Vec<String>,
    /// First and last second since 1970 at which it is good.
    pub period: (i64, i64),
}

/// A fresh authority and a server certificate for loopback.
pub fn identity() -> Result<Identity, Error> {
    let (authority_told, issuer) = authority("Homelab simulated authority")?;
    let (stranger_told, stranger) = authority("Homelab unknown authority")?;
    let (right, told) = server(&issuer, &authority_told)?;
    let (wrong, _) = server(&stranger, &stranger_told)?;
    let ca_pem = authority_told.pem.clone();
    Ok(Identity { ca_pem, right, wrong, certificates: [authority_told, told] })
}

fn period(params: &CertificateParams) -> (i64, i64) {
    (params.not_before.unix_timestamp(), params.not_after.unix_timestamp())
}

fn authority(name: &str) -> Result<(Certificate, Issuer<'static, KeyPair>), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    let subject = format!("/CN={name}");
    let told = Certificate {
        pem: certificate.pem(),
        fingerprint: fingerprint(certificate.der()),
        issuer: subject.clone(),
        subject,
        names: Vec::new(),
        period: period(&params),
    };
    Ok((told, Issuer::new(params, key)))
}

/// Names that the served certificate is good for.
const NAME: &str = "localhost";
const ADDRESSES: [&str; 2] = ["127.0.0.1", "::1"];
const COMMON_NAME: &str = "pve1.lab.test";

fn server(
    issuer: &Issuer<'static, KeyPair>,
    authority: &Certificate,
) -> Result<(Arc<ServerConfig>, Certificate), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    for address in ADDRESSES {
        if let Ok(address) = address.parse::<IpAddr>() {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
    }
    let certificate = params.signed_by(&key, issuer)?;
    let told = Certificate {
        pem: certificate.pem(),
        fingerprint: fingerprint(certificate.der()),
        subject: format!("/CN={COMMON_NAME}"),
        issuer: authority.subject.clone(),
        names: ADDRESSES.into_iter().chain([NAME]).map(str::to_owned).collect(),
        period: period(&params),
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), told))
}

fn fingerprint(certificate: &[u8]) -> String {
    use sha2::Digest as _;
    let bytes: Vec<String> =
        sha2::Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
