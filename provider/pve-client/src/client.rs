//! The connection: credentials, tickets and their renewal, and turning answers into values.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::Duration,
};

use api_core::{HeaderValue, Method, Options, Request, Response, Scope, Secret, Transport, Trust};
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    Call, Cluster, Error, Params, Result,
    access::Ticket,
    decode::{self, Fields as _},
    turns::Turns,
};

/// A ticket lives two hours; it is renewed after half of that.
const RENEW: Duration = Duration::from_secs(3600);

/// The credentials.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `user@realm!name=uuid`.
    Token(Secret),
    /// A login; tickets are fetched and renewed as needed.
    Password {
        /// The user, without the realm.
        user: String,
        /// The password.
        password: Secret,
        /// The realm, such as `pam`.
        realm: String,
    },
}

impl Auth {
    /// Checks the form; the server is not asked.
    pub fn check(&self) -> Result<()> {
        // A password travels in a form body, where every character fits.
        let Self::Token(token) = self else { return Ok(()) };
        let parts = token.expose().split_once('=');
        let complete =
            parts.is_some_and(|(id, secret)| id.contains('@') && id.contains('!') && !secret.is_empty());
        if complete && HeaderValue::from_str(token.expose()).is_ok() {
            return Ok(());
        }
        Err(Error::Config { reason: "an API token has to look like user@realm!name=secret".into() })
    }

    /// `user@realm`, or `user@realm!token`.
    pub fn identity(&self) -> String {
        match self {
            Self::Token(token) => token.expose().split('=').next().unwrap_or_default().to_owned(),
            Self::Password { user, realm, .. } => format!("{user}@{realm}"),
        }
    }
}

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://host:8006`.
    pub endpoint: String,
    /// The credentials.
    pub auth: Auth,
    /// How the server's certificate is checked.
    pub trust: Trust,
    /// How many requests may be open at a time.
    pub concurrency: usize,
}

impl Config {
    /// A configuration with the usual concurrency.
    pub fn new(endpoint: impl Into<String>, auth: Auth, trust: Trust) -> Self {
        Self { endpoint: endpoint.into(), auth, trust, concurrency: 8 }
    }
}

struct Session {
    ticket: Ticket,
    since: Instant,
}

struct Inner {
    transport: Transport,
    auth: Auth,
    trust: Trust,
    session: Mutex<Option<Session>>,
    guests: SyncMutex<Memo>,
    listing: Mutex<()>,
    turns: Turns,
}

#[derive(Default)]
struct Memo {
    generation: u64,
    cluster: Option<Arc<Cluster>>,
}

/// A connection without a scope. Calls are made on [`Client::scoped`].
#[derive(Clone)]
pub struct Client(Arc<Inner>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.transport.endpoint()).finish()
    }
}

impl Client {
    /// Checks the configuration; nothing is sent.
    pub fn new(config: Config) -> Result<Self> {
        config.auth.check()?;
        let trust = config.trust.clone();
        let mut options = Options::new(config.endpoint, config.trust);
        options.concurrency = config.concurrency;
        let transport = Transport::new(options)?;
        Ok(Self(Arc::new(Inner {
            transport,
            auth: config.auth,
            trust,
            session: Mutex::default(),
            guests: SyncMutex::default(),
            listing: Mutex::default(),
            turns: Turns::default(),
        })))
    }

    /// A handle whose calls end with the scope.
    pub fn scoped(&self, scope: Scope) -> Pve {
        Pve { client: self.clone(), scope }
    }

    /// Whose credentials are used: `user@realm`, or `user@realm!token`.
    pub fn identity(&self) -> String {
        self.0.auth.identity()
    }

