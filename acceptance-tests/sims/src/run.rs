//! Runs the lab: listens, says when it is ready, and ends with its parent or on a signal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::options::Options;
use crate::pve::faults::Faults;
use crate::pve::http;
use crate::pve::profile::{self, Profile};
use crate::pve::server::Server;
use crate::pve::state::Lab;
use crate::tls::{self, Identity};
use crate::wire_log::WireLog;

/// How often the lab looks whether its parent still lives.
const PARENT_CHECK: Duration = Duration::from_millis(500);

/// Why the lab ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or the listener failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] profile::Error),
    /// There are no certificates.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// A file that should hold JSON does not.
    #[error("{path} cannot be read: {source}")]
    Malformed {
        /// The file.
        path: String,
        /// Where it is wrong.
        source: serde_json::Error,
    },
}

fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let doing = doing.into();
    move |source| Error::Io { doing, source }
}

/// Runs until a signal comes or the parent is gone.
pub fn run(options: Options) -> Result<(), Error> {
    let parent = std::os::unix::process::parent_id();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed("cannot start"))?
        .block_on(serve(options, parent))
}

async fn serve(options: Options, parent: u32) -> Result<(), Error> {
    let profile = Profile::named(&options.profile)?;
    let identity = tls::identity()?;
    let (lab, state_file) = opening(&options, &profile, &identity)?;
    let token = lab.access.operator_token.clone();
    let wire_log = WireLog::open(options.wire_log.as_deref()).map_err(failed("cannot write the wire log"))?;
    let mut server = Server::new(lab, wire_log, state_file);
    server.latency = options.latency;
    server.real_delays = options.real_delays;
    let server = Arc::new(server);
    let listener =
        TcpListener::bind(options.pve).await.map_err(failed(format!("cannot listen on {}", options.pve)))?;
    let address = listener.local_addr().map_err(failed("cannot listen"))?;
    let ca_file = ca_file(&options, address.port());
    std::fs::write(&ca_file, &identity.ca_pem)
        .map_err(failed(format!("cannot write {}", ca_file.display())))?;
    tell_ready(
        &options,
        &json!({
            "pve": {
                "endpoint": format!("https://{address}"), "ca_file": ca_file, "user": "root@pam",
                "password": profile.password(), "token": token,
            }
        }),
    )?;
    tokio::spawn(Arc::clone(&server).keep_saved());
    tokio::select! {
        () = accept(&server, &listener, &identity) => {}
        () = ended(parent) => {}
    }
    server.save();
    if options.keep.ephemeral {
        let _ = std::fs::remove_file(&ca_file);
    }
    Ok(())
}

/// The state to begin with: the kept one, or a fresh one.
fn opening(
    options: &Options,
    profile: &Profile,
    identity: &Identity,
) -> Result<(Lab, Option<PathBuf>), Error> {
    let state_file = options.keep.state.as_ref().map(|folder| folder.join("lab.json"));
    if let Some(folder) = &options.keep.state {
        std::fs::create_dir_all(folder).map_err(failed(format!("cannot make {}", folder.display())))?;
    }
    let mut lab = match state_file.as_deref().filter(|path| path.exists()) {
        Some(path) => read_json(path)?,
        None => profile.lab_of(options.version_of),
    };
    lab.tasks.interrupt_all();
    lab.file_locks.clear();
    lab.certificates.clone_from_slice(&identity.certificates);
    lab.task_time = u64::try_from(options.task_time.as_millis()).unwrap_or(u64::MAX);
    if options.guest_boot > 0 {
        lab.guest_systems.boot_seconds = options.guest_boot;
    }
    lab.report_lag = options
        .report_lag
        .map_or(profile.report_lag, |lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
    if let Some(path) = &options.faults {
        lab.faults = read_json::<Faults>(path)?;
    }
    Ok((lab, state_file))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(failed(format!("cannot read {}", path.display())))?;
    serde_json::from_str(&text)
        .map_err(|source| Error::Malformed { path: path.display().to_string(), source })
}

/// Beside the state, beside the ready file, or in the system's temporary folder.
fn ca_file(options: &Options, port: u16) -> PathBuf {
    let beside_ready = options.ready_file.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let folder = options.keep.state.clone().or(beside_ready).unwrap_or_else(std::env::temp_dir);
    // The folder of a bare file name is empty, which has no absolute path.
    let file = folder.join(format!("homelab-sim-{port}-ca.pem"));
    std::path::absolute(&file).unwrap_or(file)
}

/// Writes the ready file so that nobody reads half of it.
fn tell_ready(options: &Options, told: &serde_json::Value) -> Result<(), Error> {
    eprintln!("homelab-sim: ready: {}", told["pve"]["endpoint"].as_str().unwrap_or_default());
    let Some(path) = &options.ready_file else { return Ok(()) };
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, told.to_string())
        .and_then(|()| std::fs::rename(&fresh, path))
        .map_err(failed(format!("cannot write {}", path.display())))
}

async fn accept(server: &Arc<Server>, listener: &TcpListener, identity: &Identity) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("homelab-sim: cannot accept a connection: {error}");
                continue;
            }
        };
        let wrong = server.lab().faults.wrong_certificate();
        let config = Arc::clone(if wrong { &identity.wrong } else { &identity.right });
        tokio::spawn(connection(Arc::clone(server), TlsAcceptor::from(config), stream));
    }
}

async fn connection(server: Arc<Server>, acceptor: TlsAcceptor, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| http::answer(Arc::clone(&server), request));
    // An error here is a client that went away, or a connection that a fault cut.
    let _ =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Waits for SIGTERM, SIGINT or the end of the parent.
async fn ended(parent: u32) {
    use tokio::signal::unix::{SignalKind, signal};
    let orphaned = async {
        while std::os::unix::process::parent_id() == parent {
            tokio::time::sleep(PARENT_CHECK).await;
        }
    };
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return orphaned.await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = orphaned => {}
    }
}
