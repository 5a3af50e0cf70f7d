//! The wire shim between a CLI and `tf-framework`: handshake, mutual TLS, gRPC and MessagePack.

mod connection;
mod go_plugin;
mod handshake;
mod launch;
mod lifecycle;
mod log;
mod msgpack;
mod proto;
mod schema;
mod service;
mod socket;
mod tls;
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use launch::{Launch, Task, usage};
use lifecycle::{Owner, Signals};
use rustls::crypto::CryptoProvider;
use socket::Socket;
use tf_framework::{ProviderDefinition, Server};
use tls::{Tls, TlsError};

/// Why the process could not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(
        "no socket could be made in PLUGIN_UNIX_SOCKET_DIR, TMPDIR or /tmp; set TMPDIR to a folder that can be written to"
    )]
    Socket(#[source] io::Error),
    #[error("the process could not be set up")]
    Process(#[from] io::Error),
}

/// The whole `main` of a provider: serves the CLI that started the process, or explains itself to a person.
///
/// `version` is the provider's own. Installs ring as the process's only source of cryptography.
pub fn serve<P: ProviderDefinition>(version: &str) -> ExitCode {
    let launch = Launch::new(P::NAME, std::env::args().skip(1), |name| std::env::var(name).ok());
    let done = match launch.task {
        Task::Serve => run::<P>(&launch, Owner::parent()),
        Task::Debug => run::<P>(&launch, Owner::Terminal),
        Task::Version => {
            print(&format!("terraform-provider-{} {version}\n", P::NAME)).map_err(StartError::Process)
        }
        Task::Help => print(&usage(P::NAME)).map_err(StartError::Process),
        Task::Explain | Task::Refuse => {
            eprint!("{}", usage(P::NAME));
            return ExitCode::FAILURE;
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("The {} provider cannot start: {error}{cause}.", P::NAME);
            ExitCode::FAILURE
        }
    }
}

/// Everything before the handshake is what the handshake needs: a CLI starts several processes for one command.
fn run<P: ProviderDefinition>(launch: &Launch, owner: Owner) -> Result<(), StartError> {
    log::start(launch.log);
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    // Fails only if one is there already, which can only be this one.
    let _ = CryptoProvider::install_default((*crypto).clone());
    let tls = launch.client_certificate.as_deref().map(|client| Tls::new(client, &crypto)).transpose()?;
    let socket = Socket::open(&launch.folders, tls.is_some()).map_err(StartError::Socket)?;
    let (network, address) = socket.address()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let signals = {
        let _context = runtime.enter();
        Signals::catch()?
    };
    let certificate = tls.as_ref().map(|tls| tls.certificate.as_slice());
    print(&match owner {
        Owner::Parent(_) => handshake::line(network, &address, certificate, launch.multiplex),
        Owner::Terminal => handshake::reattach(P::NAME, network, &address),
    })?;
    socket.sweep();
    let config = tls.map(|tls| tls.config);
    let served = runtime.block_on(lifecycle::serve(Server::new::<P>(), &socket, config, owner, signals));
    // Look-ups of names run on threads of their own and cannot be cancelled; they do not hold up the end.
    runtime.shutdown_background();
    Ok(served?)
}

/// Standard output belongs to the handshake; nothing else may write to it.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
