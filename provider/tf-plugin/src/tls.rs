//! Mutual TLS as go-plugin does it: each side makes a certificate for this one run and trusts the other's alone.

use std::sync::Arc;

use p521::ecdsa::signature::Verifier;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    UnixTime, alg_id,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};

/// Why there is no TLS. Falling back to plain text would hand the credentials to anyone, so this ends the start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the environment variable PLUGIN_CLIENT_CERT holds no certificate in PEM form")]
    ClientCertificate,
    #[error("no certificate could be made")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS could not be set up")]
    Setup(#[from] Error),
}

/// The server's side of one run.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// What the client is told to trust, as DER.
    pub(crate) certificate: Vec<u8>,
}

impl Tls {
    /// A new certificate, and a server that lets in only the owner of the certificate `client`.
    pub(crate) fn new(client: &str, crypto: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let pinned =
            CertificateDer::from_pem_slice(client.as_bytes()).map_err(|_| TlsError::ClientCertificate)?;
        // A PEM block of something else would make a server that nobody can enter.
        rustls::server::ParsedCertificate::try_from(&pinned).map_err(|_| TlsError::ClientCertificate)?;
        let mut params = CertificateParams::new(["localhost".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|text| TlsError::Setup(Error::General(text.to_owned())))?;
        let verifier = Pinned { client: pinned, others: crypto.signature_verification_algorithms };
        let mut config = ServerConfig::builder_with_provider(crypto.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(vec![certificate.clone()], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Each client connects once; tickets would only cost.
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), certificate: certificate.to_vec() })
    }
}

/// Accepts one certificate and no other. It is self-signed and marked as an authority, which ordinary
/// verification of a chain refuses for a client.
#[derive(Debug)]
struct Pinned {
    client: CertificateDer<'static>,
    others: WebPkiSupportedAlgorithms,
}

/// go-plugin's client keys are on P-521, which ring does not have.
static P521: &[&dyn SignatureVerificationAlgorithm] = &[&EcdsaP521Sha512];
static ALGORITHMS: WebPkiSupportedAlgorithms =
    WebPkiSupportedAlgorithms { all: P521, mapping: &[(SignatureScheme::ECDSA_NISTP521_SHA512, P521)] };

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if *end_entity == self.client {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is served".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = match signature.scheme {
            SignatureScheme::ECDSA_NISTP521_SHA512 => &ALGORITHMS,
            _ => &self.others,
        };
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = vec![SignatureScheme::ECDSA_NISTP521_SHA512];
        schemes.extend(self.others.supported_schemes());
        schemes
    }
}

#[derive(Debug)]
struct EcdsaP521Sha512;

impl SignatureVerificationAlgorithm for EcdsaP521Sha512 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = p521::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA512
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use p521::ecdsa::signature::Signer;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    fn crypto() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    fn client() -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap(), key)
    }

    /// Whether a client gets through: its certificate, if any, against a server that lets in `pinned`.
    async fn enters(pinned: &rcgen::Certificate, client: Option<(&rcgen::Certificate, &KeyPair)>) -> bool {
        let tls = Tls::new(&pinned.pem(), &crypto()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(tls.certificate)).unwrap();
        let config = ClientConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                config.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (near, far) = duplex(1 << 16);
        let server = tokio::spawn(async move {
            let mut stream = TlsAcceptor::from(tls.config).accept(far).await?;
            stream.write_all(b"in").await?;
            stream.shutdown().await
        });
        let name = ServerName::try_from("localhost").unwrap();
        // With TLS 1.3 a client learns only from the first answer that its certificate was refused.
        let mut said = Vec::new();
        if let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, near).await {
            let _ = stream.read_to_end(&mut said).await;
        }
        server.await.unwrap().is_ok() && said == b"in"
    }

    #[tokio::test]
    async fn only_the_pinned_client_enters() {
        let (ours, key) = client();
        let (other, other_key) = client();
        assert!(enters(&ours, Some((&ours, &key))).await);
        assert!(!enters(&ours, None).await, "a client without a certificate");
        assert!(!enters(&ours, Some((&other, &other_key))).await, "another certificate of the same name");
    }

    /// Falling back to plain text would let anyone in.
    #[test]
    fn a_certificate_that_is_none_stops_the_start() {
        let (_, key) = client();
        for text in [
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &key.serialize_pem(),
        ] {
            let refused = Tls::new(text, &crypto()).map(|_| ()).unwrap_err();
            assert!(matches!(refused, TlsError::ClientCertificate), "{text}: {refused:?}");
        }
    }

    #[test]
    fn a_signature_on_p521_is_verified() {
        let key = p521::ecdsa::SigningKey::from_slice(&[1; 66]).unwrap();
        let public = p521::ecdsa::VerifyingKey::from(&key).to_encoded_point(false);
        let signature: p521::ecdsa::Signature = key.sign(b"message");
        let signature = signature.to_der();
        let verify = |message: &[u8], signature: &[u8]| {
            EcdsaP521Sha512.verify_signature(public.as_bytes(), message, signature)
        };
        assert!(verify(b"message", signature.as_bytes()).is_ok());
        assert!(verify(b"massage", signature.as_bytes()).is_err());
        assert!(verify(b"message", b"").is_err());
        assert!(EcdsaP521Sha512.verify_signature(b"", b"message", signature.as_bytes()).is_err());
    }
}
