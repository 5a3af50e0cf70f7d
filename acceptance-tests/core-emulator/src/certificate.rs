//! The client certificate of one run, as go-plugin makes it: self-signed ECDSA on P-521, marked as an authority.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use p521::ecdsa::signature::Signer as _;
use p521::ecdsa::{Signature, SigningKey as Key, VerifyingKey};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

/// A key and its certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    key: P521,
    certificate: CertificateDer<'static>,
}

impl Identity {
    /// A new key and certificate; the name is always `localhost`.
    pub fn new() -> Self {
        let key = loop {
            let mut random = [0; 66];
            rustls::crypto::ring::default_provider()
                .secure_random
                .fill(&mut random)
                .expect("the system has random numbers");
            // The order of the curve has 521 bits.
            random[0] &= 1;
            if let Ok(key) = Key::from_slice(&random) {
                break key;
            }
        };
        let certificate = der::certificate(&key);
        Self { key: P521(Arc::new(key)), certificate: certificate.into() }
    }

    /// The certificate as the plugin gets it.
    pub fn pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.certificate);
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = Arc::new(self.key.clone());
        Some(Arc::new(CertifiedKey::new(vec![self.certificate.clone()], key)))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Clone)]
struct P521(Arc<Key>);

impl std::fmt::Debug for P521 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key on P-521")
    }
}

impl SigningKey for P521 {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ECDSA_NISTP521_SHA512)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521 {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature: Signature = self.0.sign(message);
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

/// Just enough DER to write one certificate.
mod der {
    use super::{Key, Signature, VerifyingKey};
    use p521::ecdsa::signature::Signer as _;

    const ECDSA_WITH_SHA512: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
    const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const SECP521R1: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 0x23];
    const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
    const BASIC_CONSTRAINTS: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x13];
    const EXTENDED_KEY_USAGE: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x25];
    const SUBJECT_ALT_NAME: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x11];
    const SERVER_AUTH: &[u8] = &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
    const CLIENT_AUTH: &[u8] = &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];

    const SEQUENCE: u8 = 0x30;
    const SET: u8 = 0x31;

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u16::try_from(content.len()).expect("a certificate is small").to_be_bytes();
        let mut out = vec![tag];
        match content.len() {
            0..=0x7f => out.push(length[1]),
            0x80..=0xff => out.extend([0x81, length[1]]),
            _ => out.extend([0x82, length[0], length[1]]),
        }
        out.extend(content);
        out
    }

    fn extension(name: &[u8], value: &[u8]) -> Vec<u8> {
        element(SEQUENCE, &[name, &element(0x04, &[value])])
    }

    pub(super) fn certificate(key: &Key) -> Vec<u8> {
        let algorithm = element(SEQUENCE, &[ECDSA_WITH_SHA512]);
        let common_name = element(SEQUENCE, &[COMMON_NAME, &element(0x0c, &[b"localhost"])]);
        let name = element(SEQUENCE, &[&element(SET, &[&common_name])]);
        let validity = element(
            SEQUENCE,
            &[&element(0x18, &[b"20200101000000Z"]), &element(0x18, &[b"21200101000000Z"])],
        );
        let point = VerifyingKey::from(key).to_encoded_point(false);
        let public_key = element(
            SEQUENCE,
            &[&element(SEQUENCE, &[EC_PUBLIC_KEY, SECP521R1]), &element(0x03, &[&[0], point.as_bytes()])],
        );
        let extensions = element(
            SEQUENCE,
            &[
                &extension(BASIC_CONSTRAINTS, &element(SEQUENCE, &[&[0x01, 1, 0xff]])),
                &extension(EXTENDED_KEY_USAGE, &element(SEQUENCE, &[SERVER_AUTH, CLIENT_AUTH])),
                &extension(SUBJECT_ALT_NAME, &element(SEQUENCE, &[&element(0x82, &[b"localhost"])])),
            ],
        );
        let version = element(0xa0, &[&[0x02, 1, 2]]);
        let signed = element(
            SEQUENCE,
            &[
                &version,
                &[0x02, 1, 1],
                &algorithm,
                &name,
                &validity,
                &name,
                &public_key,
                &element(0xa3, &[&extensions]),
            ],
        );
        let signature: Signature = key.sign(&signed);
        element(SEQUENCE, &[&signed, &algorithm, &element(0x03, &[&[0], signature.to_der().as_bytes()])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_one_that_rustls_can_read() {
        let identity = Identity::new();
        rustls::server::ParsedCertificate::try_from(&identity.certificate).unwrap();
        assert!(identity.pem().starts_with("-----BEGIN CERTIFICATE-----\nMII"));
        assert_ne!(identity.pem(), Identity::new().pem());
    }
}
