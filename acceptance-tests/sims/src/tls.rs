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
    /// SHA-256 of the served certificate, colon separated and upper case.
    pub fingerprint: String,
}

/// A fresh authority and a server certificate for loopback.
pub fn identity() -> Result<Identity, Error> {
    let (ca_pem, issuer) = authority("Homelab simulated authority")?;
    let (_, stranger) = authority("Homelab unknown authority")?;
    let (right, fingerprint) = server(&issuer)?;
    let (wrong, _) = server(&stranger)?;
    Ok(Identity { ca_pem, right, wrong, fingerprint })
}

fn authority(name: &str) -> Result<(String, Issuer<'static, KeyPair>), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pem = params.self_signed(&key)?.pem();
    Ok((pem, Issuer::new(params, key)))
}

fn server(issuer: &Issuer<'static, KeyPair>) -> Result<(Arc<ServerConfig>, String), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "pve1.lab.test");
    for address in ["127.0.0.1", "::1"] {
        if let Ok(address) = address.parse::<IpAddr>() {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
    }
    let certificate = params.signed_by(&key, issuer)?;
    let fingerprint = fingerprint(certificate.der());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), fingerprint))
}

fn fingerprint(certificate: &[u8]) -> String {
    use sha2::Digest as _;
    let bytes: Vec<String> =
        sha2::Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
