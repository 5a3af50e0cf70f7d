//! Which certificates are believed, against servers that show all kinds of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{sync::Arc, time::Duration};

use api_core::{Distrust, Error, Fingerprint, Method, Options, Request, Scope, Transport, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// An authority as a Proxmox cluster has one.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server's certificate and key, signed by an authority.
fn certificate(
    authority: &CertifiedIssuer<'static, KeyPair>,
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, authority).unwrap();
    (made.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
}

/// A server that answers every request with `hi`.
async fn server((der, key): (CertificateDer<'static>, PrivateKeyDer<'static>)) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let (mut seen, mut byte) = (Vec::new(), [0]);
            while !seen.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) > 0 {
                seen.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
        }
    });
    endpoint
}

async fn ask(endpoint: &str, trust: Trust) -> Result<u16, Error> {
    let transport = Transport::new(Options::new(endpoint, trust))?;
    let scope = Scope::within(Duration::from_secs(10));
    Ok(transport.send(&scope, &Request::new(Method::GET, "/")).await?.status)
}

/// What is wrong with the certificate, and which one it is.
async fn refused(endpoint: &str, trust: Trust) -> (Distrust, Option<Fingerprint>) {
    match ask(endpoint, trust).await {
        Err(Error::Untrusted { distrust, shown, .. }) => (distrust, shown),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_authority_is_believed_for_the_right_name_only() {
    let ours = authority("ours");
    let right = certificate(&ours, &["127.0.0.1"], |_| {});
    let endpoint = server(right).await;
    assert_eq!(ask(&endpoint, Trust::Authority(ours.pem())).await.unwrap(), 200);
    let both = format!("{}\n{}", authority("other").pem(), ours.pem());
    assert_eq!(ask(&endpoint, Trust::Authority(both)).await.unwrap(), 200);

    let wrong = certificate(&ours, &["pve.example"], |_| {});
    let shown = Fingerprint::of(&wrong.0);
    let endpoint = server(wrong).await;
    let got = refused(&endpoint, Trust::Authority(ours.pem())).await;
    assert_eq!(got, (Distrust::WrongName, Some(shown)));
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_the_certificate_named() {
    let made = certificate(&authority("theirs"), &["127.0.0.1"], |_| {});
    let shown = Fingerprint::of(&made.0);
    let endpoint = server(made).await;
    // The second has the name of the right one and another key.
    let authorities = ["ours", "theirs"].map(|name| Trust::Authority(authority(name).pem()));
    for trust in authorities.into_iter().chain([Trust::System]) {
        // A machine without any authority of its own says so before it connects.
        if trust == Trust::System && trust.check().is_err() {
            continue;
        }
        assert_eq!(refused(&endpoint, trust).await, (Distrust::UnknownAuthority, Some(shown)));
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let ours = authority("ours");
    let old =
        certificate(&ours, &["127.0.0.1"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let endpoint = server(old).await;
    assert_eq!(refused(&endpoint, Trust::Authority(ours.pem())).await.0, Distrust::WrongTime);
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_whatever_it_says_and_another_is_not() {
    let old = certificate(&authority("theirs"), &["pve.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let pin = Fingerprint::of(&old.0);
    let endpoint = server(old).await;
    assert_eq!(ask(&endpoint, Trust::Fingerprint(pin)).await.unwrap(), 200);
    let other = Trust::Fingerprint(Fingerprint::of(b"other"));
    assert_eq!(refused(&endpoint, other).await, (Distrust::NotPinned, Some(pin)));
}

#[tokio::test]
async fn anything_is_believed_when_told_so() {
    let endpoint = server(certificate(&authority("theirs"), &["pve.example"], |_| {})).await;
    assert_eq!(ask(&endpoint, Trust::Insecure).await.unwrap(), 200);
}
