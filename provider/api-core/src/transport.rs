//! One request and its answer: connections, limits, and what may be repeated.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::sync::Semaphore;

use crate::{
    Content, Distrust, Error, Pace, ProxyLost, Result, Scope, Trust, Unreadable,
    body::{Outgoing, Sent},
    tls,
};

/// How long a write that is already on its way may still take after a cancellation.
const GRACE: Duration = Duration::from_secs(5);

/// The settings of a transport.
#[derive(Clone, Debug)]
pub struct Options {
    /// `https://host:port`, without a path.
    pub endpoint: String,
    /// How the server's certificate is checked.
    pub trust: Trust,
    /// How many requests may be open at a time.
    pub concurrency: usize,
    /// The longest that one attempt may take.
    pub attempt: Duration,
    /// How many times a request may be tried.
    pub attempts: u32,
    /// No further attempt begins after this time: a host that is off should be told soon, and a proxy that took half a
    /// minute to lose a node will take as long again.
    pub patience: Duration,
    /// Connections idle for longer are not used again. Proxmox's proxies close theirs after 5 s.
    pub idle: Duration,
    /// Statuses of a proxy that lost the real server, so that the outcome is not known.
    pub lost: &'static [u16],
    /// The largest answer that is read.
    pub largest: usize,
}

impl Options {
    /// The defaults for an endpoint.
    pub fn new(endpoint: impl Into<String>, trust: Trust) -> Self {
        Self {
            endpoint: endpoint.into(),
            trust,
            concurrency: 8,
            attempt: Duration::from_secs(60),
            attempts: 4,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(4),
            lost: &[502, 504, 595, 596, 599],
            largest: 64 << 20,
        }
    }
}

/// A request, as pure data.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path and the query, starting with a slash.
    pub target: String,
    /// The headers besides `Host` and the length.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The body, if it is to be read while it is sent. Then an attempt may take as long as the scope allows.
    pub content: Option<Content>,
    /// Whether it may be repeated when its answer was lost.
    pub repeatable: bool,
}

impl Request {
    /// A request without headers and body; only `GET` and `HEAD` are repeatable.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        let repeatable = method == Method::GET || method == Method::HEAD;
        Self {
            method,
            target: target.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            content: None,
            repeatable,
        }
    }

    /// The target without its query, which may hold values that should not be logged.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code; Proxmox uses 595 to 599 too.
    pub status: u16,
    /// The reason phrase, where several services put their message.
    pub reason: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A connection pool to one endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Outgoing>,
    options: Arc<Options>,
    permits: Arc<Semaphore>,
}

/// Reads an endpoint: scheme, host and port, nothing else.
pub fn check_endpoint(endpoint: &str) -> Result<http::Uri> {
    let uri: http::Uri =
        endpoint.parse().map_err(|e| Error::config(format!("the endpoint is not a URL: {e}")))?;
    let known = matches!(uri.scheme_str(), Some("https" | "http"));
    if !known || uri.host().is_none() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(Error::config("the endpoint has to look like https://host:port, without a path"));
    }
    Ok(uri)
}

