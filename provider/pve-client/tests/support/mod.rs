//! A server that keeps every byte it gets and answers with whole scripts, so that tests can pin both directions.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The bytes, as text.
    pub text: String,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    /// When it was complete.
    pub at: Instant,
}

/// What the server got so far.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<Seen>>>);

impl Wire {
    /// Every request, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    /// The bytes of every request, with the port of the test taken out.
    pub fn texts(&self) -> Vec<String> {
        self.seen()
            .into_iter()
            .map(|seen| {
                let lines = seen.text.split("\r\n");
                let lines =
                    lines.map(|line| if line.starts_with("host: 127.0.0.1:") { "host: HOST" } else { line });
                lines.collect::<Vec<_>>().join("\n")
            })
            .collect()
    }
}

/// A whole answer with a JSON body; pveproxy closes the connection after every failure, and only then.
pub fn answer(status: &str, body: &str) -> String {
    let keep = if status.starts_with('2') { "Keep-Alive" } else { "close" };
    format!(
        "HTTP/1.1 {status}\r\nCache-Control: max-age=0\r\nConnection: {keep}\r\nServer: pve-api-daemon/3.0\r\n\
         Content-Length: {}\r\nContent-Type: application/json;charset=UTF-8\r\n\r\n{body}",
        body.len()
    )
}

/// A success.
pub fn data(json: &str) -> String {
    answer("200 OK", &format!("{{\"data\":{json}}}"))
}

/// Starts a server that answers the request with the number `n`, counted from 0, with `script(n, text)`. An empty script
/// cuts the connection; one that ends with `CUT` cuts it after what comes before.
pub async fn serve(script: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> (String, Wire) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let wire = Wire::default();
    let (seen, script) = (wire.clone(), Arc::new(script));
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let (seen, script) = (seen.clone(), script.clone());
            tokio::spawn(async move {
                while let Some(text) = request(&mut stream).await {
                    let number = {
                        let mut seen = seen.0.lock().unwrap();
                        seen.push(Seen { text: text.clone(), connection, at: Instant::now() });
                        seen.len() - 1
                    };
                    let answer = script(number, &text);
                    let (bytes, cut) =
                        answer.strip_suffix("CUT").map_or((answer.as_str(), false), |bytes| (bytes, true));
                    let sent = stream.write_all(bytes.as_bytes()).await;
                    if cut || bytes.is_empty() || sent.is_err() || bytes.contains("Connection: close") {
                        return;
                    }
                }
            });
        }
    });
    (endpoint, wire)
}

/// Reads one request with its body; nothing when the client hung up.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes.clone()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    bytes.extend(body);
    Some(String::from_utf8(bytes).unwrap())
}
