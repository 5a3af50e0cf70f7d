//! What every HTTP API client of the suite shares: a deadline-aware HTTPS transport with explicit
//! trust, retries limited to what is safe to repeat, polling, and values that never print themselves.

mod body;
mod error;
mod poll;
mod scope;
mod secret;
mod tls;
mod transport;

pub use body::{Content, Unreadable};
pub use error::{Distrust, Error, ProxyLost, Result, chain, root_cause};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method};
pub use poll::{Pace, poll};
pub use scope::Scope;
pub use secret::Secret;
pub use tls::{Fingerprint, Trust};
pub use tokio_util::sync::CancellationToken;
pub use transport::{Options, Request, Response, Transport, check_endpoint};