/// How one attempt failed.
enum Lost {
    NeverSent(BoxError),
    Untrusted(rustls::Error),
    Underway(BoxError),
    Over(Error),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Transport {
    /// A transport to an endpoint; nothing is sent yet.
    pub fn new(mut options: Options) -> Result<Self> {
        options.endpoint.truncate(options.endpoint.trim_end_matches('/').len());
        let uri = check_endpoint(&options.endpoint)?;
        // With plain HTTP there is no certificate, so the trust is not looked at.
        let tls = if uri.scheme_str() == Some("http") { Trust::Insecure } else { options.trust.clone() };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(Duration::from_secs(10)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(&tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(options.idle)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(options.concurrency)
            .build(connector);
        let permits = Arc::new(Semaphore::new(options.concurrency.max(1)));
        Ok(Self { client, options: Arc::new(options), permits })
    }

    /// The endpoint, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.options.endpoint
    }

    /// Sends a request. What was never sent is tried again; what was sent and lost only when it is
    /// repeatable, otherwise the answer is [`Error::MaybeApplied`].
    pub async fn send(&self, scope: &Scope, request: &Request) -> Result<Response> {
        let pace = Pace { first: Duration::from_millis(100), longest: Duration::from_secs(2) };
        let mut wait = pace.first;
        let started = tokio::time::Instant::now();
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.attempt(scope, request).await {
                Ok(response) => return Ok(response),
                Err(Lost::Over(error)) => return Err(error),
                Err(Lost::Untrusted(error)) => return Err(self.untrusted(error)),
                Err(Lost::NeverSent(source)) => Error::NeverSent { endpoint: self.endpoint().into(), source },
                Err(Lost::Underway(source)) if request.repeatable => Error::NoAnswer {
                    method: request.method.to_string(),
                    path: request.path().into(),
                    source,
                },
                Err(Lost::Underway(source)) => {
                    return Err(Error::MaybeApplied {
                        method: request.method.to_string(),
                        path: request.path().into(),
                        source,
                    });
                }
            };
            let last = tries >= self.options.attempts || started.elapsed() >= self.options.patience;
            // The last real failure says more than "timed out", so it is kept when no time is left.
            if last || scope.remaining() <= wait {
                return Err(error);
            }
            tracing::debug!(method = %request.method, path = request.path(), error = crate::chain(&error), "trying again");
            scope.sleep(wait).await?;
            wait = pace.next(pace.next(wait));
        }
    }

    fn untrusted(&self, error: rustls::Error) -> Error {
        let endpoint = self.endpoint().into();
        match tls::Refused::inside(&error).cloned() {
            Some(refused) => Error::Untrusted {
                endpoint,
                distrust: refused.distrust,
                shown: Some(refused.shown),
                source: refused.into(),
            },
            None => {
                Error::Untrusted { endpoint, distrust: Distrust::Other, shown: None, source: error.into() }
            }
        }
    }

    async fn attempt(&self, scope: &Scope, request: &Request) -> Result<Response, Lost> {
        scope.check().map_err(Lost::Over)?;
        let permit = scope.run(self.permits.acquire()).await.map_err(Lost::Over)?;
        let limit = match request.content {
            Some(_) => scope.remaining(),
            None => self.options.attempt.min(scope.remaining()),
        };
        let exchange = tokio::time::timeout(limit, self.exchange(request));
        tokio::pin!(exchange);
        let result = tokio::select! {
            biased;
            result = &mut exchange => result,
            () = scope.cancelled().cancelled() => {
                if request.repeatable {
                    return Err(Lost::Over(scope.over()));
                }
                match tokio::time::timeout(GRACE, &mut exchange).await {
                    Ok(result) => result,
                    Err(_) => return Err(Lost::Underway(Box::new(scope.over()))),
                }
            }
        };
        drop(permit);
        match result {
            Ok(result) => result,
            Err(_) if request.repeatable && scope.remaining().is_zero() => Err(Lost::Over(Error::TimedOut)),
            Err(_) => Err(Lost::Underway(Box::new(Error::TimedOut))),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Response, Lost> {
        let started = tokio::time::Instant::now();
        let (body, sent) = match &request.content {
            Some(content) => {
                let (body, sent) = Outgoing::stream(content);
                (body, Some(sent))
            }
            None => (Outgoing::Whole(Some(request.body.clone())), None),
        };
        let mut built = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.options.endpoint, request.target))
            .body(body)
            .map_err(|e| Lost::Over(Error::config(format!("the request cannot be built: {e}"))))?;
        *built.headers_mut() = request.headers.clone();
        let answer = self.client.request(built).await.map_err(|error| classify(error, sent.as_ref()))?;
        let (parts, body) = answer.into_parts();
        let reason = match parts.extensions.get::<hyper::ext::ReasonPhrase>() {
            Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
            None => parts.status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let status = parts.status.as_u16();
        let elapsed = started.elapsed().as_millis();
        tracing::debug!(method = %request.method, path = request.path(), status, elapsed_ms = elapsed, "answered");
        if self.options.lost.contains(&status) {
            return Err(Lost::Underway(ProxyLost { status, reason }.into()));
        }
        let body =
            Limited::new(body, self.options.largest).collect().await.map_err(Lost::Underway)?.to_bytes();
        Ok(Response { status, reason, headers: parts.headers, body })
    }
}

/// A failed connect or a connection closed before the request was taken: never sent. A TLS failure
/// does not heal by itself and is told apart, and so is content that cannot be read. A streamed body that was cut off is
/// no request. All else may have reached the server.
fn classify(error: hyper_util::client::legacy::Error, streamed: Option<&Sent>) -> Lost {
    if let Some(reason) = unreadable(&error) {
        return Lost::Over(Error::Unreadable { reason });
    }
    if error.is_connect() {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(cause) = next {
            if let Some(certificate) = tls_error(cause) {
                return Lost::Untrusted(certificate);
            }
            next = cause.source();
        }
        return Lost::NeverSent(Box::new(error));
    }
    let canceled = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<hyper::Error>())
        .is_some_and(hyper::Error::is_canceled);
    let cut = streamed.is_some_and(|sent| !sent.whole());
    if canceled || cut { Lost::NeverSent(Box::new(error)) } else { Lost::Underway(Box::new(error)) }
}

/// Why the content could not be read, if that is what failed.
fn unreadable(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(Unreadable(cause)) = cause.downcast_ref::<Unreadable>() {
            return Some(cause.to_string());
        }
        next = cause.source();
    }
    None
}

/// rustls hides its errors inside `io::Error`, whose `source` skips the error it holds.
fn tls_error(cause: &(dyn std::error::Error + 'static)) -> Option<rustls::Error> {
    let mut inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    loop {
        let error: &(dyn std::error::Error + 'static) = inner;
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            let ours = matches!(tls, rustls::Error::InvalidCertificate(_) | rustls::Error::General(_));
            return ours.then(|| tls.clone());
        }
        inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    }
}
