//! A web server with a few files, on loopback, for what a node downloads; images and the checksums of bytes.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A running server; dropping it ends it.
pub struct Files {
    address: SocketAddr,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    served: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Default for Files {
    fn default() -> Self {
        Self::start()
    }
}

impl Files {
    /// A server without files on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("the port is known");
        let server = Self { address, files: Arc::default(), served: Arc::default(), over: Arc::default() };
        let (files, served, over) = (server.files.clone(), server.served.clone(), server.over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let _ = answer(stream, &files, &served);
            }
        });
        server
    }

    /// Puts a file there, and tells its URL.
    pub fn put(&self, name: &str, bytes: &[u8]) -> String {
        let mut files = self.files.lock().expect("no thread panics with the files");
        files.insert(format!("/{name}"), bytes.to_vec());
        format!("http://{}/{name}", self.address)
    }

    /// How many files were fetched.
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // The thread looks when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(
    mut stream: TcpStream,
    files: &Mutex<BTreeMap<String, Vec<u8>>>,
    served: &AtomicUsize,
) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let file = files.lock().expect("no thread panics with the files").get(path).cloned();
    let Some(file) = file else {
        return stream.write_all(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", file.len())?;
    if head.starts_with("GET") {
        served.fetch_add(1, Ordering::SeqCst);
        stream.write_all(&file)?;
    }
    Ok(())
}

/// The header of a qcow2 image of a disk of some MiB; a lab looks at no more.
pub fn qcow2(mebibytes: u64) -> Vec<u8> {
    let mut image = b"QFI\xfb\0\0\0\x03".to_vec();
    image.resize(24, 0);
    image.extend((mebibytes << 20).to_be_bytes());
    image.resize(4096, 0);
    image
}

/// `sha256:` and the digits, as `sha256sum` computes them.
pub fn sha256(bytes: &[u8]) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum is installed");
    child.stdin.take().expect("it was asked for").write_all(bytes).expect("sha256sum reads");
    let output = child.wait_with_output().expect("sha256sum ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    format!("sha256:{}", text.split(' ').next().unwrap_or_default())
}
