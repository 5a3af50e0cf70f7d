//! Which servers are believed: system roots, a given authority, one pinned certificate, or anyone.

use std::{fmt, str::FromStr, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use sha2::{Digest, Sha256};

use crate::{Distrust, Error, Result};

/// How the server's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The authorities of the operating system.
    #[default]
    System,
    /// The authorities of a PEM text, and no others.
    Authority(String),
    /// One certificate, known by its SHA-256 fingerprint; its names and dates do not matter.
    Fingerprint(Fingerprint),
    /// Any certificate at all.
    Insecure,
}

impl Trust {
    /// Checks that servers can be verified with it, before any is asked.
    pub fn check(&self) -> Result<()> {
        client_config(self).map(drop)
    }
}

/// The SHA-256 of a certificate in DER form, written `AA:BB:…` as Proxmox prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a DER certificate.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::config("a certificate fingerprint is 32 hexadecimal bytes, separated by colons or not");
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[index * 2..index * 2 + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The TLS settings that a trust asks for.
pub(crate) fn client_config(trust: &Trust) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => Arc::new(Telling::new(system_roots()?, provider.clone())?),
        Trust::Authority(pem) => Arc::new(Telling::new(roots_of(pem)?, provider.clone())?),
        Trust::Fingerprint(pinned) => Arc::new(Pinned { pinned: Some(*pinned), provider: provider.clone() }),
        Trust::Insecure => Arc::new(Pinned { pinned: None, provider: provider.clone() }),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::config(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::config(
            "the operating system has no trusted certificate authorities; give one, or a fingerprint",
        ));
    }
    Ok(roots)
}

fn roots_of(pem: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate
            .map_err(|e| Error::config(format!("the certificate authority is not valid PEM: {e}")))?;
        roots
            .add(certificate)
            .map_err(|e| Error::config(format!("the certificate authority cannot be used: {e}")))?;
    }
    if roots.is_empty() {
        return Err(Error::config("the certificate authority text holds no PEM certificate"));
    }
    Ok(roots)
}

/// A certificate that was refused, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Refused {
    pub shown: Fingerprint,
    pub distrust: Distrust,
    why: String,
}

impl Refused {
    fn into_error(self) -> rustls::Error {
        CertificateError::Other(OtherError(Arc::new(self))).into()
    }

    /// What a verifier of this module said, out of the error that rustls made of it.
    pub fn inside(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                inner.downcast_ref()
            }
            _ => None,
        }
    }
}

/// Verifies against authorities as rustls does, and tells which certificate was refused.
#[derive(Debug)]
struct Telling(Arc<WebPkiServerVerifier>);

impl Telling {
    fn new(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Result<Self> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map(Self)
            .map_err(|e| Error::config(e.to_string()))
    }
}

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now).map_err(|error| {
            use CertificateError as E;
            let distrust = match &error {
                // An authority with the same name and another key: a cluster that was set up anew.
                rustls::Error::InvalidCertificate(E::UnknownIssuer | E::BadSignature) => {
                    Distrust::UnknownAuthority
                }
                rustls::Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }) => {
                    Distrust::WrongName
                }
                rustls::Error::InvalidCertificate(
                    E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. },
                ) => Distrust::WrongTime,
                _ => Distrust::Other,
            };
            Refused { shown: Fingerprint::of(end_entity), distrust, why: error.to_string() }.into_error()
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Accepts one certificate, or any. The handshake signature is checked either way, so that a copied
/// certificate without its key is refused.
#[derive(Debug)]
struct Pinned {
    pinned: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(end_entity);
        match self.pinned {
            Some(pinned) if pinned != shown => {
                let why = format!("the pinned certificate has the fingerprint {pinned}");
                Err(Refused { shown, distrust: Distrust::NotPinned, why }.into_error())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_with_and_without_colons_in_either_case() {
        let shown = Fingerprint::of(b"x").to_string();
        assert_eq!(shown.len(), 95);
        assert_eq!(shown.parse::<Fingerprint>().unwrap(), Fingerprint::of(b"x"));
        assert_eq!(
            shown.replace(':', "").to_lowercase().parse::<Fingerprint>().unwrap(),
            Fingerprint::of(b"x")
        );
        assert!("AA:BB".parse::<Fingerprint>().is_err());
    }

    #[test]
    fn an_empty_authority_is_refused() {
        assert!(client_config(&Trust::Authority("nothing".into())).is_err());
    }
}
