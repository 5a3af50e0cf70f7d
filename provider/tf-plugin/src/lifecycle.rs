//! When the process ends: the CLI says so, the system says so, or the CLI is gone.

use std::io;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tf_framework::Server;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Router;

use crate::connection::accept;
use crate::go_plugin::GoPlugin;
use crate::proto::health::health_server::HealthServer;
use crate::proto::plugin::grpc_broker_server::GrpcBrokerServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::service::Provider;
use crate::socket::Socket;

/// The largest message either way, as of Go's servers.
const LARGEST_MESSAGE: usize = 256 << 20;
/// How long answers may still go out after the end was asked for; a CLI kills after 2 s.
const GRACE: Duration = Duration::from_millis(1500);
/// How often to look whether the CLI still lives.
const PARENT_CHECK: Duration = Duration::from_millis(500);

/// Who decides about the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The CLI that started the process, with this id.
    Parent(u32),
    /// The person at the terminal.
    Terminal,
}

impl Owner {
    /// The process that started this one. Taken early: an id that changes later means that it has died.
    pub(crate) fn parent() -> Self {
        Self::Parent(parent_id())
    }
}

/// What the system may send. Caught from before anyone knows of the process, so that it always cleans up.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them from now on; needs the runtime.
    pub(crate) fn catch() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }
}

/// Serves until the end.
pub(crate) async fn serve(
    server: Server,
    socket: &Socket,
    tls: Option<Arc<ServerConfig>>,
    owner: Owner,
    signals: Signals,
) -> io::Result<()> {
    let end = CancellationToken::new();
    let clients = accept(socket, tls)?;
    let asked = end.clone();
    let serving = tokio::spawn(
        router(&server, &end).serve_with_incoming_shutdown(clients, async move { asked.cancelled().await }),
    );
    until_the_end(&server, &end, owner, signals).await;
    server.stop();
    end.cancel();
    // Neither a stuck operation nor a client that never closes may keep the process.
    let _ = timeout(GRACE, async {
        server.idle().await;
        let _ = serving.await;
    })
    .await;
    Ok(())
}

fn router(server: &Server, end: &CancellationToken) -> Router {
    let go_plugin = GoPlugin::new(end.clone());
    let provider = ProviderServer::new(Provider::new(server.clone()))
        .max_decoding_message_size(LARGEST_MESSAGE)
        .max_encoding_message_size(LARGEST_MESSAGE);
    tonic::transport::Server::builder()
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .add_service(provider)
        .add_service(GrpcControllerServer::new(go_plugin.clone()))
        .add_service(GrpcBrokerServer::new(go_plugin.clone()))
        .add_service(GrpcStdioServer::new(go_plugin.clone()))
        .add_service(HealthServer::new(go_plugin))
}

/// Resolves when the process is to end.
async fn until_the_end(server: &Server, end: &CancellationToken, owner: Owner, mut signals: Signals) {
    let interrupted = async {
        // Ctrl-C reaches every process of the terminal; the CLI decides what to stop, and says it with a call.
        while signals.interrupt.recv().await.is_some() && owner != Owner::Terminal {}
    };
    tokio::select! {
        () = end.cancelled() => {
            tracing::debug!("the CLI asked for the end");
            server.answers_arrived();
        }
        _ = signals.terminate.recv() => {
            tracing::debug!("the system asked for the end");
            server.answers_lost();
        }
        () = interrupted => {
            tracing::debug!("interrupted");
            server.answers_lost();
        }
        () = orphaned(owner) => {
            tracing::warn!("the CLI is gone; running operations are finished first");
            server.answers_lost();
            server.idle().await;
        }
    }
}

/// Resolves when the process that started this one is gone; never if a person did.
async fn orphaned(owner: Owner) {
    let Owner::Parent(parent) = owner else { return std::future::pending().await };
    let mut check = interval(PARENT_CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while parent_id() == parent {
        check.tick().await;
    }
}
