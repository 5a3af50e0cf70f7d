//! The files that the recording uploads, and the server it downloads them from.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Serves `img.qcow2` and `a.iso` on loopback until it is dropped.
pub struct Files {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

/// The file of this name: an ISO is 64 KiB of zeros, an image is a QCOW2 file of a 128 MiB disk.
pub fn content(name: &str) -> Vec<u8> {
    if name.ends_with(".iso") {
        return vec![0; 65_536];
    }
    let mut image = vec![0; 196_616];
    image[..4].copy_from_slice(b"QFI\xfb");
    image[4..8].copy_from_slice(&3_u32.to_be_bytes());
    image[20..24].copy_from_slice(&16_u32.to_be_bytes());
    image[24..32].copy_from_slice(&(128_u64 << 20).to_be_bytes());
    image
}

/// SHA-256 of the image, which one request carries.
pub fn image_checksum() -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(content("img.qcow2")).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Files {
    /// Begins to serve on a free port.
    pub fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it listens");
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away is its own business.
                let _ = answer(&stream);
            }
        });
        Self { address, ended }
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    if !matches!(name, "img.qcow2" | "a.iso") {
        return stream
            .write_all(b"HTTP/1.0 404 File not found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let content = content(name);
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    if request.starts_with("HEAD") { Ok(()) } else { stream.write_all(&content) }
}
