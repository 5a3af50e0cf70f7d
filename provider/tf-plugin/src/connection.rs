//! Connections: accepted side by side, so that one that never finishes its TLS handshake holds up nobody.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::socket::{Listener, Socket};

/// How long a client may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One client, with TLS or without.
pub(crate) struct Connection(Box<dyn Stream>);

/// The clients of a socket. `socket` lives as long as the process, so that its folder goes last.
pub(crate) fn accept(
    socket: &Socket,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<ReceiverStream<io::Result<Connection>>> {
    let (ready, clients) = mpsc::channel(16);
    let tls = tls.map(TlsAcceptor::from);
    match &socket.listener {
        Listener::Unix(listener, _) => {
            let listener = tokio::net::UnixListener::from_std(listener.try_clone()?)?;
            tokio::spawn(async move {
                while !ready.is_closed() {
                    if let Some((stream, _)) = accepted(listener.accept().await).await {
                        tokio::spawn(greet(stream, tls.clone(), ready.clone()));
                    }
                }
            });
        }
        Listener::Tcp(listener) => {
            let listener = tokio::net::TcpListener::from_std(listener.try_clone()?)?;
            tokio::spawn(async move {
                while !ready.is_closed() {
                    if let Some((stream, _)) = accepted(listener.accept().await).await {
                        tokio::spawn(greet(stream, tls.clone(), ready.clone()));
                    }
                }
            });
        }
    }
    Ok(ReceiverStream::new(clients))
}

/// Too many open files is the usual failure of accept, and passes; without a pause it would be asked in a loop.
async fn accepted<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

async fn greet(
    stream: impl Stream + 'static,
    tls: Option<TlsAcceptor>,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let connection = match tls {
        None => Connection(Box::new(stream)),
        Some(tls) => match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
            Ok(Ok(stream)) => Connection(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a client was refused");
                return;
            }
            Err(_) => {
                tracing::warn!("a client did not finish its TLS handshake");
                return;
            }
        },
    };
    // Fails only when the server has ended.
    let _ = ready.send(Ok(connection)).await;
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