    /// How the server's certificate is checked.
    pub fn trust(&self) -> &Trust {
        &self.0.trust
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &str {
        self.0.transport.endpoint()
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// The password, if the credentials are one.
    pub(crate) fn password(&self) -> Option<&Secret> {
        match &self.0.auth {
            Auth::Password { password, .. } => Some(password),
            Auth::Token(_) => None,
        }
    }

    /// Held while the cluster is listed.
    pub(crate) fn listing(&self) -> &Mutex<()> {
        &self.0.listing
    }

    /// The list of the cluster read earlier, if nothing was written since, and the generation it has.
    pub(crate) fn remembered(&self) -> (u64, Option<Arc<Cluster>>) {
        let memo = self.0.guests.lock().unwrap_or_else(PoisonError::into_inner);
        (memo.generation, memo.cluster.clone())
    }

    pub(crate) fn remember(&self, generation: u64, cluster: &Arc<Cluster>) {
        let mut memo = self.0.guests.lock().unwrap_or_else(PoisonError::into_inner);
        // A list read before a write that came in between is not kept.
        if memo.generation == generation {
            memo.cluster = Some(cluster.clone());
        }
    }

    /// Forgets the list of the cluster.
    pub fn forget_guests(&self) {
        let mut memo = self.0.guests.lock().unwrap_or_else(PoisonError::into_inner);
        memo.generation += 1;
        memo.cluster = None;
    }
}

/// A client bound to a scope: every call of the API is a method of this.
#[derive(Clone, Debug)]
pub struct Pve {
    pub(crate) client: Client,
    pub(crate) scope: Scope,
}

impl Pve {
    /// The scope.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The client, without the scope.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a call and gives its `data`.
    pub async fn send(&self, call: &Call) -> Result<Value> {
        Ok(self.send_full(call).await?.remove("data").unwrap_or(Value::Null))
    }

    /// Sends a call and gives the whole envelope, for `total` and `changes`.
    pub async fn send_full(&self, call: &Call) -> Result<Map<String, Value>> {
        let response = self.authorised(call).await;
        if call.method != Method::GET {
            self.client.forget_guests();
        }
        decode_answer(call, &response?)
    }

    pub(crate) async fn object(&self, call: &Call) -> Result<Map<String, Value>> {
        match self.send(call).await? {
            Value::Object(map) => Ok(map),
            _ => Err(unexpected(call, "the data is not an object")),
        }
    }

    pub(crate) async fn objects(&self, call: &Call) -> Result<Vec<Map<String, Value>>> {
        match self.send(call).await? {
            list @ Value::Array(_) => Ok(decode::objects(list)),
            _ => Err(unexpected(call, "the data is not a list")),
        }
    }

    pub(crate) async fn upid(&self, call: &Call) -> Result<crate::Upid> {
        let data = self.send(call).await?;
        let text = data.as_str().ok_or_else(|| unexpected(call, "the data is not a task id"))?;
        text.parse().map_err(|_| unexpected(call, "the data is not a task id"))
    }

    async fn authorised(&self, call: &Call) -> Result<Response> {
        let mut request = call.request();
        let transport = &self.client.0.transport;
        let Auth::Token(token) = &self.client.0.auth else {
            let ticket = self.session(None).await?;
            ticket.authorise(&mut request)?;
            let response = transport.send(&self.scope, &request).await?;
            if response.status != 401 {
                return Ok(response);
            }
            // Refused before anything was done, so even a write may go again with a new ticket.
            self.session(Some(&ticket)).await?.authorise(&mut request)?;
            return Ok(transport.send(&self.scope, &request).await?);
        };
        let value = Secret::new(format!("PVEAPIToken={}", token.expose()));
        request.headers.insert(http::header::AUTHORIZATION, secret_header(&value)?);
        Ok(transport.send(&self.scope, &request).await?)
    }

    /// The ticket in use; a new one if it is old, or is the refused one.
    async fn session(&self, refused: Option<&Ticket>) -> Result<Ticket> {
        let Auth::Password { user, password, realm } = &self.client.0.auth else {
            return Err(Error::Config { reason: "an API token needs no ticket".into() });
        };
        let mut session = self.scope.run(self.client.0.session.lock()).await?;
        let username = format!("{user}@{realm}");
        if let Some(current) = session.as_ref().filter(|s| refused != Some(&s.ticket)) {
            if current.since.elapsed() < RENEW {
                return Ok(current.ticket.clone());
            }
            if let Ok(ticket) = self.login(&username, &current.ticket.value).await {
                *session = Some(Session { ticket: ticket.clone(), since: Instant::now() });
                return Ok(ticket);
            }
        }
        *session = None;
        let ticket = self.login(&username, password).await?;
        *session = Some(Session { ticket: ticket.clone(), since: Instant::now() });
        Ok(ticket)
    }

    /// Gets a ticket for a user; the password may be an older ticket. Needs no credentials itself.
    pub async fn login(&self, username: &str, password: &Secret) -> Result<Ticket> {
        let call = login_call(username, password);
        let mut request = call.request();
        // A login changes nothing, so it may be repeated.
        request.repeatable = true;
        let response = self.client.0.transport.send(&self.scope, &request).await?;
        let data = decode_answer(&call, &response)?.remove("data");
        let Some(Value::Object(data)) = data else {
            return Err(unexpected(&call, "there is no ticket"));
        };
        if data.truth("NeedTFA") {
            let message = format!(
                "{username} {SECOND_FACTOR}, which a login from here cannot answer; use an API token"
            );
            return Err(Error::Unauthorized { message });
        }
        Ticket::decode(&data).ok_or_else(|| unexpected(&call, "there is no ticket"))
    }
}

/// Part of the message of a login that needs more than a password.
pub const SECOND_FACTOR: &str = "has a second factor";

pub(crate) fn login_call(username: &str, password: &Secret) -> Call {
    Call::post("/access/ticket")
        .with(Params::new().set("username", username).set("password", password.expose()))
}

impl Ticket {
    fn authorise(&self, request: &mut Request) -> Result<()> {
        let cookie = Secret::new(format!("PVEAuthCookie={}", crate::call::segment(self.value.expose())));
        request.headers.insert(http::header::COOKIE, secret_header(&cookie)?);
        if request.method != Method::GET {
            request.headers.insert("csrfpreventiontoken", secret_header(&self.csrf)?);
        }
        Ok(())
    }
}

fn secret_header(text: &Secret) -> Result<HeaderValue> {
    let wrong = |_| Error::Config { reason: "the credentials contain characters that cannot be sent".into() };
    let mut value = HeaderValue::from_str(text.expose()).map_err(wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn unexpected(call: &Call, reason: impl Into<String>) -> Error {
    Error::Unexpected { call: call.name(), reason: reason.into() }
}

/// The envelope of a success, or the error. The text of a failure is in `message`; some failures
/// have no body and only the reason phrase.
fn decode_answer(call: &Call, response: &Response) -> Result<Map<String, Value>> {
    let body = serde_json::from_slice::<Value>(&response.body);
    if (200..300).contains(&response.status) {
        return match body {
            Ok(Value::Object(map)) if map.contains_key("data") => Ok(map),
            _ => Err(unexpected(call, "the body is not a JSON object with data")),
        };
    }
    let body = if let Ok(Value::Object(map)) = body { map } else { Map::new() };
    let fields: BTreeMap<String, String> = match body.get("errors") {
        Some(Value::Object(errors)) => decode::scalars(errors),
        _ => BTreeMap::new(),
    };
    let message = body
        .text("message")
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| response.reason.clone());
    Err(Error::from_answer(&call.path, response.status, &message, fields))
}
