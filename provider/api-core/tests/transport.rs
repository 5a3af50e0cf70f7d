//! The transport against a server that cuts connections and answers late.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use api_core::{Error, Method, Options, Request, Scope, Transport, Trust};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};

/// Reads one request head (the tests send no bodies); false if the client hung up.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return false;
        }
        seen.push(byte[0]);
    }
    true
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// A server that gives each request the next script; an empty script cuts the connection.
async fn server(scripts: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                while head(&mut stream).await {
                    let script = scripts[seen.fetch_add(1, Ordering::SeqCst).min(scripts.len() - 1)];
                    match script {
                        "" => return,
                        "hang" => std::future::pending().await,
                        text => answer(&mut stream, text).await,
                    }
                    if script.contains("close") {
                        return;
                    }
                }
            });
        }
    });
    (endpoint, count)
}

fn transport(endpoint: &str) -> Transport {
    let mut options = Options::new(endpoint, Trust::System);
    options.attempt = Duration::from_millis(300);
    Transport::new(options).unwrap()
}

fn scope() -> Scope {
    Scope::within(Duration::from_secs(10))
}

#[tokio::test]
async fn a_read_survives_cut_connections_and_lost_proxies() {
    let (endpoint, count) = server(&[
        "",
        "HTTP/1.1 596 Connection timed out\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        OK,
    ])
    .await;
    let got = transport(&endpoint).send(&scope(), &Request::new(Method::GET, "/x")).await.unwrap();
    assert_eq!((got.status, &got.body[..]), (200, &b"hi"[..]));
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_sent_once() {
    for script in [
        &[""][..],
        &["hang"],
        &["HTTP/1.1 595 Connection refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    ] {
        let (endpoint, count) = server(Box::leak(script.to_vec().into_boxed_slice())).await;
        let got = transport(&endpoint).send(&scope(), &Request::new(Method::POST, "/x?secret=1")).await;
        assert!(
            matches!(got, Err(Error::MaybeApplied { ref path, .. }) if path == "/x"),
            "{script:?} {got:?}"
        );
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn nothing_listening_means_never_sent_after_a_few_tries() {
    let address = { TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
    let got = transport(&format!("http://{address}")).send(&scope(), &Request::new(Method::POST, "/x")).await;
    assert!(matches!(got, Err(Error::NeverSent { .. })), "{got:?}");
}

#[tokio::test]
async fn the_reason_phrase_and_the_pool_work() {
    let odd = "HTTP/1.1 500 Configuration file 'a' does not exist\r\nContent-Length: 0\r\n\r\n";
    let (endpoint, count) = server(Box::leak(vec![odd, OK].into_boxed_slice())).await;
    let transport = transport(&endpoint);
    let got = transport.send(&scope(), &Request::new(Method::GET, "/x")).await.unwrap();
    assert_eq!((got.status, got.reason.as_str()), (500, "Configuration file 'a' does not exist"));
    assert_eq!(transport.send(&scope(), &Request::new(Method::GET, "/x")).await.unwrap().reason, "OK");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_deadline_and_the_cancellation_end_a_hanging_read() {
    let (endpoint, asked) = server(&["hang"]).await;
    let started = Instant::now();
    let got = transport(&endpoint)
        .send(&Scope::within(Duration::from_millis(100)), &Request::new(Method::GET, "/x"))
        .await;
    assert!(matches!(got, Err(Error::TimedOut)), "{got:?}");
    let scope = scope();
    let (token, before) = (scope.cancelled().clone(), asked.load(Ordering::SeqCst));
    tokio::spawn(async move {
        while asked.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
        token.cancel();
    });
    let got = transport(&endpoint).send(&scope, &Request::new(Method::GET, "/x")).await;
    assert!(matches!(got, Err(Error::Cancelled)), "{got:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_read_that_took_long_to_fail_is_not_tried_again() {
    let (endpoint, count) = server(&["hang"]).await;
    let mut options = Options::new(&endpoint, Trust::System);
    options.attempt = Duration::from_millis(200);
    options.patience = Duration::from_millis(300);
    let transport = Transport::new(options).unwrap();
    let got = transport.send(&scope(), &Request::new(Method::GET, "/x")).await;
    assert!(matches!(got, Err(Error::NoAnswer { .. })), "{got:?}");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// A server that reads whole requests with a length and tells what came; the first connection is cut half-way.
async fn receiver() -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let came: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let seen = came.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut text, mut byte) = (Vec::new(), [0]);
            while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) > 0 {
                text.push(byte[0]);
            }
            let text = String::from_utf8(text).unwrap();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            let first = seen.lock().unwrap().is_empty();
            let half = body.len() / 2;
            let part = if first { &mut body[..half] } else { &mut body[..] };
            let whole = stream.read_exact(part).await.is_ok() && !first;
            let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
            seen.lock().unwrap().push(format!("{} {whole} {sum}", body.len()));
            if whole {
                answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
                    .await;
            }
        }
    });
    (endpoint, came)
}

fn write(content: api_core::Content) -> Request {
    let mut request = Request::new(Method::POST, "/upload");
    request.content = Some(content);
    request
}

/// Two megabytes of ones that only a reader makes.
fn ones(length: u64) -> api_core::Content {
    use std::io::Read as _;
    api_core::Content::new(length, || Ok(Box::new(std::io::repeat(1).take(2 << 20))))
}

#[tokio::test]
async fn content_is_sent_with_its_length_and_again_from_the_start_when_cut_off() {
    let (endpoint, came) = receiver().await;
    let content = ones(2 << 20).between("[", "]");
    let response = transport(&endpoint).send(&scope(), &write(content)).await.unwrap();
    assert_eq!(&response.body[..], b"hi");
    let came = came.lock().unwrap().clone();
    assert_eq!(came.last().unwrap(), &format!("{} true {}", (2 << 20) + 2, (2 << 20) + 91 + 93));
    assert!(came.len() >= 2, "{came:?}");
}

#[tokio::test]
async fn content_of_another_length_than_said_is_not_sent_as_a_whole() {
    for (length, words) in [(3 << 20, "shorter"), (1 << 20, "longer")] {
        let (endpoint, came) = receiver().await;
        let error = transport(&endpoint).send(&scope(), &write(ones(length))).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unreadable { reason } if reason.contains(words)),
            "{error:?} {:?}",
            came.lock().unwrap()
        );
    }
}
