//! Starts a plugin as a CLI does, and connects to it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use crate::certificate::Identity;
use crate::proto::plugin::Empty;
use crate::proto::plugin::grpc_controller_client::GrpcControllerClient;

/// The variable and value that tell a provider that a CLI starts it.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Nothing here takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// How to start a plugin.
pub struct Launch {
    binary: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, Option<OsString>)>,
    identity: Option<Identity>,
}

/// A running plugin; dropping it kills it.
pub struct Plugin {
    child: Child,
    /// What it said at the start.
    pub handshake: Handshake,
    identity: Option<Identity>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

/// The fields of the line with which a plugin says where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The line itself, without its end.
    pub line: String,
    /// `unix` or `tcp`.
    pub network: String,
    /// Path, or host and port.
    pub address: String,
    /// The certificate to trust, as DER.
    pub certificate: Option<Vec<u8>>,
}

/// Why there is no running plugin.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// It ended instead of speaking.
    #[error("the plugin ended with {status}; stdout: {stdout:?}; stderr: {stderr:?}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it wrote.
        stdout: String,
        /// What it complained about.
        stderr: String,
    },
    /// What it said is no handshake.
    #[error("not a handshake: {0:?}")]
    Handshake(String),
    /// It did not speak in time.
    #[error("the plugin said nothing in time")]
    Silent,
    /// It could not be started.
    #[error("the plugin could not be started")]
    Process(#[from] std::io::Error),
}

impl Launch {
    /// As a CLI does it: with cookie, versions and a client certificate.
    pub fn new(binary: &Path) -> Self {
        let identity = Identity::new();
        let pem = identity.pem();
        Self {
            binary: binary.to_path_buf(),
            arguments: Vec::new(),
            variables: Vec::new(),
            identity: Some(identity),
        }
        .variable(COOKIE.0, COOKIE.1)
        .variable("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .variable("PLUGIN_MIN_PORT", "10000")
        .variable("PLUGIN_MAX_PORT", "25000")
        .variable("PLUGIN_CLIENT_CERT", pem)
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Takes a variable out of the environment.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.push((name.to_owned(), None));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Without TLS, as a CLI does it when it is told to.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.identity = None;
        self.without("PLUGIN_CLIENT_CERT")
    }

    /// The process to start, its streams not yet set.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments).kill_on_drop(true);
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Starts it and waits for its handshake.
    pub async fn start(self) -> Result<Plugin, LaunchError> {
        let child =
            self.command().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        self.attend(child).await
    }

    /// Waits for the handshake of a process that was started from [`Launch::command`], with its outputs piped.
    pub async fn attend(self, mut child: Child) -> Result<Plugin, LaunchError> {
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let errors = child.stderr.take().map(|stream| collect(stream, Arc::clone(&stderr)));
        let mut output = BufReader::new(child.stdout.take().ok_or(LaunchError::Silent)?);
        let mut line = String::new();
        timeout(LIMIT, output.read_line(&mut line)).await.map_err(|_| LaunchError::Silent)??;
        if line.is_empty() {
            let status = timeout(LIMIT, child.wait()).await.map_err(|_| LaunchError::Silent)??;
            if let Some(errors) = errors {
                let _ = timeout(LIMIT, errors).await;
            }
            let said = |text: &Mutex<String>| text.lock().map(|text| text.clone()).unwrap_or_default();
            return Err(LaunchError::Ended { status, stdout: line, stderr: said(&stderr) });
        }
        let handshake = Handshake::parse(&line).ok_or(LaunchError::Handshake(line))?;
        drop(collect(output, Arc::clone(&stdout)));
        Ok(Plugin { child, handshake, identity: self.identity, stdout, stderr })
    }
}

/// Keeps what a stream says.
fn collect(
    mut stream: impl AsyncRead + Unpin + Send + 'static,
    into: Arc<Mutex<String>>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut chunk = [0; 8192];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            if let Ok(mut text) = into.lock() {
                text.push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
        }
    })
}

