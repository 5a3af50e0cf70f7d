//! The HTTP layer: envelopes, status lines and the order of checks, as the real front end has them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::answer::{Answer, Failure, Reply};
use super::auth::Credentials;
use super::body::{self, Upload};
use super::check;
use super::faults::{Fault, Kind};
use super::handlers::Request;
use super::params::{Param, Params};
use super::permissions::Principal;
use super::router::Found;
use super::server::Server;

/// Longest body that is not an upload, in bytes.
const LONGEST_BODY: usize = 512 * 1024;
/// Longest body that is read in order to refuse it, in bytes.
const LONGEST_REFUSED: usize = 16 * 1024 * 1024;
/// Longest upload that the lab holds in memory, in bytes.
const LONGEST_UPLOAD: usize = 1024 * 1024 * 1024;
/// Refused credentials are answered after this long.
const REFUSAL_DELAY: Duration = Duration::from_secs(3);
/// Calls that need no credentials.
const OPEN: [(&str, &str); 5] = [
    ("GET", "/access/domains"),
    ("GET", "/access/ticket"),
    ("POST", "/access/ticket"),
    ("POST", "/access/openid/auth-url"),
    ("POST", "/access/openid/login"),
];

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by a planted fault")]
pub struct Cut;

/// A response, or a cut connection.
pub type Outcome = Result<Response<Full<Bytes>>, Cut>;

/// Shape of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    ExtJs,
    Unknown,
}

/// Parts of a request before it is known what it means.
struct Raw {
    verb: String,
    /// Decoded, without `/api2/<format>`.
    path: String,
    /// The word after `/api2/`.
    format: String,
    query: Params,
    headers: HeaderMap,
}

impl Raw {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn is_upload(&self) -> bool {
        self.verb == "POST" && self.header(header::CONTENT_TYPE).starts_with("multipart/form-data")
    }

    fn format(&self) -> Format {
        match self.format.as_str() {
            "json" => Format::Json,
            "extjs" => Format::ExtJs,
            _ => Format::Unknown,
        }
    }
}

/// Answers one request.
pub async fn answer(server: Arc<Server>, request: http::Request<Incoming>) -> Outcome {
    let started = Instant::now();
    let verb = request.method().as_str().to_owned();
    let logged = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let outcome = if request.uri().path().starts_with("/lab/") {
        Ok(super::admin::answer(&server, request).await)
    } else {
        front_end(&server, request).await
    };
    if !server.latency.is_zero() {
        tokio::time::sleep_until((started + server.latency).into()).await;
    }
    let status = outcome.as_ref().map_or(0, |response| response.status().as_u16());
    server.wire_log.write(&verb, &logged, status, started.elapsed());
    outcome
}

async fn front_end(server: &Arc<Server>, request: http::Request<Incoming>) -> Outcome {
    let started = Instant::now();
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let (format, relative) = match split(&path) {
        Ok(parts) => parts,
        Err(failure) => return Ok(plain(&failure)),
    };
    let (parts, body) = request.into_parts();
    let raw = Raw {
        verb: parts.method.as_str().to_owned(),
        path: relative,
        format,
        query: body::form(parts.uri.query().unwrap_or_default().as_bytes()),
        headers: parts.headers,
    };
    let faults = server.lab().faults.strike(&raw.verb, &raw.path);
    if faults.iter().any(|fault| fault.kind == Kind::Cut) {
        return Err(Cut);
    }
    super::admin::before(server, &faults);
    let outcome = exchange(server, &raw, collected(&raw, body).await, &faults).await;
    super::admin::after(server, &faults);
    if let Err(failure) = &outcome
        && failure.status == 401
        && server.real_delays
    {
        tokio::time::sleep_until((started + REFUSAL_DELAY).into()).await;
    }
    spoiled(outcome, raw.format(), &faults).await
}

/// What planted faults make of an answer.
async fn spoiled(outcome: Answer, format: Format, faults: &[Fault]) -> Outcome {
    for fault in faults {
        let wait = Duration::from_millis(fault.milliseconds.unwrap_or_default());
        match fault.kind {
            Kind::ReplyLost => return Err(Cut),
            Kind::Delay => tokio::time::sleep(wait).await,
            Kind::ProxyTimeout => {
                tokio::time::sleep(wait).await;
                return Ok(plain(&Failure::bare(596, "Connection timed out")));
            }
            _ => {}
        }
    }
    Ok(match outcome {
        Ok(reply) => success(format, reply),
        Err(failure) if failure.bare => plain(&failure),
        Err(failure) => refused(format, failure),
    })
}

