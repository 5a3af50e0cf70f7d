//! A Proxmox VE that follows a script and may lose answers, and the provider configured for it.

use std::sync::{Arc, Mutex};

use homelab::Homelab;
use tf_framework::{ApplyRequest, Capabilities, Diagnostic, Server, Value};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the script makes of a request, given as `METHOD path body`.
pub enum Answer {
    /// 200 with this JSON as `data`.
    Data(&'static str),
    /// A failure with this text.
    Failed(u16, &'static str),
    /// The connection is cut.
    Cut,
}

/// Every request so far.
pub type Log = Arc<Mutex<Vec<String>>>;

/// Starts a server; the script sees each request and those before it.
pub async fn proxmox(script: impl Fn(&str, &[String]) -> Answer + Send + Sync + 'static) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (log, script) = (Log::default(), Arc::new(script));
    let seen = log.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (seen, script) = (seen.clone(), script.clone());
            tokio::spawn(async move {
                while let Some(request) = request(&mut stream).await {
                    let answer = {
                        let mut seen = seen.lock().unwrap();
                        let answer = script(&request, &seen);
                        seen.push(request);
                        answer
                    };
                    let (status, body) = match answer {
                        Answer::Data(json) => ("200 OK".to_owned(), format!("{{\"data\":{json}}}")),
                        Answer::Failed(status, text) => (format!("{status} {text}"), String::new()),
                        Answer::Cut => return,
                    };
                    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (endpoint, log)
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let target = head.lines().next()?.trim_end_matches(" HTTP/1.1").replace("/api2/json", "");
    Some(format!("{target} {}", String::from_utf8(body).unwrap()).trim_end().to_owned())
}

/// The provider, configured for an endpoint.
pub async fn provider(endpoint: &str) -> Server {
    let server = Server::new::<Homelab>();
    let names =
        ["username", "password", "ca_file", "ca_pem", "fingerprint", "insecure", "max_parallel_requests"];
    let mut block: Vec<(&str, Value)> = names.iter().map(|name| (*name, Value::Null)).collect();
    block.push(("endpoint", Value::from(endpoint)));
    block.push(("api_token", Value::from("tf@pve!ci=secret")));
    let config = Value::object([("pve", Value::object(block))]);
    let said = server.configure("1.11.4", config, Capabilities::default()).await;
    assert!(!said.iter().any(Diagnostic::is_error), "{said:?}");
    server
}

/// Applies a change of a pool; null is none. Gives the state after and the errors.
pub async fn apply_pool(server: &Server, prior: Value, planned: Value) -> (Value, Vec<Diagnostic>) {
    let done = server
        .apply_resource_change(ApplyRequest {
            type_name: "homelab_pve_pool".to_owned(),
            prior_state: prior,
            config: planned.clone(),
            planned_state: planned,
            planned_private: Vec::new(),
            planned_identity: None,
        })
        .await;
    (done.new_state, done.diagnostics.into_iter().filter(Diagnostic::is_error).collect())
}