impl Handshake {
    fn parse(line: &str) -> Option<Self> {
        let line = line.strip_suffix('\n')?;
        let fields: Vec<&str> = line.split('|').collect();
        let ["1", "6", network, address, "grpc", certificate, ..] = fields.as_slice() else { return None };
        let certificate = match *certificate {
            "" => None,
            text => Some(BASE64_STANDARD_NO_PAD.decode(text).ok()?),
        };
        Some(Self {
            line: line.to_owned(),
            network: (*network).to_owned(),
            address: (*address).to_owned(),
            certificate,
        })
    }
}

/// A raw connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Handshake {
    /// A connection without TLS.
    pub async fn connect_raw(&self) -> std::io::Result<Box<dyn Stream>> {
        if self.network == "unix" {
            Ok(Box::new(tokio::net::UnixStream::connect(&self.address).await?))
        } else {
            Ok(Box::new(tokio::net::TcpStream::connect(&self.address).await?))
        }
    }

    /// A connection with TLS, as the owner of `identity` or of none, speaking `protocols`.
    pub async fn connect_tls(
        &self,
        identity: Option<&Identity>,
        protocols: &[&[u8]],
    ) -> std::io::Result<Box<dyn Stream>> {
        let mut roots = RootCertStore::empty();
        let certificate = self.certificate.clone().unwrap_or_default();
        roots.add(CertificateDer::from(certificate)).map_err(std::io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(roots);
        let mut config = match identity {
            Some(identity) => config.with_client_cert_resolver(Arc::new(identity.clone())),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
        let stream = self.connect_raw().await?;
        Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
    }

    /// A gRPC channel, with TLS if the plugin has a certificate.
    pub async fn channel(&self, identity: Option<&Identity>) -> Result<Channel, tonic::transport::Error> {
        let (handshake, identity) = (self.clone(), identity.cloned());
        let connector = tower::service_fn(move |_| {
            let (handshake, identity) = (handshake.clone(), identity.clone());
            async move {
                let stream = match handshake.certificate {
                    Some(_) => handshake.connect_tls(identity.as_ref(), &[b"h2"]).await?,
                    None => handshake.connect_raw().await?,
                };
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        });
        Endpoint::from_static("http://localhost").connect_with_connector(connector).await
    }
}

impl Plugin {
    /// Its process id.
    ///
    /// # Panics
    /// When it has ended and was waited for.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the plugin was not waited for yet")
    }

    /// The certificate that it lets in.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// A new gRPC channel.
    pub async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        self.handshake.channel(self.identity.as_ref()).await
    }

    /// Everything it wrote to standard output after the handshake.
    pub fn stdout(&self) -> String {
        self.stdout.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// Everything it wrote to standard error.
    pub fn stderr(&self) -> String {
        self.stderr.lock().map(|text| text.clone()).unwrap_or_default()
    }

    /// Calls a method that need not exist, such as `/tfplugin6.Provider/ListResource`.
    pub async fn call_unlisted(&self, method: &'static str) -> Result<(), tonic::Status> {
        let unavailable = |error: &dyn std::fmt::Display| tonic::Status::unavailable(error.to_string());
        let channel = self.channel().await.map_err(|error| unavailable(&error))?;
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.map_err(|error| unavailable(&error))?;
        let codec = tonic_prost::ProstCodec::<Empty, Empty>::default();
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(method);
        client.unary(tonic::Request::new(Empty {}), path, codec).await.map(|_| ())
    }

    /// Asks it to end, as a CLI does.
    pub async fn shut_down(&self) -> Result<(), tonic::Status> {
        let channel = self.channel().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        GrpcControllerClient::new(channel).shutdown(Empty {}).await.map(|_| ())
    }

    /// Waits until it has ended, for at most `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        timeout(limit, self.child.wait()).await.ok()?.ok()
    }
}