/// From credentials to answer, in the order of the real front end.
async fn exchange(server: &Arc<Server>, raw: &Raw, body: Option<Bytes>, faults: &[Fault]) -> Answer {
    if !matches!(raw.verb.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
        return Err(Failure::bare(501, format!("method '{}' not available", raw.verb)));
    }
    let who = authenticate(server, raw)?;
    if raw.format() == Format::Unknown {
        return Err(unformatted(501, format!("no formatter for uri {}, {}", raw.path, raw.format)));
    }
    let (mut params, upload) = read_body(raw, body)?;
    params.0.extend(raw.query.0.clone());
    for fault in faults {
        planted_refusal(fault)?;
    }
    let found = server.router.find(&raw.verb, &raw.path);
    let Some(Found { method, captured }) = found else {
        let message = format!("Method '{} {}' not implemented", raw.verb, raw.path);
        return Err(Failure::verbatim(501, message));
    };
    for (name, value) in captured {
        if params.text(&name).is_some_and(|given| given != value) {
            return Err(Failure::parameter(
                name.clone(),
                format!("duplicate parameter (already defined in URI) with conflicting values '{value}'"),
            ));
        }
        params.0.insert(name, Param::Text(value));
    }
    if who.token().is_some() && !method.allow_token {
        return Err(Failure::permission(&format!(
            "URI '{}' not available with API token, need proper ticket.\n",
            raw.path
        )));
    }
    {
        let lab = server.lab();
        if who.0.is_empty() {
            if method.permissions["user"] != "world" {
                return Err(Failure::permission("user != null"));
            }
        } else {
            // An upload is refused before its file is read, so the refusal has no body.
            lab.check_permissions(&who, &method.permissions, &params).map_err(|failure| match upload {
                Some(_) => Failure::bare(failure.status, failure.reason()),
                None => failure,
            })?;
        }
        if method.proxied {
            reach(&lab, params.text_or_empty("node"))?;
        }
    }
    let errors = check::request(method, &params);
    if !errors.is_empty() {
        return Err(Failure::parameters(errors));
    }
    let Some(handler) = server.handler(&method.verb, &method.path) else {
        let message = format!("the simulated lab does not play {} {} yet", method.verb, method.path);
        return Err(Failure::new(501, message));
    };
    server.run(handler, &Request { method, params, who, upload }, faults).await
}

fn authenticate(server: &Arc<Server>, raw: &Raw) -> Result<Principal, Failure> {
    let header = |name: &str| raw.headers.get(name).and_then(|value| value.to_str().ok());
    let credentials =
        Credentials::from_headers(header("cookie"), header("authorization"), header("csrfpreventiontoken"));
    let relative = super::permissions::normalized(&raw.path);
    match server.lab().authenticate(&credentials, &raw.verb) {
        Err(_) if OPEN.contains(&(raw.verb.as_str(), relative.as_str())) => Ok(Principal(String::new())),
        outcome => outcome,
    }
}

/// Whether the node that the path names can be reached.
fn reach(lab: &super::state::Lab, name: &str) -> Result<(), Failure> {
    match lab.nodes.get(name) {
        Some(node) if node.offline => Err(Failure::bare(595, "No route to host")),
        Some(_) => Ok(()),
        None => {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
            let why = if name.chars().all(plain) {
                "Temporary failure in name resolution"
            } else {
                "Name or service not known"
            };
            Err(Failure::died(format!(
                "hostname lookup '{name}' failed - failed to get address info for: {name}: {why}"
            )))
        }
    }
}

fn planted_refusal(fault: &Fault) -> Result<(), Failure> {
    let message = fault.message.clone();
    match fault.kind {
        Kind::Status => Err(Failure::new(
            fault.status.unwrap_or(500),
            message.unwrap_or_else(|| "planted failure".to_owned()),
        )),
        Kind::PermissionMissing => Err(Failure::permission(&message.unwrap_or_default())),
        Kind::LockHeld => {
            let lock = fault.lock.clone().unwrap_or_else(|| "/var/lock/pve-manager/planted.lck".to_owned());
            Err(Failure::died(format!("can't lock file '{lock}' - got timeout")))
        }
        _ => Ok(()),
    }
}

