//! HTTPS requests to a lab, for tests that run in a runtime of their own or in none.

use std::path::Path;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::runtime::Runtime;

/// No answer of a lab takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// Shorter than the lab keeps a connection that nothing comes through.
const IDLE: Duration = Duration::from_secs(2);

/// Where requests run while the test waits.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("requests")
        .enable_all()
        .build()
        .expect("a thread can be started")
});

/// Sends requests to one lab and trusts only its certificate.
#[derive(Debug)]
pub(crate) struct Client(hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Client {
    /// A client that trusts the authorities in a PEM file.
    pub(crate) fn trusting(ca_file: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca_file).expect("the lab wrote its certificate") {
            let certificate = certificate.expect("the lab writes PEM");
            roots.add(certificate).expect("the lab's certificate can be trusted");
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("ring knows every version of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self(client)
    }

    /// Sends a request and waits for the body of its answer, or says why there is none.
    pub(crate) fn send(&self, request: Request<Full<Bytes>>) -> Result<Bytes, String> {
        let (tell, told) = mpsc::channel();
        let answer = self.0.request(request);
        RUNTIME.spawn(async move {
            let body = async { read(answer.await.map_err(|error| chain(&error))?).await };
            let outcome = tokio::time::timeout(LIMIT, body).await;
            // Nobody listens once the test has failed.
            let _ = tell.send(outcome.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}"))));
        });
        told.recv().unwrap_or_else(|_| Err("the request was dropped".to_owned()))
    }
}

async fn read(answer: Response<hyper::body::Incoming>) -> Result<Bytes, String> {
    let body = answer.into_body().collect().await.map_err(|error| chain(&error))?;
    Ok(body.to_bytes())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
