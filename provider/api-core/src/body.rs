//! What a request sends: bytes that are at hand, or content that is read while it is sent.

use std::{
    fmt,
    io::{self, Read},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// How much is read at once, and how many such pieces wait to be sent: what an upload takes of the memory.
const PIECE: usize = 256 << 10;
const WAITING: usize = 4;

type Open = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// Content of a known length that is opened anew for each attempt and read while it is sent, never held as a whole.
#[derive(Clone)]
pub struct Content {
    length: u64,
    open: Arc<Open>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Content {
    /// Content of `length` bytes.
    pub fn new(
        length: u64,
        open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self { length, open: Arc::new(open) }
    }

    /// Bytes that are at hand.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self::new(length, move || Ok(Box::new(io::Cursor::new(bytes.clone()))))
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The same content with something before and after it.
    #[must_use]
    pub fn between(self, before: impl Into<Bytes>, after: impl Into<Bytes>) -> Self {
        let (before, after) = (before.into(), after.into());
        let length = [&before, &after].iter().fold(self.length, |length, part| {
            length.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX))
        });
        Self::new(length, move || {
            let inner = (self.open)()?;
            let before = io::Cursor::new(before.clone());
            Ok(Box::new(before.chain(inner).chain(io::Cursor::new(after.clone()))))
        })
    }

    /// Opens it for reading.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        (self.open)()
    }
}

/// The content cannot be read, or is not as long as it was said to be.
#[derive(Debug, thiserror::Error)]
#[error("the content cannot be read")]
pub struct Unreadable(#[source] pub io::Error);

/// Whether the server can have got the whole of a streamed body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(crate) fn whole(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The body of one attempt.
pub(crate) enum Outgoing {
    Whole(Option<Bytes>),
    Streamed { pieces: mpsc::Receiver<io::Result<Bytes>>, left: u64, sent: Sent },
}

impl Outgoing {
    /// Begins to read the content on a thread that may block.
    pub(crate) fn stream(content: &Content) -> (Self, Sent) {
        let (sender, pieces) = mpsc::channel(WAITING);
        let (reading, sent) = (content.clone(), Sent::default());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read(&reading, &sender) {
                // Whoever does not listen any more needs no reason.
                let _ = sender.blocking_send(Err(error));
            }
        });
        (Self::Streamed { pieces, left: content.length, sent: sent.clone() }, sent)
    }
}

fn read(content: &Content, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut reader = content.reader()?;
    let mut left = content.length;
    while left > 0 {
        let mut piece = Vec::new();
        let limit = left.min(u64::try_from(PIECE).unwrap_or(u64::MAX));
        let count = reader.by_ref().take(limit).read_to_end(&mut piece)?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        left -= u64::try_from(count).unwrap_or(left);
        // Before the last piece is gone, because then the server has a whole request.
        if left == 0 && reader.read(&mut [0])? > 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it became longer while it was read"));
        }
        if sender.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Unreadable;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unreadable>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(
                bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))),
            ),
            Self::Streamed { pieces, left, sent } => pieces.poll_recv(cx).map(|piece| match piece? {
                Ok(bytes) => {
                    *left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                    if *left == 0 {
                        sent.0.store(true, Ordering::Release);
                    }
                    Some(Ok(Frame::data(bytes)))
                }
                Err(error) => Some(Err(Unreadable(error))),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Streamed { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => {
                bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Streamed { left, .. } => *left,
        })
    }
}