/// Splits `/api2/json/pools` into its format and the rest.
fn split(path: &str) -> Result<(String, String), Failure> {
    let Some(rest) = path.strip_prefix("/api2") else {
        return Err(unformatted(404, "Not Found: the simulated lab serves /api2 and /lab only"));
    };
    let rest = rest.trim_start_matches('/');
    let (format, relative) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((format.to_owned(), format!("/{relative}")))
}

/// The whole body, read even where it will be refused: a client that is still sending hears no answer. None if it is
/// longer than anything that is taken.
async fn collected(raw: &Raw, body: Incoming) -> Option<Bytes> {
    let limit = if raw.is_upload() { LONGEST_UPLOAD } else { LONGEST_REFUSED };
    Limited::new(body, limit).collect().await.ok().map(Collected::to_bytes)
}

/// Understands the body, refusing what the front end refuses.
fn read_body(raw: &Raw, body: Option<Bytes>) -> Result<(Params, Option<Upload>), Failure> {
    let too_large = || unformatted(501, "for data too large");
    let bytes = body.ok_or_else(too_large)?;
    if bytes.is_empty() {
        return Ok((Params::default(), None));
    }
    if !matches!(raw.verb.as_str(), "POST" | "PUT") {
        return Err(unformatted(501, format!("Unexpected content for method '{}'", raw.verb)));
    }
    let kind = raw.header(header::CONTENT_TYPE);
    if raw.is_upload() {
        let (params, upload) = body::multipart(kind, &bytes)
            .ok_or_else(|| unformatted(501, "unable to parse multipart body: no boundary"))?;
        return Ok((params, Some(upload)));
    }
    if bytes.len() > LONGEST_BODY {
        return Err(too_large());
    }
    match kind.split(';').next().unwrap_or_default().trim() {
        "" | "application/x-www-form-urlencoded" => Ok((body::form(&bytes), None)),
        "application/json" => body::json(&bytes)
            .map(|params| (params, None))
            .map_err(|message| unformatted(500, message + "\n")),
        other => Err(unformatted(506, format!("upload 'Content-Type '{other}' not implemented"))),
    }
}

/// A refusal whose body is the text itself.
fn unformatted(status: u16, message: impl Into<String>) -> Failure {
    let mut failure = Failure::bare(status, message);
    failure.errors.insert(String::new(), String::new());
    failure
}

fn success(format: Format, reply: Reply) -> Response<Full<Bytes>> {
    let mut members = reply.beside;
    members.insert("data".to_owned(), reply.data);
    if format == Format::ExtJs {
        members.insert("success".to_owned(), 1.into());
    }
    respond(200, "OK", Some(members), "")
}

fn refused(format: Format, failure: Failure) -> Response<Full<Bytes>> {
    let mut members = Map::new();
    members.insert("data".to_owned(), Value::Null);
    if !failure.errors.is_empty() {
        let errors = failure.errors.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        members.insert("errors".to_owned(), Value::Object(errors.collect()));
    }
    members.insert("message".to_owned(), failure.message.as_str().into());
    if format == Format::ExtJs {
        members.insert("success".to_owned(), 0.into());
        members.insert("status".to_owned(), failure.status.into());
        return respond(200, "OK", Some(members), "");
    }
    respond(failure.status, failure.reason(), Some(members), "")
}

/// A refusal without JSON: empty, or the text alone.
fn plain(failure: &Failure) -> Response<Full<Bytes>> {
    let text = if failure.errors.is_empty() { "" } else { failure.message.as_str() };
    respond(failure.status, failure.reason(), None, text)
}

fn respond(status: u16, reason: &str, json: Option<Map<String, Value>>, text: &str) -> Response<Full<Bytes>> {
    let body = match &json {
        Some(members) => Bytes::from(serde_json::to_vec(members).unwrap_or_default()),
        None => Bytes::copy_from_slice(text.as_bytes()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes()) {
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    let mut put = |name: header::HeaderName, value: &'static str| {
        headers.insert(name, header::HeaderValue::from_static(value));
    };
    put(header::SERVER, "pve-api-daemon/3.0");
    put(header::CACHE_CONTROL, "max-age=0");
    put(header::PRAGMA, "no-cache");
    put(header::CONNECTION, if status < 400 { "Keep-Alive" } else { "close" });
    if json.is_some() {
        put(header::CONTENT_TYPE, "application/json;charset=UTF-8");
    }
    response
}

/// Makes a JSON response for the lab's own endpoints.
pub fn own(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let members = body.as_object().cloned().unwrap_or_default();
    respond(status, if status < 400 { "OK" } else { "Bad Request" }, Some(members), "")
}
