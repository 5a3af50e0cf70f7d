//! A web client for the lab's own use: plain HTTP, loopback addresses, nothing else.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Longest wait for a connection or for more bytes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of a request.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// No connection, or one that broke.
    Unreachable,
    /// The server answered.
    Answer {
        /// Status code.
        status: u16,
        /// Reason phrase.
        reason: String,
        /// Media type.
        kind: String,
        /// What `Content-Length` says.
        length: Option<u64>,
        /// The body.
        body: Vec<u8>,
    },
}

/// Fetches a file.
pub fn get(url: &str) -> Fetched {
    request("GET", url).unwrap_or(Fetched::Unreachable)
}

/// Asks about a file.
pub fn head(url: &str) -> Fetched {
    request("HEAD", url).unwrap_or(Fetched::Unreachable)
}

/// Host and port of a URL.
pub fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

fn request(verb: &str, url: &str) -> Option<Fetched> {
    let rest = url.strip_prefix("http://")?;
    let host = authority(url);
    let target = &rest[host.len()..];
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let address =
        if host.rsplit(':').next()?.parse::<u16>().is_ok() { host.to_owned() } else { format!("{host}:80") };
    let address = address.to_socket_addrs().ok()?.find(|address| address.ip().is_loopback())?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let question = format!("{verb} {target} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    read(&answer, verb == "GET")
}

fn read(answer: &[u8], with_body: bool) -> Option<Fetched> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next()?.splitn(3, ' ').skip(1);
    let status = first.next()?.parse().ok()?;
    let reason = first.next().unwrap_or_default().to_owned();
    let mut kind = String::new();
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-type" => kind = value.trim().to_owned(),
            "content-length" => length = value.trim().parse::<u64>().ok(),
            _ => {}
        }
    }
    let body = answer[end + 4..].to_vec();
    let cut = length.is_some_and(|length| u64::try_from(body.len()) != Ok(length));
    if with_body && cut {
        return None;
    }
    Some(Fetched::Answer { status, reason, kind, length, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(answer: &'static [u8]) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a.iso", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                seen.extend(byte);
            }
            stream.write_all(answer).unwrap();
        });
        url
    }

    #[test]
    fn a_file_comes_with_its_type() {
        let url = serve(b"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc");
        let Fetched::Answer { status, kind, body, .. } = get(&url) else { panic!("nothing came") };
        assert_eq!((status, kind.as_str(), body.as_slice()), (200, "a/b", &b"abc"[..]));
    }

    #[test]
    fn a_body_that_is_cut_short_is_no_file() {
        let url = serve(b"HTTP/1.0 200 OK\r\nContent-Length: 30\r\n\r\nabc");
        assert!(matches!(get(&url), Fetched::Unreachable));
    }

    #[test]
    fn other_hosts_are_never_asked() {
        for url in ["http://192.0.2.1/a.iso", "https://127.0.0.1/a.iso", "nonsense"] {
            assert!(matches!(get(url), Fetched::Unreachable), "{url}");
        }
    }
}
