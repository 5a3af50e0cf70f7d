//! Requests and answers byte by byte, each on a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;

use super::process::Lab;

/// Type of a form body.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// Longest wait for more bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer of the lab.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Status line and headers.
    pub head: String,
    /// JSON, or the text itself.
    pub body: Value,
}

/// The way to one lab, whose authority is trusted.
pub struct Wire {
    address: String,
    tls: Arc<ClientConfig>,
}

impl Wire {
    /// The way to a lab.
    pub fn to(lab: &Lab) -> Self {
        let mut roots = RootCertStore::empty();
        let authority =
            CertificateDer::from_pem_file(lab.told("ca_file")).expect("the authority is a PEM file");
        roots.add(authority).expect("the authority is a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { address: lab.told("endpoint").trim_start_matches("https://").to_owned(), tls: Arc::new(tls) }
    }

    /// One exchange; nothing where the connection failed or was cut.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<(&str, &[u8])>,
    ) -> Option<Answer> {
        let socket = TcpStream::connect(&self.address).expect("the lab listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        let name = ServerName::try_from("127.0.0.1").expect("an address is a name");
        let connection =
            ClientConnection::new(Arc::clone(&self.tls), name).expect("the configuration is sound");
        let mut stream = StreamOwned::new(connection, socket);
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some((kind, bytes)) = body {
            head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", bytes.len()));
        }
        head.push_str("\r\n");
        let mut sent = head.into_bytes();
        sent.extend_from_slice(body.map(|(_, bytes)| bytes).unwrap_or_default());
        stream.write_all(&sent).ok()?;
        let mut received = Vec::new();
        // A cut connection ends with an error; what came before it counts.
        let _ = stream.read_to_end(&mut received);
        parse(&received)
    }

    /// One exchange that must be answered.
    #[track_caller]
    pub fn must(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<(&str, &[u8])>,
    ) -> Answer {
        self.send(method, path, headers, body).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }
}

fn parse(received: &[u8]) -> Option<Answer> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let mut status_line = head.lines().next().unwrap_or_default().splitn(3, ' ').skip(1);
    let status = status_line.next().and_then(|text| text.parse().ok()).unwrap_or_default();
    let reason = status_line.next().unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(&received[end + 4..]).into_owned();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Some(Answer { status, reason, head, body })
}
